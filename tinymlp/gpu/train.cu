// A whole training run in one launch: a block of threads trains one network, from its first step to its last, and never
// asks the CPU. The grid is the ensemble. Networks 1 -> n_1 -> ... -> n_LAYERS -> 1 with (leaky) ReLU, float32.
// It is the twin of forward, mean_squared_error and backward in backprop.py and of Adam._step in optim.py; its functions
// have their names. Read those first. They say what is computed, and this says where.
//
// WHERE THINGS ARE
//   registers   of each thread: its share of the weight gradients, summed over the batch
//   shared      (block's own, as fast as a cache) the weights, twice, as w and as its transpose; the activations of CHUNK
//               samples; and Adam's sums M and V, if they fit
//   global      (the GPU's memory) samples, their orders, losses; the parameters before and after; M and V, if they do not fit
//
// A STEP, a barrier after each phase: what a phase writes, the next one reads
//   for each CHUNK of the batch
//     take_samples                x, y
//     forward                     activations of layer 1;  of layer 2;  ...  of layer LAYERS
//     mean_squared_error          d of the output
//     backward                    d of layer LAYERS;  ...  of layer 2;  of layer 1 (and on the way, the gradients)
//   adam                          for each matrix: threads put their shares of its gradient together;  and step
//
// HOW LARGE
//   H       every hidden layer is padded to H units. Their weights are zero, so they are zero, and their gradients are; Adam
//           leaves them so. Multiples of 4, as memory is read 16 bytes at a time: float4.
//   CHUNK   samples at a time, as many as fit in shared memory.
//   STRIDE  a row of activations takes CHUNK + 4 numbers. Shared memory has 32 banks, which take turns number by number;
//           with 4 numbers more, the float4 of eight rows below each other lie in different banks, and are read at once.
//   ROWS    a product's tile: a thread computes ROWS units of 4 samples, in registers. Of the ROWS + 4 numbers it reads
//           it makes 4 ROWS products: 8 is better than 4, where H is a multiple of 8.
//   THREADS 32 H / ROWS: at CHUNK = 128 each thread has one tile of a product.
//   SIDE    a weight gradient's tile is 4 x 4 weights, so there are SIDE x SIDE, SIDE = H / 4. Threads left over form more
//           GROUPS, which share the samples.
//
// Every sum has a fixed order and there are no atomics, so the same launch gives the same digits.

#ifndef CUDA_ON_CPU
extern __shared__ float4 dynamic_memory[];
#endif

template <int H_, int LAYERS_, int CHUNK_, bool SUMS_IN_SHARED_>
struct Shape {
    static constexpr int H = H_, LAYERS = LAYERS_, CHUNK = CHUNK_;
    static constexpr bool SUMS_IN_SHARED = SUMS_IN_SHARED_;
    static constexpr int MATRICES = LAYERS - 1;          // between hidden layers; the input's and the output's are vectors
    static constexpr int ROWS = H % 8 ? 4 : 8;
    static constexpr int THREADS = 32 * H / ROWS, WARPS = THREADS / 32;
    static constexpr int STRIDE = CHUNK + 4, QUADS = CHUNK / 4;
    static constexpr int SIDE = H / 4, GROUPS = THREADS / (SIDE * SIDE);
    static constexpr int VECTORS = (LAYERS + 2) * H + 4; // see Network
    static_assert(H % 4 == 0 && CHUNK % 4 == 0 && GROUPS >= 1, "tiles do not fit");
    static_assert(MATRICES == 0 || GROUPS * H * H <= (LAYERS + 1) * H * STRIDE, "no room to put gradients together");
};

// Where a block keeps its network in shared memory.
template <typename S>
struct Network {
    float* a;        // LAYERS + 1 times H rows of STRIDE samples: activations, and the d that replace them
    float* w;        // MATRICES times (H, H), one row per output
    float* w_t;      // the same, one row per input
    float* vectors;  // H weights of the input | LAYERS times H biases | H weights of the output | its bias, 3 unused
    float* grads;    // the gradients of these, and in the last place the loss, summed over the batch
    float* x;        // CHUNK inputs
    float* y;        // CHUNK targets, then d of the output
    float *M, *V;    // Adam's sums, of each parameter
    int widths[S::LAYERS];

