"""Regions against hand-made networks, and against the network itself."""

from fractions import Fraction

import numpy as np
import pytest
from oracle import exact, sawtooth

import tinymlp
from tinymlp import MLP, Dataset, find_regions, train
from tinymlp.segments.float_pass import float_regions

INF = np.inf


def absolute():
    """|x| = relu(x) + relu(-x)."""
    return MLP.from_weights([[[1], [-1]], [[1, 1]]], [[0, 0], [0]])


def test_absolute_value_is_one_boundary_with_two_owners():
    """Catches: kinks that coincide counted twice, or an owner lost."""
    regions = find_regions(absolute())
    assert regions.edges.tolist() == [-INF, 0, INF]
    assert regions.owners() == [[(0, 0), (0, 1)]]
    assert regions.states[0].tolist() == [[-1, 1], [1, -1]]
    assert regions.slopes[-1].tolist() == [[-1, 1]]
    assert regions.intercepts[-1].tolist() == [[0, 0]]


def test_kinks_that_coincide_across_layers():
    """Catches: a unit that switches where an earlier layer bends, not listed as an owner."""
    net = MLP.from_weights([[[1]], [[1]], [[1]]], [[0], [0], [0]])  # relu(relu(x))
    regions = find_regions(net)
    assert regions.boundaries.tolist() == [0]
    assert regions.owners() == [[(0, 0), (1, 0)]]
    assert regions.states[1].tolist() == [[0, 1]]


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_sawtooth(depth):
    """Catches: splits of one layer that forget those of the layers before."""
    regions = find_regions(sawtooth(depth), 0, 1)
    teeth = 2**depth
    assert regions.edges.tolist() == [k / teeth for k in range(teeth + 1)]
    assert regions.slopes[-1][0].tolist() == [teeth, -teeth] * (teeth // 2)


def test_all_dead():
    """Catches: units that never switch given a boundary."""
    net = MLP.from_weights([[[0], [0]], [[1, 1]]], [[-1, -2], [5]])
    regions = find_regions(net)
    assert len(regions.boundaries) == 0
    assert (regions.states[0] == -1).all()
    assert regions.slopes[-1].tolist() == [[0]]
    assert regions.intercepts[-1].tolist() == [[5]]


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_all_zero(slope):
    """Catches: 0/0 taken for a crossing; zero taken for on or off."""
    net = MLP([1, 3, 3, 1], negative_slope=slope)
    net.params[:] = 0
    regions = find_regions(net)
    assert len(regions.boundaries) == 0
    assert all((state == 0).all() for state in regions.states)


def test_zero_on_an_interval_only():
    """Catches: a unit that is zero on the left and on at the right, without the third state."""
    net = MLP.from_weights([[[1], [-1]], [[1, 0], [1, -1]], [[1, 1]]], [[0, 0], [0, 0], [0]])
    regions = find_regions(net)  # layer 1: relu(x) and relu(relu(x) - relu(-x))
    assert regions.states[1].tolist() == [[0, 1], [-1, 1]]
    assert regions.owners() == [[(0, 0), (0, 1), (1, 0), (1, 1)]]


def test_touching_zero_is_no_switch():
    """Catches: a unit that comes down to zero and goes up again taken for one that switches."""
    net = MLP.from_weights([[[1], [-1]], [[1, 1]], [[1]]], [[0, 0], [0], [0]])  # relu(|x|)
    assert find_regions(net).owners() == [[(0, 0), (0, 1)]]


def test_kinks_very_close_together():
    """Catches: kinks merged by a fixed epsilon."""
    gap = 2.0**-30
    net = MLP.from_weights([[[1], [1]], [[1, 1]]], [[-1, -1 - gap], [0]])
    assert find_regions(net).boundaries.tolist() == [1, 1 + gap]


def test_ends_are_never_boundaries():
    """Catches: a region of no width where a kink lies on an end of the interval."""
    assert len(find_regions(absolute(), 0, 1).boundaries) == 0
    assert len(find_regions(absolute(), -1, 0).boundaries) == 0
    assert find_regions(absolute(), 0, 1).states[0].tolist() == [[1], [-1]]


def networks():
    """Random and trained, ReLU and leaky, float32 and float64, narrow and deep."""
    rng = np.random.default_rng(0)
    for seed, (sizes, slope) in enumerate(
        [
            ([1, 20, 1], 0.0),
            ([1, 10, 10, 10, 1], 0.0),
            ([1, 10, 10, 10, 1], 0.01),
            ([1, 5, 30, 5, 2], 0.3),
            ([1, 30, 30, 30, 1], 0.0),
            ([1, 4, 4, 4, 4, 4, 4, 1], 0.1),
            ([1, 100, 1], 1.0),
        ]
    ):
        net = MLP(sizes, slope, seed=seed, dtype=(np.float32, np.float64)[seed % 2])
        net.params[:] += 0.3 * rng.normal(size=net.params.shape).astype(net.dtype)
        yield net.copy()
        x = rng.uniform(-5, 5, 2000)
        train(net, Dataset(x, np.column_stack([np.sin(x)] * sizes[-1])), 20, batch_size=100)
        yield net


NETWORKS = list(networks())


@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_every_unit_at_random_points(net):
    """Catches: any unit's line, state or parent that is wrong anywhere; checked against the layers' own formula."""
    regions = find_regions(net)
    rng = np.random.default_rng(1)
    inner = regions.boundaries
    x = np.concatenate([rng.uniform(-20, 20, 500), inner - 1e-6, inner + 1e-6, [-1e6, 1e6]])
    region = np.searchsorted(inner, x)
    a = x[None]
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        z = W.astype(float) @ a + b[:, None]
        scale = np.abs(W).astype(float) @ np.abs(a) + np.abs(b)[:, None] + np.abs(x)
        assert (np.abs(regions.slopes[l][:, region] * x + regions.intercepts[l][:, region] - z) < 1e-12 * scale).all()
        if l < len(regions.states):
            clear = np.abs(z) > 1e-12 * scale
            assert clear.mean() > 0.8
            assert (np.sign(z) == regions.states[l][:, region])[clear].all()
        a = np.where(z > 0, z, net.negative_slope * z)


@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_every_boundary_has_owners_that_are_zero_there(net):
    """Catches: boundaries out of thin air, owners of other boundaries."""
    regions = find_regions(net)
    assert (np.diff(regions.edges) > 0).all()
    owners = regions.owners()
    assert len(owners) == len(regions.boundaries)
    for k, (x, units) in enumerate(zip(regions.boundaries, owners, strict=True)):
        assert units
        for layer, unit in units:
            p, q = regions.slopes[layer][unit, k], regions.intercepts[layer][unit, k]
            assert abs(p * x + q) <= 1e-11 * (abs(p * x) + abs(q) + 1)


def test_error_bounds_hold_and_are_not_loose():
    """Catches: a bound that is not one, or one so loose that it decides nothing."""
    worst = {"slope": 0.0, "edge": 0.0}
    for seed in range(10):
        net = MLP([1, 8, 8, 8, 1], (0.0, 0.1)[seed % 2], seed=seed)
        regions, truth = float_regions(net, -10.0, 10.0), exact(net, -10, 10)
        assert not regions.doubtful.any()
        pairs = [
            ("slope", v, regions.output_errors[0, 0], t)
            for v, t in zip(regions.slopes[-1][0], truth.slopes, strict=True)
        ]
        pairs += [
            ("edge", *row) for row in zip(regions.boundaries, regions.edge_errors[1:-1], truth.boundaries, strict=True)
        ]
        for kind, computed, bound, true in pairs:
            error = abs(Fraction(float(computed)) - true)
            assert error <= bound
            worst[kind] = max(worst[kind], float(error / Fraction(float(bound))))
    assert worst["slope"] > 1e-3
    assert worst["edge"] > 1e-3


def test_a_kink_that_the_next_layers_find_again_is_one():
    """Catches: a kink of one layer that the next ones find an ulp away, again and again."""
    rng = np.random.default_rng(0)
    for seed in range(100):
        first = rng.normal() * np.array([[1.0], [-2.0], [0.5], [4.0]])  # exact multiples: one kink, four owners
        kink = rng.normal()
        weights = [first, rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=(1, 4))]
        biases = [first[:, 0] * kink, np.zeros(4), np.zeros(4), np.zeros(1)]  # then none: all of it is about that kink
        net = MLP.from_weights(weights, biases, negative_slope=(0.0, 0.1)[seed % 2])
        assert float_regions(net, -INF, INF).doubtful.any()
        regions = find_regions(net)
        assert regions.boundaries == pytest.approx([-kink], rel=1e-14)
        assert regions.owners()[0][:4] == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_only_the_doubtful_part_is_done_in_rationals(monkeypatch):
    """Catches: rational arithmetic on the whole interval where two kinks coincide at one place."""
    net = MLP([1, 20, 20, 1], seed=0, dtype=np.float64)
    net.layers[0][1] = net.layers[0][0]  # the same kink twice
    (x,) = -net.biases[0][:1] / net.weights[0][0]
    done = []
    rational = tinymlp.segments.find_regions.rational_regions
    monkeypatch.setattr(
        tinymlp.segments.find_regions, "rational_regions", lambda net, a, b: done.append((a, b)) or rational(net, a, b)
    )
    regions = find_regions(net)
    ((a, b),) = done
    assert a < x < b
    assert ((regions.boundaries > a) & (regions.boundaries < b)).sum() < len(regions.boundaries) / 4
    truth = rational(net, -INF, INF)
    assert regions.owners() == truth.owners()
    assert regions.boundaries == pytest.approx(truth.boundaries, rel=1e-12)
    for mine, true in zip(regions.states, truth.states, strict=True):
        assert (mine == true).all()
    for l in range(len(regions.slopes)):
        assert regions.slopes[l] == pytest.approx(truth.slopes[l], rel=1e-12, abs=1e-15)
        assert regions.intercepts[l] == pytest.approx(truth.intercepts[l], rel=1e-12, abs=1e-14)


