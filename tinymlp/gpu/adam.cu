// Adam's step for every parameter at once: the twin of Adam._step in optim.py, the same lines in the same order, so the
// same digits. Read that first; it says why M and V are sums, and what rate and eps hold.
//
// sums holds M and V, n numbers each, one after the other. T is float or double.
template <typename T>
__global__ void adam(T* params, const T* grad, T* sums, long long n,
                     T beta1, T beta2, T rate, T eps, T weight_decay) {
    T* M = sums;
    T* V = sums + n;
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const T g = weight_decay ? grad[i] + weight_decay * params[i] : grad[i];
        M[i] = M[i] * beta1 + g;
        V[i] = V[i] * beta2 + g * g;
        params[i] -= M[i] / (sqrt(V[i]) + eps) * rate;
    }
}
