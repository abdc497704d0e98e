"""PiecewiseLinear, the function object."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from support.networks import hat, relu_of, stack
from support.oracle import column

from tinymlp import MLP, Ensemble, extract_outputs, extract_segments

INF = np.inf


def test_boundaries():
    """Catches: attributes of one boundary given to another."""
    net = stack(
        ([[1], [1], [1], [1]], [0, -1, -1, -2]), ([[1, 0.5, -0.5, 0], [0, 0, 0, 1]], [0, -9e9]), ([[2, 1]], [0])
    )
    f = extract_segments(net, (-5, 5), rational=True)
    assert f.boundaries == [
        (0.0, 5e-324, [(0, 0), (1, 0)], 2.0, "visible", 0),
        (1.0, 2.0**-53, [(0, 1), (0, 2)], 0.0, "cancelled", 1),
        (2.0, 2.0**-52, [(0, 3)], 0.0, "unheard", 2),
    ]
    assert [b.fraction for b in extract_segments(net, (-5, 5)).boundaries] == [None] * 3


@pytest.mark.parametrize("rational", [False, True])
def test_a_clip_at_a_boundary_is_not_certified(rational):
    """Catches: a boundary lost by clipping to the ends that are there; a count that float64 decided, certified."""
    net = relu_of((3, -1))  # its boundary, 1/3, is a little more than the float 1/3
    for f in (
        extract_segments(net, (1 / 3, 5), rational=rational),
        extract_segments(net, (1 / 3, 5), rational=rational).clip((1 / 3, 5)),
    ):
        assert len(f.boundaries) == 1
        assert f.certified
    whole = extract_segments(net, rational=rational)
    assert not whole.clip((1 / 3, 5)).certified
    assert not whole.clip((-5, 1 / 3)).certified
    assert whole.clip((0, 5)).certified
    assert len(whole.clip((0, 5)).boundaries) == len(whole.clip((-INF, INF)).boundaries) == 1


def test_hat():
    """Catches: segments shifted by one, intercepts at the wrong place, jumps of the wrong sign."""
    f = extract_segments(hat())
    assert f.breakpoints.tolist() == [-1, 0, 1]
    assert f.slopes.tolist() == [0, 1, -1, 0]
    assert f.intercepts.tolist() == [0, 1, 1, 0]
    assert f.jumps.tolist() == [1, -2, 1]
    assert column(f, "owners") == [[(0, 0)], [(0, 1)], [(0, 2)]]
    assert len(f) == 4
    assert list(f)[1] == (-1, 0, 1, 1)
    assert [s.stop for s in f] == [-1, 0, 1, INF]
    assert repr(f) == "PiecewiseLinear(4 segments, 3 boundaries on (-inf, inf))"


def test_call():
    """Catches: a value taken from the neighbouring segment; lost shapes; silent extrapolation."""
    f = extract_segments(hat(), (-3, 2))
    x = np.array([[-3, -1, -0.5], [0, 0.25, 2]])
    assert f(x).tolist() == [[0, 0, 0.5], [1, 0.75, 0]]
    assert f(0.5).shape == ()
    assert extract_segments(hat())([-INF, INF]).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"x holds 2\.5, outside of \[-3"):
        f([0, 2.5])
    with pytest.raises(ValueError, match="x holds nan"):
        f(np.nan)


def test_integral():
    """Catches: breakpoints inside the interval that are skipped; ends that are turned round."""
    f = extract_segments(hat())
    assert f.integral((-10, 10)) == 1
    assert f.integral((-0.5, 0.5)) == 0.75
    with pytest.raises(ValueError, match="finite"):
        f.integral((0, INF))
    with pytest.raises(ValueError, match="outside"):
        f.clip((-1, 1)).integral((-2, 0))


def test_integral_is_the_limit_of_sums():
    """Catches: any error of the integral on a real network."""
    net = MLP([1, 10, 10, 1], seed=3, dtype=np.float64)
    x = -4 + (np.arange(400_000) + 0.5) / 400_000 * 9
    assert extract_segments(net).integral((-4, 5)) == pytest.approx(net(x).mean() * 9, rel=1e-8)


def test_an_integral_whose_parts_exceed_float64():
    """Catches: NaN, infinity less infinity, and NumPy's warnings; an infinity that nobody notices."""
    f = extract_segments(MLP.from_weights([[[1.0], [-1.0]], [[1.0, -4.0]]], [[0.0, 0.0], [1.0]]))
    assert f.slopes.tolist() == [4, 1]
    assert f.integral((-(2.0**700), 2.0**701)) == 3 * 2.0**700  # -2 * 2**1400 + 2**1402 / 2, and the constant 1
    assert f.integral((-1e100, 0)) == pytest.approx(-2e200)
    for ends in ((-1e300, 1e300), (0, 1e300), (-1.7e308, 1.7e308)):
        with pytest.raises(OverflowError, match=r"the integral on .* exceeds float64"):
            f.integral(ends)
    bent = extract_segments(MLP.from_weights([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, 2.0**600], [0.0]]))
    with pytest.raises(OverflowError, match="exceeds float64"):
        bent.integral((-(2.0**601), 2.0**601))
    assert bent.integral((-(2.0**601), -(2.0**600))) == 0  # the first segment, not the second


