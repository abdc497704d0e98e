"""What `extract_segments` proves, against the rational oracle: degenerate networks by hand, then 2000 by Hypothesis."""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.networks import one_output, relu_of, sawtooth, stack
from support.oracle import assert_agrees, column, exact
from support.walks import regions_by, walked

from tinymlp import MLP, extract_outputs, extract_segments, sample, train
from tinymlp.segments.walk import Float64


@pytest.mark.parametrize("seed", range(8))
def test_each_output_has_segments_of_its_own(seed):
    """Catches: outputs mixed up; labels of one output given to another."""
    net = MLP([1, 6, 6, 3], negative_slope=(0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
    net.weights[-1][1, :3] = 0  # the second output hears half of the last layer
    for rational in (False, True):
        outputs = extract_outputs(net, (-10, 10), rational=rational)
        assert len(outputs) == 3
        for k, f in enumerate(outputs):
            assert_agrees(f, exact(one_output(net, k), (-10, 10)))
    if not net.negative_slope:
        assert any(column(a, "label") != column(b, "label") for a, b in pairwise(outputs))


def test_a_jump_that_cancels_in_one_output_only():
    """Catches: the rational slopes of another output."""
    net = MLP.from_weights([[[1], [1]], [[1, -1], [1, 1], [0, 0]]], [[0, 0], [0, 0, 0]])
    for rational in (False, True):
        labels = [column(f, "label") for f in extract_outputs(net, rational=rational)]
        assert labels == [["cancelled"], ["visible"], ["unheard"]]


def test_one_output_is_extract_segments():
    """Catches: two ways that differ."""
    net = MLP([1, 10, 10, 1], seed=3)
    (f,), g = extract_outputs(net), extract_segments(net)
    assert f.breakpoints.tolist() == g.breakpoints.tolist()
    assert f.slopes.tolist() == g.slopes.tolist()


INF = np.inf


TINY, HUGE = 5e-324, 1e300


ONES = ([[1, 1]], [0])


DEGENERATE = {
    "boundaries coincide in one layer": (relu_of((1, -1), (2, -2), (-3, 3), out=[1, 2, 3]), -5, 5),
    "boundaries coincide across layers": (stack(([[1]], [0]), ([[1]], [0]), ([[1]], [0]), ([[1]], [0])), -5, 5),
    "boundaries coincide across layers, not in zero": (
        stack(([[1], [1]], [-1, 0]), ([[1, 1], [1, -1]], [-1, 1]), ONES),
        -5,
        5,
    ),
    "boundaries coincide but for rounding": (relu_of((0.1, -0.3), (0.2, -0.6), (0.7, -2.1)), -5, 5),
    "slopes cancel exactly": (relu_of((1, 0), (1, 0), (1, -2), out=[1, -1, 1]), -5, 5),
    "slopes cancel but for rounding": (relu_of((1, 0), (1, 0), (1, 0), out=[0.1, 0.2, -0.3]), -5, 5),
    "a layer cancels but for rounding": (
        stack(([[1], [1], [1]], [0, 0, 0]), ([[0.1, 0.2, -0.3], [1, 0, 0]], [0, -1]), ONES),
        -5,
        5,
    ),
    "duplicated units": (relu_of((1, -1), (1, -1), (-2, 1), (-2, 1), out=[1, 1, 0.3, 0.7]), -5, 5),
    "mirrored units": (relu_of((1, -1), (-1, 1), (3, 1), (-3, -1)), -5, 5),
    "mirrored units make a line": (relu_of((1, -1), (-1, 1), out=[1, -1]), -5, 5),
    "scaled units": (relu_of((0.3, 0.1), (0.6, 0.2), (3e5, 1e5), (3e-7, 1e-7)), -5, 5),
    "all weights and biases zero": (MLP.from_params([1, 3, 3, 1], np.zeros(22)), -5, 5),
    "zero weights, biases on and off": (relu_of((0, 1), (0, -1), (0, 0)), -5, 5),
    "zero biases": (stack(([[1], [-0.3]], [0, 0]), ([[0.7, -0.2], [0.1, 0.9]], [0, 0]), ONES), -5, 5),
    "all dead": (relu_of((1, -10), (-1, -10)), -5, 5),
    "a layer dead on an interval": (stack(([[1], [-1]], [-1, -1]), ([[1, 1], [2, 1]], [-1, 0.5]), ONES), -5, 5),
    "zero on an interval": (stack(([[1], [-1]], [0, 0]), ([[1, 0], [1, -1]], [0, 0]), ONES), -5, 5),
    "touches zero": (stack(([[1], [-1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])), -5, 5),
    "touches zero from below": (stack(([[1], [-1]], [0, 0]), ([[-1, -1]], [0]), ([[1]], [0])), -5, 5),
    "touches zero but for rounding": (
        stack(([[0.1], [-0.1]], [-0.3, 0.3]), ([[1 / 3, 1 / 3]], [0]), ([[1]], [0])),
        -5,
        5,
    ),
    "boundaries 2^-30 apart": (relu_of((1, -1), (1, -1 - 2.0**-30), out=[1, 1]), -5, 5),
    "boundaries 2^-30 apart across layers": (stack(([[1]], [-1]), ([[1]], [-(2.0**-30)]), ([[1]], [0])), -5, 5),
    "boundaries 2^-50 apart": (relu_of((1, -1), (1, -1 - 2.0**-50), out=[1, 1]), -5, 5),
    "boundaries 2^-52 apart": (relu_of((1, -1), (1, -1 - 2.0**-52), out=[1, -1]), -5, 5),
    "boundaries nearer than float64": (relu_of((3, -1), (1, -1 / 3), out=[1, 1]), -5, 5),
    "a jump of 2^-40": (relu_of((1, 0), (1, -1), out=[1, 2.0**-40]), -5, 5),
    "a jump of 2^-60": (relu_of((1, 0), (1, -1), out=[1, 2.0**-60]), -5, 5),
    "a jump of 2^-80": (relu_of((1, 0), (1, -1), out=[1, 2.0**-80]), -5, 5),
    "unheard": (stack(([[1], [1]], [0, -1]), ([[1, 0], [0, 1]], [-3, -9e9]), ONES), -5, 5),
    "unheard for a zero weight": (relu_of((1, 0), (1, -1), out=[0, 1], slope=0.1), -5, 5),
    "leaky units that are exactly zero": (  # each listener is zero on one side
        stack(([[1], [-1]], [0, 0]), ([[-0.5, -1], [-1, -0.5]], [0, 0]), ([[1, -1]], [0]), slope=0.5),
        -5,
        5,
    ),
    "a path through a leaky unit that is exactly zero": (
        stack(
            ([[1], [-1], [1]], [0, 0, 10]),
            ([[-0.5, -1, 0], [0, 0, 1]], [0, 0]),
            ([[8, -3]], [30]),
            ([[1]], [0]),
            slope=0.5,
        ),
        -3,
        3,
    ),
    "the same, beside a steep region": (
        stack(
            ([[1], [-1], [1], [-1]], [0, 0, 10, -10]),
            ([[-0.5, -1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 2]], [0, 0, 0]),
            ([[8, -3, 0], [0, 0, 1]], [30, 0]),
            ([[1, 2.0**60]], [0]),
            slope=0.5,
        ),
        -20,
        20,
    ),
    "sawtooth": (sawtooth(6), -1, 2),
    "leaky of slope 1": (MLP([1, 4, 4, 1], negative_slope=1.0, seed=3), -5, 5),
    "leaky of slope 1e-300": (MLP([1, 3, 3, 1], negative_slope=1e-300, seed=3, dtype=np.float64), -5, 5),
    "the interval ends on breakpoints": (relu_of((1, -1), (1, -2), (1, -3)), 1, 3),
    "the interval ends an ulp from breakpoints": (
        relu_of((1, -1), (1, -2), (1, -3)),
        np.nextafter(1, 0),
        np.nextafter(3, 4),
    ),
    "the interval begins an ulp after one": (relu_of((1, -1), (1, -2), (1, -3)), np.nextafter(1, 2), 3),
    "far away": (relu_of((1, -1e6), (1, -999_999.5), (1e-6, 1)), -1e6, 2e6),
    "an interval far away": (relu_of((1, -1e8), (3, -3e8 - 1), (0.7, 1)), 1e8 - 1, 1e8 + 1),
    "subnormal weights": (relu_of((TINY, 2 * TINY), (TINY, -TINY), (1, -3)), -5, 5),
    "subnormal weights later": (stack(([[1], [1]], [0, 1]), ([[TINY, -TINY]], [0]), ([[1e300]], [0])), -5, 5),
    "products that underflow": (
        stack(([[1e-200], [1e-200]], [0, 1e-200]), ([[1e-200, -1e-200]], [1e-320]), ([[1]], [0])),
        -5,
        5,
    ),
    "huge weights": (relu_of((HUGE, HUGE), (HUGE, -HUGE), (1, 1)), -5, 5),
    "huge and small": (
        stack(([[1e-150], [1]], [1e-150, 0]), ([[1e300, 1], [-1e300, 0]], [0, 0]), ([[1, 1e-10]], [0])),
        -5,
        5,
    ),
    "a giant that is off": (relu_of((1, 0), (-1, -100), (1, -1), out=[1, 1e20, 1]), -5, 5),
    "a long chain": (stack(*[([[1 / 3]], [0.1])] * 12), -5, 5),
}  # fmt: skip


@pytest.mark.parametrize("rational", [False, True])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate(name, rational):
    """Catches: any wrong count, order, owner, label, zero unit or jump where float64 alone errs."""
    net, start, stop = DEGENERATE[name]
    truth = exact(net, (start, stop))
    f = extract_segments(net, (start, stop), rational=rational)
    assert_agrees(f, truth)
    assert f.certified
    jumps = [float(b - a) for a, b in zip(truth.slopes, truth.slopes[1:], strict=False)]
    if rational:
        assert column(f, "jump") == jumps
    else:
        assert column(f, "jump") == pytest.approx(jumps, rel=1e-12, abs=1e-15 * max(map(abs, map(float, truth.slopes))))
    for label, jump in zip(column(f, "label"), jumps, strict=True):
        assert label == "visible" or jump == 0  # a visible jump may be too small for float64


def test_all_labels_are_seen():
    """Catches: degenerate networks that leave a label out."""
    labels = {label for net, a, b in DEGENERATE.values() for label in column(extract_segments(net, (a, b)), "label")}
    assert labels == {"visible", "cancelled", "unheard"}


def test_float_alone_is_wrong_here():
    """Catches: tests above that float64 without proof would pass."""
    wrong = []
    for name, (net, start, stop) in DEGENERATE.items():
        edges = walked(net, (float(start), float(stop)), Float64)[0].edges
        if len(edges) != len(exact(net, (start, stop)).boundaries) + 2:
            wrong.append(name)
    assert len(wrong) > len(DEGENERATE) / 4


@pytest.mark.parametrize("rational", [False, True])
def test_sawtooth_of_depth_12(rational):
    """Catches: splits or coincidences that go wrong only when there are many; and quadratic time."""
    f = extract_segments(sawtooth(12), (0, 1), rational=rational)
    assert f.breakpoints.tolist() == [k / 4096 for k in range(1, 4096)]
    assert f.slopes.tolist() == [4096, -4096] * 2048
    assert column(f, "owners") == [
        [(12 - (k & -k).bit_length(), 1)] for k in range(1, 4096)
    ]  # layer l: odd / 2^(l + 1)


@pytest.mark.parametrize("seed", range(5))
def test_exact_is_the_nearest_float(seed):
    """Catches: a position, slope or jump rounded more than once; fractions that are not the truth."""
    net = MLP([1, 6, 6, 1], negative_slope=(0.0, 0.01)[seed % 2], seed=seed)
    f, truth = extract_segments(net, (-10, 10), rational=True), exact(net, (-10, 10))
    assert column(f, "x") == [float(x) for x in truth.boundaries]
    assert column(f, "fraction") == truth.boundaries
    assert set(f.slopes.tolist()) <= {float(s) for s in truth.slopes}
    errors = [abs(Fraction(b.x) - t) for b, t in zip(f.boundaries, truth.boundaries, strict=True)]
    assert all(
        2 * error <= np.spacing(abs(x)) and error <= bound <= np.spacing(abs(x))
        for error, bound, x in zip(errors, column(f, "error"), column(f, "x"), strict=True)
    )
    assert set(column(extract_segments(net, (-10, 10)), "fraction")) == {None}


def test_positions_and_their_bounds_on_ordinary_networks():
    """Catches: a loss of accuracy. Measured, of max(1, |x|): errors <= 2e-15, bounds <= 2e-12, half of them < 4e-14."""
    for seed in range(30):
        net = MLP(
            [1, 10, 10, 10, 1],
            negative_slope=(0.0, 0.01)[seed % 2],
            seed=seed,
            dtype=(np.float32, np.float64)[seed % 2],
        )
        f, truth = extract_segments(net, (-10, 10)), extract_segments(net, (-10, 10), rational=True)
        size = np.maximum(1, np.abs(column(truth, "x")))
        x, errors = np.array(column(f, "x")), np.array(column(f, "error"))
        error = np.abs(x - column(truth, "x"))
        assert (error <= errors + column(truth, "error")).all()
        assert (error <= 1e-14 * size).all()
        assert (errors <= 1e-11 * size).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_whole_line(seed):
    """Catches: infinity mishandled where units are flat, zero or off towards it."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 4, 4, 1], negative_slope=(0.0, 0.0, 0.1)[seed % 3], seed=seed, dtype=np.float64)
    if seed % 2:
        net.params[:] = rng.integers(-1, 2, net.params.shape)
    for rational in (False, True):
        f = extract_segments(net, rational=rational)
        reach = 2 * float(np.abs(column(f, "x")).max(initial=0)) + 1
        truth = exact(net, (-reach, reach))
        assert_agrees(f.clip((-reach, reach)), truth)
        assert f.slopes[[0, -1]] == pytest.approx([float(truth.slopes[0]), float(truth.slopes[-1])], abs=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_weights_over_twelve_decades(seed):
    """Catches: bounds that fit one scale of weights. Measured, of max(1, |x|): errors <= 3e-16."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 5, 5, 1], negative_slope=(0.0, 0.01)[seed % 2], dtype=np.float64)
    net.params[:] = rng.choice([-1, 1], net.params.shape) * 10.0 ** rng.uniform(-6, 6, net.params.shape)
    truth = exact(net, (-1e6, 1e6))
    assert truth.boundaries
    assert_agrees(extract_segments(net, (-1e6, 1e6)), truth, 1e-15)
    assert_agrees(extract_segments(net, (-1e6, 1e6), rational=True), truth, 2.0**-53)


def test_half_lines():
    """Catches: one infinite end that is treated like two."""
    net = relu_of((1, -1), (-1, -1))
    assert extract_segments(net, (-INF, 0)).breakpoints.tolist() == [-1]
    assert extract_segments(net, (0, INF)).breakpoints.tolist() == [1]
    assert extract_segments(net, (1, INF)).breakpoints.tolist() == []


def test_overflow_is_refused():
    """Catches: infinity or NaN handed out as a slope, intercept or boundary."""
    for net in [
        stack(([[HUGE]], [0]), ([[HUGE]], [0]), ([[1]], [0])),
        relu_of((HUGE, 0), out=[HUGE]),
        relu_of((1, HUGE), out=[HUGE]),
        relu_of((1, 0), (1, 0), (1, -1), (1, -2), out=[1, 1, 1.7e308, 1.7e308]),  # only in the last region
    ]:
        for rational in (False, True):
            with pytest.raises(OverflowError, match="exceeds float64"):
                extract_segments(net, (-5, 5), rational=rational)
    steep = relu_of((1, 0), (-1, 0), out=[1.7e308, 1.7e308])  # the slopes fit, their difference does not
    for rational in (False, True):
        with pytest.raises(OverflowError, match="exceeds float64"):
            extract_segments(steep, (-5, 5), rational=rational)
    alone = stack(([[HUGE]], [0]), ([[HUGE], [-1]], [1, 1]), ([[0, 1e-300]], [0]))  # a hidden unit that nobody hears
    assert_agrees(extract_segments(alone, (-5, 5)), exact(alone, (-5, 5)))
    far = relu_of((TINY, 1e10), (1, 0))  # a boundary at -2e333
    with pytest.raises(OverflowError, match="exceeds float64"):
        extract_segments(far)
    assert extract_segments(far, (-5, 5)).breakpoints.tolist() == [0]


# 2000 networks. They are drawn by seed, so that a failing one is told in a line; Hypothesis chooses and shrinks.


def draw_network(kind, seed):
    """A network of that kind, up to three layers of six."""
    rng = np.random.default_rng([seed, *kind.encode()])
    sizes = [1, *rng.integers(1, 7, rng.integers(1, 4)), 1]
    slope = rng.choice([0.0, 0.0, 0.01, 0.5, 1.0])
    net = MLP(sizes, negative_slope=slope, seed=int(rng.integers(2**32)), dtype=rng.choice([np.float32, np.float64]))
    if kind == "integer":
        net.params[:] = rng.integers(-3, 4, net.params.shape)
    if kind == "sparse":
        net.params[rng.random(net.params.shape) < rng.uniform(0.2, 0.8)] = 0
    if kind == "few values":
        net = net.astype(np.float64)
        net.params[:] = rng.choice([-1, -0.5, -0.3, -0.1, 0, 0.1, 0.3, 0.5, 1], net.params.shape)
    if kind == "wild":
        net = net.astype(np.float64)
        net.params[:] *= 10.0 ** rng.uniform(-6, 6, net.params.shape)
    if kind == "trained":
        net, how = trained(int(rng.integers(12))).copy(), rng.integers(4)
        if how == 1:
            net.params[rng.random(net.params.shape) < 0.3] = 0  # pruned
        if how == 2:
            net.params[:] = np.round(net.params * 8) / 8  # quantized
        if how == 3:
            net.params[:] *= 1 + 1e-6 * rng.normal(size=net.params.shape)
    return net


@cache
def trained(seed):
    net = MLP([1, 6, 6, 1] if seed % 2 else [1, 4, 4, 4, 1], negative_slope=(0.0, 0.01)[seed % 2], seed=seed)
    train(net, sample(("sine", "exp", "step")[seed % 3], n=500), 20, batch_size=50)
    return net


def draw_interval(net, seed):
    """Ends about all boundaries, on them or an ulp beside them, in the middle, or far away."""
    rng = np.random.default_rng([seed, 1])
    x = regions_by(net.astype(np.float64), (-1e9, 1e9)).boundaries
    if len(x) > 1 and rng.random() < 0.4:
        a, b = np.sort(rng.choice(x, 2, replace=False))
        a, b = rng.choice([a, np.nextafter(a, -INF), np.nextafter(a, INF)]), rng.choice([b, np.nextafter(b, INF)])
        if a < b:
            return a, b
    if len(x) and rng.random() < 0.7:
        reach = np.abs(x).max() * rng.uniform(0.5, 2) + 1e-3
        return -reach, reach
    size = rng.choice([1.0, 10.0, 1e6])
    return tuple(np.sort(rng.uniform(-size, size, 2)))


@pytest.mark.parametrize("kind", ["random", "integer", "sparse", "few values", "wild", "trained"])
def test_no_network_disagrees(kind):
    """Catches: whatever nobody thought of. Six kinds, 334 networks each, in both arithmetics."""
    counts = []

    @settings(
        max_examples=334,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.integers(0, 2**32 - 2))
    def agrees(seed):
        net = draw_network(kind, seed)
        start, stop = draw_interval(net, seed)
        truth = exact(net, (start, stop))
        counts.append(len(truth.boundaries))
        assert_agrees(extract_segments(net, (start, stop)), truth, 1e-9)
        assert_agrees(extract_segments(net, (start, stop), rational=True), truth, 1e-15)

    agrees()
    assert len(counts) >= 334
    assert np.mean(np.array(counts) > 0) > 0.5


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
    """Catches: a breakpoint where the slope of the network does not change, or a slope that is not the network's."""
    net = MLP([1, 10, 10, 1], negative_slope=slope, seed=seed)
    train(net, sample("sine", n=1000), 30, batch_size=100)
    f, net = extract_segments(net), net.astype(np.float64)
    edges = np.array(column(f, "x"))
    gaps = np.diff(np.concatenate([[edges[0] - 1], edges, [edges[-1] + 1]]))
    h = 1e-3 * np.minimum(gaps[:-1], gaps[1:])
    left, right = (net(edges) - net(edges - h)) / h, (net(edges + h) - net(edges)) / h
    tolerance = 1e-13 * (1 + np.abs(edges)) / h
    assert (np.abs(f(edges) - net(edges)) < 1e-12).all()
    assert (np.abs(right - left - column(f, "jump")) < tolerance).all()
    assert f.jumps.tolist() == [b.jump for b in f.boundaries if b.label == "visible"]


@pytest.mark.parametrize("seed", range(50))
def test_rational_oracle(seed):
    """Catches: any wrong count, order, owner or label, and positions off by more than rounding."""
    rng = np.random.default_rng(seed)
    width, depth = int(rng.integers(3, 11)), int(rng.integers(1, 4))
    dtype = (np.float32, np.float64)[seed % 2]
    net = MLP([1, *[width] * depth, 1], negative_slope=(0.0, 0.0, 0.01)[seed % 3], seed=seed, dtype=dtype)
    if seed % 5 < 3:
        train(net, sample(("exp", "sine", "step")[seed % 3], n=1000), 30, batch_size=100, shuffle=bool(seed % 4))
    assert_agrees(extract_segments(net, (-10, 10)), exact(net, (-10, 10)))


def test_rational_oracle_on_a_sawtooth():
    """Catches: an oracle or an extraction that fails where everything coincides."""
    truth = exact(sawtooth(4), (-1, 2))
    assert truth.labels.count("visible") == 17  # 15 inside (0, 1), and its ends
    assert assert_agrees(extract_segments(sawtooth(4), (-1, 2)), truth) == 0
