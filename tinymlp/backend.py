"""NumPy or CuPy, and how many threads NumPy's matrix products use: the one place that knows."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

DEVICES = ("cpu", "gpu")
INSTALL = "pip install cupy-cuda13x (for CUDA 13) or pip install cupy-cuda12x (for CUDA 12)"


def array_module(device: str) -> ModuleType:
    """The array module of a device: numpy for "cpu", cupy for "gpu". It never falls back.

    Raises
    ------
    ValueError
        If the device is neither.
    RuntimeError
        If "gpu" is asked for and CuPy is not installed or finds no device; the message has the install line.
    """
    if device == "cpu":
        return np
    if device != "gpu":
        raise ValueError(f"device is {device!r}: give one of {', '.join(DEVICES)}")
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(f"device is 'gpu', but CuPy is not installed: {INSTALL}") from error
    if not cupy.is_available():
        raise RuntimeError(
            f"device is 'gpu', but CuPy finds no CUDA device; the build must match the driver: {INSTALL}"
        )
    return cupy


def device_of(array: Any) -> str:
    """ "cpu" for a NumPy array, "gpu" for any other."""
    return "cpu" if isinstance(array, np.ndarray) else "gpu"


def move(array: Any, device: str) -> Any:
    """The array on that device; itself if it is there already."""
    if device_of(array) == device:
        return array
    xp = array_module(device)
    return array.get() if xp is np else xp.asarray(array)


_controller = cache(ThreadpoolController)


def blas_threads(width: int) -> AbstractContextManager:
    """A context in which matrix products of networks of that width run on a sensible number of threads.

    Up to width 64 that is one: the products are so small that threads only wait for each other (on a busy machine,
    up to thirty times slower). Above, BLAS decides.
    """
    return _controller().limit(limits=1, user_api="blas") if width <= 64 else nullcontext()
