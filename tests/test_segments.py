"""The function object, and which boundaries are breakpoints; the last test is the rational oracle."""

import numpy as np
import pytest
from oracle import assert_agrees, exact, sawtooth

from tinymlp import MLP, extract_segments, sample, train

INF = np.inf


def hat():
    """0 outside of (-1, 1), 1 at 0: relu(x+1) - 2 relu(x) + relu(x-1)."""
    return MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])


def test_hat():
    """Catches: segments shifted by one, intercepts at the wrong place, jumps of the wrong sign."""
    f = extract_segments(hat())
    assert f.breakpoints.tolist() == [-1, 0, 1]
    assert f.slopes.tolist() == [0, 1, -1, 0]
    assert f.intercepts.tolist() == [0, 1, 1, 0]
    assert f.jumps.tolist() == [1, -2, 1]
    assert f.owners == [[(0, 0)], [(0, 1)], [(0, 2)]]
    assert len(f) == 4
    assert list(f)[1] == (-1, 0, 1, 1)
    assert [s.stop for s in f] == [-1, 0, 1, INF]
    assert repr(f) == "PiecewiseLinear(4 segments, 3 boundaries on (-inf, inf))"


def test_call():
    """Catches: a value taken from the neighbouring segment; lost shapes; silent extrapolation."""
    f = extract_segments(hat(), -3, 2)
    x = np.array([[-3, -1, -0.5], [0, 0.25, 2]])
    assert f(x).tolist() == [[0, 0, 0.5], [1, 0.75, 0]]
    assert f(0.5).shape == ()
    assert extract_segments(hat())([-INF, INF]).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"x holds 2\.5, outside of \[-3"):
        f([0, 2.5])
    with pytest.raises(ValueError, match="x holds nan"):
        f(np.nan)


def test_integral():
    """Catches: corners inside the range that are skipped; a wrong sign for turned ends."""
    f = extract_segments(hat())
    assert f.integral(-10, 10) == 1
    assert f.integral(-0.5, 0.5) == 0.75
    assert f.integral(0.5, -0.5) == -0.75
    assert f.integral(3, 3) == 0
    with pytest.raises(ValueError, match="finite"):
        f.integral(0, INF)
    with pytest.raises(ValueError, match="outside"):
        f.clip(-1, 1).integral(-2, 0)


def test_integral_is_the_limit_of_sums():
    """Catches: any error of the integral on a real network."""
    net = MLP([1, 10, 10, 1], seed=3, dtype=np.float64)
    x = -4 + (np.arange(400_000) + 0.5) / 400_000 * 9
    assert extract_segments(net).integral(-4, 5) == pytest.approx(net(x).mean() * 9, rel=1e-8)


def test_clip():
    """Catches: breakpoints on the new ends kept, segments that belong to others, owners out of step."""
    f = extract_segments(hat())
    g = f.clip(-1, 0.5)
    assert (g.start, g.stop) == (-1, 0.5)
    assert g.breakpoints.tolist() == [0]
    assert g.slopes.tolist() == [1, -1]
    assert g.owners == [[(0, 1)]]
    assert g.clip(-5, 5).breakpoints.tolist() == [0]  # clipping cannot widen
    assert f.clip(2, 3).slopes.tolist() == [0]
    assert f.clip(-0.5, 1).slopes.tolist() == [1, -1]
    with pytest.raises(ValueError, match="nothing of"):
        g.clip(1, 2)
    with pytest.raises(ValueError, match="interval is"):
        g.clip(1, 0)


@pytest.mark.parametrize("seed", range(5))
def test_clip_is_extraction_on_the_smaller_interval(seed):
    """Catches: a clip that differs from the truth in anything."""
    net = MLP([1, 10, 10, 10, 1], seed=seed, negative_slope=0.1 * (seed % 2))
    f, g = extract_segments(net).clip(-1, 2), extract_segments(net, -1, 2)
    assert (f.boundaries == g.boundaries).all()
    assert f.owners == g.owners
    assert (f.is_breakpoint == g.is_breakpoint).all()
    assert f.slopes == pytest.approx(g.slopes, rel=1e-13)
    assert f.intercepts == pytest.approx(g.intercepts, rel=1e-12, abs=1e-14)


def test_cancelled_switch_is_a_boundary_but_no_breakpoint():
    """Catches: switches whose slope changes cancel, reported as corners."""
    net = MLP.from_weights([[[1], [1], [1]], [[1, -1, 1]]], [[0, 0, -2], [0]])
    f = extract_segments(net)
    assert f.boundaries.tolist() == [0, 2]
    assert f.labels.tolist() == ["cancelled", "visible"]
    assert f.changes.tolist() == [0, 1]
    assert f.owners == [[(0, 0), (0, 1)], [(0, 2)]]
    assert f.table()[0] == (0.0, [(0, 0), (0, 1)], 0.0, "cancelled")
    assert f.breakpoint_owners == [[(0, 2)]]
    assert f.slopes.tolist() == [0, 1]


def test_unheard_switch_is_no_breakpoint():
    """Catches: a unit that nobody listens to, reported as a corner."""
    net = MLP.from_weights([[[1], [1]], [[1, 0], [0, 1]], [[1, 1]]], [[0, -1], [-3, -9e9], [0]])
    f = extract_segments(net, -10, 10)  # relu(relu(x) - 3); the other path is dead
    assert f.boundaries.tolist() == [0, 1, 3]
    assert f.labels.tolist() == ["unheard", "unheard", "visible"]
    assert f.breakpoints.tolist() == [3]


