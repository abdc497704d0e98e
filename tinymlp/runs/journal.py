"""The rows of a sweep on disk, as JSON Lines. Lines are only added, so no end of the process loses older ones."""

import json
import os
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from types import TracebackType

__all__ = ["Journal"]


class Journal:
    """A file of rows, one on a line: ``{"key": ..., "check": ..., "row": {...}}``.

    The key says what the row is of, the check, a hash of both, that nobody changed them. A line that is torn, because
    the process ended or the disk was full, or that does not pass its check, counts as not there.

    Parameters
    ----------
    path : path
        Made, and its folder, if it is not there.
    keys : collection of str
        What is read; other rows stay in the file.

    Attributes
    ----------
    rows : dict from str to dict
        By their keys; the first of those with the same key.
    """

    def __init__(self, path: str | Path, keys: Collection[str]):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "ab+", buffering=0)  # noqa: SIM115  no buffer: a line is one write of the system
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        self.rows: dict[str, dict] = {}
        for line in lines:
            key, row = _read(line)
            if row is not None and key in keys:
                self.rows.setdefault(key, row)
        if lines[-1]:  # torn: what is added begins on a line of its own
            self._write(b"\n")

    def add(self, key: str, row: str) -> None:
        """Add a row, which is JSON."""
        self._write(f'{{"key": "{key}", "check": "{_check(key, row)}", "row": {row}}}\n'.encode())
        self.rows[key] = json.loads(row)

    def _write(self, line: bytes) -> None:
        written = self._file.write(line)
        if written != len(line):
            raise OSError(
                f"only {written} of {len(line)} bytes could be written to {self._file.name}: is the disk full?"
            )

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                os.fsync(self._file.fileno())


def _check(key: str, row: str) -> str:
    return sha256(f"{key} {row}".encode()).hexdigest()[:16]


def _read(line: bytes) -> tuple[str, dict | None]:
    """The key and the row on a line; None for the row if that is not what was written."""
    try:
        said = json.loads(line)
        key, check, row = said["key"], said["check"], said["row"]
        return (key, row) if check == _check(key, json.dumps(row)) and isinstance(row, dict) else ("", None)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", None
