"""Numbers from text files with columns (CSV), of whatever dialect: cells between commas, semicolons, tabs or blanks.

The first lines tell the dialect; then NumPy's own reader goes through the file block by block, so that memory holds
the numbers and one block of text. Where it stumbles, the block is halved until the line is found.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from .system.progress import progress_bar

__all__ = ["Column", "read_columns"]

Column = str | int  # its name in the header, or its number from 0
DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", None: "blanks"}  # in the order in which they are tried
MISSING = ("", "na", "n/a", "nan", "null", "none", "nil", "inf", "infinity")  # words that are no names
BLOCK = 2**22  # characters of text that are read at once
LONGEST = 2**17  # characters of a line
SWAP = str.maketrans(",.", "._")  # of decimal commas; a point beside them then is an error


class Layout(NamedTuple):
    """What the first lines of a file tell about the rest."""

    delimiter: str | None
    names: list[str] | None  # of the header
    width: int
    x: list[int]  # columns
    y: list[int]

    def cells(self, line: str) -> list[str]:
        """The cells of a line, without its comment."""
        return _cells(line, self.delimiter)

    def name(self, column: int) -> str:
        """As in "column 2 (temperature)"; the first is 1, as for the lines."""
        return f"column {column + 1}" + (f" ({self.names[column]})" if self.names else "")


def read_columns(
    path: str | Path,
    x: Column | Sequence[Column] | None,
    y: Column | Sequence[Column] | None,
    progress: bool,
) -> tuple[NDArray, NDArray]:
    """The columns x (n, inputs) and y (n, outputs) of a file, float64; arguments and errors as `Dataset.from_csv`."""
    with Path(path).open("rb") as raw:
        encoding = "utf-16" if raw.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        size = os.fstat(raw.fileno()).st_size
        blocks_x, blocks_y = [], []
        with (
            TextIOWrapper(raw, encoding, errors="backslashreplace") as file,
            progress_bar(total=size, desc="read", unit="B", unit_scale=True, disable=not progress) as bar,
        ):
            layout, sign = None, ".,"
            for begin, lines in _blocks(file, path):
                if layout is None:
                    data = [(k, line) for k, line in enumerate(lines) if _text(line)][:2]
                    if not data:
                        continue
                    layout = _find_layout(path, begin, data, x, y)
                    if layout.names is not None:
                        lines[data[0][0]] = ""
                table, sign = _read_block(path, layout, begin, lines, sign)
                blocks_x.append(table[:, : len(layout.x)].copy())
                blocks_y.append(table[:, len(layout.x) :].copy())
                if raw.seekable():
                    bar.update(raw.tell() - bar.n)
    if not any(map(len, blocks_x)):
        raise ValueError(f"{path} has no rows of numbers")
    columns_x = np.concatenate(blocks_x)
    blocks_x.clear()  # so that never more than the numbers and half of them again are in memory
    return columns_x, np.concatenate(blocks_y)


def _blocks(file: TextIO, path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Lists of whole lines, each with the number of its first line, from 1."""
    begin = 1
    while block := file.read(BLOCK):
        rest = "" if block.endswith("\n") else file.readline(LONGEST)
        if len(rest) == LONGEST and not rest.endswith("\n"):
            raise ValueError(f"{path} has a line of more than {LONGEST} characters: it is no table of numbers")
        lines = (block + rest).removesuffix("\n").split("\n")
        yield begin, lines
        begin += len(lines)


def _text(line: str) -> str:
    """A line without its comment and the blanks around it."""
    return line.partition("#")[0].strip()


def _cells(line: str, delimiter: str | None) -> list[str]:
    text = line.partition("#")[0].strip("\r\n" if delimiter == "\t" else None)
    if delimiter is None:
        return text.split()
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [""])]
    except csv.Error:  # a cell that is longer than any number
        return [text]


def _is_number(cell: str, delimiter: str | None) -> bool:
    try:
        float(cell if delimiter == "," else cell.translate(SWAP) if "," in cell else cell)
    except ValueError:
        return False
    return "_" not in cell


def _are_names(cells: Sequence[str], delimiter: str | None) -> bool:
    """Whether a row is a header: at least one real word, and no number, not even NaN."""
    words = [cell for cell in cells if cell.lower() not in MISSING and any(map(str.isalpha, cell))]
    return bool(words) and not any(_is_number(cell, delimiter) for cell in cells)


def _find_layout(
    path: str | Path,
    begin: int,
    data: list[tuple[int, str]],
    x: Column | Sequence[Column] | None,
    y: Column | Sequence[Column] | None,
) -> Layout:
    """The layout that the first two lines with text have: the first one that makes numbers of them."""
    (first, header), (_, row) = data[0], data[-1]
    layouts, refused = [], None
    for delimiter in DELIMITERS:
        cells = _cells(header, delimiter)
        names = cells if _are_names(cells, delimiter) else None
        try:
            chosen = _choose(len(cells), names, x, y)
        except ValueError as error:
            refused = refused or (error if len(cells) > 1 else None)
            continue
        layouts.append(Layout(delimiter, names, len(cells), *chosen))
        filled = _cells(row if names else header, delimiter)
        if len(filled) == len(cells) and all(_is_number(filled[k], delimiter) for k in (*chosen[0], *chosen[1])):
            return layouts[-1]
    if layouts:  # its first row will say what is wrong
        return layouts[0]
    if refused:
        raise ValueError(f"{path}, line {begin + first}: {refused}")
    separators = ", ".join(filter(None, DELIMITERS.values()))
    raise ValueError(
        f"{path}, line {begin + first}: {header[:60]!r} is not two or more numbers, or names, with {separators} between"
    )