def test_leaky_with_slope_one_is_a_straight_line():
    """Catches: switches that change nothing, reported as corners because of rounding."""
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
    assert f.is_breakpoint.tolist() == reference.is_breakpoint.tolist()
    assert reference.is_breakpoint.any()


def test_a_jump_of_2_to_the_minus_40_is_seen():
    """Catches: a tolerance wider than rounding needs."""
    net = MLP.from_weights([[[1], [1]], [[1, 2.0**-40]]], [[0, -1], [0]])
    assert extract_segments(net).breakpoints.tolist() == [0, 1]


def test_a_silent_giant_hides_no_corner():
    """Catches: a bound that counts paths through units that are off."""
    net = MLP.from_weights([[[1], [-1], [1]], [[1, 1e20, 1]]], [[0, -100, -1], [0]])
    assert extract_segments(net, -10, 10).breakpoints.tolist() == [0, 1]


def test_jumps_far_below_rounding_are_seen_and_measured():
    """Catches: a jump that is decided by float64 slopes, which it does not change."""
    for k in (45, 52, 60, 200):
        f = extract_segments(MLP.from_weights([[[1], [1]], [[1, 2.0**-k]]], [[0, -1], [0]]))
        assert f.jumps.tolist() == [1, 2.0**-k]


def test_many_tiny_jumps_add_up():
    """Catches: a segment whose slope is that of another, far away; jumps that are lost between two segments."""
    net = MLP.from_weights([np.ones((201, 1)), [[1, *200 * [4e-14]]]], [-np.arange(201.0), [0]])
    f, truth = extract_segments(net, -1, 300), exact(net, -1, 300)
    assert_agrees(f, truth)
    assert float(truth.slopes[-1]) == pytest.approx(f.slopes[-1], abs=1e-14)
    assert f(300) == pytest.approx(net(300.0), rel=1e-12)


def test_rounding_makes_no_breakpoints():
    """Catches: an exact comparison of computed slopes, which takes rounding for a corner."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        w, v = rng.normal(size=(4, 1)), rng.normal(size=(6, 4))
        W = [np.vstack([w, w]), np.hstack([v, -v]), rng.normal(size=(1, 6))]  # every switch of layer 0 cancels itself
        b = [np.tile(rng.normal(size=4), 2), rng.normal(size=6), np.zeros(1)]
        f = extract_segments(MLP.from_weights(W, b))
        assert len(f.boundaries) == 4
        assert len(f) == 1


def test_several_outputs_are_refused():
    """Catches: the first output taken silently."""
    with pytest.raises(ValueError, match="net has 2 outputs"):
        extract_segments(MLP([1, 3, 2]))


def test_a_network_without_hidden_layers():
    """Catches: code that needs at least one ReLU."""
    f = extract_segments(MLP.from_weights([[[3]]], [[4]]))
    assert list(f) == [(-INF, INF, 3, 4)]


@pytest.mark.parametrize("slope", [0.0, 0.01])
@pytest.mark.parametrize("seed", range(4))
def test_left_and_right_of_every_breakpoint(seed, slope):
    """Catches: a corner that is not where the network bends, or a slope that is not the network's."""
    net = MLP([1, 10, 10, 1], slope, seed=seed)
    train(net, sample("sine", n=1000), 30, batch_size=100)
    f, net = extract_segments(net), net.astype(np.float64)
    edges = f.boundaries
    gaps = np.diff(np.concatenate([[edges[0] - 1], edges, [edges[-1] + 1]]))
    h = 1e-3 * np.minimum(gaps[:-1], gaps[1:])
    left, right = (net(edges) - net(edges - h)) / h, (net(edges + h) - net(edges)) / h
    tolerance = 1e-13 * (1 + np.abs(edges)) / h
    assert (np.abs(f(edges) - net(edges)) < 1e-12).all()
    jumps = np.zeros(len(edges))
    jumps[f.is_breakpoint] = f.jumps
    assert (np.abs(right - left - jumps) < tolerance).all()


@pytest.mark.parametrize("seed", range(50))
def test_rational_oracle(seed):
    """Catches: any wrong count, order, owner or label, and positions off by more than rounding."""
    rng = np.random.default_rng(seed)
    width, depth = int(rng.integers(3, 11)), int(rng.integers(1, 4))
    dtype = (np.float32, np.float64)[seed % 2]
    net = MLP([1, *[width] * depth, 1], (0.0, 0.0, 0.01)[seed % 3], seed=seed, dtype=dtype)
    if seed % 5 < 3:
        train(net, sample(("exp", "sine", "step")[seed % 3], n=1000), 30, batch_size=100, shuffle=bool(seed % 4))
    assert_agrees(extract_segments(net, -10, 10), exact(net, -10, 10))


def test_rational_oracle_on_a_sawtooth():
    """Catches: an oracle or an extraction that fails where everything coincides."""
    truth = exact(sawtooth(4), -1, 2)
    assert truth.labels.count("visible") == 17  # 15 inside (0, 1), and its ends
    assert assert_agrees(extract_segments(sawtooth(4), -1, 2), truth) == 0
