"""The bounds on rounding errors, term by term; that whole networks are right is for test_extract.py and fuzz.py."""

from fractions import Fraction

import numpy as np
import pytest
from support.oracle import assert_agrees, exact
from support.walks import regions_by, walked

from tinymlp import MLP, extract_segments, find_regions
from tinymlp.network.parameters import stacked_layers
from tinymlp.segments.double_double import DoubleDouble
from tinymlp.segments.reach_bounds import ReachBounds
from tinymlp.segments.rounding import RunningBounds, U
from tinymlp.segments.walk import INPUT, Float64, walk

INF = np.inf

BOTH = pytest.mark.parametrize("arithmetic", [ReachBounds, RunningBounds])


def pushed(arithmetic, ends, W, b):
    """The arithmetic before the signs of one unit W x + b."""
    a = arithmetic(INPUT, ends, 0.0)
    a.push(np.array([[[float(W), float(b)]]]))
    return a


def at_edges(W, b, edges, values, *, errors=None, doubtful=None, p=None, ends=None):
    """Running bounds with one unit W x + b and these edges, the last of which is the stop, and values at them."""
    a = pushed(RunningBounds, ends or (edges[0], edges[-1]), W, b)
    N = len(edges)
    for name in ("lines", "margins", "_sizes"):
        setattr(a, name, getattr(a, name)[:, :1].repeat(N, axis=1))
    if p is not None:
        a.lines = np.full((1, N), p + 1j * b)
    a.edges, a.edge_errors = np.array(edges, float), np.zeros(N) if errors is None else np.array(errors, float)
    a.doubtful = np.zeros(N, bool) if doubtful is None else np.append(doubtful, False)
    a._stops = np.arange(N) == N - 1
    a.values = lambda lines: np.array([values], float)
    return a


def doubts(*args, **options):
    """In which regions the signs are doubted."""
    a = at_edges(*args, **options)
    with np.errstate(all="ignore"):
        a.signs()
    assert not a.doubtful[-1]
    return a.doubtful[:-1].tolist()


def test_a_value_is_doubted_up_to_its_bound():
    """Catches: a term of T_p |x| + T_q that is left out, or a bound far too wide; slope and intercept mixed up."""
    for W, b, x in [(1, 3, 5), (2, 0, 5), (2, 7, 0.0), (0.001, 1e6, 1e3), (1e6, 0.001, 1e-3)]:
        margin = pushed(RunningBounds, (0, 1), W, b).margins[0, 0]
        size = 14 * U  # 7 for what the sum of 2 products loses, 7 for the use of the line
        assert margin.real == pytest.approx(size * W, rel=1e-9)
        assert margin.imag == pytest.approx(size * b, rel=1e-9, abs=1e-200)
        bound = margin.real * x + margin.imag
        assert doubts(W, b, [-9, x, 50], [1, 0.98 * bound, 1]) == [True, True]
        assert doubts(W, b, [-9, x, 50], [1, -0.98 * bound, 1]) == [True, True]
        assert doubts(W, b, [-9, x, 50], [1, 1.02 * bound, 1]) == [False, False]


def test_a_value_at_an_uncertain_edge():
    """Catches: the error of the edge's position left out, or not multiplied by the slope."""
    for slope in (1, 8):
        for value, expected in [(0.99e-3, True), (1.01e-3, False)]:
            doubted = doubts(slope, 0, [0, 1, 2], [1, slope * value, 1], errors=[0, 1e-3, 0])
            assert doubted == [expected] * 2


def test_doubt_falls_on_both_sides():
    """Catches: doubt on one side of an edge only, or spread further than that; NaN taken for a sign."""
    edges = [0, 1, 2, 3, 4]
    assert doubts(1, 0, edges, [1, 1, 0, 1, 1]) == [False, True, True, False]
    assert doubts(1, 0, edges, [0, 1, 1, 1, 1]) == [True, False, False, False]
    assert doubts(1, 0, edges, [1, 1, 1, 1, 0]) == [False, False, False, True]
    assert doubts(1, 0, edges, [1] * 5, doubtful=[True, False, False, False]) == [True, False, False, False]
    assert doubts(1, 0, edges, [1, np.nan, 1, 1, 1]) == [True, True, False, False]


