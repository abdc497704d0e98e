"""argmax_changes: where another output wins, against rationals."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from support.networks import one_output
from support.oracle import exact

from tinymlp import MLP, argmax_changes, argmin_changes, sign_changes
from tinymlp.segments.argmax import _undecided
from tinymlp.segments.find_regions import Regions

INF = np.inf


def winners(net, interval):
    """The truth about who wins between start and stop: every region of the oracle, every crossing of two outputs."""
    start, stop = interval
    truths = [exact(one_output(net, k), interval) for k in range(net.sizes[-1])]
    cuts = {Fraction(start), Fraction(stop), *(x for truth in truths for x in truth.boundaries)}
    weights = [[[Fraction(float(v)) for v in row] for row in W] for W in net.weights]
    biases = [[Fraction(float(v)) for v in b] for b in net.biases]

    def outputs(x):
        a = [x]
        for l, (W, b) in enumerate(zip(weights, biases, strict=True)):
            a = [sum((w * v for w, v in zip(row, a, strict=True)), c) for row, c in zip(W, b, strict=True)]
            if l < len(weights) - 1:
                a = [v if v > 0 else Fraction(net.negative_slope) * v for v in a]
        return a

    edges = sorted(cuts)
    for left, right in pairwise(edges):
        y0, y1 = outputs(left), outputs(right)
        for i in range(len(y0)):
            for j in range(i):
                d0, d1 = y0[i] - y0[j], y1[i] - y1[j]
                if d0 * d1 < 0:
                    cuts.add(left + d0 / (d0 - d1) * (right - left))
    edges = sorted(cuts)
    found, before = [], None
    for left, right in pairwise(edges):
        y = outputs((left + right) / 2)
        after = y.index(max(y))
        if before is not None and after != before:
            found.append((left, before, after))
        before = after
    return found


@pytest.mark.parametrize("seed", range(30))
def test_argmax_changes_against_rationals(seed):
    """Catches: a change that is missed, invented, misplaced, or between others; ties that rounding breaks."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 5, 5, 4], negative_slope=(0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
    net.weights[-1][:] *= 3
    if seed % 3 == 1:  # dense coincidences: equal outputs, changes on boundaries and on the ends
        net.params[:] = rng.integers(-2, 3, net.params.shape)
    if seed % 3 == 2:  # two outputs that are equal but for the order of summation
        net.layers[-1][3] = net.layers[-1][1]
    truth, changes = winners(net, (-4, 4)), argmax_changes(net, (-4, 4))
    assert [(c.before, c.after) for c in changes] == [(before, after) for _, before, after in truth]
    assert [c.x for c in changes] == [float(x) for x, _, _ in truth]


def test_outputs_that_differ_by_less_than_rounding():
    """Catches: a winner that float64's rounding chose. On (1, 2) one output is larger, or they are equal, by 2^-54."""
    rng = np.random.default_rng(0)
    fooled = 0
    for _ in range(200):
        v = rng.normal(size=3)
        outputs = [[*v, 0], [v[0] + v[1], v[2], 0, 0]]  # the sum rounded here, there not
        net = MLP.from_weights([np.ones((4, 1)), outputs], [np.zeros(4), [0, 0]])
        truth = [sum(map(Fraction, row)) for row in outputs]
        assert argmax_changes(net, (1, 2)) == []
        (change,) = argmax_changes(net, (-1, 2)) or [None] if truth[1] > truth[0] else [None]
        assert change is None or change == (0.0, 0, 1)
        assert (change is not None) == (truth[1] > truth[0])
        seen = net(1.5)[0]
        fooled += (seen[1] > seen[0]) != (truth[1] > truth[0])
    assert fooled > 10


