"""What `extract_segments` proves, against the rational oracle: degenerate networks by hand, then 2000 by Hypothesis."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import assert_agrees, exact, sawtooth

from tinymlp import MLP, extract_segments, sample, train
from tinymlp.segments.float_pass import float_regions

INF = np.inf
TINY, HUGE = 5e-324, 1e300


def relu_of(*units, out=None, bias=0.0, slope=0.0):
    """One hidden layer of units (w, b), summed up with the weights out."""
    w, b = np.array(units, float).T
    return MLP.from_weights([w[:, None], [out or [1] * len(units)]], [b, [bias]], slope)


def stack(*layers, slope=0.0):
    """A network from layers (W, b)."""
    return MLP.from_weights([W for W, _ in layers], [b for _, b in layers], slope)


ONES = ([[1, 1]], [0])
DEGENERATE = {
    "kinks coincide in one layer": (relu_of((1, -1), (2, -2), (-3, 3), out=[1, 2, 3]), -5, 5),
    "kinks coincide across layers": (stack(([[1]], [0]), ([[1]], [0]), ([[1]], [0]), ([[1]], [0])), -5, 5),
    "kinks coincide across layers, not in zero": (
        stack(([[1], [1]], [-1, 0]), ([[1, 1], [1, -1]], [-1, 1]), ONES),
        -5,
        5,
    ),
    "kinks coincide but for rounding": (relu_of((0.1, -0.3), (0.2, -0.6), (0.7, -2.1)), -5, 5),
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
    "kinks 2^-30 apart": (relu_of((1, -1), (1, -1 - 2.0**-30), out=[1, 1]), -5, 5),
    "kinks 2^-30 apart across layers": (stack(([[1]], [-1]), ([[1]], [-(2.0**-30)]), ([[1]], [0])), -5, 5),
    "kinks 2^-50 apart": (relu_of((1, -1), (1, -1 - 2.0**-50), out=[1, 1]), -5, 5),
    "kinks 2^-52 apart": (relu_of((1, -1), (1, -1 - 2.0**-52), out=[1, -1]), -5, 5),
    "kinks nearer than float64": (relu_of((3, -1), (1, -1 / 3), out=[1, 1]), -5, 5),
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
    "the interval begins an ulp behind one": (relu_of((1, -1), (1, -2), (1, -3)), np.nextafter(1, 2), 3),
    "far away": (relu_of((1, -1e6), (1, -999_999.5), (1e-6, 1)), -1e6, 2e6),
    "an interval far away": (relu_of((1, -1e8), (3, -3e8 - 1), (0.7, 1)), 1e8 - 1, 1e8 + 1),
    "subnormal weights": (relu_of((TINY, 2 * TINY), (TINY, -TINY), (1, -3)), -5, 5),
    "subnormal weights behind": (stack(([[1], [1]], [0, 1]), ([[TINY, -TINY]], [0]), ([[1e300]], [0])), -5, 5),
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
    "a silent giant": (relu_of((1, 0), (-1, -100), (1, -1), out=[1, 1e20, 1]), -5, 5),
    "a long chain": (stack(*[([[1 / 3]], [0.1])] * 12), -5, 5),
}  # fmt: skip


@pytest.mark.parametrize("arithmetic", ["auto", "exact"])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate(name, arithmetic):
    """Catches: any wrong count, order, owner, label, zero unit or jump where float64 alone errs."""
    net, start, stop = DEGENERATE[name]
    truth = exact(net, start, stop)
    f = extract_segments(net, start, stop, arithmetic)
    assert_agrees(f, truth)
    assert f.certified
    jumps = [float(b - a) for a, b in zip(truth.slopes, truth.slopes[1:], strict=False)]
    if arithmetic == "exact":
        assert f.changes.tolist() == jumps
    else:
        assert f.changes == pytest.approx(jumps, rel=1e-12, abs=1e-15 * max(map(abs, map(float, truth.slopes))))
    wrong = [label for label, jump in zip(f.labels, jumps, strict=True) if (label == "visible") != (jump != 0)]
    assert not [label for label in wrong if label != "visible"]  # a visible jump may be too small for float64


def test_all_labels_are_seen():
    """Catches: degenerate networks that leave a label out."""
    labels = {label for net, a, b in DEGENERATE.values() for label in extract_segments(net, a, b).labels}
    assert labels == {"visible", "cancelled", "unheard"}


def test_float_alone_is_wrong_here():
    """Catches: tests above that float64 without proof would pass, and a certificate for it."""
    wrong = []
    for name, (net, start, stop) in DEGENERATE.items():
        try:
            f = extract_segments(net, start, stop, "float")
            assert not f.certified
            assert_agrees(f, exact(net, start, stop))
        except (AssertionError, OverflowError):
            wrong.append(name)
    assert len(wrong) > len(DEGENERATE) / 4
    assert "a layer cancels but for rounding" in wrong


@pytest.mark.parametrize("arithmetic", ["auto", "exact"])
def test_sawtooth_of_depth_12(arithmetic):
    """Catches: splits or coincidences that go wrong only when there are many; and quadratic time."""
    f = extract_segments(sawtooth(12), 0, 1, arithmetic)
    assert f.breakpoints.tolist() == [k / 4096 for k in range(1, 4096)]
    assert f.slopes.tolist() == [4096, -4096] * 2048
    assert f.owners == [[(12 - (k & -k).bit_length(), 1)] for k in range(1, 4096)]  # layer l: odd / 2^(l + 1)


def test_labels_owners_and_jumps_in_the_table():
    """Catches: columns of the table out of step."""
    net = stack(
        ([[1], [1], [1], [1]], [0, -1, -1, -2]), ([[1, 0.5, -0.5, 0], [0, 0, 0, 1]], [0, -9e9]), ([[2, 1]], [0])
    )
    assert extract_segments(net, -5, 5).table() == [
        (0.0, [(0, 0), (1, 0)], 2.0, "visible"),
        (1.0, [(0, 1), (0, 2)], 0.0, "cancelled"),
        (2.0, [(0, 3)], 0.0, "unheard"),
    ]


def test_zeros():
    """Catches: zero taken for off; an interval cut at other units' switches, or reported where there is none."""
    net = stack(([[1], [1], [-1]], [0, -1, -2]), ([[1, 1, 0], [0, 0, 1]], [0, -1]), ONES)
    for arithmetic in ("auto", "exact"):
        assert extract_segments(net, -5, 5, arithmetic).zeros == [(1, 0, -5.0, 0.0)]
    assert extract_segments(MLP([1, 10, 10, 1])).zeros == []


