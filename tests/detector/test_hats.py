"""The prediction of the detector, and the bound on its rounding."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from support.networks import stack
from support.oracle import exact

from tinymlp import MLP, assert_counts_agree, crosscheck
from tinymlp.detector.hats import find_hats, sum_hats
from tinymlp.network.line import on_line


def verdicts(check, what="breakpoint"):
    return [row.verdict for row in check.table if row.what == what]


GRID = np.array([0.0, 1, 3, 7, 8])  # steps 1, 2, 4, 1: no two neighbours are alike


def test_each_hat_is_the_function_that_the_docstring_draws():
    """Catches: a wrong cell, step or end; against phi_i as it is defined, for every breakpoint and every index."""

    def phi(i, b):
        left, middle, right = map(Fraction, GRID[i - 2 : i + 1])
        return max(Fraction(0), min((b - left) / (middle - left), (right - b) / (right - middle)))

    b = np.array([-1, 0, 0.25, 1, 1.5, 3, 4, 7, 7.75, 8, 9])
    expected = {(k, i): phi(i, Fraction(v)) for k, v in enumerate(b) for i in range(2, len(GRID))}
    k, i, height = find_hats(b, GRID)
    found = dict(zip(zip(k.tolist(), i.tolist(), strict=True), map(Fraction, height), strict=True))
    assert found == {key: value for key, value in expected.items() if value > 0}
    assert len(found) == len(k)


def test_the_sum_over_hats_and_its_error_by_hand():
    """Catches: the step on the wrong side, errors that cancel, or that a boundary which is no breakpoint brings in."""
    small, large, first, second = 2.0**-40, 2.0**-38, 2.0**-30, 2.0**-28
    f = SimpleNamespace(
        breakpoints=np.array([1.5, 4.0]),
        jumps=np.array([-3.0, 8.0]),
        boundaries=[
            SimpleNamespace(label="visible", error=first),
            SimpleNamespace(label="cancelled", error=1.0),
            SimpleNamespace(label="visible", error=second),
        ],
        jump_errors=np.array([small, large]),
    )
    # -3 at 1.5 is seen from the hat over 0, 1, 3 at height 3/4, from that over 1, 3, 7 at 1/4;
    # 8 at 4 from that over 1, 3, 7 at 3/4, from that over 3, 7, 8 at 1/4
    changes, errors = sum_hats(f, GRID, find_hats(np.array([1.5, 4.0]), GRID))
    assert changes.tolist() == [0, 0, -2.25, -0.75 + 6, 2]
    # the error of the jump; and the jump times: its breakpoint's error over the hat's steeper side, and 2^-48
    left, middle_left = small + 3 * (first + 2.0**-48), small + 3 * (first / 2 + 2.0**-48)
    middle_right, right = large + 8 * (second / 2 + 2.0**-48), large + 8 * (second + 2.0**-48)
    assert errors == pytest.approx([0, 0, left, middle_left + middle_right, right], rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("b", "error", "seen"),
    [
        (3 - 2.0**-40, 2.0**-30, [2, 3, 4]),
        (3.0, 2.0**-30, [2, 3, 4]),
        (3.0, 0.0, [3]),  # and the hat on its left, at whose foot it is
        (0.0, 2.0**-30, [2]),
        (8 + 2.0**-40, 2.0**-30, [4]),
        (9.0, 0.5, []),
    ],
)
def test_a_breakpoint_may_lie_beyond_the_grid_point_that_it_is_near(b, error, seen):
    """Catches: a hat that a breakpoint truly lies under, to which its error is not counted."""
    f = SimpleNamespace(
        breakpoints=np.array([b]),
        jumps=np.array([8.0]),
        boundaries=[SimpleNamespace(label="visible", error=error)],
        jump_errors=np.zeros(1),
    )
    _, errors = sum_hats(f, GRID, find_hats(f.breakpoints, GRID))
    assert set(seen) <= set(np.flatnonzero(errors).tolist())
    for true in (b - error, b + error):  # by how much the sum would differ, were the breakpoint there
        true_height, height = (np.zeros(len(GRID)) for _ in range(2))
        for heights, x in ((true_height, true), (height, b)):
            _, i, heights_i = find_hats(np.array([x]), GRID)
            heights[i] = heights_i
        assert (8 * np.abs(true_height - height) <= errors).all()


def rational(values):
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(values)]


def exact_values(net, x):
    """The value of a network, or a line, at each x, its numbers taken as the rational numbers they are."""
    net, origin, direction = (line := on_line(net)).net, line.origin, line.direction
    leak, last = Fraction(net.negative_slope), len(net.weights) - 1
    layers = [(rational(W), rational(b)[0]) for W, b in zip(net.weights, net.biases, strict=True)]
    values = []
    for v in x:
        a = [p + d * Fraction(float(v)) for p, d in zip(rational(origin)[0], rational(direction)[0], strict=True)]
        for l, (W, b) in enumerate(layers):
            z = [sum((w * c for w, c in zip(row, a, strict=True)), q) for row, q in zip(W, b, strict=True)]
            a = z if l == last else [max(c, leak * c) for c in z]
        values.append(a[0])
    return values


def exact_changes(net, x):
    """The change of slope that indices 2, 3, ... would see without any rounding."""
    x, y = [Fraction(float(v)) for v in x], exact_values(net, x)
    slopes = [(d - c) / (b - a) for (a, b), (c, d) in zip(pairwise(x), pairwise(y), strict=True)]
    return [b - a for a, b in pairwise(slopes)]


def opposed(seed, negative_slope=0.0):
    """A trained-looking network of large biases, each undone by one in the next layer."""
    rng = np.random.default_rng(seed)
    W = [rng.normal(size=shape) for shape in ((6, 1), (5, 6), (1, 5))]
    b = [np.array([300.0, -300, 700, -700, 1, -1]), rng.normal(size=5), rng.normal(size=1)]
    b[1] -= W[1] @ np.maximum(b[0], negative_slope * b[0])
    b[2] -= W[2] @ np.maximum(b[1], negative_slope * b[1])
    return stack(*zip(W, b, strict=True), slope=negative_slope)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("negative_slope", [0.0, 0.3])
def test_rounding_stays_within_the_bound(dtype, negative_slope):
    """Catches: a bias, a layer or a step that the bound leaves out; against changes of slope in rational numbers."""
    worst = 0
    for seed in range(6):
        net = opposed(seed, negative_slope)
        check = crosscheck(net, (-3, 2), points=60, dtype=dtype)
        x, y = check.detection.x, check.detection.y
        seen = np.diff(np.diff(y) / np.diff(x))
        for i, truth in enumerate(exact_changes(net, x), 2):
            error = abs(Fraction(float(seen[i - 2])) - truth)
            assert error <= check.bounds[i]
            worst = max(worst, error / Fraction(check.bounds[i]))
    assert worst > 0.001


@pytest.mark.parametrize("negative_slope", [0.0, 0.3])
def test_the_prediction_stays_within_its_own_error(negative_slope):
    """Catches: an error of the jumps or the positions left out; against changes of slope in rational numbers."""
    worst = 0
    for seed in range(6):
        net = opposed(seed, negative_slope)
        check = crosscheck(net, (-3, 2), points=60, dtype=np.float64)
        x = check.detection.x
        changes, errors = sum_hats(check.segments, x, find_hats(check.segments.breakpoints, x))
        assert (changes == check.changes).all()
        for i, truth in enumerate(exact_changes(net, x), 2):
            error = abs(Fraction(float(changes[i])) - truth)
            assert error <= errors[i]
            worst = max(worst, error / Fraction(errors[i])) if errors[i] else worst
    assert worst > 1e-4


def test_slopes_below_the_least_normal_number():
    """Catches: slopes so small, on steps so wide, that float16 has few digits for them; against rational numbers."""
    net = MLP.from_weights([[[1e-3]], [[1e-3]]], [[10.0], [0.0]])
    check = crosscheck(net, (-60000, 60000), points=8, dtype=np.float16)
    x, y = check.detection.x, check.detection.y
    seen = np.diff(np.diff(y) / np.diff(x)).astype(np.float64)
    error = np.abs(seen - [float(change) for change in exact_changes(net, x)])
    assert (error <= check.bounds[2:]).all()
    assert error.max() > 2.0**-25  # half the least number: more than any error of y makes here


DIGITS, LEAST = {"float16": 11, "float32": 24, "float64": 53}, {"float16": -14, "float32": -126, "float64": -1022}


def inequality(net, x, dtype):
    """The inequality in the docstring of `rounding_bound`, number by number, in rational numbers.

    A value off by E makes a difference of two off by both; the differences of y and x, their quotient and the
    difference of two slopes are 5 u of each slope at most, or the least number above 0 where a slope is subnormal; and
    1.01 is for products of errors.
    """
    u, least = Fraction(1, 2 ** DIGITS[dtype]), Fraction(2) ** LEAST[dtype]
    x, E, y = [Fraction(float(v)) for v in x], [], exact_values(net, x)
    net, origin, direction = (line := on_line(net)).net, rational(line.origin)[0], rational(line.direction)[0]
    for v in x:
        a = [p + d * v for p, d in zip(origin, direction, strict=True)]
        errors = [
            (3 * u * (abs(p) + abs(d * v)) + least * 2 * u) * ((p, d) != (0, 1))
            for p, d in zip(origin, direction, strict=True)
        ]
        for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            n = len(a)
            g = (n + 4) * u / (1 - (n + 4) * u)
            lost = least + least * 2 * u * sum(map(abs, a))  # least * 2 u is the least number above 0
            new_a, new_errors = [], []
            for row, q in zip(rational(W), rational(b)[0], strict=True):
                reach = abs(q) + sum(abs(w) * abs(c) for w, c in zip(row, a, strict=True))
                handed_on = sum(abs(w) * e for w, e in zip(row, errors, strict=True))
                new_errors.append(handed_on + g * (handed_on + reach) + lost)
                new_a.append(sum((w * c for w, c in zip(row, a, strict=True)), q))
            a, errors = new_a, new_errors
            if l < len(net.weights) - 1:
                a = [c if c > 0 else Fraction(net.negative_slope) * c for c in a]
        E.append(errors[0])
    slopes = [
        (E[k] + E[k - 1]) / (x[k] - x[k - 1]) + 5 * u * abs((y[k] - y[k - 1]) / (x[k] - x[k - 1])) + least * 2 * u
        for k in range(1, len(x))
    ]
    return [0, 0, *(float(Fraction("1.01") * (left + right)) for left, right in pairwise(slopes))]


@pytest.mark.parametrize("dtype", DIGITS)
def test_the_bound_is_the_inequality_that_it_states(dtype):
    """Catches: a bound that is larger than need be, by an operation too many or an absolute value too early."""
    rng = np.random.default_rng(0)
    on_and_off = stack(  # no unit switches between -2 and 3, so there is no error of positions or jumps to add
        (rng.normal(size=(4, 1)), np.array([20.0, -20, 30, -30])),
        (rng.normal(size=(3, 4)) / 30, np.array([5.0, -6, -7])),
        (np.array([[-5.0, 3, -8]]), np.array([-2.0])),
    )
    wide = stack((np.ones((300, 1)), np.linspace(2.5, 4, 300)), (np.linspace(-1, 1.1, 300)[None], np.array([-7.0])))
    faint = stack((np.array([[1e-5]]), np.array([1e-4])), (np.array([[1e-4]]), np.array([0.0])))
    leaky = MLP.from_weights(on_and_off.weights, on_and_off.biases, negative_slope=0.25)
    plane = stack((np.array([[1.0, -2], [0.5, 3]]), np.array([30.0, 40])), (np.array([[-5.0, 3]]), np.array([-2.0])))
    line = plane.along([0, 1], [1, -1.5])
    for net in (on_and_off, leaky, wide, faint, stack((np.array([[-3.0]]), np.array([4.0]))), line):
        check = crosscheck(net, (-2, 3), points=7, dtype=dtype)
        assert len(check.segments) == 1
        assert check.bounds == pytest.approx(inequality(net, check.detection.x, dtype), rel=1e-10, abs=0)


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
