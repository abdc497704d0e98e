"""Integrals: what infinitely many samples of a function add up to.

With u = x - origin and v = f - level, these are the integrals of v, u v and v^2. For the functions of ``functions.py``
they are known in closed form (``closed_forms.py``). Those of any other function are found by Gauss-Lobatto quadrature
on panels, which are halved wherever that still changes the result. The rule looks at both ends of a panel, so a jump of
the function or of its slope cannot hide inside: ever shorter panels gather about it.
"""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from .. import functions
from ..arguments import check_array
from ..devices import device_of, move
from ..functions import Function, find_function
from ..interval import Interval, check_interval
from .closed_forms import CLOSED_FORMS, ClosedForm

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
    """Integrals of u^2, u, u v, v and 1 over regions, divided by the length of the interval.

    To `Moments` it is what `PrefixSums` are, with a function in place of samples.

    Parameters
    ----------
    function : str or callable
    interval : (start, stop)
        Finite.

    Attributes
    ----------
    function : callable
    interval : (start, stop)
    origin : float
        The middle of the interval; u = x - origin.
    level : float
        v = f - level. With a closed form it is f(origin), so that a function that hardly changes keeps its digits; of a
        callable it is 0.
    squares : float
        The integral of v^2 over the interval, divided by its length.

    Raises
    ------
    ValueError
        If the function is not finite somewhere, or the integrals do not exist or cannot be found.

    Notes
    -----
    Closed forms are accurate to 5e-14 in every single region, on (1e6, 1e6 + 1), on regions 1e-9 wide and next to a
    pole, too; mostly to 2e-15. That is relative to what an integral can be at most: the integral of v^2 itself, and for
    those of v and u v the bound of Cauchy and Schwarz, the square root of the integrals of 1 or u^2 times that of v^2
    (``tests/training/test_closed_forms.py``, against a hundred digits).

    Quadrature finds the same for the nine functions to 1e-14 of the integral over the whole interval, on intervals
    about 0. Jumps of the function or of its slope cost it at most 1e-12 (``tests/training/test_integrals.py``). It
    begins with 1920 points: of a peak narrower than a thousandth of the interval it may see nothing. The function must
    be in float64.

    Examples
    --------
    The mean of v = 1 / x - 1 / 2 over (1, 3) is that of the logarithm's rise, less the level:

    >>> integrals = Integrals("inverse", (1, 3))
    >>> integrals.origin, integrals.level
    (2.0, 0.5)
    >>> bool(abs(integrals.over(np.array([1.0]), np.array([3.0]))[4, 0] - (np.log(3) / 2 - 0.5)) < 1e-15)
    True
    """

    def __init__(self, function: str | Function, interval: Interval):
        self.function = find_function(function)
        self.interval = start, stop = check_interval(interval)
        self.origin = start / 2 + stop / 2
        self.level = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(np.float64(stop - start) ** 3):
                raise ValueError(f"interval is ({start}, {stop}): the integral of x^2 over it is too large for float64")
            if self.closed_form:
                _check_domain(self.function, start, stop)
                self.level = float(self.closed_form.f(np.asarray(self.origin - self.closed_form.pole)))
            else:
                self._panels = Panels(self.function, start, stop, self.origin)
            self.squares = float(self.over(np.array([start]), np.array([stop]))[5, 0])
            if not np.isfinite(self.squares):
                raise ValueError(f"the square of the function on ({start}, {stop}) is too large for float64")

    @property
    def closed_form(self) -> ClosedForm | None:
        """What is known about the function; None if it has no name of ours, and is integrated by quadrature."""
        return CLOSED_FORMS.get(self.function) if isinstance(self.function, Hashable) else None

    def between(self, edges: NDArray, last: NDArray) -> NDArray:
        """The five integrals, in this order, for each region, (5, N); arguments as for `PrefixSums.between`.

        They are computed on the CPU, and handed back to where the edges are.
        """
        x = move(edges, "cpu")
        integrals = np.zeros((5, len(x)))
        integrals[:, :-1] = self.over(x[:-1], x[1:])[[0, 1, 3, 4, 2]]
        integrals[:, move(last, "cpu")] = 0
        return move(integrals, device_of(edges))

    def over(self, left: NDArray, right: NDArray) -> NDArray:
        """The integrals of u^2, u, 1, u v, v and v^2 from left to right, both (R,), on the CPU: (6, R)."""
        a, b, width, closed = left - self.origin, right - self.origin, right - left, self.closed_form
        of_f = closed.integrals(self.origin, left, right) if closed else self._panels.between(left, right)
        powers = np.array([(a * a + a * b + b * b) / 3, (a + b) / 2, np.ones_like(width)]) * width
        return np.concatenate([powers, of_f]) / (self.interval[1] - self.interval[0])


POLES = {functions.inverse: 0.0, functions.shifted_inverse: 2.0}


def _check_domain(f: Function, start: float, stop: float) -> None:
    if f is functions.log and start < 0:
        raise ValueError(f"log has no values below 0, but the interval is ({start}, {stop})")
    if f in POLES and start <= POLES[f] <= stop:
        raise ValueError(f"the square of {f.__name__} has no integral over ({start}, {stop}): leave out x = {POLES[f]}")


class Panels:
    """The integrals of u times any function, of the function and of its square between any two x, by quadrature."""

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

    def between(self, left: NDArray, right: NDArray) -> NDArray:
        """The integrals from left to right, both (R,): (3, R)."""
        edges, index = np.unique(np.concatenate([left, right]), return_inverse=True)
        until = self._until(edges)[:, index]
        return until[:, len(left) :] - until[:, : len(left)]

    def _until(self, x: NDArray) -> NDArray:
        """The integrals from the start to each x, (3, n)."""
        panel = np.maximum(self._left.searchsorted(x, "right") - 1, 0)
        return self._before[:, panel] + self._quadrature(self._left[panel], x - self._left[panel])

    def _quadrature(self, left: NDArray, width: NDArray | float) -> NDArray:
        """The integrals from left to left + width, each by one rule, (3, n)."""
        widths = np.broadcast_to(width, left.shape)[:, None]
        x = left[:, None] + widths * NODES
        with np.errstate(all="ignore"):
            y = check_array("what the function gives", self._f(x.flatten()))
            if y.shape != (x.size,):
                raise ValueError(
                    f"function gives {y.dtype} of shape {y.shape} on x of shape {(x.size,)}: it must work on arrays, "
                    "one real y for each x"
                )
            y = y.astype(np.float64).reshape(x.shape)
            if not np.isfinite(y).all():
                where = x[~np.isfinite(y)][0]
                raise ValueError(f"function is not finite at x = {where}: choose an interval that avoids such x")
            f = widths * WEIGHTS * y
            integrals = np.stack([(f * (x - self._origin)).sum(axis=1), f.sum(axis=1), (f * y).sum(axis=1)])
        if not np.isfinite(integrals).all():
            raise ValueError(f"the square of the function is too large for float64 near x = {x[0, 0]}: scale it")
        return integrals
