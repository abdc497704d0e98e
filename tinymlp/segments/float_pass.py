"""Regions: the on/off pattern of every hidden unit along x. The heart of tinymlp.

Along one input variable a ReLU network is a function of one number x, and each hidden unit is on or off. Between two
neighbouring boundaries no unit changes from on to off or back, so every unit, and the output, is a straight line
p x + q. So start with one region and the line 1 x + 0, and take the layers in turn:

1. push the lines through the layer: p <- W p, q <- W q + b, for all regions at once;
2. find the crossings: where a unit's line has opposite signs at the two edges of a region, it crosses zero in between,
   at x = -q/p;
3. split the regions at all crossings; each part inherits the lines of the region that it was cut from;
4. apply the (leaky) ReLU: a unit is on at the leftmost edge if its line is positive there, and each of its crossings
   turns it on or off; multiply the lines of units that are off by negative_slope.

After the last layer the lines are the network, region by region. No grid, no epsilon.

These are the steps in float64. ``rounding.py`` watches them and marks every region in which rounding could have decided
something; ``find_regions.py`` has those computed again in rational numbers, so that what `find_regions` returns is
proven.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval
from ..network.mlp import MLP
from .regions import Layer, Regions
from .rounding import Rounding

__all__ = ["INPUT", "PassedLayer", "float_pass", "float_regions", "gains"]


def float_regions(net: MLP, interval: Interval) -> Regions:
    """The steps above in float64, with a bound on every rounding error, as `Regions`.

    Parameters
    ----------
    net : MLP
        One input; finite weights of any dtype up to float64.
    interval : (start, stop)
        start < stop; may be infinite.

    Returns
    -------
    Regions
        Where crossings were rounded to the same number, regions of no width lie between them (they are doubtful).
    """
    rounding = Rounding(interval)
    edges, passed, output = float_pass(net, interval, rounding)
    layers = [Layer(2 * layer.on.view(np.int8) - 1, layer.parent) for layer in passed]
    return Regions(edges, rounding.edge_errors, layers, output, rounding.line_errors, rounding.doubtful)


class PassedLayer(NamedTuple):
    """A hidden layer that `float_pass` has gone through."""

    on: NDArray  # (regions out, units), bool
    parent: NDArray  # (regions out,): which region in each is a part of
    first: NDArray  # (regions in,): the first part of each
    active: NDArray  # (2, regions out, units + 1): lines after the ReLU; the last is 0 x + 1, which meets the bias


def float_pass(
    net: MLP, interval: Interval, rounding: Rounding | None = None
) -> tuple[NDArray, list[PassedLayer], NDArray]:
    """The steps above in float64, watched by ``rounding``: the edges, the hidden layers, the lines of the output."""
    edges, active, passed = np.array(interval), INPUT, []
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

            turns = np.zeros((len(parent), len(layer)), bool)  # step 4
            turns[0] = on[0]
            place = order.argsort()
            turns[place[count:], unit] = True
            on = np.logical_xor.accumulate(turns)
            if rounding:
                rounding.split(edges, parent, on | (net.negative_slope > 0))
            active = np.empty((2, len(parent), len(layer) + 1))
            np.multiply(lines.take(parent, axis=1), gains(net, on), out=active[:, :, :-1])
            active[:, :, -1] = INPUT[:, :, -1]
            passed.append(PassedLayer(on, parent, place[: count - 1], active))
        if rounding:
            rounding.push(net.layers[-1])
        return edges, passed, push(net.layers[-1], active)


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
