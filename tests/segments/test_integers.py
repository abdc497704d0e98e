"""The walk with nothing rounded, and units that are equal; test_extract.py holds it against the oracle."""

from fractions import Fraction

import numpy as np
import pytest
from support.networks import sawtooth
from support.walks import walked

from tinymlp import MLP, find_regions
from tinymlp.segments.integers import Integers, find_equal_units, nearest

INF = np.inf


def test_crossings_that_coincide_leave_a_region_of_no_width():
    """Catches: equal crossings taken for different ones; regions of no width in the answer."""
    net = MLP.from_weights([[[1], [3], [7]], [[1, 1, 1]]], [[-1, -3, -7.5], [0]])
    a, _ = walked(net, (-INF, INF), Integers)
    assert [Fraction(n, d) if d else n for n, d in zip(a.n, a.d, strict=True)] == [-1, 1, 1, Fraction(15, 14), 1]
    assert a.wide().tolist() == [True, False, True, True, False]
    assert find_regions(net, rational=True).fractions == [1, Fraction(15, 14)]


def test_windows():
    """Catches: states carried from one window into the next."""
    a, _ = walked(sawtooth(3), (0.0, 0.3, 0.45, 0.8), Integers)
    edges = [Fraction(n, d) for n, d in zip(a.n, a.d, strict=True)]
    ends = [Fraction(end) for end in (0.3, 0.45, 0.8)]
    eighths = [Fraction(k, 8) for k in range(8)]
    assert edges == [0, *eighths[1:3], ends[0], ends[1], *eighths[4:7], ends[2]]
    slopes = [Fraction(int(p), 1 << a.bits) for p in a.p[0]]
    assert slopes == [8, -8, 8, 8, -8, 8, -8, 8, 8]
    assert a.wide().tolist() == [True, True, True, False, True, True, True, True, False]  # and not from stop to start


def test_nearest():
    """Catches: a quotient rounded twice; infinity in an answer."""
    n = np.array([10**400 + 1, -1, 2**54 + 3], object)
    assert nearest(n[1:], 3).tolist() == [-1 / 3, float(Fraction(2**54 + 3, 3))]
    with pytest.raises(OverflowError, match="exceeds float64"):
        nearest(n, 3)


def equal(*layers):
    """(original, opposite) of each hidden layer, layers of rows [w ..., b]; the output's weights are not looked at."""
    last = np.ones((1, 1, len(layers[-1]) + 1))
    found = find_equal_units([np.array(layer, float)[None] for layer in layers] + [last])
    return found and [(e.original.tolist(), e.opposite.tolist()) for e in found]


def test_units_that_are_powers_of_two_of_others():
    """Catches: a multiple that is none, a sign that is lost, a factor whose products round."""
    assert equal([[1, 2], [2, 4], [-0.5, -1], [3, 6], [1, 2.5], [0.25, 0.5]]) == [
        ([0, 0, 0, 3, 4, 0], [False, False, True, False, False, False])
    ]
    assert equal([[1, 2], [3, 4]]) is None
    assert equal([[0.1, 0.3], [0.1, np.nextafter(0.3, 1)]]) is None
    assert equal([[0, 0], [0, 0], [1, 2]]) is None  # they never switch
    assert equal([[0, 2], [0, 4]]) == [([0, 0], [False, False])]
    tiny = 2.0**-1074
    assert equal([[3 * tiny, 1], [tiny, 1 / 3]]) is None
    assert equal([[tiny, 1], [2 * tiny, 1]]) is None  # 1 over these is infinite, twice


def test_equal_in_the_next_layer():
    """Catches: rows compared before the columns of equal units are added; negative multiples added, too."""
    first = [[1, 2], [2, 4], [-1, -2]]  # the second is twice the first, the third is off where they are on
    second = [[1, 2, 5, 1], [5, 0, 5, 1], [3, 1, 5, 1], [1, 2, -5, 1], [0, 2.5, 5, 1], [10, 0, 10, 2]]
    assert equal(first, second) == [
        ([0, 0, 0], [False, False, True]),
        ([0, 0, 0, 3, 0, 0], [False] * 6),
    ]


def test_sums_that_round_are_equal_to_none():
    """Catches: different units taken for equal because a sum of their weights was rounded."""
    first = [[1, 2], [1, 2]]
    assert equal(first, [[1, 2.0**-60, 1], [1, 2.0**-61, 1], [0.5, 0.5, 1], [1, 0, 1]])[1] == (
        [0, 1, 2, 2],
        [False] * 4,
    )


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_equal_units_need_no_integers(slope, monkeypatch):
    """Catches: a network of equal units that goes down the ladder, window by window; states that they change."""
    net = MLP([1, 20, 20, 1], negative_slope=slope, seed=0, dtype=np.float64)
    for layer in net.layers[:-1]:
        layer[10:] = layer[:10] * np.random.default_rng(1).choice([1, -1, 2, -0.5], (10, 1))
    expected = find_regions(net, rational=True)
    monkeypatch.setattr(Integers, "signs", None)
    regions = find_regions(net)
    assert regions.owners() == expected.owners()
    assert all((s == t).all() for s, t in zip(regions.states, expected.states, strict=True))
