"""Regions: what a pass through a network hands on: edges, the states of the hidden units, the lines of the output."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval

__all__ = ["Layer", "Regions", "Zero"]


class Layer(NamedTuple):
    """A hidden layer: the states of its units on the regions that it split those before it into."""

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
        Proven bounds on |edge - true edge|.
    layers : list of Layer
        The hidden layers as a pass went through them; `states` is made from them.
    output : array, (2, R, outputs)
        Slopes and intercepts.
    output_errors : array, (2, outputs)
        Proven bounds on their errors, in every region.
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
    def states(self) -> list[NDArray]:
        """For each hidden layer, (units, R), int8: 1 on, -1 off, 0 exactly zero on the whole region."""
        states: list[NDArray] = []
        region = np.arange(len(self.edges) - 1)  # of the regions that a layer made, the one in which each of the R lies
        for layer in reversed(self.layers):
            states.insert(0, layer.states[region].T)
            region = layer.parent[region]
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
        layers = self.layers
        if layers:
            *before, (states, parent) = layers
            layers = [*before, Layer(states[which], parent[which])]
        return Regions(
            np.array([interval[0], *self.boundaries[inside], interval[1]]),
            np.array([0.0, *self.edge_errors[1:-1][inside], 0.0]),
            layers,
            self.output[:, which],
            self.output_errors,
            self.doubtful[which],
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
