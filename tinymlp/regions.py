"""Regions: the on/off pattern of every hidden unit along x. The heart of tinymlp.

Along one input variable a ReLU network is a function of one number x, and each hidden unit is on or off. Between two
neighbouring switches, whatever they are the network's, nothing bends: every unit, and the output, is a straight line
p x + q. So start with one region and the line 1 x + 0, and take the layers in turn:

1. push the lines through the layer: p <- W p, q <- W q + b, for all regions at once;
2. a unit's line crosses zero at -q/p: where that lies strictly inside its region, the unit switches there;
3. split the regions at all crossings; each part inherits its parent's lines;
4. left of its crossing a rising unit is off, right of it on, and a falling one the other way round;
   multiply the lines of units that are off by negative_slope.

After the last layer the lines are the network, region by region. No grid, no epsilon, and no point is ever
evaluated: a unit's state is read off the order of its crossing and the region's edges, so it cannot contradict
the boundary that the same crossing made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .data import check_interval
from .network import MLP

UNIT_ROUNDOFF = 2.0**-53  # the largest relative error of one float64 operation


@dataclass(frozen=True, eq=False)
class Regions:
    """A network of one input, region by region; float64. R regions lie between R + 1 edges.

    Attributes
    ----------
    edges : array, (R + 1,)
        Start, every boundary in increasing order, stop.
    slopes, intercepts : list of array, (units, R)
        The line p x + q of each unit before its ReLU, layer by layer; the last is the output.
    states : list of array of int8, (units, R)
        For each hidden layer: 1 on, -1 off, 0 exactly zero on the whole region.
    slope_errors : array, (outputs, R)
        A bound on |computed - true| of the output's slopes, from the rounding of every operation that made them.
    """

    edges: NDArray
    slopes: list[NDArray]
    intercepts: list[NDArray]
    states: list[NDArray]
    slope_errors: NDArray

    @property
    def boundaries(self) -> NDArray:
        """Every x inside the interval at which a hidden unit switches on or off."""
        return self.edges[1:-1]

    def owners(self) -> list[list[tuple[int, int]]]:
        """For each boundary the hidden units (layer, unit) that switch there."""
        owners: list[list[tuple[int, int]]] = [[] for _ in self.boundaries]
        for layer, state in enumerate(self.states):
            on = state > 0
            for boundary, unit in np.argwhere((on[:, 1:] != on[:, :-1]).T).tolist():
                owners[boundary].append((layer, unit))
        return owners


def find_regions(net: MLP, start: float = -np.inf, stop: float = np.inf) -> Regions:
    """Cut (start, stop) into the regions of a network with one input.

    Parameters
    ----------
    net : MLP
        Weights of any float dtype, on any device; taken in float64, which holds all up to float64 exactly.
    start, stop : float
        In units of x; may be infinite. The ends themselves are never boundaries.

    Raises
    ------
    ValueError
        If the network has more than one input, its weights are not finite, or start >= stop.
    OverflowError
        If a slope or an intercept exceeds float64.

    Notes
    -----
    The rounding bound is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1):
    a sum of n products is off by at most g(n) times the sum of their absolute values, g(k) = k u / (1 - k u),
    whatever the order of summation, and factors 1 + g(j), 1 + g(k) combine to 1 + g(j + k). So one quantity suffices:
    ``reach``, the sum over active paths from x to a unit of the absolute products of their weights, which is pushed
    through the layers beside p, with |W|. Underflow is not counted. A hidden unit whose slope does not exceed its bound
    counts as flat there, on or off by its intercept: rounding alone can explain such a slope, and dividing by it would
    invent a switch at some enormous x.
    """
    start, stop = check_interval((start, stop), infinite=True)
    if net.sizes[0] != 1:
        raise ValueError(f"net has {net.sizes[0]} inputs: regions along a line need exactly one")
    weights, biases = ([v.astype(np.float64) for v in side] for side in (net.to("cpu").weights, net.to("cpu").biases))
    if not all(np.isfinite(v).all() for v in (*weights, *biases)):
        raise ValueError("net has weights that are NaN or infinite")

    edges = np.array([start, stop])
    p, q, reach = np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1))  # (units, regions)
    layers = []
    operations = 0  # on a path so far
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            p, q, reach = W @ p, W @ q + b[:, None], np.abs(W) @ reach
            operations += W.shape[1] + 1  # the products and sums of a layer, and the gain
            flat = np.abs(p) <= _growth(operations) * reach
            crossing = np.where(flat, np.nan, 0.0 - q / p)  # 0.0 - keeps -0.0 away
            inside = (edges[:-1] < crossing) & (crossing < edges[1:])
            parent_edges, edges = edges, np.unique(np.concatenate([edges, crossing[inside]]))
            parent = np.searchsorted(parent_edges, edges[:-1], side="right") - 1
            p, q, reach, crossing = (v[:, parent] for v in (p, q, reach, crossing))
            rises, passed = p > 0, crossing <= edges[:-1]
            state = np.where(np.isnan(crossing), np.sign(q), np.where(rises == passed, 1, -1)).astype(np.int8)
            layers.append((p, q, state, parent))
            gain = np.where(state > 0, 1.0, net.negative_slope)
            p, q, reach = gain * p, gain * q, gain * reach
        W, b = weights[-1], biases[-1]
        p, q, reach = W @ p, W @ q + b[:, None], np.abs(W) @ reach
    if not (np.isfinite(p).all() and np.isfinite(q).all()):
        raise OverflowError("the slopes or intercepts of this network exceed float64: scale its weights down")

    slopes, intercepts = [p], [q]
    states: list[NDArray] = []
    ancestor = np.arange(p.shape[1])  # the region of each layer that holds each final region
    for p_l, q_l, state, parent in reversed(layers):
        slopes.insert(0, p_l[:, ancestor])
        intercepts.insert(0, q_l[:, ancestor])
        states.insert(0, state[:, ancestor])
        ancestor = parent[ancestor]

    return Regions(edges, slopes, intercepts, states, _growth(operations + W.shape[1]) * reach)


def _growth(k: int) -> float:
    """g / (1 - g) with g = k u / (1 - k u): bounds the error by the computed, itself rounded, ``reach``."""
    g = k * UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF)
    return g / (1 - g)
