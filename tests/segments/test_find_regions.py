"""find_regions on hand-made networks, and what it does again in rational numbers."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from support.networks import sawtooth, stack
from support.oracle import exact
from support.walks import regions_by

import tinymlp
from tinymlp import MLP, Ensemble, extract_segments, find_regions
from tinymlp.segments.double_double import DoubleDouble
from tinymlp.segments.find_regions import Regions, windows
from tinymlp.segments.integers import Integers
from tinymlp.segments.reach_bounds import ReachBounds
from tinymlp.segments.rounding import RunningBounds
from tinymlp.system.progress import progress_bar

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
    assert regions.slopes.tolist() == [[-1, 1]]
    assert regions.intercepts.tolist() == [[0, 0]]


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
    assert regions.slopes[0].tolist() == [teeth, -teeth] * (teeth // 2)


def test_all_dead():
    """Catches: units that never switch given a boundary."""
    net = MLP.from_weights([[[0], [0]], [[1, 1]]], [[-1, -2], [5]])
    regions = find_regions(net)
    assert len(regions.boundaries) == 0
    assert (regions.states[0] == -1).all()
    assert regions.lines.tolist() == [[5j]]


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
        assert regions_by(net, (-INF, INF)).doubtful.any()
        regions = find_regions(net)
        assert regions.boundaries == pytest.approx([-boundary], rel=1e-14)
        assert regions.owners()[0][:4] == [(0, 0), (0, 1), (0, 2), (0, 3)]


@pytest.fixture
def rungs(monkeypatch):
    """A list that grows by (arithmetic, ends of its windows) for each rung of the ladder that is taken."""
    taken = []
    for arithmetic in (ReachBounds, RunningBounds, DoubleDouble, Integers):

        class Recorded(arithmetic):
            name = arithmetic.__name__

            def __init__(self, start, ends, negative_slope):
                taken.append((self.name, list(ends)))
                super().__init__(start, ends, negative_slope)

        monkeypatch.setattr(tinymlp.segments.find_regions, arithmetic.__name__, Recorded)
    return taken


def test_only_the_doubtful_part_is_done_in_integers(rungs):
    """Catches: integers on the whole interval where two boundaries coincide at one place."""
    net = MLP([1, 20, 20, 1], seed=0, dtype=np.float64)
    net.layers[0][1] = 3 * net.layers[0][0]  # the same boundary twice, but not known to be
    net.layers[0][0] = net.layers[0][1] / 3
    assert net.layers[0][1].tolist() == (3 * net.layers[0][0]).tolist()
    (x,) = -net.biases[0][:1] / net.weights[0][0]
    regions = find_regions(net)
    assert [name for name, _ in rungs] == ["ReachBounds", "RunningBounds", "DoubleDouble", "Integers"]
    a, b = rungs[-1][1]
    assert a < x < b
    assert ((regions.boundaries > a) & (regions.boundaries < b)).sum() < len(regions.boundaries) / 4
    truth = find_regions(net, rational=True)
    assert regions.owners() == truth.owners()
    assert regions.boundaries == pytest.approx(truth.boundaries, rel=1e-12)
    for mine, true in zip(regions.states, truth.states, strict=True):
        assert (mine == true).all()
    assert regions.lines == pytest.approx(truth.lines, rel=1e-12, abs=1e-14)


def test_several_windows():
    """Catches: what lies between two windows taken for a region of them; windows put in each other's place."""
    tent = np.array([[2.0, -4.0], [2.0, -4.0]])
    net = MLP.from_weights([np.ones((2, 1)), *[tent] * 5, tent[:1]], [*[[0, -0.5]] * 6, [0]])
    net.layers[2][0, 0] *= 1 + 2.0**-47
    regions, truth = find_regions(net, (-0.5, 1.5)), find_regions(net, (-0.5, 1.5), rational=True)
    assert len(truth.boundaries) > 40
    assert regions.owners() == truth.owners()
    assert regions.boundaries == pytest.approx(truth.boundaries, rel=1e-13)
    assert regions.lines == pytest.approx(truth.lines, rel=1e-12)


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
    slopes = [float(slope) for slope in exact(net, (-2, 3)).slopes]
    assert find_regions(net, (-2, 3)).slopes[0].tolist() == slopes == [0, 0, 1]


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
        part, again = whole.clip((a, b)), find_regions(net, (a, b))
        assert part.edges == pytest.approx(again.edges, rel=1e-13)
        assert part.owners() == again.owners()
        assert part.lines == pytest.approx(again.lines, rel=1e-12, abs=1e-14)


ONES = ([[1, 1]], [0])


