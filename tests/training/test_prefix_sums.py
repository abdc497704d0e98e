"""Prefix sums against sums in rational numbers."""

from fractions import Fraction

import numpy as np
import pytest

from tinymlp import Dataset, Moments
from tinymlp.training.prefix_sums import cumulate


def test_a_few_samples_after_millions():
    """Catches: plain prefix sums, of which a difference keeps about 9 digits here (and 7 after 1e8 samples)."""
    n = 2_000_000
    rng = np.random.default_rng(3)
    x, y = np.arange(n) / n, 1 + rng.random(n)
    sums = Moments.of(Dataset(x, y)).sums.between(np.array([0.0, x[-5] - 1e-9, x[-2] - 1e-9, x[-1]]))[1]
    origin, level = x[n // 2], y.mean()
    u, v = (
        [Fraction(value) for value in (values[-5:-2] - centre).tolist()] for values, centre in ((x, origin), (y, level))
    )
    pairs = list(zip(u, v, strict=True))
    expected = [sum(a * a for a in u), sum(u), 3, sum(a * b for a, b in pairs), sum(v), sum(b * b for b in v)]
    assert sums == pytest.approx([float(e) for e in expected], rel=1e-14)


def test_prefix_sums_have_twice_the_precision():
    """Catches: rounding errors that are not carried along; plain prefix sums err by 1e-12 here."""
    block = np.array([0.1, 1e8, -0.3, 1e-8])
    total, rest = cumulate(np.tile(block, 250_000))
    parts = [Fraction(0)]
    for term in map(Fraction, block.tolist()):
        parts.append(parts[-1] + term)
    for i in [*range(1, 9), *range(999_992, 1_000_001)]:
        true = i // 4 * parts[-1] + parts[i % 4]
        assert abs(Fraction(total[i]) + Fraction(rest[i]) - true) <= Fraction(1e-22) * abs(true)


def test_samples_on_edges_ties_and_ends():
    """Catches: a sample on an edge that is counted twice or never, ends that are left out."""
    x = np.array([0.0, 1, 1, 1, 2, 3, 3])
    moments = Moments.of(Dataset(x, np.zeros(7)))
    edges = np.array([0.0, 1, 1, 2, 2.5, 3])
    assert moments.sums.between(edges)[:, 2].tolist() == [1, 0, 3, 1, 2]


def test_samples_are_found_among_many(monkeypatch):
    """Catches: a block that is looked through by one sample too many or too few, ties across blocks, the padding."""
    monkeypatch.setattr("tinymlp.training.prefix_sums.MANY", 1)
    rng = np.random.default_rng(6)
    x = np.sort(np.round(rng.uniform(0, 9, 20_007), 3))
    sums = Moments.of(Dataset(x, x)).sums
    some = x[rng.integers(0, len(x), 300)]
    edges = np.sort(np.concatenate([x[[0, 0, 1, 31, 32, 33, -2, -1, -1]], some, rng.uniform(0, 9, 300), some + 1e-5]))
    assert (sums._locate(edges) == [np.count_nonzero(x < edge) for edge in edges]).all()