def test_values_and_solutions_beyond_float64():
    """Catches: NumPy's warnings; an infinite x that solves nothing; a finite one that is lost on the way."""
    f = extract_segments(MLP.from_weights([[[1.0]], [[0.25]]], [[0.0], [-1.5e308]]))
    with pytest.raises(OverflowError, match=r"f is 1\.5e\+308 at an x that exceeds float64"):
        f.solve(1.5e308)
    steep = extract_segments(MLP.from_weights([[[1.0]], [[2.0]]], [[0.0], [-1.5e308]]))
    assert steep.solve(1.5e308).tolist() == [1.5e308]
    assert steep([-1e308, 1.7e308]).tolist() == [-1.5e308, np.inf]
    assert [float(slope) for slope in steep.slopes_at(1.7e308)] == [2, 2]
    for y in ("1", None, [1], 1j, np.ma.masked, INF):
        with pytest.raises(ValueError, match=r"y is .*: give a finite number"):
            steep.solve(y)
    with pytest.raises(ValueError, match="rational is 'no': give True or False"):
        extract_segments(MLP([1, 3, 1]), rational="no")


def test_clip():
    """Catches: breakpoints on the new ends kept, segments that belong to others, owners out of step."""
    f = extract_segments(hat())
    g = f.clip((-1, 0.5))
    assert g.interval == (-1, 0.5)
    assert g.breakpoints.tolist() == [0]
    assert g.slopes.tolist() == [1, -1]
    assert column(g, "owners") == [[(0, 1)]]
    assert g.clip((-5, 5)).breakpoints.tolist() == [0]  # clipping cannot widen
    assert f.clip((2, 3)).slopes.tolist() == [0]
    assert f.clip((-0.5, 1)).slopes.tolist() == [1, -1]
    with pytest.raises(ValueError, match="nothing in common"):
        g.clip((1, 2))
    with pytest.raises(ValueError, match="interval is"):
        g.clip((1, 0))


