"""A stand-in for CuPy, made of NumPy and of kernels on the CPU, so that the GPU's path runs where there is no GPU.

It is as strict as CuPy, and stricter: no NumPy array gets in or out but through ``asarray`` and ``get``, every look at
a value is counted in ``reads``, ``empty`` holds NaN, and kernels refuse arguments of a wrong type. It has only the
names that our code uses, with CuPy's signatures; before one is added, CuPy's documentation is to be read. What it
cannot show is what CuPy itself does: ``tests/gpu`` runs the same tests on the real one.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np

from tinymlp.gpu import on_cpu

__version__ = "stand-in"
reads = 0


def is_available():
    return True


class ndarray:
    __array_ufunc__ = None  # NumPy's scalars ask ours first

    def __init__(self, host):
        self.host = host

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    size = property(lambda self: self.host.size)
    ndim = property(lambda self: self.host.ndim)
    flags = property(lambda self: self.host.flags)
    T = property(lambda self: ndarray(self.host.T))
    real = property(lambda self: ndarray(self.host.real))
    imag = property(lambda self: ndarray(self.host.imag))
    device = SimpleNamespace(id=0)
    __cuda_array_interface__ = property(lambda self: {"shape": self.host.shape, "typestr": self.host.dtype.str})

    def get(self):
        global reads
        reads += 1
        return self.host.copy()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __float__(self):
        return float(self.get())

    def __bool__(self):
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return map(ndarray, (self.host[i, ...] for i in range(len(self.host))))

    def __getitem__(self, key):
        return ndarray(self.host[_index(key)])

    def __setitem__(self, key, value):
        self.host[_index(key)] = _number(value)

    def copy(self):
        return ndarray(self.host.copy())

    def astype(self, dtype, *, copy=True):
        return ndarray(self.host.astype(dtype, copy=copy))

    def reshape(self, *shape):
        return ndarray(self.host.reshape(*shape))

    def transpose(self, *axes):
        return ndarray(self.host.transpose(*axes))

    def take(self, indices, axis=None):
        return ndarray(self.host.take(_ours(indices), axis))

    def view(self, dtype):
        return ndarray(self.host.view(dtype))

    def repeat(self, repeats, axis=None):
        if isinstance(repeats, ndarray):
            raise ValueError("cupy.ndarray cannot be specified as `repeats` argument.")
        return ndarray(self.host.repeat(repeats, axis))

    def dot(self, other):
        return ndarray(self.host.dot(_ours(other)))

    def searchsorted(self, v):
        return ndarray(self.host.searchsorted(_ours(v)))

    def nonzero(self):
        return tuple(map(ndarray, self.host.nonzero()))

    def cumsum(self, axis=None):
        return ndarray(self.host.cumsum(axis))

    def argsort(self):
        return ndarray(self.host.argsort(kind="stable"))

    def sum(self, axis=None):
        return ndarray(np.asarray(self.host.sum(axis)))

    def max(self, axis=None):
        return ndarray(np.asarray(self.host.max(axis)))

    def all(self, axis=None):
        return ndarray(np.asarray(self.host.all(axis)))

    def any(self, axis=None):
        return ndarray(np.asarray(self.host.any(axis)))

    def __abs__(self):
        return ndarray(abs(self.host))

    def __invert__(self):
        return ndarray(~self.host)

    def __iadd__(self, other):
        self.host += _number(other)
        return self

    def __isub__(self, other):
        self.host -= _number(other)
        return self

    def __imul__(self, other):
        self.host *= _number(other)
        return self

    def __ixor__(self, other):
        self.host ^= _number(other)
        return self

    def __ior__(self, other):
        self.host |= _number(other)
        return self

    def __iand__(self, other):
        self.host &= _number(other)
        return self


def _operator(name):
    return lambda self, other: ndarray(np.asarray(getattr(self.host, name)(_number(other))))


for name in (
    "add",
    "radd",
    "sub",
    "rsub",
    "mul",
    "rmul",
    "truediv",
    "rtruediv",
    "floordiv",
    "mod",
    "and",
    "xor",
    "or",
    "matmul",
    "gt",
    "ge",
    "lt",
    "eq",
    "ne",
):
    setattr(ndarray, f"__{name}__", _operator(f"__{name}__"))


def _number(value):
    """A number, or what an array of ours holds."""
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return value.host if isinstance(value, ndarray) else value


def _index(key):
    return tuple(map(_number, key)) if isinstance(key, tuple) else _number(key)


def asarray(values, dtype=None):
    return values if isinstance(values, ndarray) and dtype in (None, values.dtype) else array(values, dtype)


def array(values, dtype=None):
    """Of numbers, of a NumPy array, or of a list of arrays of ours, which must be of one dtype."""
    if isinstance(values, list) and values and isinstance(values[0], ndarray):
        assert len({(value.shape, value.dtype) for value in values}) == 1
        values = [value.host for value in values]
    return ndarray(np.array(values.host if isinstance(values, ndarray) else values, dtype))


def empty(shape, dtype=float):
    return ndarray(np.full(shape, np.nan).astype(dtype))


def empty_like(a):
    return empty(a.shape, a.dtype)


def zeros(shape, dtype=float):
    return ndarray(np.zeros(shape, dtype))


def zeros_like(a):
    return zeros(a.shape, a.dtype)


def ones(shape, dtype=float):
    return ndarray(np.ones(shape, dtype))


def full(shape, fill_value, dtype=None):
    return ndarray(np.full(shape, _number(fill_value), dtype))


def arange(start, stop=None, step=1, dtype=None):
    return ndarray(np.arange(start, stop, step, dtype))


def ascontiguousarray(a):
    return ndarray(np.ascontiguousarray(_ours(a)))


def stack(arrays):
    return ndarray(np.stack([_ours(a) for a in arrays]))


def concatenate(arrays, axis=0):
    return ndarray(np.concatenate([_ours(a) for a in arrays], axis))


def isfinite(a):
    return ndarray(np.asarray(np.isfinite(_ours(a))))


def isinf(a):
    return ndarray(np.asarray(np.isinf(_ours(a))))


def sign(a):
    return ndarray(np.sign(_ours(a)))


def maximum(a, b):
    return ndarray(np.maximum(_ours(a), _number(b)))


def minimum(a, b):
    return ndarray(np.minimum(_ours(a), _number(b)))


def fmax(a, b):
    return ndarray(np.fmax(_ours(a), _ours(b)))


def fmin(a, b):
    return ndarray(np.fmin(_ours(a), _ours(b)))


def add(a, b, out):
    np.add(_ours(a), _number(b), out=_ours(out))
    return out


def subtract(a, b, out):
    np.subtract(_ours(a), _number(b), out=_ours(out))
    return out


def multiply(a, b, out):
    np.multiply(_ours(a), _number(b), out=_ours(out))
    return out


def divide(a, b, out):
    np.divide(_ours(a), _number(b), out=_ours(out))
    return out


def sqrt(a, out):
    np.sqrt(_ours(a), out=_ours(out))
    return out


def dot(a, b, out):
    if not out.flags.c_contiguous or not a.dtype == b.dtype == out.dtype:
        raise ValueError("Output array must be C-contiguous")
    np.matmul(_ours(a), _ours(b), out=_ours(out))
    return out


def divmod(a, b):
    return tuple(map(ndarray, np.divmod(_ours(a), b)))


def lexsort(keys):
    """Of an array with one row for each key; no tuple."""
    return ndarray(np.lexsort(_ours(keys)))


def sort(a, axis=-1):
    return ndarray(np.sort(_ours(a), axis))


def where(condition, x, y):
    return ndarray(np.where(_ours(condition), _number(x), _number(y)))


def flatnonzero(a):
    return ndarray(np.flatnonzero(_ours(a)))


def bincount(x, weights=None, minlength=None):
    assert weights is None
    return ndarray(np.bincount(_ours(x), minlength=minlength or 0))


def cumsum(a, axis=None, dtype=None):
    return ndarray(np.cumsum(_ours(a), axis, dtype))


def _ours(a):
    if not isinstance(a, ndarray):
        raise TypeError(f"Unsupported type {type(a)}")
    return a.host


_compiled = cache(on_cpu.RawModule)


class RawModule:
    def __init__(self, *, code, options, name_expressions):
        assert all(option.startswith("-") for option in options)  # they are for NVRTC
        self.module = _compiled(code=code, name_expressions=tuple(name_expressions))

    def get_function(self, name):
        return RawKernel(self.module.get_function(name))


class RawKernel:
    max_dynamic_shared_size_bytes = 48 * 1024

    def __init__(self, kernel):
        self.kernel = kernel

    def __call__(self, grid, block, args, *, shared_mem=0):
        self.kernel.max_dynamic_shared_size_bytes = self.max_dynamic_shared_size_bytes
        self.kernel(grid, block, tuple(map(_number, args)), shared_mem=shared_mem)


cuda = SimpleNamespace(
    runtime=SimpleNamespace(
        getDevice=lambda: 0,
        getDeviceCount=lambda: 1,
        runtimeGetVersion=lambda: 13020,
        driverGetVersion=lambda: 13000,
        getDeviceProperties=lambda number: {
            "name": b"A GPU of paper",
            "totalGlobalMem": 80 * 2**30,
            "multiProcessorCount": 132,
            "major": 9,
            "minor": 0,
            "sharedMemPerBlockOptin": 227 * 2**10,
        },
    )
)
