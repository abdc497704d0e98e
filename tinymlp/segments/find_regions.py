"""find_regions(): the regions of a network, proven, by a ladder of arithmetics.

The walk is done in float64 with bounds on its rounding errors. What these leave in doubt is done again: the windows of
doubtful regions in double-double, and those that still are doubtful, such as kinks that truly coincide, in integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_flag, check_number
from ..interval import REAL_LINE, Interval, check_interval, takes_interval
from ..network.line import Line, on_line
from ..network.mlp import MLP
from ..network.parameters import stacked_layers
from .double_double import DoubleDouble
from .integers import TOO_LARGE, Integers, find_equal_units
from .reach_bounds import ReachBounds
from .rounding import RunningBounds
from .walk import MAX_REGIONS, Columns, EqualUnits, PassedLayer, walk

__all__ = ["Layer", "Regions", "Zero", "check_arguments", "exact_layers", "find_regions", "regions_on", "windows"]

SHALLOW = 4  # hidden layers: up to there one bound for all regions seldom leaves a doubt


class Layer(NamedTuple):
    """A hidden layer on the regions that it cut those before it into; a `PassedLayer` has these, too."""

    on: NDArray  # (units, regions out), bool
    zero: NDArray | None  # (units, regions out), bool: exactly zero, neither on nor off; None if nowhere
    parent: NDArray  # (regions out,): which region in each is a part of


class Zero(NamedTuple):
    """A hidden unit that is exactly zero, neither on nor off, for start <= x <= stop."""

    layer: int
    unit: int
    start: float
    stop: float


@dataclass(frozen=True, eq=False)
class Regions:
    """A network of one input, region by region; float64. R regions lie between R + 1 edges.

    Attributes
    ----------
    edges : array, (R + 1,)
        Start, every boundary in increasing order, stop.
    edge_errors : array, (R + 1,)
        Proven bounds on |edge - true edge|.
    lines : array, (outputs, R), complex
        Each output is the line p x + q, written p + iq.
    line_errors : array, (outputs, R), complex
        Proven bounds on the errors of p, and i times those on the errors of q.
    doubtful : array of bool, (R,)
        Where rounding could have decided something. Nowhere in what `find_regions` returns.
    layers, columns
        The hidden layers, and where in the last one the R regions stand; `states` is made from them.
    fractions : list of Fraction or None
        The boundaries as they are, if all was done in rational numbers.
    """

    edges: NDArray
    edge_errors: NDArray
    lines: NDArray
    line_errors: NDArray
    doubtful: NDArray
    layers: Sequence[Layer | PassedLayer]
    columns: NDArray
    fractions: list[Fraction] | None = None

    @classmethod
    def read(cls, found: Columns, layers: Sequence, columns: NDArray) -> "Regions":
        """What an arithmetic found in some columns, of which the last is that of the stop."""
        regions = columns[:-1]
        edges, edge_errors = found.edges.take(columns), found.edge_errors.take(columns)
        edge_errors[0] = edge_errors[-1] = 0.0  # start and stop are exact
        lines, line_errors = found.lines.take(regions, axis=1), found.line_errors.take(regions, axis=1)
        return cls(edges, edge_errors, lines, line_errors, found.doubtful.take(regions), layers, regions)

    @property
    def boundaries(self) -> NDArray:
        """Every x inside the interval at which a hidden unit switches on or off."""
        return self.edges[1:-1]

    @property
    def slopes(self) -> NDArray:
        """Of the outputs, (outputs, R)."""
        return self.lines.real

    @property
    def intercepts(self) -> NDArray:
        """What the outputs' lines are at x = 0, (outputs, R)."""
        return self.lines.imag

    @cached_property
    def states(self) -> list[NDArray]:
        """For each hidden layer, (units, R), int8: 1 on, -1 off, 0 exactly zero on the whole region."""
        states: list[NDArray] = []
        columns = self.columns
        for layer in reversed(self.layers):
            state = 2 * layer.on.take(columns, axis=1).view(np.int8) - 1
            if layer.zero is not None:
                state[layer.zero.take(columns, axis=1)] = 0
            states.insert(0, state)
            columns = layer.parent.take(columns)
        return states

    def between(self, interval: Interval) -> slice:
        """Which boundaries lie between two ends, which lie inside the interval; all, if they are its ends."""
        a, b = interval
        first = 0 if a == self.edges[0] else np.searchsorted(self.boundaries, a, "right")
        last = len(self.boundaries) if b == self.edges[-1] else np.searchsorted(self.boundaries, b, "left")
        return slice(int(first), int(last))

    def clip(self, interval: Interval) -> "Regions":
        """The regions, and parts of regions, between two ends, which lie inside the interval."""
        inside = self.between(interval)
        which = slice(inside.start, inside.stop + 1)
        return Regions(
            np.array([interval[0], *self.boundaries[inside], interval[1]]),
            np.array([0.0, *self.edge_errors[1:-1][inside], 0.0]),
            self.lines[:, which],
            self.line_errors[:, which],
            self.doubtful[which],
            self.layers,
            self.columns[which],
            None if self.fractions is None else self.fractions[inside],
        )

    def owners(self) -> list[list[tuple[int, int]]]:
        """For each boundary the hidden units (layer, unit) that switch there."""
        owners: list[list[tuple[int, int]]] = [[] for _ in self.boundaries]
        for l, states in enumerate(self.states):
            on = states > 0
            for boundary, unit in np.argwhere((on[:, 1:] != on[:, :-1]).T).tolist():
                owners[boundary].append((l, unit))
        return owners

    def zeros(self) -> list[Zero]:
        """Every hidden unit that is exactly zero on an interval, and the intervals, each as long as can be."""
        found = []
        for l, states in enumerate(self.states):
            zero = np.pad(states == 0, ((0, 0), (1, 1))).astype(np.int8)
            begins, ends = (np.argwhere(np.diff(zero) == step) for step in (1, -1))
            for (unit, first), (_, last) in zip(begins.tolist(), ends.tolist(), strict=True):
                found.append(Zero(l, unit, float(self.edges[first]), float(self.edges[last])))
        return found


