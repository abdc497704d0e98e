"""Rounding: the proof, beside the walk in float64, that rounding decided nothing.

Float64 rounds, so a sign or an order that it finds may be wrong. Beside every line p x + q goes a bound on its error,
and wherever a value is not farther from zero than its bound or not finite, or two edges are not farther apart than
theirs, the regions about it are doubtful. In all others the pattern is that of the real numbers that the weights are.

The bounds are the standard ones (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), with u = 2^-53:
a sum of n products is off by at most g(n) = n u / (1 - n u) times the sum of their absolute values, in whatever order
it is summed. They run along with the lines, region by region, so that only units that are on there count. With n the
number of columns of [W | b], and n' that of the next layer:

    push    E = (1 + (2 n + 16) u) |W| c   bounds the error of a line; c, for each unit before, its error and what the
                                           products with it lose. The factor is for the rounding of E, and of its uses
    margin  T = E + g(n' + 5) |line|       by how much a line may be off, with the rounding of each use of it
    bend    c = gain T                     in the next layer, whose products lose g(n') |line|

p and q have bounds of their own. What is not 0 must not vanish from them by underflow: E, weights and gains that are
not 0 count as at least 2^-900, 2^-60 and 2^-60, far more than products that underflow lose. So a margin of 0 proves
that a line is 0; only then has a unit no sign.

An edge e has a bound d on its distance from the true one. At it, p e + q is off by at most T_p (|e| + d) + T_q + |p| d.
A computed crossing x = -q/p has |p x + q| <= u |p x|, so the true line is within T_p |x| + T_q of 0 there, and as its
slope is at least |p| - T_p, it crosses zero within d = (T_p |x| + T_q) / (|p| - T_p).

Doubts belong to regions. A sure region beside doubtful ones keeps its pattern and its line; but which of the crossings
in doubt its end truly is, nobody knows, so the bound of that edge is widened over all that may lie there.
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .walk import Columns, Float64, gains, product

__all__ = ["LEAST_WEIGHT", "TINY", "Bounded", "RunningBounds", "U", "g"]

U = 2.0**-53  # the largest relative error of one float64 operation
TINY, LEAST_WEIGHT = 2.0**-900, 2.0**-60


def g(n: int) -> float:
    """The largest relative error of n operations."""
    return n * U / (1 - n * U)


class Bounded(Float64):
    """What both kinds of bounds have: errors of edges, and which columns are stops, regions of no width."""

    _x_errors: NDArray  # (crossings,): bounds on the errors of those that were found last

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float, K: int = 1, xp: ModuleType = np):
        super().__init__(start, ends, negative_slope, K, xp)
        self.edge_errors, self._stops = xp.zeros(len(ends)), xp.arange(len(ends)) % 2 == 1

    def cut(self, place: NDArray, parent: NDArray) -> None:
        """As `Float64.cut`."""
        super().cut(place, parent)
        self._stops, self.edge_errors = self._stops.take(parent), self.edge_errors.take(parent)
        self.edge_errors[place] = self._x_errors

    def wide(self) -> NDArray:
        """Which columns are regions, and not stops, (N,), bool."""
        return ~self._stops


class RunningBounds(Bounded):
    """Float64 with bounds, for one network. A bound on a line is complex, too: that on p, and i times that on q.

    Attributes
    ----------
    edge_errors : array, (N,)
        Bounds on |edge - true edge|.
    margins : array, (units, N), complex
        T of the layer pushed last; they hold in regions that are not doubtful.
    doubtful : array of bool, (N,)
        Regions in which rounding could have decided something; never a stop.
    """

    _resolution = 4 * U  # of edges, relative

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float):
        super().__init__(start, ends, negative_slope)
        self.doubtful = np.zeros(len(ends), bool)
        size = abs(self.active.view(float))
        self._carried = np.where(size > 0, np.maximum(g(len(start) + 5) * size, TINY), 0.0).view(complex)  # c

    def push(self, layer: NDArray) -> None:
        """Lines and their margins."""
        super().push(layer)
        E = self._push_bounds(layer)
        self._sizes = abs(self.lines.view(float))
        E += g(len(self.lines) + 6) * self._sizes
        self._sizes, self.margins = self._sizes.view(complex), E.view(complex)

    def _push_bounds(self, layer: NDArray) -> NDArray:
        """E, as floats."""
        W, n = abs(layer), layer.shape[2]
        E = product(np.maximum(W, LEAST_WEIGHT * (W > 0)), self._carried).view(float)
        E *= 1 + (2 * n + 16) * U  # what rounding takes from E, and will take from what is made of it
        E += TINY * (E > 0)
        return E

    def signs(self) -> tuple[NDArray, NDArray | None]:
        """As `Float64.signs`. Where a value is within its bound, and not 0 for certain, both sides become doubtful."""
        values, bound = self._look(self._sources() if self.doubtful.any() else slice(None))
        size = abs(values)
        on, undecided = values > 0, ~((size > bound) & (size < np.inf))  # so NaN is undecided
        edges = undecided.any(axis=0)
        zero = None
        if edges.any():
            zero = (self.margins == 0) & ~(self.doubtful | self._stops)  # lines of sure regions
            zero[:, 1:] |= zero[:, :-1]  # so it is at their edges
            on &= ~zero
            edges = (undecided & ~zero).any(axis=0)
            self.doubtful |= edges
            self.doubtful[:-1] |= edges[1:]
            self.doubtful &= ~self._stops
        return on, zero

    def _sources(self) -> NDArray:
        """In which columns to look at each edge: in its own, or in the one before it, if only that is sure."""
        source = np.arange(len(self.edges))
        source[1:] -= self.doubtful[1:] & ~(self.doubtful | self._stops)[:-1]
        return source

    def _look(self, columns: NDArray | slice) -> tuple[NDArray, NDArray]:
        """The values at the edges and their bounds, (units, N)."""
        lines, margins, sizes = (a[:, columns] for a in (self.lines, self.margins, self._sizes))
        bound = margins.real * (abs(self.edges) + self.edge_errors)
        bound += margins.imag
        bound += sizes.real * self.edge_errors
        if self.infinite:
            self._bound_far(bound, lines, margins)
        return self.values(lines), bound

    def _bound_far(self, bound: NDArray, lines: NDArray, margins: NDArray) -> None:
        """At infinite edges the sign is that of p, and that of q only where p is 0 for certain."""
        far = np.isinf(self.edges.real).nonzero()[0]
        p, T = lines[:, far].real, margins[:, far]
        bound[:, far] = np.where(T.real == 0, T.imag, np.where(p == 0, np.inf, T.real))

    def crossings(self, unit: NDArray, region: NDArray) -> NDArray:
        """As `Float64.crossings`, with bounds on their errors."""
        line, margin = self.lines[unit, region], self.margins[unit, region]
        p = line.real
        x = 0.0 - line.imag / p
        errors = (margin.real * abs(x) + margin.imag) / np.maximum(abs(p) - margin.real, 0)
        return self._bound(x, errors, region)

    def _bound(self, x: NDArray, errors: NDArray, region: NDArray) -> NDArray:
        """The crossings, put into their regions; one that was outside may be off by as much as the end it is put at."""
        left, right = self.edge_errors.take(region), self.edge_errors.take(region + 1)
        width = self._distance(self.edges.take(region), self.edges.take(region + 1))
        inside = self._clip(x, region)
        errors = np.where(x == inside, errors, np.maximum(errors, np.maximum(left, right))) + TINY
        self._x_errors = np.fmin(errors, (width + left + right) * (1 + 8 * U))  # the signs say: inside
        self._x = inside
        return inside

    def _distance(self, left: NDArray, right: NDArray) -> NDArray:
        """Between edges; never too small by more than the rounding of a float64."""
        return right - left

    def cut(self, place: NDArray, parent: NDArray) -> None:
        """As `Float64.cut`; regions whose edges are not apart become doubtful."""
        super().cut(place, parent)
        self.doubtful = self.doubtful.take(parent)
        # four times the errors: so the middle of a region that is left is well inside the true one
        apart = self._shifted(4)[:-1] < self._shifted(-4)[1:]
        if not (apart | self._stops[:-1]).all():
            right, left = self._reaches(4)
            self.doubtful[:-1] |= ~((right[:-1] < left[1:]) | self._stops[:-1])
        if self.doubtful.any():
            self._widen()

    def _widen(self) -> None:
        """The end of a sure region beside doubtful ones may truly be another edge there than the nearest."""
        beside = self.doubtful.copy()
        beside[1:] |= self.doubtful[:-1]
        right, left = self._reaches(2)
        further = np.maximum(self._distance(self.edges, right), self._distance(left, self.edges))
        further += self._resolution * abs(self.edges.real)
        self.edge_errors = np.where(beside, np.fmax(self.edge_errors, further), self.edge_errors)

    def _shifted(self, times: float) -> NDArray:
        """The edges, moved by so many times their errors."""
        return self.edges + times * self.edge_errors

    def _reaches(self, times: float) -> tuple[NDArray, NDArray]:
        """How far right the edges up to each may lie, and how far left those from each on."""
        right, left = self._shifted(times), self._shifted(-times)
        return np.maximum.accumulate(right), np.minimum.accumulate(left[::-1])[::-1]

    def bend(self, on: NDArray, parent: NDArray) -> None:
        """As `Float64.bend`, with the bounds c for the next layer."""
        super().bend(on, parent)
        self._carried = np.empty_like(self.active)
        self._carried[-1] = 1j * g(len(self.active) + 5)
        slope = max(self.negative_slope, LEAST_WEIGHT) if self.negative_slope else 0.0
        np.multiply(self.margins.take(parent, axis=1), gains(np, on, slope), out=self._carried[:-1])

    def rounded(self) -> Columns:
        """What was found; a region without a finite bound is doubtful, too."""
        bounded = np.isfinite(self.margins).all(axis=0)
        return Columns(self.edges, self.edge_errors, self.lines, self.margins, self.doubtful | ~(bounded | self._stops))