@pytest.mark.parametrize("seed", range(5))
def test_exact_is_the_nearest_float(seed):
    """Catches: a position, slope or jump rounded more than once; fractions that are not the truth."""
    net = MLP([1, 6, 6, 1], (0.0, 0.01)[seed % 2], seed=seed)
    f, truth = extract_segments(net, -10, 10, "exact"), exact(net, -10, 10)
    assert f.boundaries.tolist() == [float(x) for x in truth.boundaries]
    assert f.fractions == [x for x, label in zip(truth.boundaries, truth.labels, strict=True) if label == "visible"]
    assert set(f.slopes.tolist()) <= {float(s) for s in truth.slopes}
    errors = [abs(Fraction(float(x)) - t) for x, t in zip(f.boundaries, truth.boundaries, strict=True)]
    assert all(
        2 * error <= np.spacing(abs(x)) and error <= bound <= np.spacing(abs(x))
        for error, bound, x in zip(errors, f.errors, f.boundaries, strict=True)
    )
    assert extract_segments(net, -10, 10).fractions is None
    assert extract_segments(net, -10, 10, "float").fractions is None


def test_positions_and_their_bounds_on_ordinary_networks():
    """Catches: a loss of accuracy. Measured, of max(1, |x|): errors <= 2e-15, bounds <= 2e-12, half of them < 4e-14."""
    for seed in range(30):
        net = MLP([1, 10, 10, 10, 1], (0.0, 0.01)[seed % 2], seed=seed, dtype=(np.float32, np.float64)[seed % 2])
        f, truth = extract_segments(net, -10, 10), extract_segments(net, -10, 10, "exact")
        size = np.maximum(1, np.abs(truth.boundaries))
        error = np.abs(f.boundaries - truth.boundaries)
        assert (error <= f.errors + truth.errors).all()
        assert (error <= 1e-14 * size).all()
        assert (f.errors <= 1e-11 * size).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_whole_line(seed):
    """Catches: infinity mishandled where units are flat, zero or off towards it."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 4, 4, 1], (0.0, 0.0, 0.1)[seed % 3], seed=seed, dtype=np.float64)
    if seed % 2:
        net.params[:] = rng.integers(-1, 2, net.params.shape)
    for arithmetic in ("auto", "exact"):
        f = extract_segments(net, arithmetic=arithmetic)
        reach = 2 * float(np.abs(f.boundaries).max(initial=0)) + 1
        truth = exact(net, -reach, reach)
        assert_agrees(f.clip(-reach, reach), truth)
        assert f.slopes[[0, -1]] == pytest.approx([float(truth.slopes[0]), float(truth.slopes[-1])], abs=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_weights_over_twelve_decades(seed):
    """Catches: bounds that fit one scale of weights. Measured, of max(1, |x|): errors <= 3e-16."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 5, 5, 1], (0.0, 0.01)[seed % 2], dtype=np.float64)
    net.params[:] = rng.choice([-1, 1], net.params.shape) * 10.0 ** rng.uniform(-6, 6, net.params.shape)
    truth = exact(net, -1e6, 1e6)
    assert truth.boundaries
    assert_agrees(extract_segments(net, -1e6, 1e6), truth, 1e-15)
    assert_agrees(extract_segments(net, -1e6, 1e6, "exact"), truth, 2.0**-53)