def test_two_layers_with_kinks_very_close_together():
    """Catches: kinks of different layers merged by more than rounding."""
    gap = 2.0**-30
    net = MLP.from_weights([[[1]], [[1]], [[1]]], [[-1], [-gap], [0]])
    regions = find_regions(net)
    assert regions.boundaries.tolist() == [1, 1 + gap]
    assert regions.owners() == [[(0, 0)], [(1, 0)]]


def test_a_unit_that_is_nearly_zero():
    """Catches: noise taken for on or off; the stored weights, not those that were meant, decide what is zero."""
    rng = np.random.default_rng(2)
    states = set()
    for _ in range(50):
        v = rng.normal(size=3)
        w = np.array([[*v, -v[0] - v[1] - v[2]]])
        unit = rng.normal(size=2)
        net = MLP.from_weights([np.full((4, 1), unit[0]), w, [[1]]], [np.full(4, unit[1]), [0], [0]])
        total = sum(map(Fraction, w[0].tolist()))  # the second layer's unit is this times relu(unit)
        regions = find_regions(net)
        sign = (total > 0) - (total < 0)
        assert sorted(regions.states[1][0].tolist()) == sorted([0, sign])
        assert len(regions.owners()[0]) == 4 + (sign > 0)
        states.add(sign)
    assert states == {-1, 0, 1}