    __device__ float* weights_in() const { return vectors; }
    __device__ float* bias(int l) const { return vectors + (1 + l) * S::H; }
    __device__ float* weights_out() const { return vectors + (1 + S::LAYERS) * S::H; }
    __device__ float* bias_out() const { return vectors + (2 + S::LAYERS) * S::H; }
    __device__ float* loss() const { return grads + S::VECTORS - 1; }
    __device__ float* layer(int l) const { return a + l * S::H * S::STRIDE; }
    __device__ float* grad_of(float* vector) const { return grads + (vector - vectors); }

    // Layer l is [W | b], (rows, columns): so it lies in global memory, as in NumPy.
    __device__ int rows(int l) const { return l < S::LAYERS ? widths[l] : 1; }
    __device__ int columns(int l) const { return (l > 0 ? widths[l - 1] : 1) + 1; }
    __device__ bool is_matrix(int l, int k) const { return 0 < l && l < S::LAYERS && k < columns(l) - 1; }

    // Its number in row j and column k; of a matrix, the one of w.
    __device__ float* number(int l, int j, int k) const {
        if (k == columns(l) - 1) return l < S::LAYERS ? bias(l) + j : bias_out();
        if (is_matrix(l, k)) return w + ((l - 1) * S::H + j) * S::H + k;
        return l == 0 ? weights_in() + j : weights_out() + k;
    }
    __device__ float* transposed(int l, int j, int k) const { return w_t + ((l - 1) * S::H + k) * S::H + j; }
};

// ---------------------------------------------------------------- numbers

__device__ __forceinline__ float leaky_relu(float z, float negative_slope) {
    const float floor = negative_slope ? negative_slope * z : 0.0f;
    return floor >= z ? floor : z;
}

__device__ __forceinline__ float leaky_relu_backward(float d, float a, float negative_slope) {
    return a > 0 ? d : negative_slope * d;
}

// The sum of a[s] b[s] over the samples, by a warp: 32 threads, which can hand each other numbers without a barrier. Each
// sums every 32nd; then each adds what the thread 16 further has, 8, 4, 2, 1 further, and has the sum.
template <typename S>
__device__ __forceinline__ float dot(const float* a, const float* b) {
    float sum = 0;
    for (int s = threadIdx.x % 32; s < S::CHUNK; s += 32) sum += a[s] * b[s];
    for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, other);
    return sum;
}

template <typename S>
__device__ __forceinline__ float total(const float* a) {
    float sum = 0;
    for (int s = threadIdx.x % 32; s < S::CHUNK; s += 32) sum += a[s];
    for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, other);
    return sum;
}

// z[i][q] += sum over k < n of w[k][i] a[k][q]: ROWS units of 4 samples. Threads of a warp read the same w, which costs as
// much as one reading it, and different a.
template <typename S>
__device__ __forceinline__ void product(const float* w, const float* a, int n, float (&z)[S::ROWS][4]) {
#pragma unroll 2
    for (int k = 0; k < n; ++k) {
        const float4 samples = *reinterpret_cast<const float4*>(a + k * S::STRIDE);
#pragma unroll
        for (int i = 0; i < S::ROWS; i += 4) {
            const float4 units = *reinterpret_cast<const float4*>(w + k * S::H + i);
            const float of[4] = {units.x, units.y, units.z, units.w};
#pragma unroll
            for (int u = 0; u < 4; ++u) {
                z[i + u][0] += of[u] * samples.x;
                z[i + u][1] += of[u] * samples.y;
                z[i + u][2] += of[u] * samples.z;
                z[i + u][3] += of[u] * samples.w;
            }
        }
    }
}

// ---------------------------------------------------------------- phases

// x and y of the samples order[0 .. n - 1]; then zeros, up to CHUNK.
template <typename S>
__device__ __forceinline__ void take_samples(const Network<S>& net, const float* x, const float* y, const int* order, int n) {
    for (int s = threadIdx.x; s < S::CHUNK; s += S::THREADS) {
        net.x[s] = s < n ? x[order[s]] : 0;
        net.y[s] = s < n ? y[order[s]] : 0;
    }
    __syncthreads();
}