def test_an_edge_is_judged_from_its_sure_side():
    """Catches: the end of a sure region judged by the line of a doubtful one."""
    a = at_edges(1, 0, [0, 1, 2, 3, 4], None, doubtful=[False, True, True, False])
    assert a._sources().tolist() == [0, 0, 2, 3, 4]  # column 2 has doubt on both sides; the stop is its own column
    a._stops[0] = True  # as if another window ended there
    assert a._sources().tolist() == [0, 1, 2, 3, 4]


def test_infinite_ends():
    """Catches: a slope that rounding may have made judged by its sign; an intercept judged by the slope's bound."""
    tiny = 5 * U
    line = (-INF, INF)
    assert doubts(1, 1, line, [-1, 1]) == [False]
    assert doubts(1, 1, line, [-tiny, 1]) == [True]
    assert doubts(1, 1, line, [1, 1], p=0.0) == [True]  # zero, but it need not be: W is not
    assert doubts(0, 1, line, [1, 1]) == [False]  # zero for certain; the intercept decides
    assert doubts(0, 1, line, [tiny, 1]) == [True]


def test_a_unit_that_is_zero_for_certain():
    """Catches: zero taken for a doubt; a doubt beside it, or a zero known in a doubtful region only, taken for sure."""
    a = at_edges(0, 0, [0, 1, 2], [0, 0, 0])
    on, zero = a.signs()
    assert a.margins.tolist() == [[0, 0, 0]]
    assert zero.tolist() == [[True] * 3]
    assert not on.any()
    assert not a.doubtful.any()
    assert doubts(0, 0, [0, 1, 2, 3], [0, 0, 0, 0], doubtful=[False, True, False]) == [False, True, False]
    assert doubts(0, 0, [0, 1, 2, 3], [0, 0, 0, 0], doubtful=[True, True, False]) == [True, True, False]


@pytest.mark.parametrize("slope", [0.0, 0.1, 2.0**-300])
def test_nothing_small_is_zero_for_certain(slope):
    """Catches: weights, slopes or bounds that underflow, and prove by it that a line is 0."""
    tiny = 2.0**-1000
    for W in ([[tiny]], [[tiny, 0.0]]):
        layers = [(np.full((len(W[0]), 1), -tiny), np.zeros(len(W[0])))] + [(np.array(W).T @ W, [0] * len(W[0]))] * 8
        net = MLP.from_weights(
            [*(w for w, _ in layers), np.ones((1, len(W[0])))], [*(b for _, b in layers), [0]], negative_slope=slope
        )
        a, passed = walked(net, (-1.0, 1.0))
        truth = find_regions(net, (-1.0, 1.0), rational=True)
        for layer, states in zip(passed, truth.states, strict=True):
            if layer.zero is not None and not a.doubtful.any():
                assert (layer.zero <= (states == 0)).all()
        assert a.margins[0, 0].real > 0 or not truth.slopes.any()


def test_a_layer_that_is_off_at_infinity_is_flat_for_certain():
    """Catches: integers wherever a layer is off towards infinity; negative weights taken for none."""
    net = MLP.from_weights([[[1]], [[-1]], [[1]]], [[0], [1], [0]])  # relu(1 - relu(x)): flat to the left
    for arithmetic in (ReachBounds, RunningBounds):
        assert not regions_by(net, (-INF, INF), arithmetic).doubtful.any()
    leaky = MLP.from_weights([[[1], [1]], [[1, -1]], [[1]]], [[0, 0], [1], [0]], negative_slope=0.1)
    for arithmetic in (ReachBounds, RunningBounds):
        assert regions_by(leaky, (-INF, INF), arithmetic).doubtful.all()  # x - x: flat, but float64 cannot know


def cut_at(edges, errors, K=1):
    """Running bounds after a cut that leaves these edges and errors."""
    a = RunningBounds(INPUT, (edges[0], edges[-1]), 0.0)
    place = np.arange(1, len(edges) - 1)
    a._x, a._x_errors = np.array(edges, float)[1:-1], np.array(errors, float)[1:-1]
    a.cut(place, np.append(np.zeros(len(edges) - 1, int), 1))
    return a


