"""Regions: the on/off pattern of every hidden unit along x. The heart of tinymlp.

Along one input variable a ReLU network is a function of one number x, and each hidden unit is on or off. Between two
neighbouring switches, of whatever units, nothing bends: every unit, and the output, is a straight line p x + q. So
start with one region and the line 1 x + 0, and take the layers in turn:

1. push the lines through the layer: p <- W p, q <- W q + b, for all regions at once;
2. a unit switches in a region if its line has one sign at the left edge and the other at the right one: at x = -q/p;
3. split the regions at all these x; each part inherits its parent's lines;
4. a unit is on or off as at the left end of all, and the other way round from each of its switches on;
   multiply the lines of units that are off by negative_slope.

After the last layer the lines are the network, region by region. No grid, no epsilon.

These are the steps in float64. ``rounding.py`` watches them and marks every region in which rounding could have decided
something; ``exact.py`` has those done anew in rational numbers, so that what `find_regions` returns is proven.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .network import MLP
from .rounding import Rounding


class Layer(NamedTuple):
    """A hidden layer before its ReLU: lines on the regions that came in, states on those that it split them into."""

    lines: NDArray  # (2, regions in, units): p and q
    states: NDArray  # (regions out, units), int8: 1 on, -1 off, 0 exactly zero
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
        Proven bounds on |edge - true edge|; not a number where nothing is proven.
    layers : list of Layer
        What the extraction went through; `slopes`, `intercepts` and `states` are made from it.
    output : array, (2, R, outputs)
        Slopes and intercepts.
    output_errors : array, (2, outputs)
        Proven bounds on their errors, in every region; not a number where nothing is proven.
    doubtful : array of bool, (R,)
        Where rounding could have decided something. Nowhere in what `find_regions` returns.
    fractions : list of Fraction or None
        The boundaries as they are, if all was done in rational arithmetic.
    """

    edges: NDArray
    edge_errors: NDArray
    layers: list[Layer]
    output: NDArray
    output_errors: NDArray
    doubtful: NDArray
    fractions: list[Fraction] | None = None

    @property
    def boundaries(self) -> NDArray:
        """Every x inside the interval at which a hidden unit switches on or off."""
        return self.edges[1:-1]

    @cached_property
    def _columns(self) -> list[NDArray]:
        """For each hidden layer, which of the regions it made each final region lies in."""
        columns: list[NDArray] = []
        column = np.arange(len(self.edges) - 1)
        for layer in reversed(self.layers):
            columns.insert(0, column)
            column = layer.parent[column]
        return columns

    @cached_property
    def expanded(self) -> list[Layer]:
        """The hidden layers with lines and states for each final region."""
        hidden = zip(self.layers, self._columns, strict=True)
        return [Layer(l.lines[:, l.parent[c]], l.states[c], np.arange(len(c))) for l, c in hidden]

    @property
    def slopes(self) -> list[NDArray]:
        """p of each unit's line p x + q before its ReLU, (units, R), layer by layer; the last is the output."""
        return [*(layer.lines[0].T for layer in self.expanded), self.output[0].T]

    @property
    def intercepts(self) -> list[NDArray]:
        """q of each unit's line, likewise."""
        return [*(layer.lines[1].T for layer in self.expanded), self.output[1].T]

    @cached_property
    def states(self) -> list[NDArray]:
        """For each hidden layer, (units, R), int8: 1 on, -1 off, 0 exactly zero on the whole region."""
        return [layer.states[c].T for layer, c in zip(self.layers, self._columns, strict=True)]

    def between(self, a: float, b: float) -> slice:
        """Which boundaries lie between a and b, which lie inside the interval; all, if they are its ends."""
        first = 0 if a == self.edges[0] else np.searchsorted(self.boundaries, a, "right")
        last = len(self.boundaries) if b == self.edges[-1] else np.searchsorted(self.boundaries, b, "left")
        return slice(int(first), int(last))

    def clip(self, a: float, b: float) -> "Regions":
        """The regions, and parts of regions, between a and b, which lie inside the interval."""
        inside = self.between(a, b)
        return self._choose(np.arange(inside.start, inside.stop + 1), a, b)

    def drop_empty(self) -> "Regions":
        """Without the regions of no width."""
        wide = self.edges[1:] > self.edges[:-1]
        return self if wide.all() else self._choose(np.flatnonzero(wide), self.edges[0], self.edges[-1])

    def _choose(self, which: NDArray, start: float, stop: float) -> "Regions":
        """These of the regions, beside each other, from start to stop."""
        layers = self.layers
        if layers:
            *before, (lines, states, parent) = layers
            layers = [*before, Layer(lines, states[which], parent[which])]
        inner = which[1:]
        return Regions(
            np.array([start, *self.edges[inner], stop]),
            np.array([0.0, *self.edge_errors[inner], 0.0]),
            layers,
            self.output[:, which],
            self.output_errors,
            self.doubtful[which],
            None if self.fractions is None else [self.fractions[k - 1] for k in inner],
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


def float_regions(net: MLP, start: float, stop: float, prove: bool = True) -> Regions:
    """The steps above in float64, as `Regions`.

    Parameters
    ----------
    net : MLP
        One input; finite weights of any dtype up to float64.
    start, stop : float
        start < stop; may be infinite.
    prove : bool
        Whether to bound rounding errors. If not, `doubtful` says nothing and the errors are not numbers.

    Returns
    -------
    Regions
        Where kinks were rounded to the same number, regions of no width lie between them (they are doubtful).
    """
    rounding = Rounding(np.array([start, stop])) if prove else None
    edges, steps, output = float_pass(net, start, stop, rounding)
    layers = [Layer(step.lines, 2 * step.on.view(np.int8) - 1, step.parent) for step in steps]
    if rounding:
        return Regions(edges, rounding.edge_errors, layers, output, rounding.line_errors, rounding.doubtful)
    unknown = np.full_like(edges, np.nan), np.full_like(output[:, 0], np.nan)
    return Regions(edges, unknown[0], layers, output, unknown[1], np.zeros(len(edges) - 1, bool))


class Step(NamedTuple):
    """A hidden layer in `float_pass`."""

    lines: NDArray  # (2, regions in, units): before its ReLU
    on: NDArray  # (regions out, units), bool
    parent: NDArray  # (regions out,): which region in each is a part of
    first: NDArray  # (regions in,): the first part of each
    active: NDArray  # (2, regions out, units + 1): after its ReLU; last the line 0 x + 1, which meets the bias


def float_pass(
    net: MLP, start: float, stop: float, rounding: Rounding | None = None
) -> tuple[NDArray, list[Step], NDArray]:
    """The steps above in float64, watched by ``rounding``: the edges, the hidden layers, the lines of the output."""
    edges, active, steps = np.array([start, stop]), INPUT, []
    with np.errstate(all="ignore"):
        for layer in net.layers[:-1]:
            lines = push(layer, active)  # step 1

            values = values_at(edges, lines)  # step 2; (edges, units)
            on = values > 0
            region, unit = (on[1:] != on[:-1]).nonzero()
            p, q = lines[:, region, unit]
            x = np.fmax(edges[region], np.fmin(0.0 - q / p, edges[region + 1]))

            count = len(edges)  # step 3; the stop stands there as if a last region began at it
            parent, left = np.concatenate([np.arange(count), region]), np.concatenate([edges, x])
            order = np.lexsort((left, parent))
            if rounding:
                rounding.push(layer)
                rounding.watch(edges, lines, values)
                rounding.cross(edges, region, unit, x, p, order)
            parent, edges = parent.take(order)[:-1], left.take(order)

            switches = np.zeros((len(parent), len(layer)), bool)  # step 4
            switches[0] = on[0]
            place = order.argsort()
            switches[place[count:], unit] = True
            on = np.logical_xor.accumulate(switches)
            if rounding:
                rounding.split(edges, parent, on | (net.negative_slope > 0))
            active = np.empty((2, len(parent), len(layer) + 1))
            np.multiply(lines.take(parent, axis=1), gains(net, on), out=active[:, :, :-1])
            active[:, :, -1] = INPUT[:, :, -1]
            steps.append(Step(lines, on, parent, place[: count - 1], active))
        if rounding:
            rounding.push(net.layers[-1])
        return edges, steps, push(net.layers[-1], active)


INPUT = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])  # the lines 1 x + 0 and 0 x + 1 on one region, (2, 1, 2)


def push(layer: NDArray, active: NDArray) -> NDArray:
    """Through [W | b] (out, in + 1), lines (2, R, in + 1) become (2, R, out): p <- W p, q <- W q + b."""
    layer = layer.astype(np.float64, copy=False)
    return np.dot(active.reshape(-1, active.shape[2]), layer.T).reshape(2, -1, len(layer))


def gains(net: MLP, on: NDArray) -> NDArray:
    """What the (leaky) ReLU multiplies by where units are on (True) and off."""
    return np.where(on, 1.0, net.negative_slope) if net.negative_slope else on


def values_at(edges: NDArray, lines: NDArray) -> NDArray:
    """p x + q at every edge, (R + 1, units), from the line on its right; at an infinite one a number of its sign."""
    p, q = lines
    values = np.empty((len(edges), p.shape[1]))
    np.multiply(p, edges[:-1, None], out=values[:-1])
    values[:-1] += q
    values[-1] = p[-1] * edges[-1] + q[-1]
    for end in (0, -1):
        if abs(edges[end]) == np.inf:
            values[end] = np.where(p[end] == 0, q[end], np.sign(edges[end]) * p[end])
    return values
