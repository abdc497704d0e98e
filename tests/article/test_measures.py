"""The numbers that sum a network up, on networks whose answer is known by hand."""

import numpy as np
import pytest

from tinymlp import MLP, Dataset, History, sample
from tinymlp.article.measures import (
    carried_in,
    count_breakpoints,
    explained_of,
    jitter,
    mean_squared_error,
    quotient,
    steepest,
    unexplained_variance,
)

HAT = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])  # breakpoints at -1, 0, 1; 1 high


def hinges(*places):
    """relu(x - p) of every place, added up: the unit (0, k) switches at places[k]."""
    return MLP.from_weights([[[1]] * len(places), [[1.0] * len(places)]], [[-p for p in places], [0]])


def line(slope, intercept):
    return MLP.from_weights([[[slope]]], [[intercept]])


def test_quotient():
    """Catches: a quotient that no JSON can hold, and a tie that is a win."""
    assert quotient(3, 2) == pytest.approx(1.5)
    assert quotient(0, 0) == 1
    assert quotient(0, 2) == pytest.approx(0, abs=1e-11)
    assert 1e6 < quotient(1, 0) < np.inf


def test_errors():
    """Catches: a root, a sum, a wrong denominator."""
    data = Dataset([0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0])  # variance 5
    assert mean_squared_error(line(2.0, 1.0), data) == 1
    assert unexplained_variance(line(2.0, 1.0), data) == pytest.approx(1 / 5)
    assert unexplained_variance(line(0.0, 3.0), data) == pytest.approx(1)  # the best constant
    assert unexplained_variance(line(0.0, 0.0), data) == pytest.approx(14 / 5)


def test_a_column_of_y():
    """Catches: (n,) minus (n, 1), which is (n, n)."""
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0, 6.0])
    assert mean_squared_error(line(2.0, 1.0), Dataset(x, y[:, None])) == 1
    assert mean_squared_error(line(2.0, 1.0), Dataset(x[:, None], y)) == 1


def test_error_is_taken_in_float64():
    """Catches: the sum of ten thousand squares in float32, or y rounded to it."""
    net = MLP([1, 10, 1], seed=1)
    data = sample("exp")
    by_hand = sum((float(p) - t) ** 2 for p, t in zip(net(data.x), data.y.tolist(), strict=True)) / len(data)
    assert mean_squared_error(net, data) == pytest.approx(by_hand, rel=1e-12)


def test_explained_of():
    """Catches: shares the wrong way round, and credit for being worse than a constant."""
    data = Dataset([0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0])
    good, half, bad, bad_too = line(2.0, 0.0), line(2.0, 2.5**0.5), line(0.0, 0.0), line(0.0, 9.0)
    assert explained_of(half, good, data) == pytest.approx(0.5)
    assert explained_of(bad, good, data) == pytest.approx(0)
    assert explained_of(bad, bad_too, data) == 1


def test_count_breakpoints_and_steepest():
    """Catches: segments for breakpoints, breakpoints outside, a slope whose sign is forgotten."""
    assert count_breakpoints(HAT, (-5, 5)) == 3
    assert count_breakpoints(HAT, (-0.5, 5)) == 2
    assert steepest(line(-3.0, 0.0), (0, 1)) == 3
    assert steepest(HAT, (1.5, 2)) == 0


@pytest.mark.parametrize(
    ("before", "after", "carried"),
    [
        ((6, 1), (4, 1), 1),
        ((4, 1), (6, 1), -1),
        ((6, 1), (1, 6), 0),  # one in, one out
        ((6, 7), (4, 3), 2),
        ((6, 1), (9, 2), 0),  # moved, but not across
        ((300, 1), (-300, 1), 1),
        ((6, 6), (4, 4), 2),  # two units that switch at one place
        ((5, 1), (4, 1), 0),  # at x is not right of it
    ],
)
def test_carried_in(before, after, carried):
    """Catches: a wrong sign, or breakpoints told apart by their place and not by their owner."""
    assert carried_in(hinges(*before), hinges(*after), 5) == carried


def test_carried_in_does_not_count_births():
    """Catches: a breakpoint that is new, or gone, counted as one that moved."""
    one, two = hinges(6), MLP.from_weights([[[1], [1]], [[1, 1]]], [[-6, -4], [0]])
    assert carried_in(one, two, 5) == 0
    assert carried_in(two, one, 5) == 0


def test_carried_in_looks_at_breakpoints():
    """Catches: boundaries that nobody hears, counted as if they were breakpoints."""
    heard = MLP.from_weights([[[1], [1]], [[1, 1]]], [[-6, -1], [0]])
    unheard = MLP.from_weights([[[1], [1]], [[0, 1]]], [[-4, -1], [0]])
    assert carried_in(heard, unheard, 5) == 0
    assert count_breakpoints(unheard, (0, 10)) == 1


def test_jitter():
    """Catches: falls counted for rises, a share of losses and not of steps, a plateau that rises."""
    losses = np.array([4.0, 5.0, 3.0, 3.0, 6.0])
    assert jitter(History(losses, losses)) == 2 / 4
