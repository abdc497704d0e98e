"""Integrals: what infinitely many samples of a function add up to.

For the functions of ``functions.py`` the integrals of f, of u f with u = x - origin, and of f^2 are known in closed
form. Those of any other function are found by Gauss-Lobatto quadrature on panels, which are halved wherever that still
changes the result. The rule looks at both ends of a panel, so a jump of the function or of its slope cannot hide
inside: ever shorter panels gather about it.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from .. import functions
from ..devices import device_of, move
from ..functions import Function, find_function
from ..interval import Interval, check_interval

__all__ = ["Integrals"]


def _lobatto(n: int) -> tuple[NDArray, NDArray]:
    """Nodes and weights on (0, 1), both ends among them, exact for polynomials of degree 2 n - 3."""
    P = np.polynomial.Legendre.basis(n - 1)
    inner = P.deriv().roots().real  # they are real numbers, in a complex array since NumPy 2.5
    x = np.concatenate([[-1.0], inner, [1.0]])
    return (x + 1) / 2, 1 / (n * (n - 1) * P(x) ** 2)


NODES, WEIGHTS = _lobatto(16)
TOLERANCE = 1e-14  # of the integrals of |f|, |u f| and f^2: by how much halving a panel may still change them
NEGLIGIBLE = 1e-6  # of them: what a panel may hold that is as short as float64 can tell
FIRST_PANELS, MOST_PANELS = 64, 20_000


class Integrals:
    """Integrals of u^2, u, u f, f and 1 over regions, u = x - origin, divided by the length of the interval.

    To `Moments` it is what `PrefixSums` are, with a function in place of samples.

    Parameters
    ----------
    function : str or callable
    interval : (start, stop)
        Finite.

    Attributes
    ----------
    origin : float
        The middle of the interval.
    squares : float
        The integral of f^2 over the interval, divided by its length.

    Raises
    ------
    ValueError
        If the function is not finite somewhere, or the integrals do not exist or cannot be found.

    Notes
    -----
    Closed forms and quadrature of the nine functions agree to 1e-14 of the integral over the whole interval, region by
    region, on intervals about 0. On short ones far away differences of antiderivatives lose digits (log on (100, 101)
    has 2e-12, on (10000, 10001) 5e-9); a lambda about the function is done by quadrature, which does not. Jumps of
    the function or of its slope cost it at most 1e-12 (``tests/training/test_integrals.py``). It begins with 1920
    points: of a peak narrower than a thousandth of the interval it may see nothing. The function must be in float64.
    """

    def __init__(self, function: str | Function, interval: Interval):
        f = find_function(function)
        start, stop = check_interval(interval)
        self.origin, self._length = start / 2 + stop / 2, stop - start
        if isinstance(f, Hashable) and f in CLOSED_FORMS:
            _check_domain(f, start, stop)
            self._of_f: Callable[[NDArray, NDArray], Sequence[NDArray]] = CLOSED_FORMS[f]
        else:
            self._of_f = Panels(f, start, stop, self.origin)
        with np.errstate(over="ignore", invalid="ignore"):
            ends = np.array([start, stop])
            self.squares = float(np.diff(self._of_f(ends, ends - self.origin)[2])[0] / self._length)
            if not np.isfinite([*self.between(ends, np.array([1]))[:, 0], self.squares]).all():
                raise ValueError(f"the square of the function on ({start}, {stop}) is too large for float64")

    def between(self, edges: NDArray, last: NDArray) -> NDArray:
        """The five integrals, in this order, for each region, (5, N); arguments as for `PrefixSums.between`.

        They are computed on the CPU, and handed back to where the edges are.
        """
        x = move(edges, "cpu")
        u = x - self.origin
        f, uf, _ = self._of_f(x, u)
        integrals = np.zeros((5, len(x)))
        integrals[:, :-1] = np.diff([u**3 / 3, u**2 / 2, uf, f, u]) / self._length
        integrals[:, move(last, "cpu")] = 0
        return move(integrals, device_of(edges))


def _linear(x: NDArray, u: NDArray) -> list[NDArray]:
    return [x * x + 8 * x, u * u * (x - u / 3 + 4), (2 * x + 8) ** 3 / 6]


def _exp(x: NDArray, u: NDArray) -> list[NDArray]:
    e = np.exp(x)
    return [e, (u - 1) * e, e * e / 2]


def _exp_neg(x: NDArray, u: NDArray) -> list[NDArray]:
    e = np.exp(-x)
    return [-e, -(u + 1) * e, -e * e / 2]


def _log(x: NDArray, u: NDArray) -> list[NDArray]:
    log = np.log(np.maximum(x, 5e-324))  # x log x is 0 at 0
    of_log = x * (log - 1)
    return [of_log, x * x / 2 * (log - 0.5) - (x - u) * of_log, x * (log * log - 2 * log + 2)]


def _inverse(x: NDArray, u: NDArray) -> list[NDArray]:
    log = np.log(np.abs(x))
    return [log, x - (x - u) * log, -1 / x]


def _shifted_inverse(x: NDArray, u: NDArray) -> list[NDArray]:
    return _inverse(x - 2, u)


def _sine(x: NDArray, u: NDArray) -> list[NDArray]:
    return [-np.cos(x), np.sin(x) - u * np.cos(x), x / 2 - np.sin(2 * x) / 4]


def _step(x: NDArray, u: NDArray) -> list[NDArray]:
    right = np.maximum(x, 0)
    return [right, right * (u - right / 2), right]


def _shifted_step(x: NDArray, u: NDArray) -> list[NDArray]:
    return _step(x - 2, u)


CLOSED_FORMS = {
    functions.linear: _linear,
    functions.exp: _exp,
    functions.exp_neg: _exp_neg,
    functions.log: _log,
    functions.inverse: _inverse,
    functions.shifted_inverse: _shifted_inverse,
    functions.sine: _sine,
    functions.step: _step,
    functions.shifted_step: _shifted_step,
}
POLES = {functions.inverse: 0.0, functions.shifted_inverse: 2.0}


def _check_domain(f: Function, start: float, stop: float) -> None:
    if f is functions.log and start < 0:
        raise ValueError(f"log has no values below 0, but the interval is ({start}, {stop})")
    if f in POLES and start <= POLES[f] <= stop:
        raise ValueError(f"the square of {f.__name__} has no integral over ({start}, {stop}): leave out x = {POLES[f]}")


class Panels:
    """The integrals of any function, of u times it and of its square from the start to any x, by quadrature."""

    def __init__(self, f: Function, start: float, stop: float, origin: float):
        self._f, self._origin = f, origin
        width = (stop - start) / FIRST_PANELS
        left = start + width * np.arange(FIRST_PANELS)
        found = self._quadrature(left, width)  # (3, panels)
        settled: list[tuple[NDArray, NDArray]] = []
        size = np.zeros((3, 1))  # of the integrals on settled panels, without their signs
        while len(left):
            width /= 2
            halves = np.stack([left, left + width])  # (2, panels)
            parts = self._quadrature(halves.ravel(), width).reshape(3, 2, -1)
            better = parts.sum(axis=1)
            whole = size + np.abs(better).sum(axis=1, keepdims=True)
            again = (np.abs(better - found) > TOLERANCE * whole).any(axis=0)
            shortest = width < 4 * np.spacing(np.abs(left) + width)
            lost = again & shortest & (np.abs(better) > NEGLIGIBLE * whole).any(axis=0)
            if lost.any() or again.sum() > MOST_PANELS:
                where = left[lost if lost.any() else again][0]
                raise ValueError(
                    f"the integral of the function, or of its square, does not settle near x = {where:.6g}: it is "
                    "infinite, or the function too rough, or not computed in float64. Choose an interval without that "
                    "x, or give samples, as in Moments.of(sample(function))"
                )
            again &= ~shortest
            settled.append((left[~again], better[:, ~again]))
            size += np.abs(settled[-1][1]).sum(axis=1, keepdims=True)
            left, found = halves[:, again].ravel(), parts[:, :, again].reshape(3, -1)
        left, integrals = (np.concatenate(parts, axis=-1) for parts in zip(*settled, strict=True))
        order = np.argsort(left, kind="stable")
        self._left = left[order]
        self._before = np.cumsum(integrals[:, order], axis=1) - integrals[:, order]  # of the panels before each

    def __call__(self, x: NDArray, u: NDArray) -> Sequence[NDArray]:
        """The integrals from the start to each x, (3, n)."""
        panel = np.maximum(self._left.searchsorted(x, "right") - 1, 0)
        return [*(self._before[:, panel] + self._quadrature(self._left[panel], x - self._left[panel]))]

    def _quadrature(self, left: NDArray, width: NDArray | float) -> NDArray:
        """The integrals from left to left + width, each by one rule, (3, n)."""
        widths = np.broadcast_to(width, left.shape)[:, None]
        x = left[:, None] + widths * NODES
        with np.errstate(all="ignore"):
            y = np.asarray(self._f(x.flatten()))
            if y.shape != (x.size,) or y.dtype.kind not in "biuf":
                raise ValueError(
                    f"function gives {y.dtype} of shape {y.shape} on x of shape {(x.size,)}: it must work on arrays, "
                    "one real y for each x"
                )
            y = y.astype(np.float64).reshape(x.shape)
            if not np.isfinite(y).all():
                where = x[~np.isfinite(y)][0]
                raise ValueError(f"function is not finite at x = {where}: choose an interval that avoids such x")
            f = widths * WEIGHTS * y
            integrals = np.stack([f.sum(axis=1), (f * (x - self._origin)).sum(axis=1), (f * y).sum(axis=1)])
        if not np.isfinite(integrals).all():
            raise ValueError(f"the square of the function is too large for float64 near x = {x[0, 0]}: scale it")
        return integrals
