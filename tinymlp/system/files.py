"""Files: written whole, or as they were. Every file that the package writes is written here.

A file is written under another name in the same folder, brought to the disk, and then renamed over the old one in one
step. So whoever reads it, at whatever moment the writer dies or the disk is full, finds the old file or the new one.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

__all__ = ["check_folder", "check_target", "write_text", "writing"]


@contextmanager
def writing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which becomes the file of that name if nothing is raised; else that stays as it was.

    A link stays a link, to a new file. What is no file, such as a pipe or /dev/stdout, is written to directly.

    Raises
    ------
    OSError
        If there is no such folder, or no permission, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with writing(Path(folder, "a.bin")) as file:
    ...         _ = file.write(b"abc")
    ...     Path(folder, "a.bin").read_bytes()
    b'abc'
    """
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(f"{path} may not be written")
    part = target.with_name(f".{token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, stat.S_IMODE(mode))
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text, as UTF-8, whole or not at all; as `writing`."""
    with writing(path) as file:
        file.write(text.encode("utf-8"))


def check_target(path: str | Path) -> None:
    """OSError, which says why, unless a file of that name could be written now: to be asked before the work, not after.

    It tries to make a file in the folder, and removes it.
    """
    folder, name = Path(path).parent, Path(path).name
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to save {name} in")
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder: give the name of a file in it")
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(f"{path} may not be written")
    if mode is None or stat.S_ISREG(mode):
        _try_folder(target.parent)


def check_folder(path: str | Path) -> None:
    """Make a folder, and those above it, if it is not there; OSError unless files can be written in it."""
    if os.path.exists(path) and not os.path.isdir(path):
        raise NotADirectoryError(f"{path} is a file: give the name of a folder")
    os.makedirs(path, exist_ok=True)
    _try_folder(Path(path))


def _try_folder(folder: Path) -> None:
    part = folder / f".{token_hex(8)}.part"
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise type(error)(f"nothing can be saved in {folder}: {error.strerror or error}") from error
    with suppress(OSError):
        part.unlink()


def _mode(target: Path) -> int | None:
    """What kind of file is there, and who may use it, as `os.stat` says; None if there is none."""
    try:
        return os.stat(target).st_mode
    except FileNotFoundError:
        return None
