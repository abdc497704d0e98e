"""numbers on disk, told apart by code."""

import json
import os
from hashlib import sha256
from pathlib import Path

import numpy as np


def code_of(folder: Path) -> str:
    """Changes with every line of the modules there and with NumPy, so that results of other code are told apart."""
    sources = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".cu")]
    return sha256(b"\0".join([*sources, np.__version__.encode()])).hexdigest()


CODE = code_of(Path(__file__).parent.parent)  # as it was when it was loaded


def code_on(device: str) -> str:
    """The code and, unless it is the CPU, the device, of which the digits come."""
    return CODE if device == "cpu" else f"{CODE} on a GPU"


def _kept(file: Path, code: str) -> dict | None:
    """The result in that file, unless there is none, or of other code."""
    try:
        result = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("code") == code else None


def _write(file: Path, content: object) -> None:
    """Write JSON; all of it or nothing, whenever the process ends."""
    half = file.with_suffix(f".{os.getpid()}.part")
    half.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")
    os.replace(half, file)
