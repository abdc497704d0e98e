"""Samples and datasets."""

import numpy as np
import pytest

from tinymlp import Dataset, sample


def test_samples_are_the_articles():
    """Catches: a grid that includes the stop (linspace), or that is shifted by half a cell."""
    data = sample("linear", (-5, 5), n=4)
    assert data.x.tolist() == [-5, -2.5, 0, 2.5]
    assert data.y.tolist() == [-2, 3, 8, 13]


def test_noise_is_seeded_and_has_the_stated_deviation():
    """Catches: global random state, noise on x, variance for deviation."""
    clean, a, b, c = (sample("sine", noise=s, seed=k) for s, k in [(0, 0), (0.5, 1), (0.5, 1), (0.5, 2)])
    assert (a.y == b.y).all()
    assert (a.y != c.y).any()
    assert (a.x == clean.x).all()
    assert (a.y - clean.y).std() == pytest.approx(0.5, rel=0.03)


def test_function_that_is_not_finite_says_where():
    """Catches: NaN samples that poison training without a word."""
    with pytest.raises(ValueError, match=r"log is nan at x = -5\.0, and not finite on 5001 of 10000"):
        sample("log")
    with pytest.raises(ValueError, match=r"inverse is inf at x = 0\.0, and not finite on 1 of"):
        sample("inverse")
    assert len(sample("inverse", n=10_001)) == 10_001  # the article's way around x = 0
    assert np.isfinite(sample("log", (0.1, 5)).y).all()


def test_function_must_work_on_arrays():
    """Catches: a scalar function whose one value is broadcast."""
    with pytest.raises(ValueError, match=r"gives shape \(\)"):
        sample(lambda x: 1.0)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([], [], "x is empty"),
        ([1, 2], [1], "x has 2 samples and y has 1"),
        ([1, np.nan], [1, 2], r"x\[1\] is nan"),
        ([1, 2], [np.inf, 2], r"y\[0\] is inf"),
        (["a", "b"], [1, 2], "x has dtype"),
        ([1j, 2], [1, 2], "x has dtype complex"),
        (np.zeros((2, 2, 2)), [1, 2], r"x has shape \(2, 2, 2\)"),
        (1.0, 2.0, r"x has shape \(\)"),
    ],
)
def test_bad_datasets(x, y, words):
    """Catches: data that cannot be learnt, accepted."""
    with pytest.raises(ValueError, match=words):
        Dataset(x, y)


def test_sample_bad_n_and_noise():
    """Catches: zero samples, negative noise."""
    for n in (0, 10.0, "10"):
        with pytest.raises(ValueError, match=f"n is {n!r}: give an integer"):
            sample("exp", n=n)
    with pytest.raises(ValueError, match="noise is -1"):
        sample("exp", noise=-1)
    with pytest.raises(ValueError, match="noise is 'a': give a standard deviation >= 0"):
        sample("exp", noise="a")
    with pytest.raises(ValueError, match="seed is 'x': give an integer >= 0"):
        sample("exp", seed="x")


def test_columns_are_features_first():
    """Catches: a transposed input."""
    x, y = Dataset([[1, 2], [3, 4], [5, 6]], [7, 8, 9]).columns(np.float32)
    assert x.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert y.tolist() == [[7, 8, 9]]
    assert x.flags.c_contiguous
    assert x.dtype == np.float32


def test_columns_too_large_for_the_dtype():
    """Catches: an infinity made silently by rounding to float32."""
    with pytest.raises(ValueError, match="too large for float32"):
        Dataset([1.0], [1e39]).columns(np.float32)


@pytest.mark.parametrize("header", ["", "x,y\n", "\ufeffx,y\n"])
def test_from_csv(tmp_path, header):
    """Catches: a header taken for data, or a first row taken for a header."""
    path = tmp_path / "data.csv"
    path.write_text(header + "1,2\n3,4.5\n\n", encoding="utf-8")
    data = Dataset.from_csv(path)
    assert data.x.tolist() == [1, 3]
    assert data.y.tolist() == [2, 4.5]


def test_from_csv_several_inputs(tmp_path):
    """Catches: columns after the first that get lost."""
    path = tmp_path / "data.csv"
    path.write_text("a,b,y\n1,2,3\n4,5,6\n")
    data = Dataset.from_csv(path)
    assert data.x.tolist() == [[1, 2], [4, 5]]
    assert data.y.tolist() == [3, 6]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2x\n3,4\n", "line 1"),
        ("1,\n3,4\n", "line 1"),
        ("1,2\n3,nan\n", "line 2"),
        ("", "no rows"),
        ("x,y\n", "no rows"),
        ("1,2\n3,four\n", "line 2"),
        ("1,2\n3\n", "line 2"),
        ("1\n2\n", "line 1"),
    ],
)
def test_from_csv_bad(tmp_path, text, words):
    """Catches: a broken row skipped or read as NaN."""
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Dataset.from_csv(path)


def test_a_dataset_keeps_its_numbers():
    """Catches: checked arrays that somebody else still holds."""
    x = np.zeros(3)
    data = Dataset(x, x)
    x[0] = np.nan
    assert data.x[0] == 0
