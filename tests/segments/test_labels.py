"""Which boundaries are breakpoints."""

from fractions import Fraction

import numpy as np
import pytest
from support.networks import one_output
from support.oracle import assert_agrees, column, exact

import tinymlp.segments.labels
from tinymlp import MLP, extract_segments, find_regions
from tinymlp.network.line import on_line
from tinymlp.segments.find_regions import exact_layers
from tinymlp.segments.integers import Integers
from tinymlp.segments.labels import decide_jumps


def test_a_cancelled_boundary_is_no_breakpoint():
    """Catches: boundaries whose slope changes cancel, reported as breakpoints."""
    net = MLP.from_weights([[[1], [1], [1]], [[1, -1, 1]]], [[0, 0, -2], [0]])
    f = extract_segments(net)
    assert column(f, "x") == [0, 2]
    assert column(f, "label") == ["cancelled", "visible"]
    assert column(f, "jump") == [0, 1]
    assert column(f, "owners") == [[(0, 0), (0, 1)], [(0, 2)]]
    assert f.slopes.tolist() == [0, 1]


def test_an_unheard_boundary_is_no_breakpoint():
    """Catches: a unit that nobody listens to, reported as a breakpoint."""
    net = MLP.from_weights([[[1], [1]], [[1, 0], [0, 1]], [[1, 1]]], [[0, -1], [-3, -9e9], [0]])
    f = extract_segments(net, (-10, 10))  # relu(relu(x) - 3); the other path is dead
    assert column(f, "x") == [0, 1, 3]
    assert column(f, "label") == ["unheard", "unheard", "visible"]
    assert f.breakpoints.tolist() == [3]


def test_leaky_with_slope_one_is_a_straight_line():
    """Catches: boundaries that change nothing, reported as breakpoints because of rounding."""
    for seed in range(20):
        f = extract_segments(MLP([1, 10, 10, 1], negative_slope=1.0, seed=seed))
        assert len(f.boundaries) > 5
        assert len(f) == 1


@pytest.mark.parametrize("exponent", [-60, -30, 0, 30, 60])
def test_what_is_a_breakpoint_does_not_depend_on_the_scale_of_y(exponent):
    """Catches: a fixed epsilon in the decision."""
    net = MLP([1, 10, 10, 10, 1], seed=1, dtype=np.float64)
    reference = extract_segments(net)
    net.layers[-1] *= 2.0**exponent
    f = extract_segments(net)
    assert column(f, "label") == column(reference, "label")
    assert "visible" in column(reference, "label")


def test_a_jump_of_2_to_the_minus_40_is_seen():
    """Catches: a tolerance wider than rounding needs."""
    net = MLP.from_weights([[[1], [1]], [[1, 2.0**-40]]], [[0, -1], [0]])
    assert extract_segments(net).breakpoints.tolist() == [0, 1]


def test_a_giant_that_is_off_hides_no_breakpoint():
    """Catches: a bound that counts paths through units that are off."""
    net = MLP.from_weights([[[1], [-1], [1]], [[1, 1e20, 1]]], [[0, -100, -1], [0]])
    assert extract_segments(net, (-10, 10)).breakpoints.tolist() == [0, 1]


def test_jumps_far_below_rounding_are_seen_and_measured():
    """Catches: a jump that is decided by float64 slopes, which it does not change."""
    for k in (45, 52, 60, 200):
        f = extract_segments(MLP.from_weights([[[1], [1]], [[1, 2.0**-k]]], [[0, -1], [0]]))
        assert f.jumps.tolist() == [1, 2.0**-k]


