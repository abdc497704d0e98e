"""Text files with columns: whatever wrote them, the numbers come out, or the line that is wrong is named."""

import csv
import os
import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinymlp import Dataset, csv_files


@pytest.fixture
def read(tmp_path):
    """Write text (or bytes) to a file, and read it."""

    def write_and_read(text, **options):
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        data = Dataset.from_csv(path, **options)
        return data.x.tolist(), data.y.tolist()

    return write_and_read


@pytest.mark.parametrize(
    "text",
    [
        "1.5,2\n3,4.25\n",
        "x,y\n1.5,2\n3,4.25",
        "\ufeffx,y\r\n1.5,2\r\n3,4.25\r\n",
        "1.5;2\n3;4.25\n",
        "x;y\n1,5;2\n3;4,25\n",
        "x\ty\n1.5\t2\n3\t4.25\n",
        "1,5\t2\n3\t4,25\n",
        "1.5 2\n 3   4.25\n",
        "1,5 2\n3 4,25\n",
        "x y\n1.5 2\n3 4.25\n",
        "# made by hand\nx, y # in m, in s\n\n1.5, 2 # the first\n# 7, 8\n3,4.25\n\n",
        '"x, in m","y"\n"1.5","2"\n"3","4.25"\n',
        "Größe;Preis\n1.5;2\n3;4.25\n".encode("latin-1"),
        "x\ty\n1,5\t2\n3\t4,25\n".encode("utf-16"),
        "1.5,2\r3,4.25\r",
        "x,NA\n15e-1,+2\n3.,4.25\n",
    ],
)
def test_dialects(read, text):
    """Catches: a dialect that is refused, a header or a first row that vanishes, a decimal comma that splits."""
    assert read(text) == ([1.5, 3], [2, 4.25])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nan,nan\n1,2\n", r"line 1, column 1: 'nan' is no finite number"),
        ("NaN;NaN\n1;2\n", r"line 1, column 1: 'NaN'"),
        (",\n1,2\n", r"line 1, column 1: '' is no finite number"),
        ("NA,null\n1,2\n", r"line 1, column 1: 'NA'"),
        ("1e400,inf\n1,2\n", r"line 1, column 1: '1e400'"),
        ("x,3\n1,2\n", r"line 1, column 1: 'x'"),
        ("1;2\n3,4\n5,6\n", r"line 2: '3,4' has 1 cells, and the first row 2"),
        ("x;y\n1,5;2\n1.5;2\n", r"line 3, column 1 \(x\): '1\.5'"),
        ("x;y\n1.5;2\n1,5;2\n", r"line 3, column 1 \(x\): '1,5'"),
        ("1.234,5;2\n", r"line 1, column 1: '1\.234,5'"),
        ("# one\n\nx,y\n1,2\n\n3,1_000\n", r"line 6, column 2 \(y\): '1_000'"),
        ("x,y\n1,2,3\n", r"line 2: '1,2,3' has 3 cells, and the first row 2"),
        ("1,2\n3,4,5\n", "line 2: '3,4,5' has 3 cells"),
        ("1,2\n3\n", "line 2: '3' has 1 cells"),
        ("1,2\n3,\n", "line 2, column 2: ''"),
        ("day,a,y\n2020-01-01,1,2\n", r"line 2, column 1 \(day\): '2020-01-01' .*choose those by x= and y="),
        ("abc\n1,2\n", "line 1: 'abc' is not two or more numbers"),
        ("1\n2\n", "line 1: '1' is not two or more numbers"),
        ("x,y\n", "has no rows of numbers"),
        ("# x,y\n", "has no rows of numbers"),
        (b"PK\x03\x04\x00\x01\xff" * 9, "line 1"),
        ("1" * 150_000 + ",2\n", "line 1"),
        ("1," * 3_000_000, "a line of more than"),
    ],
)
def test_errors_name_the_line(read, text, words):
    """Catches: a row that vanishes for a header, a row that is skipped, a line counted without its comments."""
    with pytest.raises(ValueError, match=rf"data\.csv.*{words}"):
        read(text)


TABLE = "day,a,b,y\n01.02.2020,1,2,3\n02.02.2020,4,5,6\n"


