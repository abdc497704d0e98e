"""The article's detector against a literal transcription of its definition."""

import numpy as np
import pytest
from support.networks import with_jumps

from tinymlp import MLP, detect_segments, extract_segments, sample, train
from tinymlp.detector.detect import find_transitions


def transcription(x, y, epsilon):
    """The rule of the article, number by number."""
    g = {}
    fired = []
    for i in range(len(x)):
        if i >= 1:
            g[i] = (y[i] - y[i - 1]) / (x[i] - x[i - 1])
        if i >= 2 and abs(g[i] - g[i - 1]) > epsilon:
            fired.append(i)
    return fired


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4))
def test_transcription(seed, dtype):
    """Catches: an index off by one, differences in another dtype, a grid without the stop."""
    net = MLP([1, 10, 10, 10, 1], seed=seed)
    train(net, sample("exp", n=1000), 10, batch_size=100)
    x = np.array([-2 + i / 299 * 7 for i in range(300)]).astype(dtype)
    seen = detect_segments(net, (-2, 5), dtype=dtype)
    assert seen.x.dtype == seen.y.dtype == dtype
    assert seen.x == pytest.approx(x, rel=float(2 * np.finfo(dtype).eps))
    assert (seen.x[[0, -1]] == [-2, 5]).all()
    assert (seen.y == net.astype(dtype)(seen.x)).all()
    assert seen.transitions.tolist() == transcription(seen.x, seen.y, 1e-3)
    assert len(seen.transitions) > 3
    assert len(seen) == len(seen.transitions) + 1


def test_the_first_index_that_can_fire_is_2():
    """Catches: a breakpoint right after the first cell that is missed."""
    x = np.arange(5.0)
    assert find_transitions(x, np.array([0.0, 0, 1, 2, 3])).tolist() == [2]
    assert find_transitions(x, np.array([0.0, 0, 0, 0, 1])).tolist() == [4]


def test_a_breakpoint_inside_a_cell_fires_twice_and_on_a_grid_point_once():
    """Catches: a detector that has been improved."""
    relu = MLP.from_weights([[[1]], [[1]]], [[-0.5], [0]])
    assert detect_segments(relu, (0, 1), points=11).transitions.tolist() == [6]
    assert detect_segments(relu, (0, 1), points=12).transitions.tolist() == [6, 7]