@pytest.mark.parametrize("seed", range(5))
def test_clip_is_extraction_on_the_smaller_interval(seed):
    """Catches: a clip that differs from the truth in anything."""
    net = MLP([1, 10, 10, 10, 1], seed=seed, negative_slope=0.1 * (seed % 2))
    f, g = extract_segments(net).clip((-1, 2)), extract_segments(net, (-1, 2))
    for name in ("x", "owners", "label"):
        assert column(f, name) == column(g, name)
    assert f.slopes == pytest.approx(g.slopes, rel=1e-13)
    assert f.intercepts == pytest.approx(g.intercepts, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_solve(seed):
    """Catches: a solution left out, found twice, outside of its segment, or of another height."""
    net = MLP([1, 8, 8, 1], seed=seed, dtype=np.float64)
    f = extract_segments(net, (-5, 5))
    x = np.linspace(-5, 5, 100_001)
    low, high = f.minimum().y, f.maximum().y
    for y in low + (high - low) * np.array([0.1, 0.37, 0.9]):
        found = f.solve(y)
        assert f(found) == pytest.approx(np.full(len(found), y), abs=1e-12)
        signs = np.sign(net(x) - y)
        assert len(found) == (signs[1:] != signs[:-1]).sum() > 0
        assert (np.diff(found) > 0).all()


def test_solve_at_breakpoints_and_on_flat_segments():
    """Catches: a breakpoint found once from either side; one x of a whole segment; nothing at infinity."""
    f = extract_segments(hat())
    assert f.solve(1).tolist() == [0]
    assert f.solve(0.25).tolist() == [-0.75, 0.75]
    assert f.solve(0).tolist() == [-INF, -1, 1, INF]
    assert f.clip((-0.5, 3)).solve(0).tolist() == [1, 3]
    assert f.solve(2).tolist() == f.solve(-1e-9).tolist() == []
    assert extract_segments(relu_of((1, 0))).solve(3).tolist() == [3]
    for y in (np.nan, INF):
        with pytest.raises(ValueError, match="give a finite number"):
            f.solve(y)


def test_minimum_and_maximum():
    """Catches: an extremum inside a segment, an end left out, an infinite x where a finite one will do."""
    f = extract_segments(hat())
    assert f.maximum() == (0, 1)
    assert f.minimum() == (-1, 0)
    assert f.clip((0.25, 0.5)).maximum() == (0.25, 0.75)
    assert f.clip((0.25, 0.5)).minimum() == (0.5, 0.5)
    slope = extract_segments(relu_of((1, 0)))
    assert slope.maximum() == (INF, INF)
    assert slope.minimum() == (0, 0)
    assert extract_segments(MLP.from_weights([[[0]]], [[3]])).minimum() == (-INF, 3)


def truth_at_ends(net, f):
    """The true values at the ends and breakpoints, by another walk: all in rational numbers."""
    exact = extract_segments(net, f.interval, rational=True)
    xs = [
        Fraction(f.interval[0]),
        *(b.fraction for b in exact.boundaries if b.label == "visible"),
        Fraction(f.interval[1]),
    ]
    return [value_at(net, x) for x in xs]


def value_at(net, x):
    a = [x]
    slope = Fraction(net.negative_slope)
    for l, layer in enumerate(net.layers):
        z = [
            sum(Fraction(float(w)) * v for w, v in zip(row[:-1], a, strict=True)) + Fraction(float(row[-1]))
            for row in layer
        ]
        a = z if l == len(net.layers) - 1 else [v if v > 0 else slope * v for v in z]
    return a[0]


@pytest.mark.parametrize("seed", range(20))
def test_solve_and_extrema_are_exact(seed):
    """Catches: a breakpoint that touches y and is missed, or found twice, as rounding goes; the wrong of two peaks."""
    net = MLP([1, 6, 6, 1], seed=seed, negative_slope=0.1 * (seed % 2), dtype=np.float64)
    if seed % 3 == 0:
        net.params[:] = np.round(3 * net.params, 1)  # many that coincide
    f = extract_segments(net, (-4, 4))
    truth = truth_at_ends(net, f)
    ends = [-4, *f.breakpoints.tolist(), 4]
    for found, best in ((f.maximum(), max(truth)), (f.minimum(), min(truth))):
        assert found == (ends[truth.index(best)], float(best))
    for k, value in enumerate(truth):
        y = float(value)
        heights = [float(v) for v in truth]
        crossed = sum((a < y < b) or (b < y < a) for a, b in pairwise(heights))
        solutions = f.solve(y)
        assert len(solutions) == heights.count(y) + crossed
        assert ends[k] in solutions
        for other in (np.nextafter(y, np.inf), np.nextafter(y, -np.inf)):
            expected = heights.count(other) + sum((a < other < b) or (b < other < a) for a, b in pairwise(heights))
            assert len(f.solve(other)) == expected


def test_equal_peaks_and_slopes_that_are_nearly_nothing():
    """Catches: the second of two equal peaks; a peak higher by 2^-60; infinity where a line is truly flat."""
    corners = np.array([0.0, 1.0, 2.0])
    for last, where in ((0.0, 1.0), (2.0**-60, 11.0)):  # three peaks, at 1, 11 and 11 again
        b = -np.concatenate([corners, corners + 10, corners + 10])
        net = MLP.from_weights([np.ones((9, 1)), np.outer([1, 1, last], [1, -2, 1]).reshape(1, 9)], [b, [0]])
        f = extract_segments(net)
        assert f.maximum().x == pytest.approx(where)
        assert len(f.solve(f.maximum().y)) == 2
    net = MLP.from_weights([[[0.1], [0.2], [0.3]], [[1.0, 1.0, -1.0]]], [[0.0] * 3, [0.5]])
    slope = Fraction(0.1) + Fraction(0.2) - Fraction(0.3)  # no more than rounding: 2^-55 or so, but not nothing
    assert extract_segments(net).maximum() == (np.inf, np.inf if slope > 0 else 0.5)
    flat = MLP.from_weights([[[0.1], [0.1], [0.3]], [[0.3, -0.3, 0.0]]], [[0.0] * 3, [0.5]])
    assert extract_segments(flat, rational=True).maximum().y == extract_segments(flat).maximum().y == 0.5


def test_what_is_asked_later_is_about_the_network_as_it_was():
    """Catches: exact values of a network that went on learning; an ensemble's of another network."""
    nets = Ensemble([1, 6, 1], range(4))
    f, alone = extract_segments(nets, (-3, 3)), [extract_segments(net, (-3, 3)) for net in nets]
    outputs = extract_outputs(MLP([1, 6, 2], seed=3), (-3, 3))
    found = [g.maximum() for g in alone]
    nets.params[:] = 0
    assert [f[k].maximum() for k in range(4)] == [g.maximum() for g in alone] == found
    assert [g.solve(g.minimum().y).tolist() for g in outputs] == [[g.minimum().x] for g in outputs]
    whole = extract_segments(relu_of((3, -1)))
    assert not whole.clip((1 / 3, 5)).certified
    assert whole.clip((1 / 3, 5)).minimum().y == pytest.approx(0, abs=1e-15)  # by float64, as it is not certified


def test_to_dict_is_json():
    """Catches: infinity, a fraction or a NumPy number that JSON cannot hold; a key that is missing."""
    whole = extract_segments(hat(), rational=True).to_dict()
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert whole["interval"] == [None, None]
    assert whole["certified"] is True
    assert whole["segments"][0] == {"start": None, "stop": -1.0, "slope": 0.0, "intercept": 0.0}
    third = extract_segments(relu_of((3, -1)), (0, 1), rational=True).to_dict()
    assert third["interval"] == [0.0, 1.0]
    (boundary,) = third["boundaries"]
    assert boundary.pop("error") > 0
    assert boundary == {"x": 1 / 3, "owners": [[0, 0]], "jump": 3.0, "label": "visible", "fraction": "1/3"}


def test_two_numbers_get_the_tuple():
    """Catches: a bare TypeError where somebody gives an interval as two numbers."""
    f = extract_segments(hat())
    for method in (f.clip, f.integral):
        with pytest.raises(TypeError, match=r"\(\) got 0, 1: give the interval as one tuple, \(0, 1\)"):
            method(0, 1)


def test_both_ends_of_a_flat_segment():
    """Catches: an end of a flat segment that the rounding of its neighbour moves off its height."""
    tried = 0
    for seed in range(400):
        f = extract_segments(MLP([1, 6, 6, 1], seed=seed), (-20, 20))
        for segment in f:
            if segment.slope == 0:
                found = f.solve(segment.intercept).tolist()
                assert segment.start in found
                assert segment.stop in found
                tried += 1
    assert tried > 50


def test_one_sided_slopes():
    """Catches: the two sides mixed up; a slope from outside of the interval; a shape lost."""
    f = extract_segments(hat(), (-2, 1.5))
    left, right = f.slopes_at([[-1.5, -1], [0, 0.5]])
    assert left.tolist() == [[0, 0], [1, -1]]
    assert right.tolist() == [[0, 1], [-1, -1]]
    assert np.isnan(f.slopes_at(-2).left)
    assert np.isnan(f.slopes_at(1.5).right)
    assert f.slopes_at(1).right == 0
    with pytest.raises(ValueError, match="outside"):
        f.slopes_at(2)


def test_extrema_beyond_float64():
    """Catches: Python's OverflowError where a height is rounded; an infinite y at a finite x."""
    f = extract_segments(MLP.from_weights([[[1e200], [-1e200]], [[1e100, 1e100]]], [[0, 0], [0]]), (-1e300, 1e300))
    assert f.solve(1.0).tolist() == pytest.approx([-1e-300, 1e-300])
    assert f.minimum() == (0.0, 0.0)
    with pytest.raises(OverflowError, match="exceeds float64 at x = -1e"):
        f.maximum()
