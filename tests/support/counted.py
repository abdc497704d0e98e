"""Runs for a sweep that leave a trace of how often they ran, and workers that die."""

import os
import signal
import sys
import time
from pathlib import Path

import tinymlp


def run(seed, width, folder):
    """A row that takes no training; a file in the folder says that it was made."""
    (Path(folder) / f"{width}-{seed}-{time.time_ns()}").touch()
    return {"segments": len(tinymlp.extract_segments(tinymlp.MLP([1, width, 1], seed=seed))), "third": seed / 3}


def slow(seed, width, folder):
    """The same in a twentieth of a second."""
    time.sleep(0.05)
    return run(seed, width, folder)


def deadly(seed, width, folder):
    """The same, but the first worker who gets seed 3 dies of it, with no word."""
    if seed == 3:
        try:
            (Path(folder) / "died").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
    return run(seed, width, folder)


def made(folder):
    """How often each (width, seed) ran, in all processes."""
    return sorted(tuple(map(int, path.name.split("-")[:2])) for path in Path(folder).iterdir() if "-" in path.name)


if __name__ == "__main__":  # python counted.py ROWS FOLDER: a sweep to be killed
    grid = {"width": [2, 3], "folder": [sys.argv[2]]}
    tinymlp.sweep(slow, grid, range(10), sys.argv[1], progress=False)
