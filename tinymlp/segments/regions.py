"""what a pass hands on: edges, states, lines."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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