def test_a_corner_that_float64_cannot_see_and_a_huge_weight_makes_large():
    """Catches: a bound of zero for a unit whose state is in doubt."""
    e = 2.0**-53
    net = MLP.from_weights([[[1], [1]], [[1, -(1 - e)]], [[1 / e]]], [[0, 0], [-e], [0]])
    assert find_regions(net, -2, 3).slopes[-1][0].tolist() == [float(s) for s in exact(net, -2, 3).slopes] == [0, 0, 1]


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
        part, again = whole.clip(a, b), find_regions(net, a, b)
        assert part.edges == pytest.approx(again.edges, rel=1e-13)
        assert part.owners() == again.owners()
        assert part.slopes[1] == pytest.approx(again.slopes[1], rel=1e-12, abs=1e-15)


def test_bad_networks_and_intervals():
    """Catches: a wrong answer where an error is due."""
    with pytest.raises(ValueError, match="net has 2 inputs"):
        find_regions(MLP([2, 3, 1]))
    for start, stop in [(1, 1), (2, 1), (np.nan, 1), (INF, -INF)]:
        with pytest.raises(ValueError, match="interval is"):
            find_regions(absolute(), start, stop)
    net = absolute()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        find_regions(net)
    with pytest.raises(ValueError, match="which float64 cannot hold"):
        find_regions(MLP([1, 2, 1], dtype=np.longdouble))
    with pytest.raises(OverflowError, match="exceeds float64"):
        find_regions(MLP.from_weights([[[1e200]], [[1e200]], [[1]]], [[0], [0], [0]]))
