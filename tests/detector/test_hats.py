"""The prediction of the detector, and the bound on its rounding."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from support.oracle import exact

from tinymlp import MLP, assert_counts_agree, crosscheck


def verdicts(check, what="breakpoint"):
    return [row.verdict for row in check.table if row.what == what]


def test_the_bound_counts_biases_and_depth():
    """Catches: the rounding of a large bias, or of all layers but the last, left out."""
    rng = np.random.default_rng(0)
    cancelled = MLP.from_weights([[[1]], [[1]]], [[1000], [-1000]])
    deep = MLP.from_weights(list(rng.uniform(0.8, 1.25, (400, 1, 1))), list(rng.uniform(0, 0.1, (400, 1))))
    for net in (cancelled, deep):
        check = crosscheck(net, (0, 5), points=300)
        assert_counts_agree(check)
        assert verdicts(check, "transition").count("rounding") > 10


def test_the_bound_counts_weights_that_become_subnormal():
    """Catches: weights that float16 rounds to a few digits, or to nothing."""
    net = MLP.from_weights([np.ones((300, 1)), np.full((1, 300), 0.99 * 2.0**-25)], [np.zeros(300), [0]])
    check = crosscheck(net, (-3000, 3000), points=50, epsilon=1e-7, dtype=np.float16)
    assert "unexplained" not in verdicts(check, "transition")


def test_changes_are_those_of_the_exact_values():
    """Catches: any error of the hats; against second differences of the oracle's values in rational numbers."""
    net = MLP([1, 8, 8, 1], seed=4, dtype=np.float64)
    check = crosscheck(net, (-4, 4), points=40, dtype=np.float64)
    truth = exact(net, (-4, 4))
    x = [Fraction(float(v)) for v in check.detection.x]
    values = []
    for v in x:  # integrate the slopes from the start; the constant drops out
        edges = [Fraction(-4), *(b for b in truth.boundaries if b < v), v]
        values.append(sum((right - left) * s for left, right, s in zip(edges, edges[1:], truth.slopes, strict=False)))
    g = [(b - a) / (d - c) for a, b, c, d in zip(values, values[1:], x, x[1:], strict=False)]
    assert check.changes[2:] == pytest.approx([float(b - a) for a, b in pairwise(g)], abs=1e-14)
