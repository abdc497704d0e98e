"""Prefix sums against sums in rational numbers."""

from fractions import Fraction

import numpy as np
import pytest

from tinymlp import Dataset, Moments
from tinymlp.training import prefix_sums
from tinymlp.training.prefix_sums import BatchSums, PrefixSums, cumulate


def test_a_few_samples_after_millions():
    """Catches: plain prefix sums, of which a difference keeps about 9 digits here (and 7 after 1e8 samples)."""
    n = 2_000_000
    rng = np.random.default_rng(3)
    x, y = np.arange(n) / n, 1 + rng.random(n)
    edges = np.array([0.0, x[-5] - 1e-9, x[-2] - 1e-9, 1])
    sums = Moments.of(Dataset(x, y)).sums.between(edges, np.array([3]))[:, 1]
    origin, level = x[n // 2], y.mean()
    u, v = (
        [Fraction(value) for value in (values[-5:-2] - centre).tolist()] for values, centre in ((x, origin), (y, level))
    )
    pairs = list(zip(u, v, strict=True))
    expected = [sum(a * a for a in u), sum(u), sum(a * b for a, b in pairs), sum(v), 3]
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
    edges = np.array([0.0, 1, 1, 2, 2.5, moments.interval[1]])
    for some in (moments, moments.batch(np.arange(7)), moments.batch(np.arange(7)[None])):
        assert some.sums.between(edges, np.array([5]))[-1].tolist() == [1, 0, 3, 1, 2, 0]


def test_a_batch_and_its_prefix_sums():
    """Catches: a region without samples that gets the next sample, sums that one of the two ways has in another row."""
    rng = np.random.default_rng(2)
    x, u, v = np.sort(rng.uniform(0, 1, 500)), rng.normal(size=500), rng.normal(size=(2, 500))
    rows = np.sort(np.stack([rng.permutation(500)[:40] for _ in range(4)]), axis=1)
    edges = np.sort(rng.uniform(0, 1, (4, 60)), axis=1)
    edges[:, 0], edges[:, -1] = 0, 1
    sums = BatchSums(x, u, v, rows)
    found = sums.between(edges.reshape(-1), np.array([59, 119, 179, 239])).reshape(7, 4, 60)
    for k, row in enumerate(rows):
        one = PrefixSums.of(x[row], u[row], v[:, row])
        assert found[:, k] == pytest.approx(one.between(edges[k], np.array([59])), abs=1e-13)
        assert sums.squares[k] == pytest.approx(one.squares, rel=1e-14)
        assert found[-1, k].sum() == 40


def test_samples_are_found_among_many(monkeypatch):
    """Catches: a search that ends one sample too early or too late, ties across blocks, a short last block."""
    monkeypatch.setattr(prefix_sums, "MANY", 1)
    rng = np.random.default_rng(6)
    for n in (1, 2, 511, 512, 513, 20_007):
        x = np.sort(np.round(rng.uniform(0, 9, n), 3))
        sums = Moments.of(Dataset(x, x)).sums
        some = x[rng.integers(0, n, 300)]
        edges = np.concatenate([x[:2], x[510:514], x[-2:], some, rng.uniform(-1, 10, 300), some + 1e-5, [-9, 99]])
        assert (sums._locate(edges) == [np.count_nonzero(x < edge) for edge in edges]).all()
