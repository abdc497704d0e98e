# %% [markdown]
# # 11. Move to the GPU
#
# **You will** train the same network on both devices, and write one of its operations for the GPU yourself.
#
# **You will learn** what a GPU is quick at, how small networks gain from it, too, and why to look at results late.
#
# **You need** lesson 3. Without a GPU (`tinymlp devices` tells) all of this runs on the CPU, and says so.

# %%
from time import perf_counter

import numpy as np

from tinymlp import MLP, extract_segments, sample, train
from tinymlp.devices import array_module, choose_device, describe
from tinymlp.gpu import on_cpu

device = choose_device("auto")
print("\n".join(describe()))
print("No GPU: what follows runs on the CPU, and its times say nothing about GPUs." if device == "cpu" else "")

# %% [markdown]
# ## Arrays that live elsewhere
#
# CuPy is NumPy with other memory: the same names and shapes, but numbers lie on the GPU. `asarray` brings them there,
# `get` back; mixing the two is an error.

# %%
xp = array_module(device)  # cupy or numpy
z = xp.asarray(np.linspace(-2, 2, 1_000_000, dtype=np.float32))


def seconds(work):
    """Of one run. A GPU is told what to do and does it later, so wait for it before looking at the clock."""
    for _ in range(2):  # the first run compiles
        start = perf_counter()
        work()
        if device == "gpu":
            xp.cuda.Device().synchronize()
    return perf_counter() - start


for n in (1_000, 1_000_000):
    took = seconds(lambda n=n: xp.maximum(z[:n], 0.01 * z[:n]))
    print(f"leaky ReLU of {n:9,} numbers: {1e6 * took:7.1f} us on the {device}")

# %% [markdown]
# Expect them to be close on a GPU: there it is the telling that takes time, microseconds for each operation, not the
# work. A step at width 10, batch 1280, is twenty operations, each so small that a CPU is as quick.
#
# ## One operation instead of two
#
# `xp.maximum(z, 0.01 * z)` is two operations: a product, written to memory, and a maximum that reads it again. One
# would do. What a single number needs is one line of C++. CuPy's ElementwiseKernel makes a kernel of such a line: it
# writes around it which thread takes which element.

# %%
LINE = "a = 0.01f * z > z ? 0.01f * z : z"
AROUND_IT = """
__global__ void my_leaky_relu(const float* input, float* output, long long n) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;   // I am thread number i
    if (i < n) {
        float z = input[i], a;
        LINE;
        output[i] = a;
    }
}"""

mine = xp.empty_like(z)
if device == "gpu":
    xp.ElementwiseKernel("float32 z", "float32 a", LINE, "my_leaky_relu")(z, mine)
elif on_cpu.compiler():
    module = on_cpu.RawModule(code=AROUND_IT.replace("LINE", LINE), name_expressions=["my_leaky_relu"])
    module.get_function("my_leaky_relu")((3907,), (256,), (z, mine, np.int64(z.size)))  # 3907 blocks of 256 threads
else:
    mine = xp.maximum(z, np.float32(0.01) * z)
    print("No C++ compiler either (g++ or clang++): my_leaky_relu is skipped, NumPy does its work.")
assert (mine == xp.maximum(z, np.float32(0.01) * z)).all()

# %% [markdown]
# ## The network
#
# `MLP(..., device="gpu")` or `net.to("gpu")`; the rest is as before. Weights are drawn on the CPU, so both begin alike.
# With `fused=False`, `train` does one operation after the other. With `fused=True` one kernel (`gpu/train.cu`) does all
# steps of all epochs, on a GPU, up to width 64. If you give neither, `train` takes that kernel where it fits.

# %%
data = sample("sine", (-5, 5))  # 8 steps per epoch
ways = [(width, where, False) for width in (10, 300) for where in dict.fromkeys(("cpu", device))]
for width, where, fused in [*ways, (10, "gpu", True)] if device == "gpu" else ways:
    net = MLP([1, width, width, width, 1], device=where)
    train(net, data, 1, fused=fused)
    start = perf_counter()
    train(net, data, 5, fused=fused)
    print(f"width {width:3} on the {where}, fused={fused}: {1e6 * (perf_counter() - start) / 40:8.0f} us per step")

# %% [markdown]
# The more work an operation has, the more a GPU gains: look at the ratio at either width. And the fused kernel takes no
# longer for a hundred small networks, an `Ensemble`, than for one.
#
# ## Do not look
#
# `float(loss)` brings one number back, and the CPU waits until all that was asked before is done. So `train` leaves
# losses on the GPU and fetches them together at the end. A `callback` is shown each loss, so it costs one wait per
# epoch.
#
# The segments of a network are found on the CPU in float64, whatever its device: the same to the last digit.

# %%
assert (extract_segments(net).breakpoints == extract_segments(net.to("cpu")).breakpoints).all()

# %% [markdown]
# ## Exercises
#
# 1. Write the backward pass: `d = a > 0 ? d : 0.01f * d`. What must `AROUND_IT` take more?
# 2. Launch `my_leaky_relu` with one block too few. What happens, and who says so?
# 3. ReLU as `a = fmaxf(z, 0.0f)` is short. Try it on a NaN.
#
# Solutions: `solutions/11_move_to_the_gpu.py`.
