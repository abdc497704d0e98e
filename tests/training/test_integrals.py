"""Closed forms and quadrature against each other, and against values that are known otherwise."""

from math import e, log, pi

import numpy as np
import pytest

from tinymlp import functions
from tinymlp.functions import FUNCTIONS
from tinymlp.training.closed_forms import CLOSED_FORMS
from tinymlp.training.integrals import Integrals

INTERVALS = {"log": (0.5, 9), "inverse": (0.25, 6), "shifted_inverse": (-7, 1.5)}


def anonymous(name):
    """The function, unrecognizable as one of ours, so that quadrature has to do it."""
    return lambda x: FUNCTIONS[name](x)


def over_all(integrals, start, stop):
    """The integrals over the whole interval, not divided by its length."""
    return integrals.between(np.array([float(start), stop]), np.array([1]))[:, 0] * (stop - start)


def between(function, interval, edges):
    """The integrals of u^2, u, 1, u f, f and f^2, of f itself, not of v = f - level."""
    integrals = Integrals(function, interval)
    uu, u, one, uv, v, vv = integrals.over(edges[:-1], edges[1:])
    level = integrals.level
    return np.array([uu, u, one, uv + level * u, v + level * one, vv + 2 * level * v + level**2 * one]).T


@pytest.mark.parametrize("name", FUNCTIONS)
def test_quadrature_finds_the_closed_forms(name):
    """Catches: a wrong antiderivative, or a rule or panels that miss a jump; and the accuracy that is stated."""
    start, stop = INTERVALS.get(name, (-3, 7))
    edges = np.array([start, *np.sort(np.random.default_rng(0).uniform(start, stop, 30)), stop])
    closed, found = (between(f, (start, stop), edges) for f in (name, anonymous(name)))
    assert closed.shape == (31, 6)
    size = np.abs(closed).sum(axis=0)
    assert (np.abs(found - closed).max(axis=0) < 1e-14 * size).all()
    assert (np.abs(found - closed).sum(axis=0) < 5e-14 * size).all()


def test_the_layout_of_regions():
    """Catches: another order of the rows than that of sums over samples; a gap between two networks that counts."""
    integrals = Integrals("exp", (-1, 2))
    edges = np.array([-1, 0, 2, -1, 1.5, 2])
    found, expected = integrals.between(edges, np.array([2, 5])), integrals.over(edges[:-1], edges[1:])
    assert found[:, [2, 5]].tolist() == [[0, 0]] * 5
    uu, u, one, uv, v, _ = expected[:, [0, 1, 3, 4]]
    assert found[:, [0, 1, 3, 4]].tolist() == np.array([uu, u, uv, v, one]).tolist()
    assert integrals.squares == pytest.approx(expected[5, :2].sum(), rel=1e-14)


def test_every_function_has_a_closed_form():
    """Catches: a new function that falls back to quadrature unnoticed."""
    assert set(CLOSED_FORMS) == set(FUNCTIONS.values())


@pytest.mark.parametrize(
    ("function", "start", "stop", "f", "uf", "ff"),
    [
        (functions.sine, 0, pi, 2, 0, pi / 2),
        ("exp", 0, 2, e**2 - 1, 2, (e**4 - 1) / 2),  # u = x - 1: x e^x - 2 e^x from 0 to 2
        ("exp_neg", 0, 2, 1 - e**-2, -2 * e**-2, (1 - e**-4) / 2),
        ("log", 0, 2, 2 * log(2) - 2, 1, 2 * log(2) ** 2 - 4 * log(2) + 4),
        ("inverse", 1, 3, log(3), 2 - 2 * log(3), 2 / 3),
        ("shifted_inverse", 3, 5, log(3), 2 - 2 * log(3), 2 / 3),
        ("step", -1, 3, 3, 1.5, 3),
        ("shifted_step", -1, 3, 1, 1.5, 1),
        ("linear", 0, 2, 20, 4 / 3, 608 / 3),
        (lambda x: np.abs(x - 0.3), -1, 1, (1.3**2 + 0.7**2) / 2, 0.3**3 / 3 - 0.3, (1.3**3 + 0.7**3) / 3),
        (lambda x: np.subtract(x, 2, out=x), 0, 1, -1.5, 1 / 12, 7 / 3),
        (np.polynomial.Polynomial([0, 1]), 0, 1, 0.5, 1 / 12, 1 / 3),
        (lambda x: np.sqrt(np.abs(x)), -1, 1, 4 / 3, 0, 1),
        (lambda x: np.abs(x) ** -0.5, 1e-300, 1, 2, 2 / 3 - 1, 300 * log(10)),
        (lambda x: np.exp(-(((x - 1.2) / 0.01) ** 2)), -5, 5, 0.01 * pi**0.5, 0.012 * pi**0.5, 0.01 * (pi / 2) ** 0.5),
    ],
)
def test_values_known_otherwise(function, start, stop, f, uf, ff):
    """Catches: a factor that both ways share: of the length, or of u."""
    found = between(function, (start, stop), np.array([float(start), stop]))[0] * (stop - start)
    assert found[:3] == pytest.approx([(stop - start) ** 3 / 12, 0, stop - start], rel=1e-14, abs=1e-14)
    assert found[4] == pytest.approx(f, rel=1e-13)
    assert found[3] == pytest.approx(uf, rel=1e-13, abs=1e-13)
    assert found[5] == pytest.approx(ff, rel=1e-13)


