"""What a benchmark says of the machine it ran on."""

import platform
from pathlib import Path

import numpy as np


def describe() -> str:
    """The processor's name, and the versions of Python and NumPy."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    cpu = names[0] if names else platform.processor() or platform.machine()
    return f"{cpu}, Python {platform.python_version()}, NumPy {np.__version__}"
