"""Closed forms: the integrals of the functions with names, accurate however far away and however narrow a region is.

With an origin o, let u = x - o and v = f(x) - f(o). Over a region from a to b we want the integrals of v, u v and v^2.
There are two ways, and a region takes the one that keeps its digits.

    wide        V(b) - V(a), with V an antiderivative. Where a region is narrow for f, V(a) and V(b) are nearly equal,
                and their difference loses digits: all of them on regions of 1e-9.
    narrow      There f is nearly a polynomial, and Gauss's rule with ten nodes, exact up to degree 19, finds the
                integral to rounding. At a node a + t, v is the sum of two rises, one from the origin to the edge a, one
                from there:  v = (f(a) - f(o)) + (f(a + t) - f(a)).

A rise over a short way t must not be a difference of two values that are nearly equal. It is written so that t itself
is a factor, which expm1(t) = e^t - 1 and log1p(t) = log(1 + t) do to the last digit for small t:

    e^(x + t) - e^x         = e^x expm1(t)
    log(x + t) - log x      = log1p(t / x)
    1 / (x + t) - 1 / x     = -t / (x (x + t))
    sin(x + t) - sin x      = cos x sin t - 2 sin x sin(t / 2)^2

What is narrow depends on the function: for e^x and sin x it is a width of 1.5 anywhere; for log x and 1 / x it is 0.6
of the distance from 0, where they are infinite (there the error of Gauss's rule falls as 6.5^-2n, to 5e-17 for n = 10
nodes); and as far from its jump a step is a constant.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import functions
from ..functions import Function

__all__ = ["CLOSED_FORMS", "ClosedForm"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(10)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2  # on (0, 1)


@dataclass(frozen=True)
class ClosedForm:
    """What is known about a function f(y), y = x - pole.

    Attributes
    ----------
    f : callable
        f(y).
    rise : callable
        f(y + t) - f(y), as ``rise(y, t)``, to rounding for t up to twice the reach.
    reach : callable
        Half the width of a region about y that is narrow, as ``reach(y)``.
    antiderivatives : callable
        Those of v, u v and v^2 at y, as ``antiderivatives(o, y, u)``.
    pole : float
        Where y is 0. There the function may jump or be infinite.
    """

    f: Function
    rise: Callable[[NDArray, NDArray], NDArray]
    reach: Callable[[NDArray], NDArray]
    antiderivatives: Callable[[NDArray, NDArray, NDArray], list[NDArray]]
    pole: float = 0.0

    def from_origin(self, origin: float, x: NDArray) -> NDArray:
        """v = f(x) - f(o), any shape: close to the origin as a rise, farther away as a difference."""
        o, y, u = np.asarray(origin - self.pole), x - self.pole, x - origin
        with np.errstate(all="ignore"):
            return np.where(np.abs(u) <= self.reach(o), self.rise(o, u), self.f(y) - self.f(o))

    def integrals(self, origin: float, left: NDArray, right: NDArray) -> NDArray:
        """The integrals of u v, v and v^2 from left to right, (3, R); a region may have no width."""
        width, o = right - left, np.asarray(origin - self.pole)
        a, b = left - self.pole, right - self.pole
        narrow = np.abs(width) < 2 * self.reach((a + b) / 2)
        if narrow.all():
            return self._narrow(origin, left, width)
        with np.errstate(all="ignore"):  # where a function is infinite, the difference may be NaN, but is not taken
            found = np.subtract(self.antiderivatives(o, b, right - origin), self.antiderivatives(o, a, left - origin))
        found[:, narrow] = self._narrow(origin, left[narrow], width[narrow])
        return found

    def _narrow(self, origin: float, left: NDArray, width: NDArray) -> NDArray:
        t = NODES[:, None] * width  # (nodes, R)
        v = self.from_origin(origin, left) + self.rise(left - self.pole, t)
        weighted = WEIGHTS[:, None] * v
        u = (left - origin) + t
        return np.array([(u * weighted).sum(axis=0), weighted.sum(axis=0), (v * weighted).sum(axis=0)]) * width


def _exp(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    e, f = np.exp(y), np.exp(o)
    return [(u - 1) * e - f * u * u / 2, e - f * u, e * e / 2 - 2 * f * e + f * f * u]


def _exp_neg(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    e, f = np.exp(-y), np.exp(-o)
    return [-(u + 1) * e - f * u * u / 2, -e - f * u, -e * e / 2 + 2 * f * e + f * f * u]


def _log(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    log = np.log(np.maximum(y / o, 5e-324))  # v; y log y is 0 at 0
    return [y * y / 2 * (log - 0.5) - o * y * (log - 1), y * (log - 1), y * (log * log - 2 * log + 2)]


def _inverse(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    log = np.log(y / o)
    return [u - u * u / (2 * o) + (o - o * log), log - u / o, u / (o * o) - 2 / o * log - 1 / y]


def _sine(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    s, c = np.sin(o), np.cos(o)
    sin, cos = np.sin(u), np.cos(u)  # sin x = s cos + c sin
    sin_2x = 2 * (s * cos + c * sin) * (c * cos - s * sin)
    return [
        s * (cos + u * sin) + c * (sin - u * cos) - s * u * u / 2,
        s * sin - c * cos - s * u,
        u / 2 - sin_2x / 4 - 2 * s * (s * sin - c * cos) + s * s * u,
    ]


def _step(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    """V is 0 on the origin's side of the jump, where v is 0. On the other, v is 1 if that is the right, else -1."""
    v, part = (-1, np.minimum(y, 0)) if o > 0 else (1, np.maximum(y, 0))
    return [v * part * (u - part / 2), v * part, part]


def _linear(o: NDArray, y: NDArray, u: NDArray) -> list[NDArray]:
    return [2 * u * u * u / 3, u * u, 4 * u * u * u / 3]


def _from_pole(y: NDArray) -> NDArray:
    return 0.3 * np.abs(y)


def _anywhere(y: NDArray) -> NDArray:
    return np.full_like(y, 0.75)


INVERSE = functions.inverse, lambda y, t: -t / (y * (y + t)), _from_pole, _inverse
STEP = functions.step, lambda y, t: functions.step(y + t) - functions.step(y), _from_pole, _step

CLOSED_FORMS: dict[Function, ClosedForm] = {
    functions.linear: ClosedForm(functions.linear, lambda y, t: 2 * t, lambda y: np.full_like(y, np.inf), _linear),
    functions.exp: ClosedForm(np.exp, lambda y, t: np.exp(y) * np.expm1(t), _anywhere, _exp),
    functions.exp_neg: ClosedForm(functions.exp_neg, lambda y, t: np.exp(-y) * np.expm1(-t), _anywhere, _exp_neg),
    functions.log: ClosedForm(np.log, lambda y, t: np.log1p(t / y), _from_pole, _log),
    functions.inverse: ClosedForm(*INVERSE),
    functions.shifted_inverse: ClosedForm(*INVERSE, pole=2.0),
    functions.sine: ClosedForm(
        np.sin, lambda y, t: np.cos(y) * np.sin(t) - 2 * np.sin(y) * np.sin(t / 2) ** 2, _anywhere, _sine
    ),
    functions.step: ClosedForm(*STEP),
    functions.shifted_step: ClosedForm(*STEP, pole=2.0),
}
