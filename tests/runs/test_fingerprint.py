"""Which code: other code is told apart, other words about it are not."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from tinymlp.article.experiment import Round
from tinymlp.runs.fingerprint import code_of, fingerprint


def test_the_code_is_told_apart(tmp_path, monkeypatch):
    """Catches: a change of a module, or of NumPy, that leaves old results in place."""
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "page.html").write_text("1")
    first = code_of(tmp_path)
    (tmp_path / "page.html").write_text("2")
    assert code_of(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    codes = [first, code_of(tmp_path)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.cu").write_text("1")
    codes.append(code_of(tmp_path))
    monkeypatch.setattr(np, "__version__", "3.0")
    assert len({*codes, code_of(tmp_path)}) == 4


BASE = """
import numpy as np
from functools import cache
from dataclasses import dataclass
LIMIT = 3
LIST = [1, np.arange(3)]
@dataclass
class Box:
    size: int = 4
    def volume(self):
        return self.size**3
@cache
def helper(x):
    return x + LIMIT
def other(x):
    return 1
def run(seed, scale=2):
    \"\"\"What it does.\"\"\"
    inner = lambda x: helper(x) * Box().volume()
    return {"y": [inner(x) for x in range(seed)], "z": np.sin(seed) in {"a", "b", "c"}, "l": LIST}
"""


def run_of(source):
    namespace = {"__name__": "mine"}
    exec(compile(source, "somewhere.py", "exec"), namespace)
    return namespace["run"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("arange(3)", "arange(4)"),
        ("return x + LIMIT", "return x - LIMIT"),
        ("scale=2", "scale=3"),
        ("range(seed)", "range(seed + 1)"),
        ("size**3", "size**2"),
        ("size: int = 4", "size: int = 5"),
        ("np.sin", "np.cos"),
        ('"y"', '"x"'),
    ],
)
def test_what_a_function_does_counts(old, new):
    """Catches: rows of other helpers, constants, defaults, classes, in place of today's."""
    assert BASE.count(old) == 1
    assert fingerprint(run_of(BASE)) != fingerprint(run_of(BASE.replace(old, new)))


def test_what_it_does_not_use_does_not_count():
    """Catches: runs made again for a comment or another grid; a hash that changes as Python adapts bytecode."""
    run = run_of(BASE)
    before = fingerprint(run)
    changed = "# new\n\n" + BASE.replace("return 1", "return 2").replace("LIMIT = 3", "LIMIT = 3  # three\nGRID = 9")
    for seed in range(300):
        run(seed % 4)
    assert fingerprint(run) == before == fingerprint(run_of(changed))


def test_it_is_the_same_in_every_process():
    """Catches: the order of a set, or an address, in a hash."""
    code = f"import sys\nfrom tinymlp.runs.fingerprint import fingerprint\nsource={BASE!r}\n"
    code += "names = {'__name__': 'mine'}\nexec(source, names)\nprint(fingerprint(names['run']))"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert out.stdout.strip() == fingerprint(run_of(BASE))


def test_values():
    """Catches: an experiment with another function, or a list with another number, taken for the first."""

    def wave(x):
        return np.sin(x)

    def wider(x):
        return np.sin(x / 2)

    values = [Round(wave, 1), Round(wider, 1), Round(wave, 2), Round("sine", 1), Round(np.sin, 1), Round(np.cos, 1)]
    values += [[1, 2], [1, 3], (1, 2), {"a": wave}, {"a": wider}, 1, True, 1.0, "1", None, partial(wave, 1)]
    values += [partial(wave, 2), np.arange(3), np.arange(3.0), {1, 2}, {1, 3}, int, str]
    assert len({fingerprint(value) for value in values}) == len(values)