def test_epsilon_is_a_strict_bound_on_the_slope():
    """Catches: >= for >, or a bound on y."""
    x = np.arange(4.0)
    y = np.array([0, 0, 0.5, 1.0])
    assert find_transitions(x, y, 0.5).tolist() == []
    assert find_transitions(x, y, 0.499).tolist() == [2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("jump", [1, -1])
def test_a_change_of_slope_equal_to_epsilon_does_not_fire(jump, dtype):
    """Catches: >= for > where it is used; 1/2 is all that each of two hats sees, and nothing is rounded here."""
    net = with_jumps((3.5, jump))
    assert detect_segments(net, (0, 10), points=11, epsilon=0.5, dtype=dtype).transitions.tolist() == []
    fired = detect_segments(net, (0, 10), points=11, epsilon=0.4999999, dtype=dtype).transitions
    assert fired.tolist() == [4, 5]


def test_epsilon_may_be_a_number_of_numpy():
    """Catches: a count that depends on the type of epsilon: 0.1 is rounded to the dtype of the slopes, or never."""
    x, y = (
        np.arange(4, dtype=np.float32),
        np.array([0, 0, 0.1, 0.2], np.float32),
    )  # a change of float32's 0.1, above 0.1
    assert find_transitions(x, y, 0.1).tolist() == find_transitions(x, y, np.float64(0.1)).tolist() == []
    assert find_transitions(x.astype(np.float64), y.astype(np.float64), 0.1).tolist() == [2]


def test_epsilon_is_a_thousandth_unless_given():
    """Catches: another default than the article's."""
    x = np.arange(4.0)
    for change, fired in ((0.0011, [2]), (-0.0011, [2]), (0.0009, [])):
        y = np.array([0, 0, change, 2 * change])
        assert find_transitions(x, y).tolist() == fired
        assert detect_segments(lambda t, y=y: y, (0, 3), points=4).transitions.tolist() == fired


def test_epsilon_may_be_zero():
    """Catches: a detector of any change at all refused; x + 100 at whole numbers is exact."""
    assert detect_segments(with_jumps((5, 2.0**-10)), (0, 10), points=11, epsilon=0).transitions.tolist() == [6]


def test_300_points_unless_given():
    """Catches: another default than the article's."""
    seen = detect_segments(MLP([1, 3, 1]), (-5, 5))
    assert len(seen.x) == len(seen.y) == 300


@pytest.mark.parametrize("points", [3, 4, 5])
def test_few_points(points):
    """Catches: the smallest grid that has a change of slope refused, or its only index missed."""
    seen = detect_segments(np.abs, (2 - points, 1), points=points)  # the last point but one is 0
    assert seen.x.tolist() == list(range(2 - points, 2))
    assert seen.transitions.tolist() == [points - 1]
    assert len(seen) == 2


def test_exact_segments_predict_the_float64_detector():
    """Catches: exact segments that differ from the network by more than rounding, seen through the article's rule."""
    agreed = 0
    for seed in range(20):
        net = MLP([1, 10, 10, 10, 1], seed=seed)
        f = extract_segments(net)
        seen = detect_segments(net, (-5, 5), dtype=np.float64).transitions
        assert seen.tolist() == detect_segments(f, (-5, 5), dtype=np.float64).transitions.tolist()
        agreed += len(seen)
    assert agreed > 300


def test_a_clipped_function_on_its_own_interval():
    """Catches: a float32 grid that sticks out of the interval by rounding."""
    f = extract_segments(MLP([1, 10, 1]), (-0.1, 1))
    assert detect_segments(f, (-0.1, 1)).x[0] == np.float32(-0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": 2}, "points is 2"),
        ({"points": 30.5}, "points is 30.5"),
        ({"epsilon": -1}, "epsilon is -1"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"epsilon": "0.1"}, r"epsilon is '0\.1': give a number >= 0"),
        ({"epsilon": [0.1]}, r"epsilon is \[0\.1\]: give a number >= 0"),
        ({"dtype": "x"}, "dtype is 'x': give a float dtype"),
        ({"dtype": None}, "dtype is None: give a float dtype"),
        ({"interval": (-1e300, 1e300)}, r"interval is \(-1e\+300, 1e\+300\), and float32 does not hold its ends"),
        ({"interval": (5, 5)}, "interval is"),
        ({"interval": (-5, np.inf)}, "must be finite"),
        ({"interval": (1e6, 1e6 + 1)}, "too close for float32"),
        ({"net": MLP([1, 2, 2])}, "needs one output"),
        ({"net": np.log}, r"net is nan at x = -5\.0"),
        ({"net": lambda x: np.exp(100 * x)}, "net is inf at x ="),
        ({"dtype": "complex64"}, "dtype is complex64"),
    ],
)
def test_bad_input(options, words):
    """Catches: a count of nothing."""
    with pytest.raises(ValueError, match=words):
        detect_segments(**{"net": MLP([1, 2, 1]), "interval": (-5, 5), **options})


def test_slopes_that_overflow_are_refused():
    """Catches: an infinite slope, whose change is not a number, so that nothing fires."""
    net = MLP.from_weights([[[1e3], [1e3]], [[3e38, 3e38]]], [[1e-2, 0], [0]])
    with pytest.raises(ValueError, match="exceed float32"):
        detect_segments(net, (-1e-6, 1e-6), points=100)
    half = MLP.from_weights([[[1e3]], [[3e38]]], [[0], [0]])
    with pytest.raises(ValueError, match=r"so steep at x = 0\.0 that"):  # between 0 and the next point
        detect_segments(half, (-1e-6, 1e-6), points=101)
