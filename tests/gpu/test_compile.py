"""NVRTC compiles every kernel for every architecture without a spill. No GPU is needed for that."""

import io
import re

import pytest

from tinymlp.gpu import kernels, train_kernel

# The KiB of shared memory of a block on Turing, Ampere (A100, consumer), Hopper, Blackwell (B200, consumer)
ARCHITECTURES = {75: 64, 80: 163, 86: 99, 90: 227, 100: 227, 120: 99}

NONE = re.compile(r"\b0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads")

SPILLING = """
template <typename T> __global__ void __launch_bounds__(1024) hoard(T* x, int n) {
    T kept[200];
    for (int k = 0; k < 200; ++k) kept[k] = x[k * n + threadIdx.x];
    for (int k = 0; k < 200; ++k)
        for (int j = 0; j < 200; ++j) x[j] += kept[(k * n + j) % 200] * kept[j];
}"""


@pytest.fixture(scope="module")
def nvrtc(request, need):
    """A function that compiles a source, and returns what the assembler says of each kernel: lines with "spill"."""
    reason, program = "", None
    try:
        from cupy.cuda.compiler import _NVRTCProgram as program
        from cupy_backends.cuda.libs import nvrtc as library

        library.getVersion()
    except Exception as error:
        reason, program = f"no NVRTC ({error}): pip install '.[kernels]'", None
    need(request, "--require-compilers", program, reason)

    def compile_(source, names, architecture, options=kernels.OPTIONS):
        log = io.StringIO()
        options = (*options, f"-arch=sm_{architecture}", "--ptxas-options=-v")
        binary, _ = program(source, "kernels.cu", name_expressions=names, method="cubin").compile(options, log)
        assert binary.startswith(b"\x7fELF")
        return re.findall(r".*spill.*", log.getvalue())

    return compile_


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", kernels.KERNELS)
def test_no_kernel_spills(nvrtc, file, architecture):
    """Catches: code that g++ takes and NVRTC does not; registers that overflow into memory."""
    names = kernels.instances(file)
    spills = nvrtc(kernels.source(file), names, architecture)
    assert len(spills) == len(names)
    for line in spills:
        assert NONE.search(line), line


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_build_of_the_training_kernel_spills(nvrtc, architecture):
    """Catches: a build, out of all that `train_kernel.configuration` gives for a GPU, that overflows its registers."""
    limit = 1024 * ARCHITECTURES[architecture]
    builds = {
        train_kernel.configuration([width] * layers, limit) for width in range(1, 65) for layers in train_kernel.LAYERS
    }
    names = [build.name for build in builds if build]
    assert len(names) >= 17
    spills = nvrtc(kernels.source("train"), names, architecture, train_kernel.OPTIONS)
    assert len(spills) == len(names)
    for line in spills:
        assert NONE.search(line), line


def test_a_spill_would_be_seen(nvrtc):
    """Catches: a test of spills that finds none anywhere."""
    (line,) = nvrtc(SPILLING, ["hoard<float>"], 90)
    assert not NONE.search(line)


def test_messages_point_into_the_source(nvrtc):
    """Catches: compiler messages with the line numbers of another file."""
    broken = kernels.source("adam").replace("T* M = sums;", "T* M = summs;")
    line = kernels.source("adam").split("\n").index("    T* M = sums;")  # the #line line is number 0
    with pytest.raises(Exception, match=rf"adam\.cu\({line}\): error: identifier \"summs\""):
        nvrtc(broken, ["adam<float>"], 90)
