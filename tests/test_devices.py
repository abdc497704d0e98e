"""Devices and threads."""

import sys

import numpy as np
import pytest

from tinymlp import MLP, devices


def test_unknown_device():
    """Catches: a mistyped device that falls back to the CPU."""
    with pytest.raises(ValueError, match="device is 'cuda'"):
        MLP([1, 1]).to("cuda")


def test_gpu_without_cupy_says_how_to_install_it(monkeypatch):
    """Catches: a silent fall-back to the CPU, or a bare ImportError."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=r'pip install "cupy-cuda13x.*CUDA 13.*pip install "cupy-cuda12x.*CUDA 12'):
        MLP([1, 1]).to("gpu")


def test_gpu_without_a_device(monkeypatch):
    """Catches: CuPy that is installed on a machine without a device taken for a GPU."""

    class NoDevice:
        @staticmethod
        def is_available():
            return False

    monkeypatch.setitem(sys.modules, "cupy", NoDevice)
    with pytest.raises(RuntimeError, match="finds no CUDA device"):
        MLP([1, 1]).to("gpu")


def test_cpu_is_where_a_network_starts():
    """Catches: a needless copy."""
    net = MLP([1, 1])
    assert net.device == "cpu"
    assert net.to("cpu") is net
    assert devices.array_module("cpu") is np
