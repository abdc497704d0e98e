"""Every tutorial and every solution runs, headless, and looks as a lesson should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "tutorials"
LESSONS = sorted(FOLDER.glob("[0-9]*.py"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.py"))


@pytest.mark.parametrize("script", LESSONS + SOLUTIONS, ids=lambda p: str(p.relative_to(FOLDER)))
def test_script_runs(script, tmp_path):
    """Catches: a lesson whose assertions fail, that divides by zero, or that needs a screen."""
    command = [sys.executable, "-W", "error::RuntimeWarning", str(script)]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"}, check=True, timeout=120)


@pytest.mark.parametrize("script", LESSONS, ids=lambda p: p.stem)
def test_lesson_has_its_parts(script):
    """Catches: a lesson that grew too long, or forgot its aims, exercises or solutions."""
    text = script.read_text("utf-8")
    assert len(text.splitlines()) <= 120
    assert re.match(rf"# %% \[markdown\]\n# # {int(script.stem[:2])}\. [A-Z]", text)
    for part in ("**You will**", "**You will learn**", "**You need**", "# ## Exercises"):
        assert text.count(part) == 1, part
    assert len(re.findall(r"^# [123]\. ", text.split("## Exercises")[1], re.M)) == 3
    assert f"`solutions/{script.name}`" in text


def test_lessons_are_numbered_and_solved():
    """Catches: a gap in the order, a lesson without solutions."""
    assert [int(p.stem[:2]) for p in LESSONS] == list(range(1, len(LESSONS) + 1))
    assert [p.name for p in LESSONS] == [p.name for p in SOLUTIONS]
