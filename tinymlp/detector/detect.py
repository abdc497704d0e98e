"""detect_segments(): the article's finite-difference detector, as it was.

It looks at the network through a grid, so it sees a breakpoint inside a grid cell twice, takes breakpoints in
neighbouring cells for one, misses small jumps, and in float32 fires at the rounding of y. ``extract_segments`` knows
better; this shows what the article saw.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..arguments import check_array, check_dtype, check_number
from ..interval import Interval, check_interval, grid, takes_interval
from ..network.line import Line, on_line
from ..network.mlp import MLP
from ..system.memory import check_memory

__all__ = ["Detection", "detect_segments", "find_transitions"]


@dataclass(frozen=True, eq=False)
class Detection:
    """What the detector saw; ``len(detection)`` is how many segments the article counts.

    Attributes
    ----------
    x, y : array, (points,)
        The grid, evenly spaced from start to stop, and the values on it, in the dtype of the detection.
    transitions : array of int
        Each grid index at which it fired, in increasing order.
    """

    x: NDArray
    y: NDArray
    transitions: NDArray

    def __len__(self) -> int:
        """One more than there are transitions."""
        return len(self.transitions) + 1


def find_transitions(x: NDArray, y: NDArray, epsilon: float = 1e-3) -> NDArray:
    """The article's rule: with g[i] = (y[i] - y[i-1]) / (x[i] - x[i-1]), every i >= 2 with |g[i] - g[i-1]| > epsilon.

    Parameters
    ----------
    x, y : array, (n,)
        The differences are taken in their dtype. g starts at i = 1, so i = 2 is the first index that can fire.
    epsilon : float
        In units of y per unit of x; rounded to their dtype.
    """
    return np.flatnonzero(np.abs(_slope_changes(x, y)) > float(epsilon)) + 2  # float(): NumPy would not round its own


def _slope_changes(x: NDArray, y: NDArray) -> NDArray:
    """g[i] - g[i-1] for i = 2 ... n-1, (n - 2,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.diff(np.diff(y) / np.diff(x))


@takes_interval
def detect_segments(
    net: MLP | Line | Callable[[NDArray], NDArray],
    interval: Interval,
    *,
    points: int = 300,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float32,
) -> Detection:
    """Count segments as the article does: by changes of the finite-difference slope on a grid.

    Parameters
    ----------
    net : MLP, Line or callable
        A network with one input and one output, or a line through one with several inputs, computed in ``dtype``; or a
        function of x, such as a `PiecewiseLinear`, whose values are rounded to ``dtype``.
    interval : (start, stop)
        In units of x.
    points : int
        Of the grid, at least 3, start and stop among them, as in the article. (Its samples leave the stop out.)
    epsilon : float
        The least change of slope that counts, in units of y per unit of x.
    dtype : float dtype
        Of x, y and the differences; the article's is float32.

    Raises
    ------
    ValueError
        If points < 3, epsilon is negative, start >= stop, neighbouring grid points round to the same x, or a value is
        not finite.
    """
    if not isinstance(points, Integral) or points < 3:
        raise ValueError(f"points is {points!r}: the rule compares two differences, so give an integer >= 3")
    check_memory("points", points, 40 * points)  # x and y, in float64 and in dtype, and the slopes
    epsilon = check_number("epsilon", epsilon, lambda v: v >= 0, "a number >= 0")
    dtype = check_dtype("dtype", dtype)
    start, stop = check_interval(interval)
    points_x = grid((start, stop), points)
    with np.errstate(over="ignore"):
        x = points_x.astype(dtype)
    if not np.isfinite(x).all():
        raise ValueError(f"interval is ({start}, {stop}), and {dtype} does not hold its ends: give a wider dtype")
    if not (np.diff(x) > 0).all():
        raise ValueError(f"{points} points on ({start}, {stop}) are too close for {dtype}: some round to the same x")
    with np.errstate(all="ignore"):
        if isinstance(net, MLP | Line):
            y = on_line(net).to("cpu").astype(dtype)(x)
        else:
            y = np.asarray(check_array("what net gives", net(points_x)), dtype)
    if y.shape != x.shape:
        raise ValueError(f"net gives shape {y.shape} for x of shape {x.shape}: the detector needs one output")
    bad = ~np.isfinite(y)
    if bad.any():
        raise ValueError(f"net is {y[bad][0]} at x = {x[bad][0]}: it must be finite on the grid")
    with np.errstate(all="ignore"):
        steep = ~np.isfinite(_slope_changes(x, y))
    if steep.any():
        raise ValueError(f"net is so steep at x = {x[1:-1][steep][0]} that its slopes exceed {dtype}")
    return Detection(x, y, find_transitions(x, y, epsilon))
