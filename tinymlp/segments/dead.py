"""dead_units(): which hidden units are off on a whole interval, and why a network gives one value for all x."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..interval import Interval, takes_interval
from ..network.line import Line, on_line
from ..network.mlp import MLP
from .extract import extract_outputs
from .find_regions import exact_layers

__all__ = ["DeadUnits", "dead_units"]


@dataclass(frozen=True)
class DeadUnits:
    """What is off on an interval, and what that does to the output; ``print`` it for a sentence.

    Attributes
    ----------
    units : list of (layer, unit)
        The hidden units that are off, or 0, for every x of the interval. Of leaky units: those that are never on.
    constant : bool
        Whether every output is one value on the whole interval.
    cause : "dead layer", "no path", "cancelled" or None
        Why it is, None if it is not. "dead layer": every unit of a layer is off. "no path": some units are on, but no
        path of active units with weights other than 0 leads from the input through a layer. "cancelled": the output
        does depend on units that change with x, but they add up to nothing.
    layer : int or None
        For a dead layer, or where no path goes on, the first such layer, from 0; the output layer counts, too.
    interval : (start, stop)
    """

    units: list[tuple[int, int]]
    constant: bool
    cause: Literal["dead layer", "no path", "cancelled"] | None
    layer: int | None
    interval: Interval

    def __str__(self) -> str:
        start, stop = self.interval
        dead = f"{len(self.units)} hidden units are off on all of ({start:g}, {stop:g})"
        if not self.constant:
            return f"{dead}; the output changes with x."
        why = {
            "dead layer": f"every unit of layer {self.layer} is off, so nothing of x gets through it",
            "no path": f"no path of active units leads from x through layer {self.layer}",
            "cancelled": "what the active units of the last layer add up to cancels",
        }[self.cause or "cancelled"]
        return f"{dead}; the output is one value for all x: {why}."


@takes_interval
def dead_units(net: MLP | Line, interval: Interval | None = None) -> DeadUnits:
    """Which hidden units are off for every x of an interval, and whether and why the output is one value there.

    Exact: what is off is proven to be off everywhere on the interval, not only on samples.

    Parameters
    ----------
    net : MLP or Line
        One input, or a line through several; any number of outputs.
    interval : (start, stop), optional
        In units of x; may be infinite; the whole real line if not given.

    Raises
    ------
    ValueError, OverflowError
        As `extract_outputs`.

    Examples
    --------
    >>> from tinymlp import MLP, dead_units
    >>> net = MLP.from_weights([[[1], [2]], [[-1, -1], [-2, 0]], [[3, 4]]], [[0, 1], [-0.5, 0], [7]])
    >>> found = dead_units(net, (0, 1))
    >>> found.units, found.layer
    ([(1, 0), (1, 1)], 1)
    >>> print(found)
    2 hidden units are off on all of (0, 1); the output is one value for all x: every unit of layer 1 is off, so \
nothing of x gets through it.
    """
    line = on_line(net).to("cpu")
    outputs = extract_outputs(line, interval)
    regions = outputs[0].regions
    states = regions.states
    units = [(l, int(u)) for l, on in enumerate(states) for u in np.flatnonzero((on <= 0).all(axis=1))]
    constant = all(f.is_constant() for f in outputs)
    cause: Literal["dead layer", "no path", "cancelled"] | None = None
    where = None
    if constant:
        cause = "cancelled"
        R, leaky = len(regions.columns), line.net.negative_slope > 0
        reached = np.repeat(line.direction[:, None] != 0, R, axis=1)  # (inputs, R): depends on x by some path
        for l, (layer,) in enumerate(exact_layers(line.net)):
            paths = (layer[:, :-1] != 0).astype(np.float32) @ reached.astype(np.float32) > 0  # (units, R)
            hidden = l < len(states)
            reached = paths & ((states[l] > 0) | (leaky & (states[l] < 0))) if hidden else paths
            if not reached.any():
                dead = hidden and not leaky and (states[l] <= 0).all()
                cause, where = ("dead layer" if dead else "no path"), l
                break
    return DeadUnits(units, constant, cause, where, outputs[0].interval)
