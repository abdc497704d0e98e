"""Progress bars that cannot stop the work: a full disk, a closed terminal or no screen at all only ends the bar."""

import sys
from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar"]


class _Screen:
    """Standard error, as far as it is there."""

    def __init__(self) -> None:
        self._file = sys.stderr

    def write(self, text: str) -> None:
        try:
            if self._file is not None:
                self._file.write(text)
        except (OSError, ValueError):  # full, without a reader, or closed
            self._file = None

    def flush(self) -> None:
        try:
            if self._file is not None:
                self._file.flush()
        except (OSError, ValueError):
            self._file = None

    def __getattr__(self, name: str) -> Any:  # how wide it is, and in which encoding
        return getattr(self._file, name)


def progress_bar(*args: Any, **options: Any) -> tqdm:
    """A tqdm bar on standard error."""
    return tqdm(*args, file=_Screen(), **options)