def test_many_tiny_jumps_add_up():
    """Catches: a segment whose slope is that of another, far away; jumps that are lost between two segments."""
    net = MLP.from_weights([np.ones((201, 1)), [[1, *200 * [4e-14]]]], [-np.arange(201.0), [0]])
    f, truth = extract_segments(net, (-1, 300)), exact(net, (-1, 300))
    assert_agrees(f, truth)
    assert float(truth.slopes[-1]) == pytest.approx(f.slopes[-1], abs=1e-14)
    assert f(300) == pytest.approx(net(300.0), rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_rounding_makes_no_breakpoints(scale):
    """Catches: an exact comparison of computed slopes, which takes rounding for a breakpoint; one with the bound of the
    intercepts, which is that of the slopes times the scale of x."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        w, v = rng.normal(size=(4, 1)), rng.normal(size=(6, 4))
        W = [np.vstack([w, w]), np.hstack([v, -v]), rng.normal(size=(1, 6))]  # every boundary of layer 0 cancels itself
        b = [scale * np.tile(rng.normal(size=4), 2), scale * rng.normal(size=6), np.zeros(1)]
        f = extract_segments(MLP.from_weights(W, b))
        assert len(f.boundaries) == 4
        assert len(f) == 1


def cancelling(rng, e=0.0):
    """Two units of layer 1 that are equal but for e, and cancel in the output: layer 0's boundaries change nothing."""
    first, unit = rng.normal(size=(5, 2)), rng.normal(size=6)
    unit[-1] += 5
    other = unit * (1 + e * rng.normal(size=6))
    return MLP.from_weights(
        [first[:, :1], [unit[:-1], other[:-1]], [[1, -1]]], [first[:, 1], [unit[-1], other[-1]], [0]]
    )


def test_each_rung_decides_the_labels_that_the_one_before_leaves(monkeypatch):
    """Catches: all labels done in integers; a double-double bound so wide that it decides none."""
    asked = []

    class Counted(Integers):
        def __init__(self, *args):
            asked.append(args)
            super().__init__(*args)

    monkeypatch.setattr(tinymlp.segments.labels, "Integers", Counted)
    for e in (1e-3, 4e-15, 0.0):
        for seed in range(8):
            net = cancelling(np.random.default_rng(seed), e)
            f = extract_segments(net, (-1, 1))
            assert_agrees(f, exact(net, (-1, 1)))
            assert bool(asked) == ("cancelled" in column(f, "label"))  # which nothing else can prove
            asked.clear()


def test_jumps_of_known_patterns():
    """Catches: left and right mixed up, another output, a bound that does not hold; against rational slopes."""
    decided = 0
    for seed in range(10):
        net = MLP([1, 6, 6, 2], negative_slope=(0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
        regions = find_regions(net, (-4, 4))
        patterns = [np.concatenate([s[:, :-1], s[:, 1:]], axis=1) > 0 for s in regions.states]
        wanted = np.ones((2, len(regions.boundaries)), bool)
        for rational in (False, True):
            found = decide_jumps(on_line(net), exact_layers(net), patterns, wanted, rational)
            for output, (jumps, errors, visible) in enumerate(zip(*found, strict=True)):
                truth = exact(one_output(net, output), (-4, 4))
                assert visible.tolist() == [label == "visible" for label in truth.labels]
                for jump, error, left, right in zip(jumps, errors, truth.slopes, truth.slopes[1:], strict=False):
                    assert abs(Fraction(float(jump)) - (right - left)) <= Fraction(float(error))
                    assert error <= 2.0**-49 * abs(jump)
                    decided += 1
    assert decided > 200


def test_jump_errors_are_bounds():
    """Catches: the error of one slope for that of their difference; errors of other boundaries."""
    for seed in range(20):
        net = MLP([1, 8, 8, 1], negative_slope=(0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
        f, truth = extract_segments(net, (-5, 5)), exact(net, (-5, 5))
        slopes = [s for s, label in zip(truth.slopes, ["visible", *truth.labels], strict=True) if label == "visible"]
        assert len(f.jumps) == len(f.jump_errors) == len(slopes) - 1
        for jump, error, left, right in zip(f.jumps, f.jump_errors, slopes, slopes[1:], strict=False):
            assert abs(Fraction(float(jump)) - (right - left)) <= Fraction(float(error))
            assert error < 1e-12


def test_slopes_near_the_end_of_float64_that_cancel():
    """Catches: a warning about overflow where integers then give the answer."""
    net = MLP.from_weights([[[1], [3], [1]], [[1.5e308, -0.5e308, 1]]], [[-1, -3, 0], [0]])
    segments = extract_segments(net, (-4, 4))
    assert [(b.x, b.label) for b in segments.boundaries] == [(0.0, "visible"), (1.0, "cancelled")]
    assert segments.slopes.tolist() == [0.0, 1.0]
