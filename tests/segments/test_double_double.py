"""Numbers of two floats: exact where they must be, and within their bounds, against rational numbers."""

from fractions import Fraction

import numpy as np
import pytest
from support.walks import walked

from tinymlp import MLP
from tinymlp.segments.double_double import DoubleDouble, _product, two_product, two_sum
from tinymlp.segments.integers import Integers
from tinymlp.segments.rounding import TINY, RunningBounds

INF = np.inf


def exactly(*values):
    return sum(Fraction(float(v)) for v in values)


def spread(rng, shape, powers=40):
    return rng.normal(size=shape) * 2.0 ** rng.integers(-powers, powers, shape)


def test_sums_and_products_of_two_floats_are_exact():
    """Catches: an error term of the wrong sign, or that needs |a| > |b|."""
    rng = np.random.default_rng(0)
    a, b = spread(rng, 2000), spread(rng, 2000)
    b[:300] = -a[:300] * (1 + rng.integers(-3, 4, 300) * 2.0**-52)
    for x, y, high, low in zip(a, b, *two_sum(a, b), strict=True):
        assert exactly(high, low) == exactly(x, y)
        assert high == x + y
    for x, y, high, low in zip(a, b, *two_product(a, b), strict=True):
        assert exactly(high, low) == exactly(x) * exactly(y)
        assert high == x * y


@pytest.mark.parametrize("n", [1, 2, 3, 50, 785])
def test_matrix_products(n):
    """Catches: slices too long for their sums to be exact; a slice left out; a bound that is none, or useless."""
    rng = np.random.default_rng(n)
    worst = Fraction(0)
    for powers in (1, 12, 60):
        W, A = spread(rng, (3, n), powers), spread(rng, (n, 2), powers)
        if n > 2:
            W[:, -1], A[-1] = -W[:, :-1].sum(axis=1), A[0]  # so that much cancels
        low = A * rng.uniform(-1, 1, A.shape) * 2.0**-53
        high, rest, bound = _product(W, A, low)
        for i, j in np.ndindex(high.shape):
            terms = [exactly(w) * exactly(a, b) for w, a, b in zip(W[i], A[:, j], low[:, j], strict=True)]
            error, size = (
                abs(exactly(high[i, j], rest[i, j]) - sum(terms)),
                exactly(abs(W[i]).max()) * exactly(abs(A[:, j]).max()),
            )
            assert error <= exactly(bound[i, j])
            assert exactly(bound[i, j]) < n * n * size * Fraction(2) ** -90
            worst = max(worst, error / exactly(bound[i, j]))
    assert worst > Fraction(1, 10**6)


def test_nothing_is_claimed_where_slices_may_underflow_or_overflow():
    """Catches: bounds on products whose digits are gone."""
    W, A = np.array([[2.0**-303], [2.0**401], [1.0], [0.0]]), np.array([[2.0**-503, 2.0**401, 1.0, 0.0]])
    bound = _product(W, A, np.zeros_like(A))[2]
    assert np.isinf(bound).tolist() == [[True] * 4, [True] * 4, [True, True, False, False], [True, True, False, False]]


@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0, 2.0**-40])
def test_lines_and_edges_are_within_their_bounds(slope):
    """Catches: a term of a bound left out, low parts that are lost in a bend; bounds no better than float64's."""
    worst, compared = 0.0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        net = MLP([2, *[6] * (seed % 5 + 1), 2], negative_slope=slope, seed=seed, dtype=np.float64)
        net.params[:] *= 2.5
        line = net.along(*rng.normal(size=(2, 2)))
        interval = ((-3.0, 2.0), (-INF, INF))[seed % 2]
        (a, _), (b, _) = walked(line, interval, DoubleDouble), walked(line, interval, Integers)
        if a.doubtful.any() or not b.wide()[:-1].all():
            continue
        compared += 1
        assert len(a.edges) == len(b.n)
        for edge, error, n, d in zip(a.edges[1:-1], a.edge_errors[1:-1], b.n[1:-1], b.d[1:-1], strict=True):
            off = abs(exactly(edge.real, edge.imag) - Fraction(n, d))
            assert off <= exactly(error) < exactly(1 + abs(edge)) * Fraction(2) ** -80
            worst = max(worst, float(off / exactly(error)))
        for part, exact in (("real", b.p), ("imag", b.q)):
            high, low, bound = (getattr(v, part) for v in (a.lines, a.low, a.margins))
            for i, j in np.ndindex(high.shape):
                off = abs(exactly(high[i, j], low[i, j]) - Fraction(exact[i, j], 1 << b.bits))
                assert off <= exactly(bound[i, j]) <= exactly(1 + abs(high[i, j])) * Fraction(2) ** -75
                worst = max(worst, float(off / exactly(bound[i, j])) if bound[i, j] else 0.0)
            given = a.rounded()
            high, bound = (getattr(v, part) for v in (given.lines, given.line_errors))
            for i, j in np.ndindex(high.shape):
                assert abs(exactly(high[i, j]) - Fraction(exact[i, j], 1 << b.bits)) <= exactly(bound[i, j])
    assert compared > 6
    assert worst > 1e-5