def test_outputs_that_tie_at_a_number():
    """Catches: the rounding of p x + q forgotten where the lines themselves are known to 30 digits.

    A region of width 2^-60 is done in double-double; at its right end, exactly 3, outputs of this family tie.
    """
    e = 2.0**-30
    p0, p1, q0, q1 = map(
        float.fromhex,
        ("0x1.f7fc0cba79482p+0", "0x1.f7fc0cba79483p+0", "0x1.6024938755736p+0", "0x1.6024938755733p+0"),
    )
    net = MLP.from_weights([[[1 + e], [1], [1]], [[0, 0, p0], [0, 0, p1]]], [[-(1 + 2 * e), -(1 + e), 0], [q0, q1]])
    assert argmax_changes(net, (0.5, 4.999395953721464)) == [(3.0, 0, 1)]
    rng = np.random.default_rng(0)
    for _ in range(300):
        p0, q0 = 1 + rng.random(2)
        p1, x = np.nextafter(p0, 2), float(rng.integers(2, 5))
        q1 = float(Fraction(q0) - Fraction(x) * (Fraction(p1) - Fraction(p0)))  # a multiple of 2^-52: no rounding
        net = MLP.from_weights([[[1 + e], [1], [1]], [[0, 0, p0], [0, 0, p1]]], [[-(1 + 2 * e), -(1 + e), 0], [q0, q1]])
        for stop in (x, x + rng.uniform(0.1, 3)):
            truth = [(x, 0, 1)] if x < stop and q1 < q0 else []
            assert argmax_changes(net, (0.5, stop)) == truth


def test_outputs_beyond_float64():
    """Catches: two values that overflow compared."""
    net = MLP.from_weights([[[2.0], [1.0]]], [[-1e308, 1e307]])
    assert argmax_changes(net, (0, 1.7e308)) == [(1.1e308, 1, 0)]
    assert argmax_changes(MLP.from_weights([[[1.0], [1.5]]], [[1e308, 1e308]]), (1e308, 1.7e308)) == []
    assert argmax_changes(MLP.from_weights([[[1.0], [-1.0]]], [[0, 0]]), (-1.5e308, 1.5e308)) == [(0.0, 1, 0)]
    crossing = MLP.from_weights([[[2.0], [4.0]]], [[1.7e308, 0.0]])
    assert argmax_changes(crossing, (0.5e308, 1.7e308)) == [(0.85e308, 0, 1)]


def test_argmax_changes_on_the_whole_line():
    """Catches: infinity taken for a number; changes in the outermost regions missed."""
    net = MLP.from_weights([[[1], [-1]], [[1, 0], [0, 2], [0, 0]]], [[0, 0], [0, 0, 6]])  # x+, 2 x-, 6
    assert argmax_changes(net) == [(-3.0, 1, 2), (6.0, 2, 0)]
    straight = MLP.from_weights([[[1], [-1], [0]]], [[0, 0, 0]])  # x, -x, 0: no hidden layer; all meet at 0
    assert argmax_changes(straight) == [(0.0, 1, 0)]
    assert argmax_changes(straight, (0, 5)) == argmax_changes(straight, (-5, 0)) == []  # they meet at the end
    parallel = MLP.from_weights([[[-1], [-1], [0]]], [[0, 1, 0]])  # towards minus infinity the intercept decides
    assert argmax_changes(parallel) == [(1.0, 1, 2)]
    same = MLP.from_weights([[[1], [1]]], [[2, 2]])
    assert argmax_changes(same) == []


def test_argmax_needs_rivals():
    """Catches: an empty list for a network that has no decision to make."""
    with pytest.raises(ValueError, match="net has 1 output"):
        argmax_changes(MLP([1, 3, 1]))
    with pytest.raises(ValueError, match=r"net has 4 inputs.*along"):
        argmax_changes(MLP([4, 3, 2]))


def test_argmax_is_what_numpy_sees():
    """Catches: any difference from evaluating the network."""
    net = MLP([20, 30, 30, 10], seed=2)
    rng = np.random.default_rng(2)
    for W in net.weights:
        W *= 3
    line = net.along(rng.normal(size=20), rng.normal(size=20))
    changes = argmax_changes(line, (-20, 20))
    assert len(changes) > 3
    t = np.linspace(-20, 20, 2001)
    seen = line(t).argmax(axis=1)
    for a, b, first, last in zip(t[:-1], t[1:], seen[:-1], seen[1:], strict=True):
        inside = [c for c in changes if a < c.x <= b]
        assert (inside[0].before, inside[-1].after) == (first, last) if inside else first == last


