"""What a benchmark says of the machine it ran on."""

import os
import platform
from pathlib import Path

import numpy as np


def describe() -> str:
    """The processor's name and widest vectors, and the versions of Python and NumPy."""
    info = Path("/proc/cpuinfo")
    lines = [line.split(":") for line in info.read_text().splitlines() if ":" in line] if info.exists() else []
    about = {line[0].strip(): line[1].strip() for line in reversed(lines)}
    cpu = about.get("model name") or platform.processor() or platform.machine()
    return f"{cpu}{vectors(about.get('flags', ''))}, Python {platform.python_version()}, NumPy {np.__version__}"


def vectors(flags: str) -> str:
    """The widest vectors of a processor with these flags, and those BLAS is told to use if it is told."""
    widest = next((f" with {name}" for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    kernels = os.environ.get("OPENBLAS_CORETYPE")
    return widest + (f" (OpenBLAS as on {kernels})" if kernels else "")