@pytest.mark.parametrize("arithmetic", ["auto", "exact"])
def test_a_clip_at_a_boundary_is_not_certified(arithmetic):
    """Catches: a boundary lost by clipping to the ends that are there; a count that float64 decided, certified."""
    net = relu_of((3, -1))  # its kink, 1/3, is a little more than the float 1/3
    for f in (extract_segments(net, 1 / 3, 5, arithmetic), extract_segments(net, 1 / 3, 5, arithmetic).clip(1 / 3, 5)):
        assert len(f.boundaries) == 1
        assert f.certified
    whole = extract_segments(net, arithmetic=arithmetic)
    assert not whole.clip(1 / 3, 5).certified
    assert not whole.clip(-5, 1 / 3).certified
    assert whole.clip(0, 5).certified
    assert len(whole.clip(0, 5).boundaries) == len(whole.clip(-INF, INF).boundaries) == 1


def test_half_lines():
    """Catches: one infinite end that is treated like two."""
    net = relu_of((1, -1), (-1, -1))
    assert extract_segments(net, -INF, 0).breakpoints.tolist() == [-1]
    assert extract_segments(net, 0, INF).breakpoints.tolist() == [1]
    assert extract_segments(net, 1, INF).breakpoints.tolist() == []


def test_overflow_is_refused():
    """Catches: infinity or NaN handed out as a slope, intercept or boundary."""
    for net in [
        stack(([[HUGE]], [0]), ([[HUGE]], [0]), ([[1]], [0])),
        relu_of((HUGE, 0), out=[HUGE]),
        relu_of((1, HUGE), out=[HUGE]),
        relu_of((1, 0), (1, 0), (1, -1), (1, -2), out=[1, 1, 1.7e308, 1.7e308]),  # only in the last region
        stack(([[HUGE]], [0]), ([[HUGE], [-1]], [1, 1]), ([[0, 1e-300]], [0])),  # a hidden unit alone
    ]:
        for arithmetic in ("auto", "exact", "float"):
            with pytest.raises(OverflowError, match="exceeds float64"):
                extract_segments(net, -5, 5, arithmetic)
    steep = relu_of((1, 0), (-1, 0), out=[1.7e308, 1.7e308])  # the slopes fit, their difference does not
    for arithmetic in ("auto", "exact", "float"):
        with pytest.raises(OverflowError, match="exceeds float64"):
            extract_segments(steep, -5, 5, arithmetic)
    far = relu_of((TINY, 1e10), (1, 0))  # a kink at -2e333
    with pytest.raises(OverflowError, match="exceeds float64"):
        extract_segments(far)
    assert extract_segments(far, -5, 5).breakpoints.tolist() == [0]


def test_bad_arithmetic():
    """Catches: a misspelt word that silently means the default."""
    with pytest.raises(ValueError, match="arithmetic is 'rational': give 'auto', 'float' or 'exact'"):
        extract_segments(MLP([1, 2, 1]), arithmetic="rational")


# 2000 networks. They are drawn by seed, so that a failing one is told in a line; Hypothesis chooses and shrinks.


def draw_network(kind, seed):
    """A network of that kind, up to three layers of six."""
    rng = np.random.default_rng([seed, *kind.encode()])
    sizes = [1, *rng.integers(1, 7, rng.integers(1, 4)), 1]
    slope = rng.choice([0.0, 0.0, 0.01, 0.5, 1.0])
    net = MLP(sizes, slope, seed=int(rng.integers(2**32)), dtype=rng.choice([np.float32, np.float64]))
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
    net = MLP([1, 6, 6, 1] if seed % 2 else [1, 4, 4, 4, 1], (0.0, 0.01)[seed % 2], seed=seed)
    train(net, sample(("sine", "exp", "step")[seed % 3], n=500), 20, batch_size=50)
    return net


def draw_interval(net, seed):
    """Ends about all boundaries, on them or an ulp beside them, in the middle, or far away."""
    rng = np.random.default_rng([seed, 1])
    x = float_regions(net.astype(np.float64), -1e9, 1e9, prove=False).boundaries
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
    """Catches: whatever nobody thought of. Six kinds, 334 networks each, in both arithmetics; most have boundaries."""
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
        truth = exact(net, start, stop)
        counts.append(len(truth.boundaries))
        assert_agrees(extract_segments(net, start, stop), truth, 1e-9)
        assert_agrees(extract_segments(net, start, stop, "exact"), truth, 1e-15)

    agrees()
    assert len(counts) >= 334
    assert np.mean(np.array(counts) > 0) > 0.5