def test_zeros():
    """Catches: zero taken for off; an interval cut at other units' switches, or reported where there is none."""
    net = stack(([[1], [1], [-1]], [0, -1, -2]), ([[1, 1, 0], [0, 0, 1]], [0, -1]), ONES)
    for rational in (False, True):
        assert extract_segments(net, (-5, 5), rational=rational).regions.zeros() == [(1, 0, -5.0, 0.0)]
    assert extract_segments(MLP([1, 10, 10, 1])).regions.zeros() == []


def zigzag(depth):
    """A network of width 4 whose regions double with every layer, and more."""
    rng = np.random.default_rng(0)
    tent = np.array([[2.0, -4.0, 0, 0], [2.0, -4.0, 0, 0], [0, 0, 2.0, -4.0], [0, 0, 2.0, -4.0]])
    first = np.ones((4, 1))
    biases = [np.array([0, -0.5, 0.001 * rng.random(), -0.5])] * depth
    return MLP.from_weights([first, *[tent] * (depth - 1), [[2, -4, 2, -4]]], [*biases, [0]])


def test_too_many_regions():
    """Catches: 39 GB for a network of 48 units; a brake that does not say which layer, how many, and what to do."""
    net = zigzag(12)
    with pytest.raises(
        ValueError, match=r"after layer \d there are [\d,]+ regions, more than max_regions=1,000: choose"
    ):
        find_regions(net, (0, 1), max_regions=1000)
    with pytest.raises(ValueError, match=r"more than max_regions=100:"):
        find_regions(net, (0, 1), max_regions=100, rational=True)
    with pytest.raises(ValueError, match=r"more than max_regions=100:"):
        extract_segments(net, (0, 1), max_regions=100)
    ensemble = Ensemble(net.sizes, range(3), dtype=np.float64)
    ensemble[1].params = net.params
    with pytest.raises(ValueError, match=r"more than max_regions=100:"):
        extract_segments(ensemble, (0, 1), max_regions=100)
    few = len(find_regions(net, (0, 1e-3)).doubtful)
    assert len(find_regions(net, (0, 1e-3), max_regions=4 * few).doubtful) == few


def test_many_regions_stop_in_time():
    """Catches: a count that is looked at only when the memory is gone."""
    net = zigzag(24)
    with pytest.raises(ValueError, match=r"after layer 1\d there are [\d,]+ regions, more than max_regions=1,000,000"):
        find_regions(net, (0, 1))


def test_progress(monkeypatch, capsys):
    """Catches: a bar nobody asked for, or none where somebody did."""
    monkeypatch.setattr(tinymlp.segments.walk, "progress_bar", partial(progress_bar, mininterval=0))
    net = sawtooth(8)
    find_regions(net, (0, 1))
    assert capsys.readouterr().err == ""
    find_regions(net, (0, 1), progress=True)
    assert capsys.readouterr().err == ""  # it took no two seconds
    monkeypatch.setattr(
        tinymlp.segments.walk, "progress_bar", lambda *args, **options: progress_bar(*args, **options | {"delay": 0})
    )
    find_regions(net, (0, 1), progress=True)
    assert "layer" in capsys.readouterr().err


def test_no_bound_is_no_certificate():
    """Catches: a bound that is infinite or not a number given out as one: of a unit that is off, but could be huge."""
    net = MLP.from_weights([[[1], [1]], [[2.0**1022, 1]]], [[-5, 1], [0]])
    quick = regions_by(net, (-4, 4), ReachBounds)
    assert quick.doubtful.all()  # 5 * 2^1022 exceeds float64
    ensemble = Ensemble(net.sizes, range(2), dtype=np.float64)
    ensemble[1].params = net.params
    for regions in (find_regions(net, (-4, 4)), extract_segments(ensemble, (-4, 4))[1].regions):
        assert regions.slopes.tolist() == [[0, 1]]
        assert (regions.line_errors.real < 1e-14).all()
        assert (regions.line_errors.imag < 1e-14).all()
    deep = MLP.from_weights([[[1], [1]], *[np.eye(2)] * 6, [[2.0**1022, 1]]], [[5, 1], *[[0, 0]] * 6, [0]])
    with pytest.raises(OverflowError, match="exceeds float64"):
        find_regions(deep, (-4, 4))
    assert regions_by(deep, (-4, 4)).doubtful.any()


@pytest.mark.parametrize(
    ("w", "interval"),
    [(1.0, (-1e308, 1e308)), (1e301, (0.0, 3.0)), (1e301, (-INF, INF)), (2.0**-1060, (-INF, 1e300))],
)
def test_numbers_that_pairs_of_floats_cannot_take(w, interval):
    """Catches: boundaries that are lost, and certified, where splitting a float in two overflows or underflows."""
    net = MLP.from_weights([[[w], [3 * w]], [[1, 1]]], [[-w, -3 * w], [0]])
    regions = find_regions(net, interval)
    assert regions.boundaries.tolist() == [1.0]
    assert regions.owners() == [[(0, 0), (0, 1)]]
    assert regions.states[0].tolist() == [[-1, 1], [-1, 1]]
    assert extract_segments(net, interval).breakpoints.tolist() == [1.0]


