"""The README's code runs, and prints what the README says."""

import importlib.util
import re
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```\s*```text\n(.*?)```", README.read_text("utf-8"), re.S)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_there_is_code():
    """Catches: blocks that this test no longer finds."""
    assert len(BLOCKS) >= 2
    assert README.read_text("utf-8").count("```python") == len(BLOCKS)


@pytest.mark.parametrize(("code", "said"), BLOCKS)
def test_block(code, said, capsys, tmp_path, monkeypatch):
    """Catches: code that fails, other words, other numbers (a fifth is allowed, for other machines round)."""
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert NUMBER.sub("#", out) == NUMBER.sub("#", said)
    found, expected = ([float(n) for n in NUMBER.findall(text)] for text in (out, said))
    assert found == pytest.approx(expected, rel=0.2, abs=1e-9)


def test_the_caption_counts_what_the_picture_shows():
    """Catches: numbers under the picture that are not in it. It is float64, so they are the same everywhere."""
    path = README.parent / "docs" / "draw_readme_picture.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    f, seen = drawing.learn()
    (caption,) = re.findall(r"!\[([^]]*)\]", README.read_text("utf-8"))
    shown = [len(seen), len(f), len(f.boundaries) - len(f.breakpoints)]
    assert [int(n) for n in re.findall(r"(\d+) (?:segments|boundaries)", caption)] == shown


def test_the_picture_is_there_and_small():
    """Catches: a broken link, a picture that bloats the repository."""
    for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text("utf-8")):
        assert (README.parent / target).stat().st_size < 150_000


def test_links_to_files_hold():
    """Catches: a file that moved."""
    for target in re.findall(r"(?<!!)\[[^]]*\]\(([^)#:]+)\)", README.read_text("utf-8")):
        assert (README.parent / target).exists(), target
