"""Networks that `MLP.save` wrote, read back: NumPy's npz format, a zip file of arrays.

A file may be damaged, or made to do harm. So nothing of it is believed: members are stored as they are, no larger than
the file, and a member's header says the shape that the sizes need before its numbers are read. Nothing is unpickled.
"""

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .parameters import check_sizes, count_parameters

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["load"]

ENCRYPTED = 1  # a flag of zip files
WORDS = 200  # characters of what is wrong: a damaged file may hold a long list


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
        sizes = check_sizes(_member(archive, file, "sizes", "iu", None).tolist())
        params = _member(archive, file, "params", "f", (count_parameters(sizes),))
        slope, dropout = (float(_member(archive, file, name, "f", ())) for name in ("negative_slope", "dropout"))
    return cls.from_params(sizes, params, negative_slope=slope, dropout=dropout)


def _member(archive: ZipFile, file: BinaryIO, name: str, kinds: str, wanted: tuple[int, ...] | None) -> NDArray:
    """One array of these kinds of numbers, and of the wanted shape; of any length if that is None."""
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
        if dtype.kind not in kinds or (len(shape) != 1 if wanted is None else shape != wanted):
            due = "one row of integers" if wanted is None else f"{wanted} floats"
            raise ValueError(f"its array {name} is {shape} {dtype}, and not {due}")
        if prod(shape) * dtype.itemsize != info.file_size - member.tell():
            raise ValueError(
                f"its array {name} has {info.file_size - member.tell()} bytes, which are not {shape} {dtype}"
            )
        return np.frombuffer(member.read(), dtype).reshape(shape).astype(dtype.newbyteorder("="))