def test_values_beyond_float64():
    """Catches: the sign of a value that overflowed, which may be the wrong one, taken for proven."""
    a, b, c, start = map(
        float.fromhex,
        ("0x1.9d89e0f041de6p+300", "0x1.6238b133c3992p+300", "0x1.ff49267d75fefp+300", "0x1.cac5302976e02p+121"),
    )
    net = MLP.from_weights([[[a]], [[b]], [[c]], [[2.0**-900]]], [[0], [0], [-np.finfo(float).max], [0]])
    truth = find_regions(net, (start, INF), rational=True)
    assert len(truth.boundaries) == 1
    assert find_regions(net, (start, INF)).boundaries.tolist() == truth.boundaries.tolist()
    steep = MLP.from_weights([[[1e200]], [[1e-200]]], [[1.0], [0]])
    for arithmetic in (ReachBounds, RunningBounds):
        assert regions_by(steep, (1.0, 1e200), arithmetic).doubtful.any()
        assert not regions_by(steep, (1.0, 1e100), arithmetic).doubtful.any()


def test_windows_reach_well_into_sure_regions():
    """Catches: a window that begins at a number that the errors of edges do not let one place; one region too few."""

    def chosen_windows(edges, errors, chosen):
        R = len(chosen)
        nothing = np.zeros((1, R), complex)
        regions = Regions(
            np.array(edges, float), np.array(errors, float), nothing, nothing, np.zeros(R, bool), [], None
        )
        first, after, ends = windows(regions, np.array(chosen))
        return first.tolist(), after.tolist(), ends

    yes, no = True, False
    assert chosen_windows([0, 1, 2, 3, 4], [0] * 5, [no, no, no, no]) == ([], [], [])
    assert chosen_windows([0, 1, 2, 3, 4], [0] * 5, [no, yes, no, no]) == ([1], [2], [0.5, 2.5])
    assert chosen_windows([0, 1, 2, 3, 4], [0] * 5, [yes, no, no, yes]) == ([0, 3], [1, 4], [0, 1.5, 2.5, 4])
    assert chosen_windows([0, 1, 2, 3, 4], [0] * 5, [yes] * 4) == ([0], [4], [0, 4])
    # the middle of (2, 3) has to be 2 errors inside
    for left, right, after in [(0.24, 0, 2), (0.26, 0, 3), (0, 0.24, 2), (0, 0.26, 3)]:
        found = chosen_windows([0, 1, 2, 3, 9], [0, 0, left, right, 0], [no, yes, no, no])
        assert found == ([1], [after], [0.5, {2: 2.5, 3: 6.0}[after]])
    for left, right, first in [(0.24, 0, 2), (0.26, 0, 1), (0, 0.24, 2), (0, 0.26, 1)]:
        found = chosen_windows([-5, 1, 2, 3, 4], [0, left, right, 0, 0], [no, no, yes, no])
        assert found == ([first], [3], [{1: -2.0, 2: 1.5}[first], 3.5])
    # towards infinity one more than |x|, or four errors, away from the last edge
    found = chosen_windows([-INF, 1, 2, INF], [0, 0, 3, 0], [no, yes, no])
    assert found == ([1], [2], [-1.0, 2 + 1 + 2 + 4 * 3.0])
    assert chosen_windows([-INF, INF], [0, 0], [yes]) == ([0], [1], [-INF, INF])


@pytest.mark.parametrize("interval", [(-3.0, 2.0), (0.1, 0.7)])
def test_start_and_stop_are_exact(interval):
    """Catches: an error bound at an end that was given."""
    net = MLP([1, 8, 8, 1], seed=0, dtype=np.float64)
    net.layers[0][1] = net.layers[0][0]
    net.layers[0][2] = net.layers[0][0] * 3
    for rational in (False, True):
        regions = find_regions(net, interval, rational=rational)
        clipped = regions.clip((interval[0] + 0.1, interval[1] - 0.1))
        for part in (regions, clipped):
            assert part.edge_errors[[0, -1]].tolist() == [0, 0]
        assert regions.edges[[0, -1]].tolist() == list(interval)


def test_limits_that_are_none():
    """Catches: NumPy's words for an argument of ours; a "no" taken for yes."""
    for function in (find_regions, extract_segments):
        for bad in (0, -1, "many", None):
            with pytest.raises(ValueError, match=r"max_regions is .*: give a number of regions, 1 or more"):
                function(absolute(), (0, 1), max_regions=bad)
        with pytest.raises(ValueError, match="progress is 'no': give True or False"):
            function(absolute(), (0, 1), progress="no")
