"""write_table(): rows as CSV or Parquet, for pandas, R and spreadsheets."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..system.files import writing

__all__ = ["write_table"]


def write_table(rows: Sequence[Mapping], path: str | Path) -> None:
    """Write rows as a table: the whole file or nothing.

    Parameters
    ----------
    rows : sequence of dict
        As `sweep` returns them, and ``Study.rows``. ``pandas.DataFrame(rows)`` is the same table in memory.
    path : path
        Ends in ``.csv`` or ``.parquet``. The columns are all keys, in the order in which they first appear; what a row
        does not have, or is None, is empty. In CSV numbers have all their digits, and lists and dicts are JSON.

    Raises
    ------
    ValueError
        If there are no rows, or the path has another ending.
    ModuleNotFoundError
        For Parquet without pyarrow.
    """
    path, rows = Path(path), list(rows)
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"path is {path}: give it the ending .csv or .parquet")
    if not rows:
        raise ValueError("rows is empty: a table needs one row or more")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with writing(path) as file:
        (_write_csv if path.suffix == ".csv" else _write_parquet)(rows, columns, file)


def _write_csv(rows: Sequence[Mapping], columns: Sequence[str], file: IO[bytes]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row.get(column) for column in columns]
        writer.writerow([json.dumps(v) if isinstance(v, list | tuple | dict) else v for v in values])
    text.detach()  # which flushes, and leaves the file open


def _write_parquet(rows: Sequence[Mapping], columns: Sequence[str], file: IO[bytes]) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        install = "Parquet files need the package pyarrow: pip install 'tinymlp-microscope[parquet]'"
        raise ModuleNotFoundError(install) from error
    table = pyarrow.Table.from_pylist([{column: row.get(column) for column in columns} for row in rows])
    pyarrow.parquet.write_table(table, file)
