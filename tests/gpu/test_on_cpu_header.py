"""The header that runs CUDA sources on the CPU: does it do what CUDA does, and find what it says it finds?"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinymlp.gpu import on_cpu

pytestmark = pytest.mark.usefixtures("compiler")

INDICES = """
template <typename T> __global__ void indices(T* out) {
    const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const int threads = blockDim.x * blockDim.y * blockDim.z;
    out[block * threads + thread] += 1000 * block + thread;
}"""

ROTATE = """
template <typename T> __global__ void rotate(T* x, int times) {   // each thread hands its number to the next one
    __shared__ T shared[64];
    T mine = x[blockIdx.x * 64 + threadIdx.x];
    for (int k = 0; k < times; ++k) {
        shared[threadIdx.x] = mine;
        __syncthreads();
        mine = shared[(threadIdx.x + 63) % 64];
        __syncthreads();
    }
    x[blockIdx.x * 64 + threadIdx.x] = mine;
}"""

SOME_LEAVE = """
template <typename T> __global__ void leave(T* x) {
    if (threadIdx.x < 40) __syncthreads();
    x[0] = 1;
}"""

TWO_PLACES = """
template <typename T> __global__ void part(T* x) {
    if (threadIdx.x < 40)
        __syncthreads();
    else
        __syncthreads();
    x[0] = 1;
}"""

SCALARS = """
template <typename T> __global__ void scalars(T* x, int i, long long l, float f, double d) { x[0] = i + l + f + d; }"""

OVERRUN = """
template <typename T> __global__ void overrun(T* x, long long n) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n) x[i] = 1;
}"""


SUMS = """
template <typename T> __global__ void sums(T* x, int lanes) {   // each thread gets its warp's sum
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    T sum = x[i];
    if (threadIdx.x % 32 < lanes)
        for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, other);
    x[i] = sum;
}"""

POISON = """
template <typename T> __global__ void poison(T* x, int n) {
    const float* shared = reinterpret_cast<float*>(dynamic_memory);
    x[blockIdx.x * blockDim.x + threadIdx.x] = shared[n];
    __syncthreads();
    reinterpret_cast<float*>(dynamic_memory)[threadIdx.x] = 1;
}"""


def compiled(code, name, **options):
    return on_cpu.RawModule(code=code, name_expressions=[name], **options).get_function(name)


def test_indices():
    """Catches: x and z confused, blocks or threads that are left out or run twice."""
    out = np.zeros(2 * 3 * 4 * 5 * 6 * 7, np.float64)
    compiled(INDICES, "indices<double>")((2, 3, 4), (5, 6, 7), (out,))
    assert out.tolist() == [1000 * block + thread for block in range(24) for thread in range(210)]


@pytest.mark.parametrize("times", [0, 1, 64, 100])
def test_barriers(times):
    """Catches: threads that pass a barrier before the last has arrived, shared memory that is not shared."""
    x = np.arange(3 * 64, dtype=np.float32)
    compiled(ROTATE, "rotate<float>")((3,), (64,), (x, np.int32(times)))
    assert x.reshape(3, 64).tolist() == [np.roll(np.arange(64) + 64 * b, times).tolist() for b in range(3)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (SOME_LEAVE, "leave<float>: 40 of 64 threads of block 0 wait at line 3, the others have ended"),
        (TWO_PLACES, "part<float>: thread 40 waits at line 6, others of block 0 at line 4"),
    ],
)
def test_barriers_that_some_threads_miss(code, words):
    """Catches: a deadlock on the GPU that runs fine, or hangs, here; and what is left of it in the next launch."""
    name = words.split(":")[0]
    kernel = compiled(f"#line 1\n{code}", name)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=words):
            kernel((2,), (64,), (np.zeros(1, np.float32),))
    test_barriers(3)


def test_arguments():
    """Catches: what CuPy would pass in the wrong size: it takes a float for a double and an int for a long long."""
    kernel, x = compiled(SCALARS, "scalars<float>"), np.zeros(1, np.float32)
    assert kernel.signature == ["*float32", "int32", "int64", "float32", "float64"]
    kernel((1,), (1,), (x, np.int32(1), 20, np.float32(300), 4000.0))
    assert x[0] == 4321
    good = [x, np.int32(1), np.int64(2), np.float32(3), np.float64(4)]
    for position, bad in enumerate([x.astype(np.float64), 1, np.int32(2), 3.0, np.float32(4)]):
        args = [bad if k == position else arg for k, arg in enumerate(good)]
        with pytest.raises(TypeError, match=rf"argument {position} of scalars<float> .* the wrong bytes"):
            kernel((1,), (1,), args)
    with pytest.raises(TypeError, match="takes 5 arguments, not 1"):
        kernel((1,), (1,), (x,))
    with pytest.raises(TypeError, match=r"argument 0 .* is float32, and it takes .float32"):
        kernel((1,), (1,), [np.float32(0), *good[1:]])
    with pytest.raises(ValueError, match=r"argument 0 .* gaps"):
        kernel((1,), (1,), [np.zeros(4, np.float32)[::2], *good[1:]])
    with pytest.raises(ValueError, match="name is 'scalars<int>': give one of scalars<float>"):
        on_cpu.RawModule(code=SCALARS, name_expressions=["scalars<float>"]).get_function("scalars<int>")


def test_code_that_does_not_compile():
    """Catches: a compiler message that is kept from the reader, or that points elsewhere."""
    with pytest.raises(RuntimeError, match=r"(?s)do not compile.*mine\.cu:2.*undefined_name"):
        compiled(
            '#line 1 "mine.cu"\ntemplate <typename T> __global__ void f(T* x) {\n x[0] = undefined_name; }', "f<float>"
        )


def test_no_compiler(monkeypatch):
    """Catches: a bare FileNotFoundError."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RuntimeError, match=r"no C\+\+ compiler .* install g\+\+"):
        compiled(INDICES, "indices<float>")