template <typename S>
__device__ __forceinline__ void forward(const Network<S>& net, float negative_slope) {
    for (int t = threadIdx.x; t < S::H * S::CHUNK; t += S::THREADS) {
        const int j = t / S::CHUNK, s = t % S::CHUNK;
        net.layer(0)[j * S::STRIDE + s] = leaky_relu(net.weights_in()[j] * net.x[s] + net.bias(0)[j], negative_slope);
    }
    __syncthreads();
#pragma unroll
    for (int l = 1; l < S::LAYERS; ++l) {
        for (int tile = threadIdx.x; tile < S::H / S::ROWS * S::QUADS; tile += S::THREADS) {
            const int j = tile / S::QUADS * S::ROWS, s = tile % S::QUADS * 4;
            float z[S::ROWS][4];
#pragma unroll
            for (int i = 0; i < S::ROWS; ++i) z[i][0] = z[i][1] = z[i][2] = z[i][3] = net.bias(l)[j + i];
            product<S>(net.w_t + (l - 1) * S::H * S::H + j, net.layer(l - 1) + s, net.widths[l - 1], z);
#pragma unroll
            for (int i = 0; i < S::ROWS; ++i)
                *reinterpret_cast<float4*>(net.layer(l) + (j + i) * S::STRIDE + s) =
                    float4{leaky_relu(z[i][0], negative_slope), leaky_relu(z[i][1], negative_slope),
                           leaky_relu(z[i][2], negative_slope), leaky_relu(z[i][3], negative_slope)};
        }
        __syncthreads();
    }
}

// y <- 2 (output - y) / size for the n samples, where the zeros after them stay zero. The loss is summed up in backward.
template <typename S>
__device__ __forceinline__ void mean_squared_error(const Network<S>& net, int n, float two_over_size) {
    const float* a = net.layer(S::LAYERS - 1);
    for (int s = threadIdx.x; s < n; s += S::THREADS) {
        float z = net.bias_out()[0];
        for (int k = 0; k < net.widths[S::LAYERS - 1]; ++k) z += net.weights_out()[k] * a[k * S::STRIDE + s];
        net.y[s] = (z - net.y[s]) * two_over_size;
    }
    __syncthreads();
}

// Adds this chunk's part of the gradients: to those of vectors in shared memory, to those of matrices in registers.
template <typename S>
__device__ __forceinline__ void backward(const Network<S>& net, float negative_slope, float (&shares)[S::LAYERS][4][4]) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

    // the output's layer; its d becomes that of the last hidden layer, in the rows after all activations
    float* a = net.layer(S::LAYERS - 1);
    float* d = net.layer(S::LAYERS);
    for (int k = warp; k < S::H; k += S::WARPS) {
        const float g = dot<S>(net.y, a + k * S::STRIDE);
        if (lane == 0) net.grad_of(net.weights_out())[k] += g;
    }
    if (warp == 0) {
        const float g = total<S>(net.y), squares = dot<S>(net.y, net.y);
        if (lane == 0) {
            net.grad_of(net.bias_out())[0] += g;
            *net.loss() += squares;
        }
    }
    for (int t = threadIdx.x; t < S::H * S::CHUNK; t += S::THREADS) {
        const int k = t / S::CHUNK, s = t % S::CHUNK;
        d[k * S::STRIDE + s] = leaky_relu_backward(net.weights_out()[k] * net.y[s], a[k * S::STRIDE + s], negative_slope);
    }
    __syncthreads();

    // matrices; the d of the layer below goes where the activations of this one were, which nobody needs any more
