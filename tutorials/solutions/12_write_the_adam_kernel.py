"""Solutions of 12_write_the_adam_kernel.py; on the CPU, where there is no GPU."""

import numpy as np

from tinymlp import SGD, Adam
from tinymlp.devices import array_module, choose_device
from tinymlp.gpu import on_cpu

device = choose_device("auto")
xp = array_module(device)
RawModule = xp.RawModule if device == "gpu" else on_cpu.RawModule
if device == "cpu" and on_cpu.compiler() is None:
    print("no GPU and no C++ compiler (g++ or clang++): nothing here can run")
    raise SystemExit
n = 1000
start, grad = np.random.default_rng(0).normal(size=(2, n)).astype(np.float32)


def kernel(code, name):
    """The kernel of that name."""
    return RawModule(code=code, name_expressions=[name]).get_function(name)


def host(array):
    """As a NumPy array."""
    return array.get() if device == "gpu" else array


# 1. `if` becomes `for`, and i goes on by the number of all threads.
STRIDES = """
template <typename T>
__global__ void adam(T* params, const T* grad, T* m, T* v, long long n, T lr, T correct_m, T correct_v) {
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        m[i] = T(0.9) * m[i] + T(0.1) * grad[i];
        v[i] = T(0.999) * v[i] + T(0.001) * grad[i] * grad[i];
        params[i] -= lr * (m[i] / correct_m) / (sqrt(v[i] / correct_v) + T(1e-8));
    }
}"""
params, m, v = xp.asarray(start.copy()), xp.zeros(n, np.float32), xp.zeros(n, np.float32)
numbers = (np.float32(0.01), np.float32(1 - 0.9), np.float32(1 - 0.999))
kernel(STRIDES, "adam<float>")((1,), (256,), (params, xp.asarray(grad), m, v, np.int64(n), *numbers))
expected = start.copy()
Adam(lr=0.01).step(expected, grad)
print(f"1. one block does it all: {np.abs(host(params) - expected).max():.1e}")
assert np.abs(host(params) - expected).max() < 1e-6

# 2. u = momentum * u + g, and params -= lr * u.
MOMENTUM = """
template <typename T>
__global__ void sgd(T* params, const T* grad, T* u, long long n, T lr, T momentum) {
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        u[i] = momentum * u[i] + grad[i];
        params[i] -= lr * u[i];
    }
}"""
params, u, sgd, expected = xp.asarray(start.copy()), xp.zeros(n, np.float32), SGD(0.1, momentum=0.9), start.copy()
step = kernel(MOMENTUM, "sgd<float>")
for _ in range(5):
    step((4,), (256,), (params, xp.asarray(grad), u, np.int64(n), np.float32(0.1), np.float32(0.9)))
    sgd.step(expected, grad)
print(f"2. five steps of gradient descent with momentum: {np.abs(host(params) - expected).max():.1e}")
assert np.abs(host(params) - expected).max() < 1e-5

# 3. It stays for good in all three, at its place, and spreads to no other: each thread has its own parameter. The next
# forward pass is what spreads it, over the whole network.
bad = grad.copy()
bad[7] = np.nan
params, adam = xp.asarray(start.copy()), Adam(lr=0.01)
for t in range(10):
    adam.step(params, xp.asarray(bad if t == 0 else grad))
M, V = adam.running_sums(params)
for name, array in (("params", params), ("M", M), ("V", V)):
    print("3.", name, "is NaN at", np.flatnonzero(np.isnan(host(array))))
    assert np.flatnonzero(np.isnan(host(array))).tolist() == [7]
