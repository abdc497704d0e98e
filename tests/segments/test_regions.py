"""Regions: clipped, and the units that are exactly zero on them."""

import numpy as np
import pytest
from support.networks import stack

from tinymlp import MLP, extract_segments, find_regions

INF = np.inf


def test_zeros_are_reported_on_their_whole_interval():
    """Catches: an interval cut where another unit switches; a unit that is off taken for zero."""
    net = MLP.from_weights([[[1], [1], [-1]], [[1, 0, 0], [0, 0, 1]], [[1, 1]]], [[0, -1, -5], [0, -1], [0]])
    assert find_regions(net).zeros() == [(1, 0, -INF, 0)]  # relu(relu(x)); relu(-x - 5) - 1 is off, not zero


def test_clip():
    """Catches: regions on the ends that are lost or kept too many; lines that belong to others."""
    net = MLP([1, 10, 10, 1], seed=2, dtype=np.float64)
    whole = find_regions(net)
    x = whole.boundaries
    for a, b in [(-1, 2), (x[3] - 1e-9, x[7] + 1e-9), (x[3] + 1e-9, x[4] - 1e-9), (-1e9, 1e9)]:
        part, again = whole.clip((a, b)), find_regions(net, (a, b))
        assert part.edges == pytest.approx(again.edges, rel=1e-13)
        assert part.owners() == again.owners()
        assert part.output == pytest.approx(again.output, rel=1e-12, abs=1e-14)


ONES = ([[1, 1]], [0])


def test_zeros():
    """Catches: zero taken for off; an interval cut at other units' switches, or reported where there is none."""
    net = stack(([[1], [1], [-1]], [0, -1, -2]), ([[1, 1, 0], [0, 0, 1]], [0, -1]), ONES)
    for rational in (False, True):
        assert extract_segments(net, (-5, 5), rational=rational).regions.zeros() == [(1, 0, -5.0, 0.0)]
    assert extract_segments(MLP([1, 10, 10, 1])).regions.zeros() == []
