"""Memory: what cannot fit into this machine is refused at once, with an estimate, before anything is made.

Linux grants memory that is not there, and ends the process when it is used. So a size that is meant for another
machine, or has a zero too many, is better refused by its number.
"""

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["check_memory", "memory_limit"]

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # version 2, version 1


def check_memory(name: str, value: Any, size: float) -> None:
    """ValueError, which names the argument and the estimate in GB (10^9 bytes), if so many bytes cannot be had."""
    limit = memory_limit()
    if size > limit:
        raise ValueError(
            f"{name} is {_short(value)}: that needs about {_gigabytes(size)} of memory, and this process can have "
            f"{_gigabytes(limit)}"
        )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.0f} GB" if size > 1e11 else f"{size / 1e9:.3g} GB"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def memory_limit() -> float:
    """How many bytes this process can have at most: what is built in, or what a container or ulimit leaves it."""
    return min(_built_in(), _allowed())


def _allowed() -> float:
    if sys.platform == "win32":
        return float("inf")
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return float("inf") if soft == resource.RLIM_INFINITY else soft


@cache
def _built_in() -> float:
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        found = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return 1024 * kilobytes.value if found else float("inf")
    limits = [float("inf")]
    with suppress(ValueError, OSError):  # of a system that does not tell
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in _CGROUPS:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            limits.append(int(Path(file).read_text()))
    return min(limit for limit in limits if limit > 0)