def _choose(
    width: int, names: list[str] | None, x: Column | Sequence[Column] | None, y: Column | Sequence[Column] | None
) -> tuple[list[int], list[int]]:
    """The numbers of the columns that are x, and of those that are y."""
    if width < 2:
        raise ValueError("it has one column: x and y need two or more")
    outputs = [width - 1] if y is None else _find("y", y, width, names)
    inputs = [k for k in range(width) if k not in outputs] if x is None else _find("x", x, width, names)
    if not inputs or not outputs or set(inputs) & set(outputs):
        raise ValueError(f"x is {x!r} and y is {y!r}: give each at least one column, and none to both")
    return inputs, outputs


def _find(which: str, wanted: Column | Sequence[Column], width: int, names: list[str] | None) -> list[int]:
    found = []
    for column in wanted if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]:
        if isinstance(column, str):
            if names is None or names.count(column) != 1:
                there = f"the header has {', '.join(names)}" if names else "there is no header"
                raise ValueError(f"{which} is {wanted!r}, but {there}: give names that are there once, or numbers")
            found.append(names.index(column))
        elif isinstance(column, int) and 0 <= column < width:
            found.append(column)
        else:
            raise ValueError(f"{which} is {wanted!r}: give names of columns, or their numbers from 0 to {width - 1}")
    return found


def _read_block(path: str | Path, layout: Layout, begin: int, lines: list[str], signs: str) -> tuple[NDArray, str]:
    """The chosen columns of these lines, (n, columns), and the decimal signs that the rest of the file may have."""
    failed = []
    commas = layout.delimiter != "," and any("," in line for line in lines)
    for sign in signs:
        if sign == "," and not commas and len(signs) > 1:
            continue
        try:
            table = _parse(layout, lines, sign)
        except ValueError:
            failed.append((_first_bad(layout, lines, sign), sign))
            continue
        seen = commas if sign == "," else any("." in line for line in lines)
        return table, sign if seen else signs
    k, sign = max(failed)  # that which comes further is what was meant
    raise ValueError(f"{path}, line {begin + k}{_fault(layout, lines[k], sign)}")


def _parse(layout: Layout, lines: Sequence[str], sign: str) -> NDArray:
    """The numbers; ValueError if a row has too few or too many, or one is none or not finite."""
    columns = [*layout.x, *layout.y]
    some = len(columns) < layout.width
    if some:  # then NumPy does not count the cells
        lines = [bare for line in lines if (bare := line.partition("#")[0]).strip()]
        sizes = {len(line.split()) if layout.delimiter is None else line.count(layout.delimiter) + 1 for line in lines}
        sure = sizes == {layout.width} and not any('"' in line for line in lines)
        if not sure and any(len(layout.cells(line)) != layout.width for line in lines):
            raise ValueError("a row has another number of cells")
    if not any(map(_text, lines)):  # of which NumPy warns
        return np.empty((0, len(columns)))
    table = np.loadtxt(
        lines if sign == "." else [line.translate(SWAP) for line in lines],
        delimiter=layout.delimiter,
        comments="#",
        quotechar='"',
        usecols=columns if some else None,
        ndmin=2,
    )
    if not (some or table.shape[1] == layout.width) or not np.isfinite(table).all():
        raise ValueError("another number of cells, or one that is not finite")
    return table if some else table[:, columns]


def _first_bad(layout: Layout, lines: Sequence[str], sign: str) -> int:
    """The first line that cannot be parsed, of lines of which one cannot."""
    good, bad = 0, len(lines)  # up to good all can, up to bad not
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            _parse(layout, lines[good:middle], sign)
            good = middle
        except ValueError:
            bad = middle
    return good


def _fault(layout: Layout, line: str, sign: str) -> str:
    """What is wrong with a line."""
    cells = layout.cells(line)
    if len(cells) != layout.width:
        return f": {line[:60]!r} has {len(cells)} cells, and the first row {layout.width}"
    for k in (*layout.x, *layout.y):
        if not _is_finite(cells[k].translate(SWAP) if sign == "," else cells[k]):
            all_chosen = 2 < layout.width == len(layout.x) + len(layout.y)
            advice = "; if this column is neither x nor y, choose those by x= and y=" if all_chosen else ""
            return f", {layout.name(k)}: {cells[k][:60]!r} is no finite number{advice}"
    return f": {line[:60]!r} is not {layout.width} finite numbers"


def _is_finite(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell))) and "_" not in cell
    except ValueError:
        return False