def test_it_settles_what_float64_cannot():
    """Catches: a rung that decides nothing; one that decides what truly coincides."""
    near = MLP.from_weights([[[1.0], [3.0]], [[1.0, 1.0]]], [[-1.0, -3.0 * (1 + 2.0**-52)], [0]])
    same = MLP.from_weights([[[1.0], [3.0]], [[1.0, 1.0]]], [[-1.0, -3.0], [0]])
    for net, doubt in ((near, False), (same, True)):
        assert walked(net, (0.0, 2.0), RunningBounds)[0].doubtful.any()
        assert walked(net, (0.0, 2.0), DoubleDouble)[0].doubtful.any() == doubt


def lines_known_exactly(n):
    """Double-double with one unit for each of n lines p x + q, known but for TINY, and these lines as fractions."""
    rng = np.random.default_rng(1)
    a = DoubleDouble(np.array([1, 1j]), (-100.0, 100.0), 0.3)
    high = rng.uniform(0.5, 1, (n, 2)) * rng.choice([-1, 1], (n, 2))
    low = high * rng.uniform(-1, 1, high.shape) * 2.0**-54
    a.lines, a.low = high.view(complex).repeat(2, axis=1), low.view(complex).repeat(2, axis=1)
    a.margins = np.full((n, 2), TINY * (1 + 1j))
    a._sizes = abs(a.lines.view(float)).view(complex)
    return a, [[exactly(h, l) for h, l in zip(*row, strict=True)] for row in zip(high, low, strict=True)]


def test_what_a_crossing_loses():
    """Catches: a bound on a crossing, or on a value near one, that lacks what is lost on the way."""
    a, lines = lines_known_exactly(300)
    x = a.crossings(np.arange(300), np.zeros(300, int))
    for (p, q), edge, error in zip(lines, x, a._x_errors, strict=True):
        assert abs(exactly(edge.real, edge.imag) + q / p) <= exactly(error) < Fraction(2) ** -90
    for unit in range(300):
        a.edges = np.array([x[unit]] * 2)
        values, bound = a._look(slice(None))
        p, q = lines[unit]
        value, true = exactly(values[unit, 0]), p * exactly(x[unit].real, x[unit].imag) + q
        assert abs(value - true) <= exactly(bound[unit, 0]) * (1 + Fraction(2) ** -50) < Fraction(2) ** -90


def test_what_a_bend_loses():
    """Catches: the rounding of gain times a line that is not bounded."""
    a, lines = lines_known_exactly(300)
    a.bend(np.zeros((300, 2), bool), np.arange(2))
    gain, lost = Fraction(0.3), 0
    for unit, (p, q) in enumerate(lines):
        for part, true in (("real", p), ("imag", q)):
            high, low, bound = (getattr(v[unit, 0], part) for v in (a.active, a._active_low, a._carried))
            off = abs(exactly(high, low) - gain * true)
            assert off <= exactly(bound) < Fraction(2) ** -100
            lost += off > 0
    assert lost > 300


def test_windows():
    """Catches: a region between two windows taken for a part of one; states carried from one into the next."""
    net = MLP([1, 8, 8, 1], seed=3, dtype=np.float64)
    whole, _ = walked(net, (-4.0, 4.0), DoubleDouble)
    ends = (-3.5, -1.0, -0.5, 0.25, 0.5, 3.0)
    a, passed = walked(net, ends, DoubleDouble)
    begin = 0
    for k, last in enumerate(a.last.tolist()):
        one, layers = walked(net, ends[2 * k : 2 * k + 2], DoubleDouble)
        assert a.edges[begin : last + 1].tolist() == one.edges.tolist()
        for mine, its in zip(passed[-1:], layers[-1:], strict=True):
            assert (mine.on[:, begin:last] == its.on[:, :-1]).all()
        inside = (whole.edges.real > ends[2 * k]) & (whole.edges.real < ends[2 * k + 1])
        assert one.edges.real[1:-1] == pytest.approx(whole.edges.real[inside], rel=1e-15)
        begin = last + 1


def test_the_width_of_a_region_counts_low_parts():
    """Catches: a crossing between two edges of one high part that is taken to be known better than that."""
    a = DoubleDouble(np.array([1, 1j]), (0.0, 1.0), 0.0)
    a.edges = np.array([1 + 1e-17j, 1 + 9e-17j, 1 + 9e-17j, 3 - 1e-17j])
    widths = a._distance(a.edges[:-1], a.edges[1:])
    assert widths == pytest.approx([8e-17, 2 * 2.0**-100, 2 - 1e-16], rel=1e-9, abs=0)


def test_zero_is_proven_here_too():
    """Catches: a line that is 0 given a bound, so that infinity has no sign; a line that is not 0 given none."""
    net = MLP.from_weights([[[0.0], [1.0]], [[1.0, 0.0], [0.0, 1.0]], [[1, 1]]], [[-1.0, 0.0], [0.0, 0.0], [0]])
    a, passed = walked(net, (-INF, INF), DoubleDouble)
    assert not a.doubtful.any()
    assert passed[1].zero is not None
    assert passed[1].zero[0, :-1].all()  # relu(relu(-1))
    b, _ = walked(MLP.from_weights([[[0.0]]], [[0.0]]), (-INF, INF), DoubleDouble)
    assert b.margins.tolist() == [[0, 0]]
    c, _ = walked(MLP.from_weights([[[2.0**-1074]]], [[2.0**-1074]]), (-1.0, 1.0), DoubleDouble)
    assert (c.margins.real > 0).all()
    assert (c.margins.imag > 0).all()