@takes_interval
def find_regions(
    net: MLP | Line,
    interval: Interval | None = None,
    *,
    rational: bool = False,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> Regions:
    """Cut an interval into the regions of a network.

    It computes in float64 with a bound on every rounding error, and the parts where a bound leaves a doubt again with
    more digits, in the end in rational numbers. So which boundaries there are, their order and their owners are proven
    for the real numbers that the stored weights are.

    Parameters
    ----------
    net : MLP or Line
        One input, or a line through a network of several (`MLP.along`). Weights of any float dtype up to float64, on
        any device.
    interval : (start, stop), optional
        In units of x; may be infinite; the whole real line if not given. The ends themselves are never boundaries.
    rational : bool
        Do everything in rational numbers: slower, but the boundaries come as fractions, too, and every number is the
        float64 nearest to the true one.
    max_regions : int
        The number of regions can double with every layer; beyond this many it stops.
    progress : bool
        Show a bar if it takes more than two seconds.

    Raises
    ------
    ValueError
        If the network has more than one input, its weights are not finite, start >= stop, or there are more than
        ``max_regions``.
    OverflowError
        If a boundary, or a slope or an intercept of the output, exceeds float64.
    """
    line = on_line(net).to("cpu")
    interval = check_arguments(net, interval, max_regions, progress)
    return regions_on(line, exact_layers(line.net), interval, rational, max_regions, progress)


def regions_on(
    line: Line, layers: list[NDArray], interval: Interval, rational: bool, max_regions: int, progress: bool
) -> Regions:
    """`find_regions` of a line through a network with these layers, as `exact_layers` has them."""

    def run(arithmetic: Any, ends: Sequence[float], equal: list[EqualUnits] | None = None) -> tuple[Any, Regions]:
        a = arithmetic(line.start, ends, line.net.negative_slope)
        passed = walk(a, layers, equal=equal, max_regions=max_regions, progress=progress)
        return a, Regions.read(a.rounded(), passed, np.append(np.flatnonzero(a.wide()), -1))

    if rational:
        a, regions = run(Integers, interval)
        inner = regions.columns[1:]
        return replace(regions, fractions=[Fraction(*edge) for edge in zip(a.n[inner], a.d[inner], strict=True)])

    shallow = len(layers) - 1 <= SHALLOW
    for arithmetic in (ReachBounds, RunningBounds)[not shallow :]:
        _, regions = run(arithmetic, interval)
        if not regions.doubtful.any():
            break
    equal = None
    if regions.doubtful.any() and (equal := find_equal_units(layers)):
        _, regions = run(RunningBounds, interval, equal)
    for finer in (DoubleDouble, Integers):
        if regions.doubtful.any():
            first, after, ends = windows(regions, regions.doubtful)
            a, new = run(finer, ends, equal)
            regions = _replace(regions, first, after, new, a.last)
    if not np.isfinite(regions.lines).all():
        raise OverflowError(TOO_LARGE)
    return regions


def check_arguments(net: MLP | Line, interval: Interval | None, max_regions: int, progress: bool) -> Interval:
    """(start, stop) as floats; ValueError if they are no interval, or another argument will not do."""
    check_number("max_regions", max_regions, lambda m: m >= 1, "a number of regions, 1 or more")
    check_flag("progress", progress)
    start, stop = REAL_LINE if interval is None else check_interval(interval, infinite=True)
    if net.dtype.itemsize > 8:
        raise ValueError(f"net has {net.dtype} weights, which float64 cannot hold: use net.astype(np.float64)")
    return start, stop


def exact_layers(net: MLP) -> list[NDArray]:
    """[W | b] of each layer in float64, (1, out, in + 1); ValueError if a weight is not finite."""
    params = net.params.astype(np.float64, copy=False)
    if not np.isfinite(params).all():
        raise ValueError("net has weights that are NaN or infinite")
    return stacked_layers(params[None], net.sizes)


def windows(regions: Regions, chosen: NDArray) -> tuple[NDArray, NDArray, list[float]]:
    """The runs of chosen regions, and windows about them.

    Returns
    -------
    first, after : array of int, (windows,)
        Each run is ``first``, ``first + 1``, ... ``after - 1``. Regions beside chosen ones in which no number is well
        inside belong to it, too.
    ends : list of float, (2 windows,)
        Each window reaches from a number well inside the region before the run to one well inside the region after it;
        where there is none, from the start, or to the stop.
    """
    left, right = regions.edges[:-1], regions.edges[1:]
    with np.errstate(over="ignore", invalid="ignore"):
        away = 1 + abs(regions.edges) + 4 * regions.edge_errors
        x = np.where(np.isinf(right), left + away[:-1], left / 2 + right / 2)
        x = np.where(np.isinf(left), np.where(np.isinf(right), 0.0, right - away[1:]), x)
        wide = (left + 2 * regions.edge_errors[:-1] < x) & (x < right - 2 * regions.edge_errors[1:])
    steps = np.diff((chosen | ~wide).astype(np.int8), prepend=0, append=0)
    runs = [
        run
        for run in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
        if chosen[slice(*run)].any()
    ]
    first, after = np.array(runs, int).reshape(-1, 2).T
    x = np.concatenate([regions.edges[:1], x, regions.edges[-1:]])
    return first, after, np.stack([x[first], x[after + 1]], axis=1).ravel().tolist()


def _replace(regions: Regions, first: NDArray, after: NDArray, new: Regions, last: NDArray) -> Regions:
    """The regions, with each run replaced by the new ones in the window about it, which ends at a column of ``last``.

    The first region of a window is a part of the region before the run, and the last one of that after it. The former
    keeps its place, and takes over a doubt of its part: what is in doubt may be where it ends.
    """
    found = np.searchsorted(new.columns, last)  # new regions up to the end of each window
    kept: list[int] = []
    count = len(regions.doubtful)
    doubted = []  # places in ``kept``
    sure, begin = 0, 0  # the first region after the last run, and the first of the next window
    for i, j, end in zip(first.tolist(), after.tolist(), found.tolist(), strict=True):
        kept += range(sure, i)
        if i and new.doubtful[begin]:
            doubted.append(len(kept) - 1)
        kept += range(count + begin + (i > 0), count + end)
        sure, begin = j + 1, end
    kept += range(sure, count)

    def join(old: NDArray, new: NDArray) -> NDArray:
        return np.concatenate([old, new], axis=-1)[..., kept]

    edges = np.append(join(regions.edges[:-1], new.edges[:-1]), regions.edges[-1])
    edge_errors = np.append(join(regions.edge_errors[:-1], new.edge_errors[:-1]), 0.0)
    doubtful = join(regions.doubtful, new.doubtful)
    doubtful[doubted] = True
    states = [join(*pair) for pair in zip(regions.states, new.states, strict=True)]
    columns = np.arange(len(kept))
    return Regions(
        edges,
        edge_errors,
        join(regions.lines, new.lines),
        join(regions.line_errors, new.line_errors),
        doubtful,
        [Layer(s > 0, s == 0, columns) for s in states],
        columns,
    )
