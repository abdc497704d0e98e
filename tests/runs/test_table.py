"""Tables: what is in the rows is in the file."""

import csv
import json

import pytest

from tinymlp import write_table

ROWS = [
    {"width": 3, "name": 'a, "b"\n', "loss": 0.1 + 0.2, "bends": [1.5, None]},
    {"width": 30, "loss": None, "proven": True, "name": "é"},
]


def test_csv(tmp_path):
    """Catches: digits lost, a column that only later rows have, quoting, half a file."""
    write_table(ROWS, tmp_path / "rows.csv")
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["width", "name", "loss", "bends", "proven"]
    assert first[:2] == ["3", 'a, "b"\n']
    assert float(first[2]) == 0.1 + 0.2
    assert json.loads(first[3]) == [1.5, None]
    assert second == ["30", "é", "", "", "True"]
    write_table(ROWS[:1], str(tmp_path / "rows.csv"))
    assert len((tmp_path / "rows.csv").read_text("utf-8").splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path):
    """Catches: a good file destroyed by an error, a rest of the new one left."""
    write_table(ROWS, tmp_path / "rows.csv")
    before = (tmp_path / "rows.csv").read_bytes()
    with pytest.raises(TypeError):
        write_table([{"a": [object()]}], tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_bad_input(tmp_path):
    """Catches: a file of another format under this name; a table without columns."""
    with pytest.raises(ValueError, match=r"rows\.xlsx: give it the ending \.csv or \.parquet"):
        write_table(ROWS, tmp_path / "rows.xlsx")
    with pytest.raises(ValueError, match="rows is empty"):
        write_table([], tmp_path / "rows.csv")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    """Catches: an error that does not say what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinymlp-microscope\[parquet\]'"):
        write_table(ROWS, tmp_path / "rows.parquet")
    assert not list(tmp_path.iterdir())
