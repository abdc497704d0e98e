"""Results: numbers on disk, each with the code that it comes from."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..runs.fingerprint import CODE

__all__ = ["digits_of", "read_result", "write_json"]


def digits_of(device: str, seeds: Sequence[int]) -> str:
    """What the digits of a network's result depend on: the code, a GPU, and on a CPU the networks that learn beside it.

    On a CPU several networks find their gradients by segments, in rows that are as long as the longest, so that sums
    are rounded otherwise than alone; after thousands of steps nothing is left of the last digits.
    """
    if device == "gpu":
        return f"{CODE} on a GPU"
    return CODE if len(seeds) == 1 else f"{CODE} by segments, seeds {', '.join(map(str, seeds))}"


def read_result(file: Path, code: str) -> dict | None:
    """The result in that file; None if there is no file, or it comes from other code."""
    try:
        result = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("code") == code else None


def write_json(file: Path, content: object) -> None:
    """Write a file, all of it or nothing, whenever the process ends."""
    half = file.with_suffix(f".{os.getpid()}.part")
    half.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
    os.replace(half, file)
