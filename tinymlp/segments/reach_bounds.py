"""Reach: one bound on rounding errors per unit, for all regions of a network at once; a quick first rung.

It reads as ``rounding.py`` does, where the bounds are explained, with the running bound of each region replaced by the
largest that any region could have.
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .rounding import TINY, Bounded, g
from .walk import Columns, product

__all__ = ["ReachBounds"]


class ReachBounds(Bounded):
    """Float64 with one bound per unit for all regions: quick, coarse, and the verdict is on whole networks.

    The reach of a unit is what the layers would make of its line if each weight were replaced by its absolute value and
    every unit were on: R <- |W| R. An error is at most g(operations on a path) R = T; so |p| d <= R_p d = T_p d / g.

    Attributes
    ----------
    edge_errors : array, (N,)
        Bounds on |edge - true edge|.
    margins : array, (units, K), complex
        T of the layer pushed last; they hold in networks that are not doubtful.
    doubtful : array of bool, (K,)
        Networks in which rounding could have decided something.
    """

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float, K: int = 1, xp: ModuleType = np):
        super().__init__(start, ends, negative_slope, K, xp)
        self.doubtful = xp.zeros(K, bool)
        self._reach = abs(self.active[:, :K].real) + 1j * abs(self.active[:, :K].imag)  # (units + 1, K): R
        self._operations = 0
        if self.infinite:  # whether p can be other than 0, at the start and at the stop
            self._slanted = (self.active[:-1, : 2 * K].real != 0).reshape(-1, K, 2)

    def push(self, layer: NDArray) -> None:
        """Lines, reaches and margins."""
        super().push(layer)
        size = abs(layer)
        self._reach = product(size, self._reach)
        self._reach += TINY + TINY * 1j
        self._operations += layer.shape[2] + 2  # products and sums, and the gain
        k = g(self._operations + 3)  # three more for the use of the lines
        self._growth = k / (1 - k)
        self.margins = self._growth * self._reach
        if self.infinite:
            slanted = (size[:, :, :-1] > 0).astype(float) @ self._slanted.transpose(1, 0, 2).astype(float)
            self._slanted = slanted.transpose(1, 0, 2) > 0  # (units, K, 2)

    def signs(self) -> tuple[NDArray, NDArray | None]:
        """As `Float64.signs`; a network with a value within its bound becomes doubtful."""
        values = self.values(self.lines)
        size = abs(self.edges)
        size += 2 / self._growth * self.edge_errors
        T = self.margins[:, :, None]
        bound = T.real * size.reshape(self.K, -1)  # (units, K, C)
        bound += T.imag
        if self.infinite:
            self._bound_far(bound, T)
        sure = abs(values)
        sure = (sure > bound.reshape(values.shape)) & (sure < np.inf)
        if not sure.all():
            self.doubtful |= ~sure.reshape(bound.shape).all(axis=(0, 2))
        return values > 0, None

    def _bound_far(self, bound: NDArray, T: NDArray) -> None:
        """At infinite edges the sign is that of p, and that of q only where p is 0 for certain."""
        xp, p = self.xp, self.lines.real.reshape(bound.shape)
        start, stop = (
            xp.where(self._slanted[:, :, end], xp.where(p[:, :, end] == 0, np.inf, T.real[:, :, 0]), T.imag[:, :, 0])
            for end in (0, -1)
        )
        first, last = self.edges[[0, -1]]
        if first == -np.inf:
            bound[:, :, 0] = start
        if last == np.inf:
            bound[...] = xp.where(self._stops.reshape(self.K, -1), stop[:, :, None], bound)

    def crossings(self, unit: NDArray, region: NDArray) -> NDArray:
        """As `Float64.crossings`; one from outside its region is put at an edge, which makes its network doubtful."""
        x, p = super().crossings(unit, region), self.lines[unit, region].real
        T = self.margins[unit, region // (len(self.edges) // self.K)]
        self._x_errors = (T.real * abs(x) + T.imag) / self.xp.maximum(abs(p) - T.real, 0)
        self._x_errors += TINY
        return x

    def cut(self, place: NDArray, parent: NDArray) -> None:
        """As `Float64.cut`; a network with edges that are not apart becomes doubtful."""
        super().cut(place, parent)
        errors = 4 * self.edge_errors
        apart = (self.edges + errors)[:-1] < (self.edges - errors)[1:]
        apart |= self._stops[:-1]
        if not apart.all():
            self.doubtful[(~apart).nonzero()[0] // (len(parent) // self.K)] = True

    def bend(self, on: NDArray, parent: NDArray) -> None:
        """As `Float64.bend`."""
        super().bend(on, parent)
        reach = self.xp.empty((len(on) + 1, self.K), complex)
        reach[:-1], reach[-1] = self._reach, 1j
        self._reach = reach
        if self.infinite and not self.negative_slope:
            rows = on.reshape(len(on), self.K, -1)
            self._slanted &= rows[:, :, :: rows.shape[2] - 1]

    def rounded(self) -> Columns:
        """What was found; a network without a finite bound is doubtful, too."""
        C = len(self.edges) // self.K
        margins, doubtful = self.margins.repeat(C, axis=1), self.doubtful | ~self.xp.isfinite(self.margins).all(axis=0)
        return Columns(self.edges, self.edge_errors, self.lines, margins, doubtful.repeat(C))
