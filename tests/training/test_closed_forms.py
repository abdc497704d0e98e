"""Closed forms against the antiderivatives of a textbook, computed with a hundred digits."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from tinymlp.functions import FUNCTIONS
from tinymlp.training.closed_forms import CLOSED_FORMS
from tinymlp.training.integrals import Integrals

POLE = {"shifted_inverse": 2, "shifted_step": 2}
EVERYWHERE = dict.fromkeys(FUNCTIONS, (-3.0, 7.0))
PLACES = {
    "usual": EVERYWHERE | {"log": (0.5, 9.0), "inverse": (0.25, 6.0), "shifted_inverse": (-7.0, 1.5)},
    "far": dict.fromkeys(FUNCTIONS, (1e6, 1e6 + 1)) | {"exp": (300.0, 301.0), "exp_neg": (-301.0, -300.0)},
    "far and wide": dict.fromkeys(FUNCTIONS, (1e6, 1.5e6))
    | {"exp": (-400.0, 350.0), "exp_neg": (-350.0, 300.0), "sine": (1e6, 1e6 + 9)},
    "at a pole": EVERYWHERE | {"log": (0.0, 20.0), "inverse": (1e-9, 1.0), "shifted_inverse": (2 + 1e-9, 3.0)},
    "left of a pole": EVERYWHERE | {"log": (1e-9, 2.0), "inverse": (-9.0, -1e-6), "shifted_inverse": (-3.0, 2 - 1e-9)},
    "short": dict.fromkeys(FUNCTIONS, (0.3, 0.3 + 1e-9))
    | {"shifted_step": (2 - 1e-10, 2 + 9e-10), "step": (-1e-10, 9e-10)},
}


def sin_cos(x):
    """Of a Decimal: a few terms of the series for x / 2^60, then sixty doublings."""
    x /= 2**60
    sin, versed = x - x**3 / 6 + x**5 / 120, x**2 / 2 - x**4 / 24 + x**6 / 720  # versed = 1 - cos
    for _ in range(60):
        sin, versed = 2 * sin * (1 - versed), 2 * sin * sin
    return sin, 1 - versed


def textbook(name, x):
    """f, and antiderivatives of x f, f and f^2, at x."""
    match name:
        case "linear":
            return 2 * x + 8, 2 * x**3 / 3 + 4 * x**2, x**2 + 8 * x, (2 * x + 8) ** 3 / 6
        case "exp":
            return x.exp(), (x - 1) * x.exp(), x.exp(), (2 * x).exp() / 2
        case "exp_neg":
            return (-x).exp(), -(x + 1) * (-x).exp(), -(-x).exp(), -(-2 * x).exp() / 2
        case "log" if x == 0:
            return Decimal("-Infinity"), Decimal(0), Decimal(0), Decimal(0)
        case "log":
            return x.ln(), x**2 / 2 * (x.ln() - Decimal("0.5")), x * (x.ln() - 1), x * (x.ln() ** 2 - 2 * x.ln() + 2)
        case "inverse":
            return 1 / x, x, abs(x).ln(), -1 / x
        case "sine":
            sin, cos = sin_cos(x)
            return sin, sin - x * cos, -cos, x / 2 - sin * cos / 2
        case "step":
            right = max(x, Decimal(0))
            return Decimal(int(x > 0)), right**2 / 2, right, right


def exact(name, origin, a, b):
    """The integrals of u v, v and v^2 from a to b, and what they are at most by Cauchy and Schwarz."""
    with localcontext(prec=100):
        o, a, b = (Decimal(x) - POLE.get(name, 0) for x in (origin, a, b))
        level, *_ = textbook(name.removeprefix("shifted_"), o)
        ends = [textbook(name.removeprefix("shifted_"), x)[1:] for x in (a, b)]
        xf, f, ff = (right - left for left, right in zip(*ends, strict=True))
        width, u, uu = b - a, ((b - o) ** 2 - (a - o) ** 2) / 2, ((b - o) ** 3 - (a - o) ** 3) / 3
        uv, v, vv = xf - o * f - level * u, f - level * width, ff - 2 * level * f + level**2 * width
        sizes = [(uu * abs(vv)).sqrt(), (width * abs(vv)).sqrt(), abs(vv)]
        return np.array([uv, v, vv], float), np.array(sizes, float)


def error(name, integrals, left, right):
    """The largest error of the closed form over these regions, relative to what each integral can be."""
    found = integrals.closed_form.integrals(integrals.origin, left, right)
    pairs = [exact(name, integrals.origin, a, b) for a, b in zip(left, right, strict=True)]
    expected, sizes = map(np.array, zip(*pairs, strict=True))
    return (np.abs(found.T - expected) / np.maximum(sizes, 1e-60)).max()  # steps have v = 0: then sizes are 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name, place):
    """Catches: a difference of nearly equal numbers: of values, of antiderivatives, or of distances from a pole."""
    start, stop = PLACES[place][name]
    integrals, rng = Integrals(name, (start, stop)), np.random.default_rng(0)
    edges = np.array([start, *np.sort(rng.uniform(start, stop, 20)), stop])
    assert error(name, integrals, edges[:-1], edges[1:]) < (3e-14 if place == "far and wide" else 5e-15)
    assert error(name, integrals, edges[:1], edges[-1:]) < 5e-15
    width = min(1e-9, (stop - start) / 9)
    narrow = np.array([start, *rng.uniform(start, stop - width, 20), integrals.origin, stop - width])
    assert error(name, integrals, narrow, narrow + width) < 5e-15


@pytest.mark.parametrize("name", FUNCTIONS)
def test_regions_just_wide_and_just_narrow(name):
    """Catches: a reach so long that Gauss's rule fails, or so short that the antiderivatives do."""
    closed = CLOSED_FORMS[FUNCTIONS[name]]
    start, stop = (closed.pole + 1e-3, closed.pole + 50) if name not in ("exp", "exp_neg", "sine") else (-9.0, 9.0)
    integrals = Integrals(name, (start, stop))
    middle = np.random.default_rng(1).uniform(start + 5e-3, stop - 17, 50)
    for factor in (0.1, 0.5, 0.99, 1.01, 2):
        half = factor * np.minimum(closed.reach(middle - closed.pole), 17)
        left, right = np.maximum(middle - half, start), np.minimum(middle + half, stop)
        assert error(name, integrals, left, right) < 5e-14


@pytest.mark.parametrize("name", FUNCTIONS)
def test_regions_of_no_width(name):
    """Catches: 0 / 0 in a region between two equal edges, of which networks have many."""
    integrals = Integrals(name, (0.5, 1.5))
    edges = np.array([0.5, 0.5, 0.7, 0.7, 1.5, 1.5])
    assert (integrals.over(edges[:-1], edges[1:])[:, [0, 2, 4]] == 0).all()
    assert (integrals.over(edges[:-1], edges[1:])[2, [1, 3]] > 0).all()
