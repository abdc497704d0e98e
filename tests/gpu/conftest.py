"""CuPy, twice: each test that asks for `cupy` runs on the stand-in, on any CPU, and on a GPU if there is one.

``-m gpu`` chooses those on a GPU, ``-m "not gpu"`` all others.
"""

import sys
from contextlib import contextmanager

import pytest
from support import strict_cupy

from tinymlp import devices
from tinymlp.gpu import kernels, on_cpu, train_kernel


def forget_compiled_kernels():
    """Or what was compiled for the one would be launched on the other."""
    for compiled in (kernels.compiled, train_kernel.compiled):
        compiled.cache_clear()


@pytest.fixture
def compiler(request, need):
    """A C++ compiler."""
    need(request, "--require-compilers", on_cpu.compiler(), "no C++ compiler to run CUDA sources: install g++")
    return on_cpu.compiler()


@pytest.fixture
def stand_in(monkeypatch, compiler):
    """What stands for CuPy on a CPU."""
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
    forget_compiled_kernels()
    yield strict_cupy
    forget_compiled_kernels()


@pytest.fixture
def real_cupy(request, need):
    """CuPy itself, or a skip that says why there is none (a failure, with --require-gpu)."""
    try:
        found, reason = devices.array_module("gpu"), ""
    except RuntimeError as error:
        found, reason = None, str(error)
    need(request, "--require-gpu", found, reason)
    forget_compiled_kernels()
    return found


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request):
    """The stand-in, then CuPy itself."""
    return request.getfixturevalue("stand_in" if request.param == "stand-in" else "real_cupy")


@pytest.fixture
def no_reads(cupy):
    """A context in which no value may come from the device to the CPU."""

    @contextmanager
    def counted():
        before = strict_cupy.reads
        yield
        assert strict_cupy.reads == before

    @contextmanager
    def watched_by_cupy():
        import cupyx

        with pytest.warns(UserWarning, match="allow_synchronize"), cupyx.allow_synchronize(False):
            yield

    return counted if cupy is strict_cupy else watched_by_cupy
