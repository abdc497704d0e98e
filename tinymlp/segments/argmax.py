"""argmax_changes(), argmin_changes(), sign_changes(): where a network decides otherwise along a line, exactly.

In one region every output is a straight line, and the greatest of them is convex: an output that wins at both ends wins
in between. So float64 with its bounds settles most regions, and the rest, where the winner changes or another output
comes near, is done in rational numbers.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval, takes_interval
from ..network.line import Line, on_line
from ..network.mlp import MLP
from .find_regions import Regions, exact_layers, find_regions, windows
from .integers import Integers, nearest
from .rounding import U
from .walk import walk

__all__ = ["Change", "argmax_changes", "argmin_changes", "sign_changes"]


class Change(NamedTuple):
    """At x the winning output changes; x is the float64 nearest to the true one."""

    x: float
    before: int
    after: int


@takes_interval
def argmax_changes(net: MLP | Line, interval: Interval | None = None) -> list[Change]:
    """Where, inside the interval, another output becomes the greatest.

    Parameters
    ----------
    net : MLP or Line
        One input, such as ``net.along(origin, direction)``, and two or more outputs.
    interval : (start, stop), optional
        In units of the input; may be infinite; the whole real line if not given.

    Returns
    -------
    list of Change (x, before, after)
        In increasing order of x. Of outputs that are equal on an interval the first wins, as in ``np.argmax``; outputs
        that are equal at a single point change nothing.

    Raises
    ------
    ValueError
        If the network has one output only; and as `find_regions`.
    """
    line = on_line(net).to("cpu")
    if line.sizes[-1] < 2:
        raise ValueError("net has 1 output: a winner needs two or more")
    regions = find_regions(line, interval)
    *_, ends = windows(regions, _undecided(regions))
    if not ends:
        return []
    a = Integers(line.start, ends, line.net.negative_slope)
    walk(a, exact_layers(line.net))
    wide, edges = a.wide(), list(zip(a.n.tolist(), a.d.tolist(), strict=True))
    changes: list[Change] = []
    begin = 0
    for stop in a.last:
        winner = None
        for r in (begin + np.flatnonzero(wide[begin:stop])).tolist():
            for x, after_x in _upper_envelope(a.p[:, r].tolist(), a.q[:, r].tolist(), edges[r], edges[r + 1]):
                if winner is not None and after_x != winner:
                    changes.append(Change(float(nearest(x.numerator, x.denominator)), winner, after_x))
                winner = after_x
        begin = int(stop) + 1
    return changes


@takes_interval
def argmin_changes(net: MLP | Line, interval: Interval | None = None) -> list[Change]:
    """Where, inside the interval, another output becomes the least; otherwise like `argmax_changes`.

    Of outputs that are equal on an interval the first wins, as in ``np.argmin``. The networks of ACAS Xu give scores of
    which the lowest is the advice.
    """
    return argmax_changes(_with_outputs(net, lambda layer: -layer), interval)


@takes_interval
def sign_changes(net: MLP | Line, interval: Interval | None = None) -> list[Change]:
    """Where the output of a binary classifier changes its class: 1 where the output is > 0, 0 elsewhere.

    Parameters
    ----------
    net : MLP or Line
        One input, or a line through several, and one output.
    interval : (start, stop), optional
        In units of the input; may be infinite; the whole real line if not given.

    Returns
    -------
    list of Change (x, before, after)
        In increasing order of x; exact, as in `argmax_changes`. Where the output only touches 0 nothing changes.

    Raises
    ------
    ValueError
        If the network has several outputs; and as `find_regions`.

    Examples
    --------
    >>> from tinymlp import MLP, sign_changes
    >>> hat = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [-0.5]])
    >>> sign_changes(hat)
    [Change(x=-0.5, before=0, after=1), Change(x=0.5, before=1, after=0)]
    """
    line = on_line(net)
    if line.sizes[-1] != 1:
        raise ValueError(f"net has {line.sizes[-1]} outputs: a sign needs one; argmax_changes takes several")
    return argmax_changes(_with_outputs(line, lambda layer: np.concatenate([0 * layer, layer])), interval)


def _with_outputs(net: MLP | Line, change: Callable[[NDArray], NDArray]) -> Line:
    """The same line through the network with another last layer [W | b]."""
    line = on_line(net).to("cpu")
    *hidden, last = line.net.layers
    layers = [*hidden, change(last)]
    weights, biases = [layer[:, :-1] for layer in layers], [layer[:, -1] for layer in layers]
    return Line(MLP.from_weights(weights, biases, negative_slope=line.net.negative_slope), line.origin, line.direction)


def _undecided(regions: Regions) -> NDArray:
    """In which regions float64 does not prove that one output wins throughout; and those too narrow to point into."""
    edges, errors = regions.edges, regions.edge_errors
    p, q = regions.slopes, regions.intercepts  # (outputs, R)
    dp, dq = regions.line_errors.real, regions.line_errors.imag
    winners = []
    with np.errstate(all="ignore"):
        proven = np.diff(edges) > 4 * (errors[:-1] + errors[1:])
        for side in (slice(None, -1), slice(1, None)):
            x = edges[side]
            values = p * x + q  # (outputs, R)
            bound = (dp + U * np.abs(p)) * np.abs(x) + dq + U * np.abs(q)  # of the lines, and of p x + q
            bound = 4 * (bound + (np.abs(p) + dp) * errors[side])
            winner = values.argmax(axis=0)
            lowest = np.take_along_axis(values - bound, winner[None], axis=0)
            others = values + bound
            np.put_along_axis(others, winner[None], -np.inf, axis=0)
            proven &= (lowest > others).all(axis=0) & np.isfinite(values).all(axis=0)
            winners.append(winner)
    return ~(proven & (winners[0] == winners[1]))


def _upper_envelope(p: list[int], q: list[int], left: tuple[int, int], right: tuple[int, int]) -> list:
    """Which of the lines p x + q is the greatest between two edges n/d: a list of (x, line), from the left edge on."""
    outputs = range(len(p))
    n, d = left
    # just right of the left edge: by value, then slope, then the first; near minus infinity by slope downwards
    key = (lambda j: (p[j] * n + q[j] * d, p[j], -j)) if d else (lambda j: (-p[j], q[j], -j))
    winner = max(outputs, key=key)
    found = [(Fraction(n, d) if d else None, winner)]
    while True:
        overtakes = [(Fraction(q[winner] - q[j], p[j] - p[winner]), -p[j], j) for j in outputs if p[j] > p[winner]]
        if not overtakes:
            return found
        x, _, winner = min(overtakes)
        if right[1] and x * right[1] >= right[0]:
            return found
        found.append((x, winner))