@pytest.mark.parametrize(
    ("columns", "x", "y"),
    [
        ({"x": "a"}, [1, 4], [3, 6]),
        ({"x": ["b", "a"], "y": "y"}, [[2, 1], [5, 4]], [3, 6]),
        ({"x": 1, "y": ["b", 3]}, [1, 4], [[2, 3], [5, 6]]),
    ],
)
def test_columns_can_be_chosen(read, columns, x, y):
    """Catches: columns in another order than asked for; a column that nobody wants, and that is refused."""
    assert read(TABLE, **columns) == (x, y)
    assert read(TABLE.replace(",", ";"), **columns) == (x, y)
    decimal = TABLE.replace(",", ";").replace("1;2;3", "1,0;2,0;3")
    assert read(decimal, **columns) == (x, y)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": "q"}, "line 1: x is 'q', but the header has day, a, b, y"),
        ({"x": "a", "y": "a"}, "x is 'a' and y is 'a'"),
        ({"x": [], "y": "a"}, r"x is \[\] and y is 'a'"),
        ({"x": 4}, "x is 4: give names of columns, or their numbers from 0 to 3"),
        ({"x": 1.5}, r"x is 1\.5: give names"),
        ({"y": "b"}, r"line 2, column 1 \(day\)"),
        ({"progress": "yes"}, "progress is 'yes'"),
    ],
)
def test_columns_that_cannot_be_chosen(read, columns, words):
    """Catches: a KeyError for a name that is not there; a column that is both x and y."""
    with pytest.raises(ValueError, match=words):
        read(TABLE, **columns)


def test_a_short_row_is_wrong_whatever_columns_are_chosen(read):
    """Catches: a cell that was left out, so that another column's number is taken for x."""
    for short in ("5,6,7", "5,6,7 # ,", '"5,",6,7'):
        with pytest.raises(ValueError, match=r"line 4: .* has 3 cells, and the first row 4"):
            read(TABLE + short + "\n", x="a", y="b")


def test_the_same_as_pythons_reader_at_every_cut(tmp_path, monkeypatch):
    """Catches: rows that are lost or cut in two where blocks meet; line numbers that forget the blocks before."""
    rng = random.Random(0)
    rows = [(rng.uniform(-1e9, 1e9), rng.random() * 10.0 ** rng.randint(-300, 300)) for _ in range(200)]
    path = tmp_path / "data.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("x", "y"), *rows])
    bad = tmp_path / "bad.csv"
    for block in (1, 7, 64, 333, 5000, 10**6):
        monkeypatch.setattr(csv_files, "BLOCK", block)
        data = Dataset.from_csv(path)
        assert list(zip(data.x.tolist(), data.y.tolist(), strict=True)) == rows
        for k in (1, 17, 200):
            lines = path.read_text().splitlines()
            lines[k] += "x"
            bad.write_text("\n".join(lines))
            with pytest.raises(ValueError, match=rf"bad\.csv, line {k + 1}, column 2 \(y\)"):
                Dataset.from_csv(bad)


def test_memory_is_bounded(tmp_path, capsys):
    """Catches: text, or Python's numbers, of a whole file in memory; a progress bar that shows nothing."""
    path = tmp_path / "data.csv"
    path.write_text("0.1234567890123456,0.1234567890123456\n" * 500_000)  # 19 MB
    tracemalloc.start()
    data = Dataset.from_csv(path, progress=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data) == 500_000
    assert (data.y == 0.1234567890123456).all()
    assert peak < 2.2 * (data.x.nbytes + data.y.nbytes) + 24 * csv_files.BLOCK / 4
    assert "read: 100%" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe(tmp_path):
    """Catches: a reader that goes back to the beginning, where there is none, as in <(zcat data.csv.gz)."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as writer:
        writer.submit(path.write_text, "x,y\n1,2\n3,4\n")
        assert Dataset.from_csv(path, progress=True).y.tolist() == [2, 4]


def test_numbers_are_pythons(read):
    """Catches: a reader that rounds otherwise than Python does."""
    rng = np.random.default_rng(0)
    numbers = np.frombuffer(rng.bytes(8 * 4000))
    numbers = numbers[np.isfinite(numbers)]
    x, y = read("".join(f"{v!r};{float(np.float32(v * 0 + 1))!r}\n" for v in numbers.tolist()))
    assert x == numbers.tolist()
    assert set(y) == {1.0}