#pragma unroll
    for (int l = S::LAYERS - 1; l > 0; --l) {
        a = net.layer(l - 1);
        float* below = net.layer(l);
        // dL/dW: this thread's tile has rows j, j + SIDE, ... and columns k, k + SIDE, ...: neighbours read neighbouring rows
        const int tile = threadIdx.x % (S::SIDE * S::SIDE), group = threadIdx.x / (S::SIDE * S::SIDE);
        const int j = tile / S::SIDE, k = tile % S::SIDE;
        if (group < S::GROUPS) {
#pragma unroll 1
            for (int s = 4 * group; s < S::CHUNK; s += 4 * S::GROUPS) {
                float4 ds[4], as[4];
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    ds[i] = *reinterpret_cast<const float4*>(d + (j + i * S::SIDE) * S::STRIDE + s);
                    as[i] = *reinterpret_cast<const float4*>(a + (k + i * S::SIDE) * S::STRIDE + s);
                }
#pragma unroll
                for (int i = 0; i < 4; ++i)
#pragma unroll
                    for (int c = 0; c < 4; ++c) {
                        shares[l][i][c] += ds[i].x * as[c].x;
                        shares[l][i][c] += ds[i].y * as[c].y;
                        shares[l][i][c] += ds[i].z * as[c].z;
                        shares[l][i][c] += ds[i].w * as[c].w;
                    }
            }
        }
        // dL/db
        for (int i = warp; i < S::H; i += S::WARPS) {
            const float g = total<S>(d + i * S::STRIDE);
            if (lane == 0) net.grad_of(net.bias(l))[i] += g;
        }
        // d of the layer below: W^T d where its units are on
        for (int t = threadIdx.x; t < S::H / S::ROWS * S::QUADS; t += S::THREADS) {
            const int row = t / S::QUADS * S::ROWS, s = t % S::QUADS * 4;
            float z[S::ROWS][4] = {};
            product<S>(net.w + (l - 1) * S::H * S::H + row, d + s, net.widths[l], z);
#pragma unroll
            for (int i = 0; i < S::ROWS; ++i) {
                const float4 on = *reinterpret_cast<const float4*>(a + (row + i) * S::STRIDE + s);
                *reinterpret_cast<float4*>(below + (row + i) * S::STRIDE + s) =
                    float4{leaky_relu_backward(z[i][0], on.x, negative_slope), leaky_relu_backward(z[i][1], on.y, negative_slope),
                           leaky_relu_backward(z[i][2], on.z, negative_slope), leaky_relu_backward(z[i][3], on.w, negative_slope)};
            }
        }
        __syncthreads();
        d = below;
    }

    // the input's layer
    for (int j = warp; j < S::H; j += S::WARPS) {
        const float g = dot<S>(d + j * S::STRIDE, net.x), g_bias = total<S>(d + j * S::STRIDE);
        if (lane == 0) {
            net.grad_of(net.weights_in())[j] += g;
            net.grad_of(net.bias(0))[j] += g_bias;
        }
    }
    __syncthreads();
}

struct Adam { float beta1, beta2, rate, eps, weight_decay; };

__device__ __forceinline__ float adam_step(float param, float grad, float& M, float& V, const Adam& adam) {
    const float g = adam.weight_decay ? grad + adam.weight_decay * param : grad;
    M = M * adam.beta1 + g;
    V = V * adam.beta2 + g * g;
    return param - M / (sqrtf(V) + adam.eps) * adam.rate;
}

// A step, layer by layer; the gradients are zero afterwards. If a parameter is NaN or infinite now, so is *nan.
template <typename S>
__device__ __forceinline__ void adam(const Network<S>& net, const Adam& adam, float (&shares)[S::LAYERS][4][4], float* nan) {
    float* parts = net.a;                        // GROUPS times (H, H), where the activations were
    int p = threadIdx.x;                         // of all parameters, those that this thread steps
    int begin = 0;                               // of layer l
#pragma unroll
    for (int l = 0; l <= S::LAYERS; ++l) {
        if (0 < l && l < S::LAYERS) {
            const int tile = threadIdx.x % (S::SIDE * S::SIDE), group = threadIdx.x / (S::SIDE * S::SIDE);
            const int j = tile / S::SIDE, k = tile % S::SIDE;
            if (group < S::GROUPS) {
#pragma unroll
                for (int i = 0; i < 4; ++i)
#pragma unroll
                    for (int c = 0; c < 4; ++c) {
                        parts[(group * S::H + j + i * S::SIDE) * S::H + k + c * S::SIDE] = shares[l][i][c];
                        shares[l][i][c] = 0;
                    }
            }
            __syncthreads();
        }
        const int columns = net.columns(l), end = begin + net.rows(l) * columns;
        for (; p < end; p += S::THREADS) {
            const int j = (p - begin) / columns, k = (p - begin) % columns;
            float* number = net.number(l, j, k);
            float g = 0;
            if (net.is_matrix(l, k)) {
                for (int group = 0; group < S::GROUPS; ++group) g += parts[(group * S::H + j) * S::H + k];
            } else {
                g = *net.grad_of(number);
                *net.grad_of(number) = 0;
            }
            *number = adam_step(*number, g, net.M[p], net.V[p], adam);
            if (net.is_matrix(l, k)) *net.transposed(l, j, k) = *number;
            if (0 * *number != 0) *nan = 0 * *number;
        }
        if (0 < l && l < S::LAYERS) __syncthreads();
        begin = end;
    }
}

// ---------------------------------------------------------------- the network, from global memory and back