def test_narrow_regions_are_doubted():
    """Catches: an order of crossings that their errors do not settle."""
    for gap, expected in [(3.9e-3, True), (4.1e-3, False)]:
        a = cut_at([0, 0.5, 0.5 + gap, 1], [0, 5e-4, 5e-4, 0])
        assert a.doubtful.tolist() == [False, expected, False, False]


def test_an_edge_may_reach_past_its_neighbours():
    """Catches: errors compared between neighbours only, where one crossing may truly lie beyond two others."""
    a = cut_at([0, 2, 4, 5, 8, 9, 10], [0, 1e-9, 1e-9, 0.8, 1e-9, 1e-9, 0])
    assert a.doubtful.tolist() == [False, True, True, True, False, False, False]  # from 1.8 to 8.2
    # the edge at 2 may truly be the one computed at 5, which reaches down to 5 - 2 * 0.8, or those that are doubted
    assert a.edge_errors[1] == pytest.approx(max(0, 2 - (5 - 1.6)) + 4 * U * 2, abs=3e-9)


def test_the_edge_of_a_sure_region_beside_doubt_may_be_another_crossing():
    """Catches: the error of one crossing given to an edge at which two lie that it cannot tell apart."""
    a = cut_at([0, 2, 2 + 1e-7, 9], [0, 1e-6, 1e-9, 0])
    assert a.doubtful.tolist() == [False, True, False, False]
    assert a.edge_errors[2] >= 1e-6 - 1e-7  # the last region may truly begin with the crossing computed at 2
    assert a.edge_errors[1] >= 1e-6


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


def crossing_error(p, q, ends, *, margin, errors=(0.0, 0.0)):
    """The bound on the error of a crossing of the line p x + q with this margin."""
    a = RunningBounds(INPUT, ends, 0.0)
    a.lines, a.margins = np.full((1, 2), p + 1j * q), np.full((1, 2), margin)
    a.edge_errors = np.array(errors)
    zero = np.array([0])
    with np.errstate(all="ignore"):
        a.crossings(zero, zero)
    return float(a._x_errors[0])


def test_errors_of_crossings():
    """Catches: a slope whose own error is left out of that of the crossing; margins of p and q mixed up."""
    for p, q, P, Q in [(1.0, 2.0, 1e-3, 1e-5), (1.0, 2.0, 1e-5, 1e-3), (0.1, 0.7, 1e-2, 0.0)]:
        x = q / p
        expected = (P * x + Q) / (p - P)
        assert crossing_error(p, q, (-INF, INF), margin=P + 1j * Q) == pytest.approx(expected)
    assert crossing_error(1e-3, 1.0, (-INF, INF), margin=1e-3 + 0j) == INF


def test_a_crossing_is_no_farther_off_than_its_region_is_wide():
    """Catches: a nearly flat unit that puts the whole interval in doubt."""
    assert crossing_error(1e-20, -2e-20, (0.0, 10.0), margin=1e-16 + 1e-16j) == pytest.approx(10)
    wide = crossing_error(1e-20, -2e-20, (0.0, 10.0), margin=1e-16 + 1e-16j, errors=(1.0, 2.0))
    assert wide == pytest.approx(13)


def test_a_crossing_that_was_outside_is_as_uncertain_as_the_end_it_is_put_at():
    """Catches: the error of a crossing that was computed elsewhere."""
    errors = crossing_error(1.0, -11.0, (0.0, 10.0), margin=1e-9 + 1e-9j, errors=(0.0, 0.5))
    assert errors == pytest.approx(0.5)
    assert crossing_error(1.0, 1.0, (0.0, 10.0), margin=1e-9 + 1e-9j, errors=(0.25, 0.0)) == pytest.approx(0.25)


@BOTH
def test_bounds_grow_with_depth(arithmetic):
    """Catches: operations that are not counted. Errors here reach 0.05 of the bound, far more than a constant one."""
    worst = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        weights, biases = rng.uniform(0.8, 1.25, (300, 1, 1)), rng.uniform(0, 0.1, (300, 1))
        net = MLP.from_weights(list(weights), list(biases))
        regions = regions_by(net, (0.0, 1.0), arithmetic)
        truth = find_regions(net, (0.0, 1.0), rational=True)
        for part in ("real", "imag"):
            value, true, bound, slack = (
                getattr(a, part) for a in (regions.lines, truth.lines, regions.line_errors, truth.line_errors)
            )
            error = np.abs(value - true)
            assert (error <= bound + slack).all()
            worst = max(worst, float((error / np.abs(true)).max()))
    assert worst > 8 * U  # more than three operations can make


