"""Kernels on the CPU: what stands for CuPy there."""

import sys
from contextlib import contextmanager

import pytest
import strict_cupy

from tinymlp.gpu import kernels, on_cpu, train_kernel


@pytest.fixture
def compiler(request, need):
    """A C++ compiler."""
    need(request, "--require-compilers", on_cpu.compiler(), "no C++ compiler to run CUDA sources: install g++")
    return on_cpu.compiler()


@pytest.fixture
def cupy(monkeypatch, compiler):
    """The stand-in."""
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
    for compiled in (kernels.compiled, train_kernel.compiled):
        compiled.cache_clear()
    yield strict_cupy
    for compiled in (kernels.compiled, train_kernel.compiled):  # or tests on a GPU would get what is for the CPU
        compiled.cache_clear()


@pytest.fixture
def no_reads():
    """A context in which no value may come from the device to the CPU."""

    @contextmanager
    def context():
        before = strict_cupy.reads
        yield
        assert strict_cupy.reads == before

    return context
