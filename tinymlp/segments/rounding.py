"""Rounding: the proof, beside the computation of the regions, that rounding decided nothing.

Float64 rounds, so a sign or an order that it finds may be wrong. Beside the lines p x + q of the units goes a bound on
their errors, and wherever a value is not farther from zero than its bound, or two edges not farther apart than theirs,
the regions about it are doubtful. In all others the pattern is that of the real numbers that the weights are.

The bound is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A sum of n products
is off by at most g(n) times the sum of their absolute values, g(k) = k u / (1 - k u) and u = 2^-53, in whatever order
it is summed; and factors 1 + g(j), 1 + g(k) combine to 1 + g(j + k). So one number serves for the p of a unit in all
regions, and one for its q: their reaches P and Q, what the layers would make of them if each weight and bias were
replaced by its absolute value and every unit were on. An error is at most g(operations on a path) times the reach.

An edge stands for some true x, and has a bound on its distance from it. A unit with the true line p x + q, whose
computed one crosses zero at x', has |p x' + q| <= g (P |x'| + Q) there, so it truly crosses within g (P |x'| + Q) / |p|
of x', and |p| is at least the computed |p| - g P.
"""

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval

__all__ = ["UNDERFLOW", "UNIT_ROUNDOFF", "Rounding"]

UNIT_ROUNDOFF = 2.0**-53  # the largest relative error of one float64 operation
UNDERFLOW = 2.0**-960  # added to every reach: g times it is far above what products lose that underflow, 2^-1075 each


class Rounding:
    """The bounds that accompany an extraction, layer by layer: `push`, `watch`, `cross`, `split`.

    Parameters
    ----------
    interval : (start, stop)
        Exact; may be infinite.

    Attributes
    ----------
    edge_errors : array, (R + 1,)
        Bounds on |edge - true edge|.
    doubtful : array of bool, (R,)
        Regions in which rounding could have decided something.
    growth : float
        g / (1 - g), which bounds errors by the computed, itself rounded, reach.
    line_errors : array, (2, units)
        Bounds on the errors of the p and q of the layer pushed last, in any region that is not doubtful.
    """

    def __init__(self, interval: Interval):
        self.edge_errors = np.zeros(2)
        self.doubtful = np.zeros(1, bool)
        self._reach = np.array([[1.0], [0.0]])  # (2, units): P and Q
        self._infinite = [end for end in (0, -1) if np.isinf(interval[end])]
        self._slanted = np.ones((2, 1), bool)  # (2, units): whether p can be other than 0 at the first and last edge
        self._operations = 0
        self.growth, self.line_errors = 0.0, np.zeros((2, 1))

    def push(self, layer: NDArray) -> None:
        """Take the reaches through a layer [W | b]."""
        W, b = layer[:, :-1].astype(np.float64), layer[:, -1].astype(np.float64)
        self._reach = self._reach @ np.abs(W).T + UNDERFLOW
        self._reach[1] += np.abs(b)
        if self._infinite:
            self._slanted = self._slanted @ (W != 0).T
        self._operations += W.shape[1] + 2  # products and sums, and the gain
        k = self._operations + 3  # three more for the use of the lines
        g = k * UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF)
        self.growth = g / (1 - g)
        self.line_errors = self.growth * self._reach

    def watch(self, edges: NDArray, lines: NDArray, values: NDArray) -> None:
        """Doubt the regions on both sides of each edge at which some unit's value (R + 1, units) may be zero.

        And those next to a doubtful region, because the values at an edge are taken from the lines on one side of it.
        """
        P, Q = self.line_errors
        bound = P * (np.abs(edges) + 2 / self.growth * self.edge_errors)[:, None] + Q
        for end in self._infinite:  # there the sign is that of p, and that of q only where p is zero for certain
            slope_bound = np.where(lines[0, end] == 0, np.inf, P)
            bound[end] = np.where(self._slanted[end], slope_bound, Q)
        undecided = ~(np.abs(values) > bound).all(axis=1)
        undecided[1:-1] |= self.doubtful[:-1] | self.doubtful[1:]
        self.doubtful = self.doubtful | undecided[:-1] | undecided[1:]

    def cross(self, edges: NDArray, region: NDArray, unit: NDArray, x: NDArray, p: NDArray, order: NDArray) -> None:
        """Bound the errors of crossings x in regions, of units with slope p there, and put them among the edges'."""
        P, Q = self.line_errors[:, unit]
        errors = (P * np.abs(x) + Q) / np.maximum(np.abs(p) - P, 0) + UNDERFLOW
        left, right = (edges - self.edge_errors)[region], (edges + self.edge_errors)[region + 1]
        errors = np.minimum(errors, right - left)  # the signs at its edges say that the crossing is inside
        self.edge_errors = np.concatenate([self.edge_errors, errors])[order]

    def split(self, edges: NDArray, parent: NDArray, active: NDArray) -> None:
        """Hand the doubts down to the parts; doubt each that some edge (of R + 1), near or far, may reach into.

        Four times the errors are taken, so that the middle of a region that is left is well inside the true one.
        """
        from_left = np.maximum.accumulate(edges + 4 * self.edge_errors)[:-1]
        from_right = np.minimum.accumulate((edges - 4 * self.edge_errors)[::-1])[::-1][1:]
        self.doubtful = self.doubtful[parent] | ~(from_left < from_right)
        if self._infinite:
            self._slanted &= active[[0, -1]]
