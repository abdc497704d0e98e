"""Results on disk: other code is told apart."""

import numpy as np

from tinymlp.article.results import code_of


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