def test_units_that_are_off_do_not_count():
    """Catches: bounds that grow with units that are off, which send every deep network down the ladder."""
    net = MLP.from_weights([[[1], [1]], [[1, 1e9]], [[1]]], [[0, -5], [3], [0]])
    running = regions_by(net, (1.0, 4.0))
    assert running.line_errors.real[0, 0] < 1e-14
    assert regions_by(net, (1.0, 4.0), ReachBounds).line_errors.real[0, 0] > 1e-8


@BOTH
def test_underflow(arithmetic):
    """Catches: a product that lost its digits below 2^-1022 taken for exact to a relative 2^-53."""
    first, second = 2.0**-537, 1.4 * 2.0**-537  # the product is 1.4 times the least float64, and rounds to it
    net = MLP.from_weights([[[first]], [[second]], [[1]]], [[0], [-1.2 * 2.0**-1014], [0]])
    truth = exact(net, (1, 2.0**60))
    assert len(truth.boundaries) == 1
    assert len(walked(net, (1.0, 2.0**60), Float64)[0].edges) == 2
    assert regions_by(net, (1.0, 2.0**60), arithmetic).doubtful.any()
    assert_agrees(extract_segments(net, (1, 2.0**60)), truth)


def test_reach_counts_every_product():
    """Catches: a bound that does not know how wide a layer is: 300 products, their sums with the bias, the gain."""
    a = ReachBounds(INPUT, (0.0, 1.0), 0.0)
    a.push(np.ones((1, 300, 2)))
    a.bend(np.ones((300, 2), bool), np.arange(2))
    a.push(np.ones((1, 1, 301)))
    operations = (2 + 2) + (301 + 2) + 3  # products, sums and a gain of each layer, and three for the use
    growth = a.margins[0, 0].real / 300
    assert growth == pytest.approx(operations * U, rel=1e-10)


def test_running_bounds_count_every_product():
    """Catches: the same, there: errors of all 300 products may add up."""
    a = RunningBounds(INPUT, (0.0, 1.0), 0.0)
    a.push(np.ones((1, 300, 2)))
    first = a.margins[0, 0].real
    assert 301 * U < first < 330 * U  # what 301 products will lose of it
    a.bend(np.ones((300, 2), bool), np.arange(2))
    a.push(np.ones((1, 1, 301)))
    assert a.margins[0, 0].real == pytest.approx(300 * first, rel=0.05)


def nearly_degenerate(slope):
    """Networks 1-4-4-1 that a change of ever fewer bits, 2^-20 to 2^-60 of a number, keeps from being degenerate."""
    rng = np.random.default_rng(0)
    for bits in np.linspace(20, 60, 161):
        for kind in ("boundaries", "boundaries of two layers", "touching", "small weights", "flat ends", "wide"):
            net = MLP([1, 4, 4, 1], negative_slope=slope, dtype=np.float64)
            net.params[:] = rng.normal(size=net.params.shape)
            first, second, _ = net.layers
            if kind == "boundaries":
                first[1] = 2 * first[0]
                first[1, 1] *= 1 + 2.0**-bits
            elif kind == "boundaries of two layers":
                second[0] = [1, 0, 0, 0, -(2.0**-bits)]
            elif kind == "touching":
                second[0] = [1, 0, 0, 0, 2.0**-bits]
            elif kind == "small weights":
                second[:, :-1] *= 2.0 ** -(bits / 2)
                second[1] = [1, -1, 0, 0, 2.0**-bits]
                first[1] = first[0]
            elif kind == "flat ends":
                first[:2] = [[1, 0], [1, 1]]
                first[2:, 0] = np.abs(first[2:, 0])
                second[0] = [1, -1 + 2.0**-bits, 0, 0, 3]
            else:
                first[:, 1] *= 2.0**bits
            yield net


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("interval", [(-3, 3), (-INF, INF), (-1e12, 2), (-INF, 1), (0, INF)])
def test_many_networks_get_the_verdicts_of_each(interval, slope):
    """Catches: a term of a bound that is left out in rows: at an edge, a crossing, an end at infinity, in fills."""
    nets = list(nearly_degenerate(slope))
    K = len(nets)
    together = ReachBounds(INPUT, interval * K, slope, K)
    walk(together, stacked_layers(np.stack([net.params for net in nets]), nets[0].sizes))
    singles = [walked(net, interval, ReachBounds)[0] for net in nets]
    expected = [bool(single.doubtful.any()) for single in singles]
    assert together.doubtful.tolist() == expected
    assert 0.05 < np.mean(expected) < 0.95
    rows = together.rounded().line_errors.reshape(K, -1)
    for k, single in enumerate(singles):
        if not expected[k]:
            mine = single.rounded().line_errors[0]
            assert rows[k, : len(mine)].real == pytest.approx(mine.real, rel=1e-12)
            assert rows[k, : len(mine)].imag == pytest.approx(mine.imag, rel=1e-12)


