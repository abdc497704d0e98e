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
something; ``find_regions.py`` has those done anew in rational numbers, so that what `find_regions` returns is proven.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..network.mlp import MLP
from .regions import Layer, Regions
from .rounding import Rounding


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
