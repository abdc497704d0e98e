"""The bounds on rounding errors, term by term; that whole networks are right is for test_extract.py."""

from fractions import Fraction

import numpy as np
import pytest
from support.oracle import assert_agrees, exact

from tinymlp import MLP, extract_segments
from tinymlp.segments.float_pass import float_pass, float_regions
from tinymlp.segments.rounding import UNIT_ROUNDOFF, Rounding

INF = np.inf


def doubts(edges, W, b, values, edge_errors=None, doubtful=None, p=1.0):
    """What a Rounding doubts after one layer of one unit, given its values at the edges."""
    rounding = Rounding((edges[0], edges[-1]))
    rounding.push(np.array([[float(W), float(b)]]))
    rounding.edge_errors = np.zeros(len(edges)) if edge_errors is None else np.array(edge_errors)
    rounding.doubtful = np.zeros(len(edges) - 1, bool) if doubtful is None else np.array(doubtful)
    lines = np.array([np.full((len(edges) - 1, 1), p), np.full((len(edges) - 1, 1), float(b))])
    rounding.watch(np.array(edges), lines, np.array(values, float)[:, None])
    return rounding.doubtful.tolist()


def test_a_value_is_doubted_up_to_its_bound():
    """Catches: a term of g (P |x| + Q) that is left out, or a bound far too wide."""
    g = 6 * UNIT_ROUNDOFF  # a product, a sum, the gain, and three for the use
    for W, b, x in [(1, 3, 5), (2, 0, 5), (2, 7, 0.0)]:
        bound = g * (W * x + b)
        assert doubts([-9, x], W, b, [1, 0.98 * bound]) == [True]
        assert doubts([-9, x], W, b, [1, -0.98 * bound]) == [True]
        assert doubts([-9, x], W, b, [1, 1.02 * bound]) == [False]


def test_a_value_at_an_uncertain_edge():
    """Catches: the error of the edge's position left out."""
    for value, expected in [(1.9e-3, True), (2.1e-3, False)]:
        assert doubts([0, 1, 2], 1, 0, [1, value, 1], edge_errors=[0, 1e-3, 0]) == [expected] * 2


def test_doubt_falls_on_both_sides_and_spreads_to_neighbours():
    """Catches: a region whose edge was judged by the lines of a doubtful one, taken for sure."""
    edges, sure = [0, 1, 2, 3, 4], [1, 1, 1, 1, 1]
    assert doubts(edges, 1, 0, [1, 1, 0, 1, 1]) == [False, True, True, False]
    assert doubts(edges, 1, 0, sure, doubtful=[True, False, False, False]) == [True, True, False, False]
    assert doubts(edges, 1, 0, sure) == [False] * 4
    assert doubts(edges, 1, 0, [1, np.nan, 1, 1, 1])[:2] == [True, True]


def test_infinite_ends():
    """Catches: a slope that rounding may have made judged by its sign; an intercept judged by the slope's bound."""
    tiny = 5 * UNIT_ROUNDOFF
    assert doubts([-INF, INF], 1, 1, [-1, 1]) == [False]
    assert doubts([-INF, INF], 1, 1, [-tiny, 1]) == [True]
    assert doubts([-INF, INF], 1, 1, [1, 1], p=0.0) == [True]  # zero, but it need not be: W is not
    assert doubts([-INF, INF], 0, 1, [1, 1], p=0.0) == [False]  # zero for certain; the intercept decides
    assert doubts([-INF, INF], 0, 1, [tiny, 1], p=0.0) == [True]


def test_a_layer_that_is_off_at_infinity_is_flat_for_certain():
    """Catches: rational arithmetic wherever a layer is off towards infinity; negative weights taken for none."""
    net = MLP.from_weights([[[1]], [[-1]], [[1]]], [[0], [1], [0]])  # relu(1 - relu(x)): flat to the left
    assert not float_regions(net, (-INF, INF)).doubtful.any()
    leaky = MLP.from_weights([[[1], [1]], [[1, -1]], [[1]]], [[0, 0], [1], [0]], negative_slope=0.1)
    assert float_regions(leaky, (-INF, INF)).doubtful.all()  # x - x: flat on both sides, but float64 cannot know


def test_narrow_regions_are_doubted():
    """Catches: an order of crossings that their errors do not settle."""
    for gap, expected in [(3.9e-3, True), (4.1e-3, False)]:
        rounding = Rounding((0.0, 1.0))
        rounding.edge_errors = np.array([0.0, 5e-4, 5e-4, 0.0])
        edges = np.array([0, 0.5, 0.5 + gap, 1])
        rounding.split(edges, np.zeros(3, int), np.ones((3, 1), bool))
        assert rounding.doubtful.tolist() == [False, expected, False]