def two_outputs(lines, edges, errors, line_errors=0.0):
    """Regions of two outputs with these lines (2, R), p + iq."""
    R = len(edges) - 1
    return Regions(
        np.array(edges, float),
        np.array(errors, float),
        np.array(lines),
        np.full((2, R), line_errors, complex),
        np.zeros(R, bool),
        [],
        np.arange(R),
    )


def test_where_a_winner_is_sure():
    """Catches: the error of an edge, of a slope or of an intercept left out; the slope's bound for the intercept's."""
    flat = [[2 + 0j], [1 + 0j]]  # 2 x and x on (1, 2): apart by 1 at 1
    assert not _undecided(two_outputs(flat, [1, 2], [0, 0])).any()
    for edge_error, expected in [(0.08, False), (0.09, True)]:  # 4 (2 + 1) times it
        assert _undecided(two_outputs(flat, [1, 2], [edge_error, 0])).tolist() == [expected]
    for bound, expected in [(0.12, False), (0.13, True)]:  # 4 times it for each output
        assert _undecided(two_outputs(flat, [1, 2], [0, 0], bound)).tolist() == [expected]
        assert _undecided(two_outputs(flat, [1, 2], [0, 0], 1j * bound)).tolist() == [expected]
    steep = [[3 + 0j], [1 + 0j]]  # at 10 apart by 20
    for bound, expected in [(0.24, False), (0.26, True)]:
        assert _undecided(two_outputs(steep, [10, 11], [0, 0], bound)).tolist() == [expected]
    for apart, expected in [(2, True), (20, False)]:  # the rounding of p x + q: 4 u 1e16 for each output
        assert _undecided(two_outputs([[1e16j], [1j * (1e16 - apart)]], [1, 2], [0, 0])).tolist() == [expected]
        steep = [[1 + 0j], [1 - apart * 1e-16 + 0j]]
        assert _undecided(two_outputs(steep, [1e16, 2e16], [0, 0])).tolist() == [expected]
    overflown = [[2 - 1.5e308j], [0 + 1e308j]]  # 2 x is infinity, 2 x - 1.5e308 the smaller one
    assert _undecided(two_outputs(overflown, [1e308, 1.1e308], [0, 0])).tolist() == [True]
    crossing = [[1 + 0j, 1 + 0j], [-1 + 0j, -1 + 0j]]
    assert _undecided(two_outputs(crossing, [-2, 1, 3], [0, 0, 0])).tolist() == [True, False]
    narrow = two_outputs([[1 + 9j], [1 + 0j]], [1, 1.001], [1e-4, 1e-4])
    assert not _undecided(narrow).any()
    assert _undecided(two_outputs([[1 + 9j], [1 + 0j]], [1, 1.001], [1e-4, 2e-4])).all()


@pytest.mark.parametrize("seed", range(10))
def test_argmin_and_signs_against_samples(seed):
    """Catches: a tie or a bias of the wrong sign; classes the wrong way round."""
    net = MLP([1, 6, 6, 4], seed=seed, dtype=np.float64)
    net.weights[-1][:] *= 3
    x = np.linspace(-4, 4, 200_001)
    y = net(x)
    for changes, winner in [
        (argmin_changes(net, (-4, 4)), y.argmin(axis=1)),
        (sign_changes(one_output(net, 0), (-4, 4)), (y[:, 0] > 0).astype(int)),
    ]:
        at = np.flatnonzero(np.diff(winner))
        assert [(c.before, c.after) for c in changes] == [(winner[i], winner[i + 1]) for i in at]
        assert [c.x for c in changes] == pytest.approx((x[at] + x[at + 1]) / 2, abs=1e-4)


def test_ties_of_argmin_and_zeros():
    """Catches: of equal outputs the last; an output that is 0 counted as class 1."""
    equal = MLP.from_weights([[[1.0], [1.0], [-1.0]]], [[0.0, 0.0, 0.0]])
    assert argmin_changes(equal) == [(0.0, 0, 2)]
    relu = MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    assert sign_changes(relu) == [(0.0, 0, 1)]
    touch = MLP.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    assert sign_changes(touch) == []
    with pytest.raises(ValueError, match="net has 3 outputs: a sign needs one"):
        sign_changes(equal)