def test_flags_of_macos(monkeypatch):
    """Catches: a ucontext.h that refuses to be included on macOS; flags that a C++ compiler does not know."""
    assert not set(on_cpu.UCONTEXT) & set(on_cpu.FLAGS) or sys.platform == "darwin"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert runpy.run_path(on_cpu.__file__)["FLAGS"][-3:] == on_cpu.UCONTEXT
    out = np.zeros(6)
    compiled(INDICES, "indices<double>", options=on_cpu.UCONTEXT)((2,), (3,), (out,))
    assert out.tolist() == [0, 1, 2, 1000, 1001, 1002]


def with_address_sanitizer(*command):
    """Run a Python command whose kernels the address sanitizer watches."""
    found = on_cpu.compiler()
    library = subprocess.run([found, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    env = os.environ | {
        "LD_PRELOAD": library.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "CXXFLAGS": "-fsanitize=address -fno-omit-frame-pointer -g",
    }
    return subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def sanitizer(request, need, compiler):
    """The address sanitizer's library."""
    if sys.platform != "linux":
        pytest.skip("the sanitizer's library is loaded before Python by LD_PRELOAD, which is Linux's")
    there = with_address_sanitizer("-c", "").returncode == 0
    need(request, "--require-compilers", there, "no address sanitizer: install libasan, which belongs to g++")


@pytest.mark.parametrize(
    ("file", "tests", "count"),
    [
        ("test_kernels.py", "test_leaky or test_mean or test_a_loss or test_adam", 94),
        ("test_train_kernel.py", "test_gradients or test_little_shared or test_in_parts", 28),
    ],
)
def test_address_sanitizer_on_every_kernel(sanitizer, file, tests, count):
    """Catches: an element of nobody that a kernel reads or writes; too little shared memory asked for."""
    path = str(Path(__file__).parent / file)
    done = with_address_sanitizer("-m", "pytest", "-q", "-p", "no:cacheprovider", path, "-m", "not gpu", "-k", tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AddressSanitizer" not in done.stderr
    assert f"{count} passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("code", "name", "launch", "words"),
    [
        (OVERRUN, "overrun<float>", "((5,), (256,), (np.zeros(1000, np.float32), 1000))", "WRITE of size 4"),
        (POISON, "poison<float>", "((1,), (32,), (np.zeros(32, np.float32), np.int32(5)), shared_mem=124)", ""),
    ],
    ids=["array", "shared memory"],
)
def test_address_sanitizer_would_see_an_overrun(sanitizer, code, name, launch, words):
    """Catches: a sanitizer run that watches nothing, or not the shared memory."""
    script = (
        "import numpy as np; from tinymlp.gpu import on_cpu\n"
        f"module = on_cpu.RawModule(code='''{code}''', name_expressions=['{name}'])\n"
        f"module.get_function('{name}'){launch}"
    )
    done = with_address_sanitizer("-c", script)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert words in done.stderr