@BOTH
@pytest.mark.parametrize("line", [(-INF, INF), (-INF, 0.0), (0.0, INF)])
def test_at_infinity_a_slope_has_the_bound_of_slopes(arithmetic, line):
    """Catches: the intercept's bound for the slope, or the other way round, at one end or the other."""

    def doubted(W, b, p, q):
        a = pushed(arithmetic, line, W, b)
        a.lines = np.full((1, 2), p + 1j * q)
        with np.errstate(all="ignore"):
            a.signs()
        return a.doubtful.any()

    for W, b in [(1.0, 1e6), (1.0, 1e-6)]:
        slope, intercept = pushed(arithmetic, line, W, b).margins.view(float)[0, :2]
        assert not doubted(W, b, 1.1 * slope, 1e9)
        assert doubted(W, b, 0.9 * slope, 1e9)
        assert doubted(W, b, 0.0, 1e9)
        assert not doubted(0.0, b, 0.0, 1.1 * pushed(arithmetic, line, 0.0, b).margins[0, 0].imag)
        assert doubted(0.0, b, 0.0, 0.9 * pushed(arithmetic, line, 0.0, b).margins[0, 0].imag)
        assert intercept != slope


def test_leaky_units_that_are_off_are_not_flat_at_infinity():
    """Catches: a slope towards infinity taken for 0 for certain because the unit is off there."""
    for slope, flat in [(0.0, [True, False]), (0.1, [False, False])]:
        a = ReachBounds(INPUT, (-INF, INF), slope)
        a.push(np.array([[[1.0, 0.0]]]))
        a.bend(np.array([[False, True]]), np.arange(2))
        assert (~a._slanted[0, 0]).tolist() == flat


def test_the_end_of_a_sure_region_beside_doubt_has_low_parts():
    """Catches: the distance between two edges taken from their high parts alone."""
    a = DoubleDouble(INPUT, (0.0, 2.0), 0.0)
    a.edges, a.edge_errors = np.array([0, 1, 1 + 9e-20j, 2 + 0j]), np.zeros(4)
    a.doubtful = np.array([False, True, False, False])
    a._reaches = lambda times: (np.array([0, 1 + 3e-20j, 1 + 9e-20j, 2]), np.array([0, 1, 1 + 2e-20j, 2]))
    a._widen()
    assert a.edge_errors == pytest.approx([0, 3e-20, 7e-20, 0], rel=1e-9)


def test_each_end_at_infinity_has_its_own_flat_units():
    """Catches: what is known at the start taken for known at the stop."""
    for slanted, p, expected in [
        ((True, False), (0, 0), True),
        ((False, True), (0, 0), True),
        ((False, False), (0, 0), False),
        ((True, False), (1, 0), False),
        ((False, True), (0, 1), False),
    ]:
        a = pushed(ReachBounds, (-INF, INF), 1, 1)
        a._slanted, a.lines = np.array([[slanted]]), np.array([[p[0] + 1j, p[1] + 1j]])
        with np.errstate(all="ignore"):
            a.signs()
        assert a.doubtful.tolist() == [expected]
