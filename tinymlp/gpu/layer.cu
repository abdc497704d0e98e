// What a layer does to each number by itself. These kernels are the twins of leaky_relu, leaky_relu_backward and
// mean_squared_error in backprop.py: the same lines in the same order, so the same digits. Read those first.
//
// A kernel is what one thread does. Many threads run it at once, in blocks; a thread knows itself by blockIdx and
// threadIdx. Each begins at an element of its own and goes on in strides as long as there are threads, so that any number
// of threads does any number of elements, and neighbours in a block read neighbours in memory.
//
// T is float or double.

// z <- max(z, negative_slope * z).
// "floor >= z ? floor : z" and not the other way round: comparing with NaN is false, so NaN stays NaN. fmax would drop it.
template <typename T>
__global__ void leaky_relu(T* z, long long n, T negative_slope) {
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const T floor = negative_slope ? negative_slope * z[i] : 0;   // 0 * infinity is NaN, so 0 is a case of its own
        z[i] = floor >= z[i] ? floor : z[i];
    }
}

// d <- d * a'(z), where a > 0 says that the unit was on.
template <typename T>
__global__ void leaky_relu_backward(T* d, const T* a, long long n, T negative_slope) {
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        d[i] = a[i] > 0 ? d[i] : negative_slope * d[i];
}

// The sum over a block of one number from each of its THREADS threads; the first thread gets it.
// Half of the threads add what the other half has, then half of these, and so on: in an order that is always the same, so
// that the same numbers have the same sum. At a barrier, __syncthreads(), threads wait for all threads of their block.
const int THREADS = 256;

template <typename T>
__device__ T sum_of_block(T mine) {
    __shared__ T sums[THREADS];   // seen by all threads of a block
    sums[threadIdx.x] = mine;
    for (unsigned others = THREADS / 2; others > 0; others /= 2) {
        __syncthreads();
        if (threadIdx.x < others) sums[threadIdx.x] += sums[threadIdx.x + others];
    }
    return sums[0];
}

// z <- 2 (z - y) / size, the gradient of the loss; and for each block its part of the sum of (z - y)^2.
// Blocks cannot wait for each other, so adding these parts up is a kernel of its own.
template <typename T>
__global__ void squared_error(T* z, const T* y, T* part, long long n, T two_over_size) {
    T sum = 0;
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const T error = z[i] - y[i];
        sum += error * error;
        z[i] = error * two_over_size;
    }
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
}

// loss <- (the sum of the parts) / size. One block.
template <typename T>
__global__ void mean_of_parts(const T* part, T* loss, long long n, T size) {
    T sum = 0;
    for (long long i = threadIdx.x; i < n; i += THREADS) sum += part[i];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) *loss = sum / size;
}
