"""Results: numbers on disk, each with the code that it comes from, and a digest that tells a damaged file."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from ..devices import model_of
from ..runs.fingerprint import CODE
from ..system.files import write_text

__all__ = ["digits_of", "read_result", "write_json", "write_result"]


def digits_of(device: str, seeds: Sequence[int]) -> str:
    """What the digits of a network's result depend on: the code, a GPU, and on a CPU the networks that learn beside it.

    On a CPU several networks find their gradients by segments, in rows that are as long as the longest, so that sums
    are rounded otherwise than alone; after thousands of steps nothing is left of the last digits.
    """
    if device == "gpu":
        return f"{CODE} on {model_of('gpu')}"
    return CODE if len(seeds) == 1 else f"{CODE} by segments, seeds {', '.join(map(str, seeds))}"


def read_result(file: Path, code: str) -> dict | None:
    """The result that `write_result` wrote there; None if there is none, it is damaged, or it comes from other code."""
    try:
        result = json.loads(file.read_text("utf-8"))
        digest = result.pop("digest")
        return result if result["code"] == code and digest == _digest(result) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_result(file: Path, result: dict) -> None:
    """Write a result, with a digest of all it says."""
    write_json(file, result | {"digest": _digest(result)})


def _digest(result: dict) -> str:
    text = json.dumps(result, sort_keys=True, allow_nan=False)  # ValueError for what JSON cannot say
    return sha256(text.encode()).hexdigest()


def write_json(file: Path, content: object) -> None:
    """Write a file, all of it or nothing, whenever the process ends."""
    write_text(file, json.dumps(content, indent=1, allow_nan=False) + "\n")
