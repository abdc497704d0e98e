"""CUDA sources without a GPU: compiled by a C++ compiler, run on NumPy arrays, one thread after the other.

``on_cpu.RawModule`` stands for ``cupy.RawModule`` and is used like it. The header cuda_on_cpu.h does the work and says
what it can find. It is stricter than CUDA in one thing: an argument of another type than the kernel's is an error,
where a GPU would read the wrong bytes. It needs g++ or clang++, on Linux or macOS.

>>> from tinymlp.gpu import on_cpu
>>> code = '''
... template <typename T> __global__ void square(T* x, int n) {
...     int i = blockIdx.x * blockDim.x + threadIdx.x;
...     if (i < n) x[i] *= x[i];
... }'''
>>> if on_cpu.compiler():
...     x = np.arange(5.0)
...     square = on_cpu.RawModule(code=code, name_expressions=["square<double>"]).get_function("square<double>")
...     square((2,), (3,), (x, np.int32(5)))  # two blocks of three threads
...     assert x.tolist() == [0, 1, 4, 9, 16]
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["FLAGS", "HEADER", "UCONTEXT", "Kernel", "RawModule", "compiler"]

HEADER = Path(__file__).parent / "cuda_on_cpu.h"
# macOS declares what the header has from ucontext.h only to those who ask for X/Open, and calls it deprecated
UCONTEXT = ("-D_XOPEN_SOURCE=700", "-D_DARWIN_C_SOURCE", "-Wno-deprecated-declarations")
FLAGS: tuple[str, ...] = ("-std=c++17", "-O2", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-fPIC", "-shared")
if sys.platform == "darwin":
    FLAGS += UCONTEXT


def compiler() -> str | None:
    """The C++ compiler that CXX names, or g++, or clang++; None if there is none, or no ucontext.h, as on Windows."""
    if sys.platform == "win32":
        return None
    found = (shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++") if name)
    return next(filter(None, found), None)


class RawModule:
    """The kernels of a CUDA source; compiled when the first is asked for.

    Parameters
    ----------
    code : str
    name_expressions : sequence of str
        The kernels, templates with their types: "adam<float>".
    options : sequence of str
        Further flags for the C++ compiler, as the environment's CXXFLAGS has them, too.

    Raises
    ------
    RuntimeError
        At the first `get_function`, if there is no compiler or it finds fault with the code; has its message.
    """

    def __init__(self, *, code: str, name_expressions: Sequence[str], options: Sequence[str] = ()):
        self.code, self.name_expressions, self.options = code, tuple(name_expressions), tuple(options)

    def get_function(self, name: str) -> "Kernel":
        """One of the kernels."""
        if name not in self.name_expressions:
            raise ValueError(f"name is {name!r}: give one of {', '.join(self.name_expressions)}")
        return Kernel(self._library, self.name_expressions.index(name), name)

    @cached_property
    def _library(self) -> ctypes.PyDLL:
        found = compiler()
        if found is None:
            raise RuntimeError("there is no C++ compiler to run CUDA sources on the CPU: install g++ or clang++")
        entries = "\n".join(f"CUDA_ON_CPU({k}, {name})" for k, name in enumerate(self.name_expressions))
        with tempfile.TemporaryDirectory() as folder:
            file, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
            file.write_text(f"{self.code}\n{entries}\n", "utf-8")
            flags = [*FLAGS, *self.options, *os.environ.get("CXXFLAGS", "").split()]
            command = [found, *flags, "-include", str(HEADER), "-o", str(library), str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"the kernels do not compile:\n{done.stderr}")
            return ctypes.PyDLL(str(library))  # PyDLL: the header runs one launch at a time


class Kernel:
    """A kernel to launch, as in ``kernel((blocks,), (threads,), (array, np.int64(n), np.float32(lr)))``.

    Attributes
    ----------
    max_dynamic_shared_size_bytes : int
        How much dynamic shared memory a launch may ask for; 48 KiB, as in CUDA, if not set.
    """

    max_dynamic_shared_size_bytes = 48 * 1024

    def __init__(self, library: ctypes.PyDLL, number: int, name: str):
        self.name, self._launch = name, library[f"launch_{number}"]
        self._launch.restype = ctypes.c_char_p
        signature = library[f"signature_{number}"]
        signature.restype = ctypes.c_char_p
        self.signature = signature().decode().split()

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0) -> None:
        """Run all threads of all blocks, each block with so many bytes of dynamic shared memory.

        Raises
        ------
        TypeError
            If an argument is not of the type that the kernel takes. As in CuPy, a float is a double and an int a
            long long; NumPy's scalars are what they are.
        ValueError
            If an array has gaps, or more shared memory is asked for than was allowed.
        RuntimeError
            If some threads of a block wait at a barrier, or of a warp at a shuffle, and others do not.
        """
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise ValueError(
                f"shared_mem is {shared_mem}: {self.name} may have {self.max_dynamic_shared_size_bytes} bytes; "
                "set max_dynamic_shared_size_bytes first"
            )
        if len(args) != len(self.signature):
            raise TypeError(f"{self.name} takes {len(self.signature)} arguments, not {len(args)}")
        values = []
        for position, (wanted, arg) in enumerate(zip(self.signature, args, strict=True)):
            value = arg if isinstance(arg, np.ndarray) else np.asarray(arg)
            given = ("*" if isinstance(arg, np.ndarray) else "") + str(value.dtype)
            if given != wanted:
                raise TypeError(
                    f"argument {position} of {self.name} is {given}, and it takes {wanted} (* is an array): "
                    "a GPU would read the wrong bytes"
                )
            if isinstance(arg, np.ndarray) and not arg.flags.c_contiguous:
                raise ValueError(f"argument {position} of {self.name} has gaps in memory: give a C-contiguous array")
            values.append(np.array(value.ctypes.data, np.uintp) if isinstance(arg, np.ndarray) else value)
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        sizes = [(ctypes.c_uint * 3)(*shape, *(3 - len(shape)) * [1]) for shape in (grid, block)]
        if problem := self._launch(*sizes, ctypes.c_uint(shared_mem), pointers):
            raise RuntimeError(f"{self.name}: {problem.decode()}")
