"""find_regions on hand-made networks, and what it does again in rational numbers."""

from fractions import Fraction

import numpy as np
import pytest
from support.networks import sawtooth
from support.oracle import exact

import tinymlp
from tinymlp import MLP, find_regions
from tinymlp.segments.float_pass import float_regions

INF = np.inf


def absolute():
    """|x| = relu(x) + relu(-x)."""
    return MLP.from_weights([[[1], [-1]], [[1, 1]]], [[0, 0], [0]])


def test_absolute_value_is_one_boundary_with_two_owners():
    """Catches: boundaries that coincide counted twice, or an owner lost."""
    regions = find_regions(absolute())
    assert regions.edges.tolist() == [-INF, 0, INF]
    assert regions.owners() == [[(0, 0), (0, 1)]]
    assert regions.states[0].tolist() == [[-1, 1], [1, -1]]
    assert regions.output[0].T.tolist() == [[-1, 1]]
    assert regions.output[1].T.tolist() == [[0, 0]]


def test_boundaries_that_coincide_across_layers():
    """Catches: a unit that switches where an earlier layer bends, not listed as an owner."""
    net = MLP.from_weights([[[1]], [[1]], [[1]]], [[0], [0], [0]])  # relu(relu(x))
    regions = find_regions(net)
    assert regions.boundaries.tolist() == [0]
    assert regions.owners() == [[(0, 0), (1, 0)]]
    assert regions.states[1].tolist() == [[0, 1]]


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_sawtooth(depth):
    """Catches: splits of one layer that forget those of the layers before."""
    regions = find_regions(sawtooth(depth), (0, 1))
    teeth = 2**depth
    assert regions.edges.tolist() == [k / teeth for k in range(teeth + 1)]
    assert regions.output[0].T[0].tolist() == [teeth, -teeth] * (teeth // 2)


def test_all_dead():
    """Catches: units that never switch given a boundary."""
    net = MLP.from_weights([[[0], [0]], [[1, 1]]], [[-1, -2], [5]])
    regions = find_regions(net)
    assert len(regions.boundaries) == 0
    assert (regions.states[0] == -1).all()
    assert regions.output[0].T.tolist() == [[0]]
    assert regions.output[1].T.tolist() == [[5]]


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


def test_touching_zero_is_no_boundary():
    """Catches: a unit that comes down to zero and goes up again taken for one that switches."""
    net = MLP.from_weights([[[1], [-1]], [[1, 1]], [[1]]], [[0, 0], [0], [0]])  # relu(|x|)
    assert find_regions(net).owners() == [[(0, 0), (0, 1)]]


def test_boundaries_very_close_together():
    """Catches: boundaries merged by a fixed epsilon."""
    gap = 2.0**-30
    net = MLP.from_weights([[[1], [1]], [[1, 1]]], [[-1, -1 - gap], [0]])
    assert find_regions(net).boundaries.tolist() == [1, 1 + gap]


def test_ends_are_never_boundaries():
    """Catches: a region of no width where a boundary lies on an end of the interval."""
    assert len(find_regions(absolute(), (0, 1)).boundaries) == 0
    assert len(find_regions(absolute(), (-1, 0)).boundaries) == 0
    assert find_regions(absolute(), (0, 1)).states[0].tolist() == [[1], [-1]]


def test_a_boundary_that_the_next_layers_find_again_is_one():
    """Catches: a boundary of one layer that the next ones find an ulp away, again and again."""
    rng = np.random.default_rng(0)
    for seed in range(100):
        first = rng.normal() * np.array([[1.0], [-2.0], [0.5], [4.0]])  # exact multiples: one boundary, four owners
        boundary = rng.normal()
        weights = [first, rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=(1, 4))]
        biases = [
            first[:, 0] * boundary,
            np.zeros(4),
            np.zeros(4),
            np.zeros(1),
        ]  # then none: all of it is about that boundary
        net = MLP.from_weights(weights, biases, negative_slope=(0.0, 0.1)[seed % 2])
        assert float_regions(net, (-INF, INF)).doubtful.any()
        regions = find_regions(net)
        assert regions.boundaries == pytest.approx([-boundary], rel=1e-14)
        assert regions.owners()[0][:4] == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_only_the_doubtful_part_is_done_in_rationals(monkeypatch):
    """Catches: rational arithmetic on the whole interval where two boundaries coincide at one place."""
    net = MLP([1, 20, 20, 1], seed=0, dtype=np.float64)
    net.layers[0][1] = net.layers[0][0]  # the same boundary twice
    (x,) = -net.biases[0][:1] / net.weights[0][0]
    done = []
    rational = tinymlp.segments.find_regions.rational_regions
    monkeypatch.setattr(
        tinymlp.segments.find_regions,
        "rational_regions",
        lambda net, window: done.append(window) or rational(net, window),
    )
    regions = find_regions(net)
    ((a, b),) = done
    assert a < x < b
    assert ((regions.boundaries > a) & (regions.boundaries < b)).sum() < len(regions.boundaries) / 4
    truth = rational(net, (-INF, INF))
    assert regions.owners() == truth.owners()
    assert regions.boundaries == pytest.approx(truth.boundaries, rel=1e-12)
    for mine, true in zip(regions.states, truth.states, strict=True):
        assert (mine == true).all()
    assert regions.output == pytest.approx(truth.output, rel=1e-12, abs=1e-14)


def test_two_layers_with_boundaries_very_close_together():
    """Catches: boundaries of different layers merged by more than rounding."""
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


def test_a_breakpoint_that_float64_cannot_see_and_a_huge_weight_makes_large():
    """Catches: a bound of zero for a unit whose state is in doubt."""
    e = 2.0**-53
    net = MLP.from_weights([[[1], [1]], [[1, -(1 - e)]], [[1 / e]]], [[0, 0], [-e], [0]])
    assert (
        find_regions(net, (-2, 3)).output[0, :, 0].tolist()
        == [float(s) for s in exact(net, (-2, 3)).slopes]
        == [0, 0, 1]
    )


def test_bad_networks_and_intervals():
    """Catches: a wrong answer where an error is due."""
    with pytest.raises(ValueError, match="net has 2 inputs"):
        find_regions(MLP([2, 3, 1]))
    for start, stop in [(1, 1), (2, 1), (np.nan, 1), (INF, -INF)]:
        with pytest.raises(ValueError, match="interval is"):
            find_regions(absolute(), (start, stop))
    net = absolute()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        find_regions(net)
    with pytest.raises(ValueError, match="which float64 cannot hold"):
        find_regions(MLP([1, 2, 1], dtype=np.longdouble))
    with pytest.raises(OverflowError, match="exceeds float64"):
        find_regions(MLP.from_weights([[[1e200]], [[1e200]], [[1]]], [[0], [0], [0]]))
