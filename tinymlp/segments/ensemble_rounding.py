"""The proof of ``rounding.py`` for many networks at once: one verdict for each network.

The bounds and the comparisons are the same. But a network in which anything is doubtful is computed again by itself, so
nothing needs to be known about where. That makes one thing simpler: if each edge lies, with its errors, left of the
next, then none reaches into any region, near or far.
"""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval
from .rounding import UNDERFLOW, UNIT_ROUNDOFF

__all__ = ["EnsembleRounding"]


class EnsembleRounding:
    """The bounds that accompany an extraction, layer by layer: `push`, `watch`, `cross`, `split`, as in `Rounding`.

    Attributes
    ----------
    doubtful : array of bool, (K,)
        Networks in which rounding could have decided something.
    line_errors : array, (2, K, 1, units)
        Bounds on the errors of the p and q of the layer pushed last, in networks that are not doubtful.
    """

    def __init__(self, xp: ModuleType, networks: int, interval: Interval):
        self._xp = xp
        self.doubtful = xp.zeros(networks, bool)
        self._edge_errors = xp.zeros((networks, 2))  # (K, C)
        self._regions = xp.ones((networks, 1), int)  # (K, 1): how many regions are not there only to fill the row
        self._reach = xp.zeros((2, networks, 1, 1))  # (2, K, 1, units): P and Q
        self._reach[0] = 1
        self._infinite = [(end, interval[end]) for end in (0, -1) if np.isinf(interval[end])]
        self._slanted = xp.ones((networks, 2, 1), bool)  # (K, 2, units): whether p can be other than 0 at the ends
        self._operations, self._growth = 0, 0.0

    def push(self, W: NDArray, b: NDArray) -> None:
        """Take the reaches through W (K, out, in) and b (K, 1, out)."""
        self._reach = self._reach @ abs(W).transpose(0, 2, 1) + UNDERFLOW
        self._reach[1] += abs(b)
        if self._infinite:
            hears = (W != 0).astype(np.float64).transpose(0, 2, 1)
            self._slanted = self._slanted.astype(np.float64) @ hears > 0
        self._operations += W.shape[2] + 2  # products and sums, and the gain
        k = self._operations + 3  # three more for the use of the lines
        g = k * UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF)
        self._growth = g / (1 - g)
        self.line_errors = self._growth * self._reach

    def watch(self, edges: NDArray, lines: NDArray, values: NDArray) -> None:
        """Doubt networks in which some unit's value (K, C, units) at some edge may be zero."""
        xp = self._xp
        P, Q = self.line_errors
        bound = P * (abs(edges) + 2 / self._growth * self._edge_errors)[:, :, None]
        bound += Q
        for end, x in self._infinite:  # there the sign is that of p, and that of q only where p is zero for certain
            slope_bound = xp.where(lines[0, :, end] == 0, np.inf, P[:, 0])
            at_end = xp.where(self._slanted[:, end], slope_bound, Q[:, 0])[:, None]  # (K, 1, units)
            bound = xp.where((edges == x)[:, :, None], at_end, bound)
        self.doubtful |= ~(abs(values) > bound).all(axis=(1, 2))

    def cross(self, network: NDArray, unit: NDArray, x: NDArray, p: NDArray, column: NDArray, order: NDArray) -> None:
        """Bound the errors of crossings x of units with slope p there, each in a column, and sort the edges' as those.

        They may exceed the region's width, which `Rounding` forbids, because then the network is doubtful anyway.
        """
        xp = self._xp
        P, Q = self.line_errors[:, network, 0, unit]
        joined = xp.zeros(order.shape)
        joined[:, : self._edge_errors.shape[1]] = self._edge_errors
        joined[network, column] = (P * abs(x) + Q) / xp.maximum(abs(p) - P, 0) + UNDERFLOW
        self._edge_errors = joined[xp.arange(len(order))[:, None], order]

    def split(self, edges: NDArray, crossings: NDArray, on: NDArray | None) -> None:
        """Doubt networks in which an edge (K, C) may reach the next; ``on`` (K, C, units), if units that are off are 0.

        Four times the errors are taken, as in `Rounding.split`.
        """
        self._regions += crossings[:, None]
        errors = 4 * self._edge_errors
        apart = (edges + errors)[:, :-1] < (edges - errors)[:, 1:]
        fill = self._xp.arange(apart.shape[1]) >= self._regions
        self.doubtful |= ~(apart | fill).all(axis=1)
        if self._infinite and on is not None:
            self._slanted &= on[:, [0, -1]] > 0
