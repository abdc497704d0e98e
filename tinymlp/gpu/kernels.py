"""CUDA kernels: the GPU's way to do what NumPy does element by element.

Each kernel is a NumPy function again, line by line, written for one thread of many:

    layer.cu   leaky_relu, leaky_relu_backward, mean_squared_error (backprop.py)
    adam.cu    adam (optim.py)

Matrix products are not among them; CuPy's are NVIDIA's own. The functions here check, cast and launch. CUDA itself
checks nothing: a kernel that is handed a double for a float, or an array on the CPU, reads whatever lies there.

CuPy compiles a source at its first launch, for the GPU at hand, and keeps the result on disk. ``--fmad=false`` forbids
it to round a product and a sum once instead of twice; NumPy does not do that either, so the two give the same digits.
``on_cpu`` runs the same sources without a GPU.
"""

from functools import cache
from importlib import resources
from numbers import Real
from typing import Any

import numpy as np

from ..devices import array_module

__all__ = [
    "KERNELS",
    "TYPES",
    "adam",
    "check",
    "compiled",
    "instances",
    "leaky_relu",
    "leaky_relu_backward",
    "mean_squared_error",
    "source",
]

THREADS = 256  # of a block, in these kernels
BLOCKS = 1024  # at most; threads go on in strides
OPTIONS = ("-std=c++17", "--fmad=false")
TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
KERNELS = {
    "layer": ("leaky_relu", "leaky_relu_backward", "squared_error", "mean_of_parts"),
    "adam": ("adam",),
}


def source(file: str) -> str:
    """The text of a .cu file, which compilers then call by its name."""
    text = resources.files(__package__).joinpath(f"{file}.cu").read_text("utf-8")
    return f'#line 1 "{file}.cu"\n{text}'


def instances(file: str) -> list[str]:
    """The kernels of a file for both types, as in "adam<float>"."""
    return [f"{kernel}<{type_}>" for kernel in KERNELS[file] for type_ in TYPES.values()]


@cache
def compiled(file: str) -> dict[str, Any]:
    """The kernels of a file, as CuPy launches them, by `instances`."""
    module = array_module("gpu").RawModule(code=source(file), options=OPTIONS, name_expressions=instances(file))
    return {instance: module.get_function(instance) for instance in instances(file)}


def leaky_relu(z: Any, negative_slope: float) -> None:
    """z <- max(z, negative_slope * z), in place; a CuPy array of any shape, float32 or float64."""
    check(z=z)
    _launch("layer", "leaky_relu", [z], z.size, negative_slope)


def leaky_relu_backward(d: Any, a: Any, negative_slope: float) -> None:
    """d <- d where a > 0, elsewhere negative_slope * d, in place."""
    check(d=d, a=a)
    _launch("layer", "leaky_relu_backward", [d, a], d.size, negative_slope)


def mean_squared_error(z: Any, y: Any, size: float) -> Any:
    """z <- 2 (z - y) / size, in place; returns sum (z - y)^2 / size, a CuPy array of shape ()."""
    check(z=z, y=y)
    xp = array_module("gpu")
    part, loss = xp.empty(_blocks(z.size), z.dtype), xp.empty((), z.dtype)
    _launch("layer", "squared_error", [z, y, part], z.size, 2 / size)
    _launch("layer", "mean_of_parts", [part, loss], part.size, size, blocks=1)
    return loss


def adam(
    params: Any, grad: Any, sums: Any, betas: tuple[float, float], rate: float, eps: float, weight_decay: float
) -> None:
    """Change params, and sums, which are M and V one above the other, (2, *shape of params); see `Adam`."""
    check(params=params, grad=grad)
    check(sums=sums)
    if sums.shape != (2, *params.shape) or sums.dtype != params.dtype:
        raise ValueError(
            f"sums is {sums.shape} {sums.dtype}, and params {params.shape} {params.dtype}: "
            "sums need two arrays like params, one above the other"
        )
    _launch("adam", "adam", [params, grad, sums], params.size, *betas, rate, eps, weight_decay)


def check(**arrays: Any) -> None:
    """TypeError or ValueError unless all are CuPy arrays alike: float32 or float64, one shape, gapless, on this GPU."""
    xp = array_module("gpu")
    here = xp.cuda.runtime.getDevice()
    (first, like), *_ = arrays.items()
    for name, array in arrays.items():
        if not isinstance(array, xp.ndarray):
            raise TypeError(f"{name} is a {type(array).__module__}.{type(array).__name__}: give a CuPy array")
        if array.dtype not in TYPES:
            raise TypeError(f"{name} has dtype {array.dtype}: give float32 or float64")
        if array.dtype != like.dtype:
            raise TypeError(f"{name} has dtype {array.dtype} and {first} has {like.dtype}: give one dtype")
        if array.shape != like.shape:
            raise ValueError(f"{name} has shape {array.shape} and {first} has {like.shape}: give one shape")
        if array.size == 0:
            raise ValueError(f"{name} is empty, shape {array.shape}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} has gaps or another order in memory: give a C-contiguous array")
        if array.device.id != here:
            raise ValueError(f"{name} is on GPU {array.device.id}, and the current one is {here}: use one GPU")


def _blocks(n: int) -> int:
    return min(-(-n // THREADS), BLOCKS)


def _launch(file: str, kernel: str, arrays: list[Any], n: int, *numbers: float, blocks: int | None = None) -> None:
    """Launch a kernel of (arrays, long long n, T numbers ...), T being the dtype of the arrays."""
    for number in numbers:
        if not isinstance(number, Real):
            raise TypeError(f"{kernel} got {number!r}, a {type(number).__name__}: give a number")
    dtype = arrays[0].dtype
    args = (*arrays, np.int64(n), *map(dtype.type, numbers))
    compiled(file)[f"{kernel}<{TYPES[dtype]}>"]((blocks or _blocks(n),), (THREADS,), args)
