"""Solutions of 11_move_to_the_gpu.py; on the CPU, where there is no GPU."""

import numpy as np

from tinymlp.devices import array_module, choose_device
from tinymlp.gpu import on_cpu

xp = array_module(choose_device("auto"))
RawModule = on_cpu.RawModule if xp is np else xp.RawModule
if xp is np and on_cpu.compiler() is None:
    print("no GPU and no C++ compiler (g++ or clang++): nothing here can run")
    raise SystemExit


def kernel(code, name):
    """The kernel of that name."""
    return RawModule(code=code, name_expressions=[name]).get_function(name)


# 1. It reads a, too, and changes d in place.
BACKWARD = """
__global__ void backward(float* d, const float* a, long long n) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) d[i] = a[i] > 0 ? d[i] : 0.01f * d[i];
}"""
a, d = xp.asarray(np.array([2, -1, 0, 3], np.float32)), xp.asarray(np.array([5, 5, 5, 5], np.float32))
kernel(BACKWARD, "backward")((1,), (256,), (d, a, np.int64(4)))
print("1.", d)

# 2. Nobody says anything. The elements of the missing block keep what was in memory before.
FORWARD = """
__global__ void forward(const float* input, float* output, long long n) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) output[i] = 0.01f * input[i] > input[i] ? 0.01f * input[i] : input[i];
}"""
z = xp.asarray(np.ones(1000, np.float32))
out = xp.zeros(1000, np.float32)
kernel(FORWARD, "forward")((3,), (256,), (z, out, np.int64(1000)))
print(f"2. {int((out == 0).sum())} of 1000 elements were left out")
assert int((out == 0).sum()) == 1000 - 3 * 256

# 3. fmaxf takes the number and drops the NaN, so a network that has gone wrong looks well.
DROPS = FORWARD.replace("0.01f * input[i] > input[i] ? 0.01f * input[i] : input[i]", "fmaxf(input[i], 0.0f)")
z[0] = np.nan
for code in (FORWARD, DROPS):
    kernel(code, "forward")((4,), (256,), (z, out, np.int64(1000)))
    print("3. NaN becomes", float(out[0]))