template <typename S>
__device__ __forceinline__ Network<S> load(const float* params, float* M, float* V, const int* widths, int count) {
    Network<S> net;
    net.a = reinterpret_cast<float*>(dynamic_memory);
    net.w = net.a + (S::LAYERS + 1) * S::H * S::STRIDE;
    net.w_t = net.w + S::MATRICES * S::H * S::H;
    net.vectors = net.w_t + S::MATRICES * S::H * S::H;
    net.grads = net.vectors + S::VECTORS;
    net.x = net.grads + S::VECTORS;
    net.y = net.x + S::CHUNK;
    net.M = S::SUMS_IN_SHARED ? net.y + S::CHUNK : M;
    net.V = S::SUMS_IN_SHARED ? net.M + count : V;
#pragma unroll
    for (int l = 0; l < S::LAYERS; ++l) net.widths[l] = widths[l];

    for (float* number = net.w + threadIdx.x; number < net.x; number += S::THREADS) *number = 0;   // the padding, too
    if (S::SUMS_IN_SHARED)
        for (int p = threadIdx.x; p < count; p += S::THREADS) {
            net.M[p] = M[p];
            net.V[p] = V[p];
        }
    __syncthreads();
#pragma unroll
    for (int l = 0; l <= S::LAYERS; ++l) {
        const int columns = net.columns(l), size = net.rows(l) * columns;
        for (int e = threadIdx.x; e < size; e += S::THREADS) {
            const int j = e / columns, k = e % columns;
            *net.number(l, j, k) = params[e];
            if (net.is_matrix(l, k)) *net.transposed(l, j, k) = params[e];
        }
        params += size;
    }
    return net;                                  // nobody reads it before the barrier of take_samples
}

template <typename S>
__device__ __forceinline__ void store(const Network<S>& net, float* params, float* M, float* V, int count) {
#pragma unroll
    for (int l = 0; l <= S::LAYERS; ++l) {
        const int columns = net.columns(l), size = net.rows(l) * columns;
        for (int e = threadIdx.x; e < size; e += S::THREADS) {
            params[e] = *net.number(l, e / columns, e % columns);
        }
        params += size;
    }
    if (S::SUMS_IN_SHARED)
        for (int p = threadIdx.x; p < count; p += S::THREADS) {
            M[p] = net.M[p];
            V[p] = net.V[p];
        }
}

// ---------------------------------------------------------------- the kernel

// Of the order of the samples, network_stride and epoch_stride say how far apart those of two networks and of two epochs
// are: 0, where they are the same.
template <int H, int LAYERS, int CHUNK, bool SUMS_IN_SHARED>
__global__ void __launch_bounds__(Shape<H, LAYERS, CHUNK, SUMS_IN_SHARED>::THREADS, 1)
train(float* params,                // (networks, count)
      float* sums,                  // (2, networks, count): M and V
      float* losses,                // (networks, epochs, batches + 1): of batches, and a 0 that a NaN may replace
      const int* widths,            // (LAYERS,)
      int count, const float* x, const float* y, int samples,
      const int* order, long long network_stride, long long epoch_stride,
      int epochs, int batch_size, float negative_slope,
      const double* lr,             // (networks,)
      const double* factors,        // (steps,): rate = lr factor
      const float* eps,             // (steps,)
      float beta1, float beta2, float weight_decay) {
    using S = Shape<H, LAYERS, CHUNK, SUMS_IN_SHARED>;
    const long long network = blockIdx.x;
    const int batches = (samples + batch_size - 1) / batch_size;
    params += network * count;
    float* M = sums + network * count;
    float* V = sums + (gridDim.x + network) * count;
    losses += network * epochs * (batches + 1);
    order += network * network_stride;

    const Network<S> net = load<S>(params, M, V, widths, count);
    float shares[LAYERS][4][4] = {};             // [0] is not used
    for (int step = 0; step < epochs * batches; ++step) {
        const int epoch = step / batches, batch = step % batches, first = batch * batch_size;
        float* epoch_losses = losses + epoch * (batches + 1);
        const int size = samples - first < batch_size ? samples - first : batch_size;
        for (int done = 0; done < size; done += CHUNK) {
            const int n = size - done < CHUNK ? size - done : CHUNK;
            take_samples(net, x, y, order + epoch * epoch_stride + first + done, n);
            forward(net, negative_slope);
            mean_squared_error(net, n, 2.0f / size);
            backward(net, negative_slope, shares);
        }
        if (threadIdx.x == 0) {
            epoch_losses[batch] = *net.loss() * (0.25f * size);   // d = 2 error / size, so error^2 / size = d^2 size / 4
            *net.loss() = 0;
        }
        adam(net, Adam{beta1, beta2, float(lr[network] * factors[step]), eps[step], weight_decay}, shares, epoch_losses + batches);
    }
    __syncthreads();
    store(net, params, M, V, count);
}