def test_an_edge_may_reach_past_its_neighbours():
    """Catches: errors compared between neighbours only, where one crossing may truly lie beyond two others."""
    rounding = Rounding((0.0, 10.0))
    edges = np.array([0, 2, 4, 5, 8, 9, 10.0])
    rounding.edge_errors = np.array([0, 1e-9, 1e-9, 0.8, 1e-9, 1e-9, 0])
    rounding.split(edges, np.zeros(6, int), np.ones((6, 1), bool))
    assert rounding.doubtful.tolist() == [False, True, True, True, False, False]  # from 1.8 to 8.2


def test_a_shallow_unit_among_sharp_ones():
    """Catches: the same in a network: the slope of one unit is nearly all rounding, and two others switch nearby."""
    rng = np.random.default_rng(0)
    tried = 0
    while tried < 40:
        w, a = rng.uniform(1, 2, 2), rng.uniform(1, 2)
        b = -a * w[0] / w[1] * (1 + int(rng.integers(-40, 40)) * 2.0**-52)
        slope, seen = Fraction(a) * Fraction(w[0]) + Fraction(b) * Fraction(w[1]), a * w[0] + b * w[1]
        if not slope or not seen or not 1.5 < 5 * seen / slope < 9.5 or abs(5 * seen / slope - 5) < 1e-6:
            continue
        tried += 1
        true = float(5 * seen / slope)  # float64 puts it at 5
        sharp = [true + 0.5 * (5 - true), true - 0.1 * (5 - true)]
        layer = [[a, b], [1 / w[0], 0], [1 / w[0], 0]]
        net = MLP.from_weights([w[:, None], layer, [[1, 1, 1]]], [[0, 0], [-5 * seen, -sharp[0], -sharp[1]], [0]])
        assert_agrees(extract_segments(net, (1, 10)), exact(net, (1, 10)))


def test_a_crossing_is_no_farther_off_than_its_region_is_wide():
    """Catches: a nearly flat unit that puts the whole interval in doubt."""
    rounding = Rounding((0.0, 10.0))
    rounding.push(np.array([[1.0, 3.0]]))
    zero = np.array([0])
    with np.errstate(divide="ignore"):
        rounding.cross(np.array([0.0, 10]), zero, zero, np.array([2.0]), np.array([1e-20]), np.array([0, 2, 1]))
    assert rounding.edge_errors[1] == 10


def test_errors_of_crossings():
    """Catches: a slope whose own error is left out of that of the crossing."""
    rounding = Rounding((-10.0, 10.0))
    rounding.push(np.array([[1.0, 3.0]]))
    P, Q = rounding.line_errors[:, 0]
    for p, expected in [(1.0, (P * 2 + Q) / (1 - P)), (2 * P, (P * 2 + Q) / P), (P, INF)]:
        rounding.edge_errors = np.zeros(2)
        zero = np.array([0])
        with np.errstate(divide="ignore"):
            rounding.cross(np.array([-INF, INF]), zero, zero, np.array([-2.0]), np.array([p]), np.array([0, 2, 1]))
        assert rounding.edge_errors[1] == pytest.approx(expected)


def test_bounds_grow_with_depth():
    """Catches: operations that are not counted. Errors here reach 0.05 of the bound, far more than a constant one."""
    worst = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        weights, biases = rng.uniform(0.8, 1.25, (300, 1, 1)), rng.uniform(0, 0.1, (300, 1))
        net = MLP.from_weights(list(weights), list(biases))
        regions, truth = float_regions(net, (0.0, 1.0)), extract_segments(net, (0, 1), rational=True).regions
        error = np.abs(regions.output[:, 0] - truth.output[:, 0])
        assert (error <= regions.output_errors + truth.output_errors).all()
        worst = max(worst, float((error / np.abs(truth.output[:, 0])).max()))
    assert worst > 8 * UNIT_ROUNDOFF  # more than three operations can make


def test_underflow():
    """Catches: a product that lost its digits below 2^-1022 taken for exact to a relative 2^-53."""
    first, second = 2.0**-537, 1.4 * 2.0**-537  # the product is 1.4 times the least float64, and rounds to it
    net = MLP.from_weights([[[first]], [[second]], [[1]]], [[0], [-1.2 * 2.0**-1014], [0]])
    truth = exact(net, (1, 2.0**60))
    assert len(truth.boundaries) == 1
    assert len(float_pass(net, (1.0, 2.0**60))[0]) == 2
    assert_agrees(extract_segments(net, (1, 2.0**60)), truth)


def test_growth_counts_every_product():
    """Catches: a bound that does not know how wide a layer is: 300 products, their sums with the bias, the gain."""
    rounding = Rounding((0.0, 1.0))
    rounding.push(np.ones((300, 2)))
    rounding.push(np.ones((1, 301)))
    operations = (1 + 2) + (300 + 2)
    assert operations * 2.0**-53 < rounding.growth < 1.05 * operations * 2.0**-53
