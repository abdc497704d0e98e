"""Which boundaries are breakpoints."""

import numpy as np
import pytest
from support.oracle import assert_agrees, column, exact

from tinymlp import MLP, extract_segments


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


def test_rounding_makes_no_breakpoints():
    """Catches: an exact comparison of computed slopes, which takes rounding for a breakpoint."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        w, v = rng.normal(size=(4, 1)), rng.normal(size=(6, 4))
        W = [np.vstack([w, w]), np.hstack([v, -v]), rng.normal(size=(1, 6))]  # every boundary of layer 0 cancels itself
        b = [np.tile(rng.normal(size=4), 2), rng.normal(size=6), np.zeros(1)]
        f = extract_segments(MLP.from_weights(W, b))
        assert len(f.boundaries) == 4
        assert len(f) == 1
