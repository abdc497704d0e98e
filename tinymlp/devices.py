"""NumPy or CuPy, and what devices there are: the one place that knows."""

import os
import platform
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["DEVICES", "array_module", "choose_device", "describe", "device_of", "fill", "model_of", "move"]

DEVICES = ("cpu", "gpu", "auto")
INSTALL = (
    'pip install "cupy-cuda13x[ctk]" (for CUDA 13) or pip install "cupy-cuda12x[ctk]" (for CUDA 12); '
    "without [ctk] where the CUDA toolkit is installed"
)


def array_module(device: str) -> ModuleType:
    """The array module of a device: numpy for "cpu", cupy for "gpu". It never falls back.

    Raises
    ------
    RuntimeError
        If "gpu" is asked for and CuPy is not installed or finds no device; the message has the install line.
    """
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(f"device is 'gpu', but CuPy cannot be imported ({error}): {INSTALL}") from error
    if not cupy.is_available():
        raise RuntimeError(
            f"device is 'gpu', but CuPy finds no CUDA device; its build must match the driver: {INSTALL}"
        )
    return cupy


def choose_device(device: str) -> str:
    """ "cpu" or "gpu", whichever is meant: "auto" is the GPU if there is one.

    Raises
    ------
    ValueError
        If the device is none of "cpu", "gpu", "auto".
    RuntimeError
        If "gpu" is asked for and not there.
    """
    if device not in DEVICES:
        raise ValueError(f"device is {device!r}: give one of {', '.join(DEVICES)}")
    if device == "cpu":
        return "cpu"
    try:
        array_module("gpu")
    except RuntimeError:
        if device == "gpu":
            raise
        return "cpu"
    return "gpu"


def device_of(array: Any) -> str:
    """ "cpu" for a NumPy array, "gpu" for any other."""
    return "cpu" if isinstance(array, np.ndarray) else "gpu"


def move(array: Any, device: str) -> Any:
    """The array on that device; itself if it is there already."""
    device = choose_device(device)
    if device_of(array) == device:
        return array
    xp = array_module(device)
    return array.get() if xp is np else xp.asarray(array)


def fill(array: Any, values: Any) -> None:
    """Copy values, numbers or an array on any device, into an array."""
    if hasattr(values, "shape"):
        values = move(values, device_of(array))
    array[...] = values


@cache
def model_of(device: str) -> str:
    """The model of the GPU or of the processor that "gpu" or "cpu" stands for in this process."""
    if device == "gpu":
        runtime = array_module("gpu").cuda.runtime
        return runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # no Linux
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def describe() -> list[str]:
    """One line for the CPU and one for each GPU; if there is no GPU, a line that says why."""
    lines = [f"cpu    {os.cpu_count()} processors, {platform.machine()}, NumPy {np.__version__}"]
    try:
        cupy = array_module("gpu")
    except RuntimeError as error:
        return [*lines, "no gpu " + str(error).removeprefix("device is 'gpu', but ")]
    cuda = cupy.cuda.runtime
    for number in range(cuda.getDeviceCount()):
        gpu = cuda.getDeviceProperties(number)
        lines.append(
            f"gpu {number}  {gpu['name'].decode()}, {gpu['totalGlobalMem'] / 2**30:.0f} GiB, "
            f"{gpu['multiProcessorCount']} multiprocessors, sm_{gpu['major']}{gpu['minor']}, "
            f"{gpu['sharedMemPerBlockOptin'] / 2**10:.0f} KiB of shared memory a block, CuPy {cupy.__version__}, "
            f"CUDA {_release(cuda.runtimeGetVersion())}, driver for CUDA {_release(cuda.driverGetVersion())}"
        )
    return lines


def _release(number: int) -> str:
    """13.2 for 13020, as CUDA counts."""
    return f"{number // 1000}.{number % 1000 // 10}"