def test_jumps_and_breakpoints_anywhere():
    """Catches: a jump next to the end of a panel, which no node sees."""
    rng = np.random.default_rng(1)
    for c in rng.uniform(-5, 5, 300):
        jump = Integrals(lambda x, c=c: np.where(x > c, 1.0, 0.0), (-5, 5))
        assert [over_all(jump, -5, 5)[3], 10 * jump.squares] == pytest.approx([5 - c, 5 - c], abs=1e-12)
        bend = Integrals(lambda x, c=c: np.abs(x - c), (-5, 5))
        assert over_all(bend, -5, 5)[3] == pytest.approx(((5 - c) ** 2 + (5 + c) ** 2) / 2, rel=1e-12)
        assert 10 * bend.squares == pytest.approx(((5 - c) ** 3 + (5 + c) ** 3) / 3, rel=1e-12)


def test_a_jump_far_from_0():
    """Catches: panels that cannot get short enough, where float64 is coarse."""
    jump = Integrals(lambda x: np.where(x > 1e6 + 0.3, 1.0, 0.0), (1e6, 1e6 + 1))
    assert over_all(jump, 1e6, 1e6 + 1)[3] == pytest.approx(0.7, abs=1e-9)


@pytest.mark.parametrize(
    ("function", "start", "stop", "message"),
    [
        ("inverse", -1, 1, r"square of inverse has no integral.*x = 0"),
        ("inverse", 0, 1, r"no integral"),
        ("shifted_inverse", 0, 5, r"no integral.*x = 2"),
        ("log", -1, 1, r"log has no values below 0"),
        ("exp", 0, 800, r"too large"),
        ("exp", 1e100, 2e100, r"square of the function .* is too large"),
        ("exp_neg", -1e100, 1, r"square of the function .* is too large"),
        ("sine", -1e200, 1e200, r"interval is \(-1e\+200, 1e\+200\): the integral of x\^2 .* too large"),
        ("step", -1, 1e110, r"interval is .* too large"),
        (lambda x: np.sign(x), -1, 1e110, r"interval is .* too large"),
        (lambda x: 1 / (x - 0.1), -1, 1, r"not finite at x = 0.1"),
        (lambda x: np.abs(x - 0.1) ** -0.5, -1, 1, r"not finite at x = 0.1"),
        (lambda x: np.abs(x) ** -0.5, -1, 1, r"not finite at x = 0"),
        (np.tan, -2, 2, r"does not settle near x = -?1\.5708.*Choose an interval without"),
        (lambda x: 1 / (x * x - 2), 0, 2, r"does not settle near x = 1\.41421"),
        (lambda x: np.abs(x - 2**0.5) ** -0.5, 0, 2, r"not finite at x = 1\.41421"),
        (lambda x: (np.abs(x - 2**0.5) + 1e-18) ** -0.5, 0, 2, r"does not settle near x = 1\.41421"),
        (lambda x: np.sin(1e9 * x), -1, 1, r"does not settle"),
        (lambda x: np.sin(x.astype(np.float32)), -1, 1, r"not computed in float64"),
        (lambda x: x + 0j, -1, 1, r"what the function gives has dtype complex128: give real"),
        (lambda x: np.ma.masked_where(x > 0, x), -1, 1, r"what the function gives is a masked array"),
        (lambda x: 1e200 * x, 0, 1, r"too large"),
        (lambda x: np.log(x), -1, 1, r"not finite at x = -"),
        (lambda x: 1.0, 0, 1, r"of shape \(\) on x"),
        ("tangent", 0, 1, r"function is 'tangent'"),
    ],
)
def test_what_is_refused(function, start, stop, message):
    """Catches: an integral that does not exist and gets a value all the same."""
    with pytest.raises(ValueError, match=message):
        Integrals(function, (start, stop))
