# %% [markdown]
# # 12. Write the Adam kernel
#
# **You will** write Adam's step as a CUDA kernel, run it, and get NumPy's digits, all of them.
#
# **You will learn** what a thread, a block and a stride are, and the three mistakes that a GPU does not tell you about.
#
# **You need** lessons 4 and 11. Without a GPU the kernel runs on the CPU, through `tinymlp.gpu.on_cpu` and g++.

# %%
import sys

import numpy as np

from tinymlp import Adam
from tinymlp.devices import array_module, choose_device
from tinymlp.gpu import kernels, on_cpu

device = choose_device("auto")
xp = array_module(device)
print(f"The kernels run on the {device}" + (", one thread after the other." if device == "cpu" else "."))
if device == "cpu" and on_cpu.compiler() is None:
    print("There is no GPU and no C++ compiler either: install g++ or clang++ to run this lesson.")
    sys.exit()
RawModule = xp.RawModule if device == "gpu" else on_cpu.RawModule

# %% [markdown]
# ## One thread, one parameter
#
# A kernel is written for one thread; a launch starts many, in blocks of, say, 256. In the kernel, `blockIdx.x` is the
# number of its block, `blockDim.x` how many threads a block has, and `threadIdx.x` its number in the block. So thread i
# takes parameter i, and does lesson 4's lines to it. T stands for float or double; the launch chooses.

# %%
FIRST = """
template <typename T>
__global__ void adam(T* params, const T* grad, T* m, T* v, long long n, T lr, T correct_m, T correct_v) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {                                        // the last block may have threads to spare
        m[i] = T(0.9) * m[i] + T(0.1) * grad[i];
        v[i] = T(0.999) * v[i] + T(0.001) * grad[i] * grad[i];
        params[i] -= lr * (m[i] / correct_m) / (sqrt(v[i] / correct_v) + T(1e-8));
    }
}"""

n = 1000
rng = np.random.default_rng(0)
start, grad = rng.normal(size=(2, n)).astype(np.float32)
module = RawModule(code=FIRST, name_expressions=["adam<float>", "adam<double>"])
first = module.get_function("adam<float>")
params, m, v = xp.asarray(start.copy()), xp.zeros(n, np.float32), xp.zeros(n, np.float32)
g = xp.asarray(grad)
for t in range(1, 4):
    factors = (np.float32(0.01), np.float32(1 - 0.9**t), np.float32(1 - 0.999**t))
    first((4,), (256,), (params, g, m, v, np.int64(n), *factors))  # 4 blocks of 256 threads

reference, numpys = Adam(lr=0.01), start.copy()
for _ in range(3):
    reference.step(numpys, grad)
on_host = params.get() if device == "gpu" else params
print(f"after three steps my parameters differ by {np.abs(on_host - numpys).max():.1e}")
assert np.abs(on_host - numpys).max() < 1e-6

# %% [markdown]
# ## Three mistakes that nobody reports
#
# 1. **The wrong type.** CuPy hands a Python float over as a double and an int as a long long; a kernel that expects a
#    float reads the first half of it. So every number is cast: `np.float32(0.01)`. Our CPU launcher refuses instead:

# %%
if device == "cpu":
    try:
        first((4,), (256,), (params, g, m, v, np.int64(n), 0.01, np.float32(1), np.float32(1)))
    except TypeError as error:
        print("TypeError:", error)

# %% [markdown]
# 2. **The wrong place.** Without `if (i < n)` the spare threads change what lies after the array.
# 3. **Too few threads.** With three blocks, the last 232 parameters stay as they are. A stride mends this: let each
#    thread go on by as many as there are threads. Then any number of blocks will do, also for 100 million parameters.
#
# ## The same digits
#
# Mine differs from NumPy in the last digit. Not because GPUs are inexact: a float32 product is the same everywhere. But
# `Adam` rounds other things: it keeps the sums M = m / (1 - b1) and V = v / (1 - b2), and puts the corrections into two
# numbers, `rate` and `eps`. The same operations in the same order give the same digits. Here is tinymlp's kernel:

# %%
print(kernels.source("adam"))
options = ("--fmad=false",) if device == "gpu" else ()
theirs = RawModule(code=kernels.source("adam"), options=options, name_expressions=["adam<float>"])
sums, params, adam, expected = xp.zeros((2, n), np.float32), xp.asarray(start.copy()), Adam(lr=0.01), start.copy()
for t in range(1, 51):
    s = np.sqrt((1 - 0.999**t) / (1 - 0.999))
    numbers = (0.9, 0.999, 0.01 * s * (1 - 0.9) / (1 - 0.9**t), 1e-8 * s, 0.0)
    theirs.get_function("adam<float>")((2,), (256,), (params, g, sums, np.int64(n), *map(np.float32, numbers)))
    adam.step(expected, grad)
on_host = params.get() if device == "gpu" else params
print(f"after 50 steps {(on_host == expected).sum()} of {n} parameters are NumPy's to the last digit")
assert np.abs(on_host - expected).max() < 1e-6

# %% [markdown]
# `--fmad=false` forbids the compiler to compute a * b + c with one rounding instead of two: more exact, but not NumPy's
# digits. And only two blocks ran, 512 threads for 1000 parameters: the stride did the rest. On a GPU, `Adam.step` is
# this launch; `gpu/kernels.py` checks and casts before it. `train(..., fused=True)` goes further: there the way
# forward, the way back and Adam are one kernel, `gpu/train.cu`, for all steps and all networks of an ensemble.
#
# ## Exercises
#
# 1. Give `FIRST` a stride, and launch it with one block.
# 2. Write gradient descent with momentum (lesson 4) as a kernel.
# 3. What becomes of a NaN in one gradient, in `params`, M and V, after ten steps?
#
# Solutions: `solutions/12_write_the_adam_kernel.py`.
