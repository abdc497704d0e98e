"""Numbers that sum a trained network up, to compare it with another: how well it fits, where its breakpoints went."""

from collections import Counter

import numpy as np

from ..data import Dataset
from ..interval import Interval
from ..network.mlp import MLP
from ..segments.extract import extract_segments
from ..training.history import History

__all__ = [
    "carried_in",
    "count_breakpoints",
    "explained_of",
    "jitter",
    "mean_squared_error",
    "quotient",
    "steepest",
    "unexplained_variance",
]


def quotient(a: float, b: float) -> float:
    """a / b for numbers >= 0. 1e-12 is added to both, so that 0 / 0 is 1 and every quotient is finite."""
    return (a + 1e-12) / (b + 1e-12)


def mean_squared_error(net: MLP, data: Dataset) -> float:
    """The mean squared error of the network as it is now, over all samples, in units of y squared."""
    rows = len(data), -1  # y may be (n,) or (n, outputs)
    return float(np.mean((net(data.x).reshape(rows) - data.y.reshape(rows)) ** 2))


def unexplained_variance(net: MLP, data: Dataset) -> float:
    """The mean squared error over the variance of the samples: 0 is a perfect fit, 1 the best constant."""
    return mean_squared_error(net, data) / float(np.var(data.y))


def explained_of(net: MLP, other: MLP, data: Dataset) -> float:
    """What a network explains of the variance, as a share of what another explains.

    A network that is worse than the best constant explains nothing.
    """
    mine, others = (max(0.0, 1 - unexplained_variance(n, data)) for n in (net, other))
    return quotient(mine, others)


def count_breakpoints(net: MLP, interval: Interval) -> int:
    """How many breakpoints lie strictly inside the interval."""
    return len(extract_segments(net, interval).breakpoints)


def carried_in(before: MLP, after: MLP, x: float) -> int:
    """How many breakpoints hidden units carried across x from its right to its left, less those they carried out.

    A unit carried one in if, after, it has one less on the right and one more on the left. (Breakpoints have no names,
    only owners. So a unit that loses one on one side and gains another on the other counts, too: compare networks that
    are not far apart.)
    """
    sides = []  # of each network, how many breakpoints a unit has on a side
    for net in (before, after):
        breakpoints = [b for b in extract_segments(net).boundaries if b.label == "visible"]
        sides.append(Counter((b.x > x, unit) for b in breakpoints for unit in b.owners))
    then, now = sides
    carried = 0
    for unit in {unit for _, unit in now}:
        left, right = (now[side, unit] - then[side, unit] for side in (False, True))
        carried += min(max(left, 0), max(-right, 0)) - min(max(-left, 0), max(right, 0))
    return carried


def steepest(net: MLP, interval: Interval) -> float:
    """The steepest slope inside the interval, up or down, in units of y per unit of x."""
    return float(np.abs(extract_segments(net, interval).slopes).max())


def jitter(history: History) -> float:
    """In which share of the epochs the loss of a network is higher than in the epoch before."""
    return float(np.mean(np.diff(history.losses) > 0))
