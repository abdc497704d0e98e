"""A network in a file of its own, written and read back: NumPy's npz format, a zip file of arrays.

A file may be damaged, or made to do harm. So nothing of it is believed: members are stored as they are, no larger than
the file, and a member's header says the shape that the sizes need before its numbers are read. Nothing is unpickled.
"""

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..system.files import writing
from .parameters import check_sizes, count_parameters

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["load", "save"]

ENCRYPTED = 1  # a flag of zip files
WORDS = 200  # characters of what is wrong: a damaged file may hold a long list


def save(net: "MLP", path: str | Path) -> None:
    """Write the network to this very path, in NumPy's npz format: all of it, or the file stays as it was."""
    ties: dict[str, Any] = {} if net.ties is None else {"ties": net.ties}
    with writing(path) as file:
        np.savez(
            file,
            sizes=net.sizes,
            params=net.to("cpu").params,
            negative_slope=net.negative_slope,
            dropout=net.dropout,
            **ties,
        )


def load(cls: type["MLP"], path: str | Path) -> "MLP":
    """Read a network that `save` wrote.

    Raises
    ------
    ValueError
        If the file is something else, or damaged; the message names it and says what is wrong.
    OSError
        If it cannot be opened.
    """
    with Path(path).open("rb") as file:
        try:
            return _read(cls, file)
        except Exception as error:  # zipfile and NumPy raise a dozen kinds for damaged files, and do not list them
            words = f"{error}"[:WORDS] or type(error).__name__
            raise ValueError(f"{path} is not a network that MLP.save wrote: {words}") from error


def _read(cls: type["MLP"], file: BinaryIO) -> "MLP":
    with ZipFile(file) as archive:
        sizes = check_sizes(_member(archive, file, "sizes", "iu").tolist())
        params = _member(archive, file, "params", "f", (count_parameters(sizes),))
        slope, dropout = (float(_member(archive, file, name, "f", ())) for name in ("negative_slope", "dropout"))
        ties = None
        if "ties.npy" in archive.namelist():
            shapes = (4, 0), (4, sum(sizes[1:-1]))
            ties = _member(archive, file, "ties", "f", *shapes)
    return cls.from_params(sizes, params, negative_slope=slope, dropout=dropout, ties=ties)


def _member(archive: ZipFile, file: BinaryIO, name: str, kinds: str, *wanted: tuple[int, ...]) -> NDArray:
    """One array of these kinds of numbers, and of one of the wanted shapes; one row of any length if there are none."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no {name}")
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & ENCRYPTED:
        raise ValueError(f"its array {name} is compressed or encrypted, which MLP.save does not do")
    if info.file_size > os.fstat(file.fileno()).st_size:
        raise ValueError(f"its array {name} is said to have {info.file_size} bytes, more than the file")
    with archive.open(info) as member:
        try:
            if npy.read_magic(member) != (1, 0):
                raise ValueError("another version")
            shape, _, dtype = npy.read_array_header_1_0(member)
        except Exception as error:  # of Python's own parser, among others
            raise ValueError(f"the header of its array {name} cannot be read") from error
        if dtype.kind not in kinds or (shape not in wanted if wanted else len(shape) != 1):
            due = f"{' or '.join(map(str, wanted))} floats" if wanted else "one row of integers"
            raise ValueError(f"its array {name} is {shape} {dtype}, and not {due}")
        if prod(shape) * dtype.itemsize != info.file_size - member.tell():
            raise ValueError(
                f"its array {name} has {info.file_size - member.tell()} bytes, which are not {shape} {dtype}"
            )
        return np.frombuffer(member.read(), dtype).reshape(shape).astype(dtype.newbyteorder("="))
