"""Regions: the on/off pattern of every hidden unit along x. The heart of tinymlp.

Along one input variable a ReLU network is a function of one number x, and each hidden unit is on or off. Between two
neighbouring switches, of whatever units, nothing bends: every unit, and the output, is a straight line p x + q. So
start with one region and the line 1 x + 0, and take the layers in turn:

1. push the lines through the layer: p <- W p, q <- W q + b, for all regions at once;
2. a unit's line crosses zero at -q/p: where that lies strictly inside its region, the unit switches there;
3. split the regions at all crossings; each part inherits its parent's lines;
4. left of its crossing a rising unit is off, right of it on, and a falling one the other way round;
   multiply the lines of units that are off by negative_slope.

After the last layer the lines are the network, region by region. No grid, no epsilon, and no point is ever
evaluated: a unit's state is read off the order of its crossing and the region's edges.

Beside every number goes a bound on its rounding error. A difference that rounding alone can explain counts as none:
crossings that near each other, or that near an edge, are one boundary; a slope that near zero is flat.
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
        A bound on |computed - true| of the output's slopes, from the rounding of every operation that made them; at
        points that are farther from every boundary than that boundary's own rounding error.
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
        Weights of any float dtype up to float64, on any device.
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
    whatever the order of summation, and factors 1 + g(j), 1 + g(k) combine to 1 + g(j + k). So one quantity suffices
    for each of p and q: its ``reach``, the same sum over active paths with the absolute value of every weight and bias,
    pushed through the layers beside it. A flat unit, whose slope does not exceed its bound, is on or off by its
    intercept, or zero if that does not exceed its own; as the truth may be another, its reach is kept, and doubled.
    Underflow is not counted.
    """
    start, stop = check_interval((start, stop), infinite=True)
    if net.sizes[0] != 1:
        raise ValueError(f"net has {net.sizes[0]} inputs: regions along a line need exactly one")
    if net.dtype.itemsize > 8:
        raise ValueError(f"net has {net.dtype} weights, which float64 cannot hold: use net.astype(np.float64)")
    net = net.to("cpu")
    weights, biases = [W.astype(np.float64) for W in net.weights], [b.astype(np.float64)[:, None] for b in net.biases]
    if not all(np.isfinite(v).all() for v in (*weights, *biases)):
        raise ValueError("net has weights that are NaN or infinite")

    edges = np.array([start, stop])
    p, q = np.ones((1, 1)), np.zeros((1, 1))  # (units, regions)
    reach_p, reach_q = np.abs(p), np.abs(q)
    layers = []
    operations = 0  # on a path so far
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            p, q = W @ p, W @ q + b
            size = np.abs(W)
            reach_p, reach_q = size @ reach_p, size @ reach_q + np.abs(b)
            operations += W.shape[1] + 2  # the products and sums of a layer, the gain, a quotient
            g = _growth(operations)
            flat = np.abs(p) <= g * reach_p
            crossing = np.where(flat, np.nan, 0.0 - q / p)  # 0.0 - keeps -0.0 away
            error = g * (reach_q + np.abs(crossing) * reach_p) / np.abs(p)
            crossing, new = _merge(crossing, error, edges)

            parent_edges, edges = edges, np.sort(np.concatenate([edges, new]))
            parent = np.searchsorted(parent_edges, edges[:-1], side="right") - 1
            p, q, reach_p, reach_q, crossing = (v[:, parent] for v in (p, q, reach_p, reach_q, crossing))
            flat = flat[:, parent]
            rises, passed = p > 0, crossing <= edges[:-1]
            by_intercept = np.where(np.abs(q) <= g * reach_q, 0, np.sign(q))
            state = np.where(flat, by_intercept, np.where(rises == passed, 1, -1)).astype(np.int8)
            layers.append((p, q, state, parent))

            gain = np.where(state > 0, 1.0, np.where(state < 0, net.negative_slope, 0.0))
            p, q = gain * p, gain * q
            doubt = np.where(flat, 2.0, gain)
            reach_p, reach_q = doubt * reach_p, doubt * reach_q
        W, b = weights[-1], biases[-1]
        p, q, reach_p = W @ p, W @ q + b, np.abs(W) @ reach_p
    if not (np.isfinite(p).all() and np.isfinite(q).all() and np.isfinite(reach_p).all()):
        raise OverflowError("the slopes or intercepts of this network exceed float64: scale its weights down")

    slopes, intercepts = [p], [q]
    states: list[NDArray] = []
    ancestor = np.arange(p.shape[1])  # the region of each layer that holds each final region
    for p_l, q_l, state, parent in reversed(layers):
        slopes.insert(0, p_l[:, ancestor])
        intercepts.insert(0, q_l[:, ancestor])
        states.insert(0, state[:, ancestor])
        ancestor = parent[ancestor]

    return Regions(edges, slopes, intercepts, states, _growth(operations + W.shape[1]) * reach_p)


def _merge(crossing: NDArray, error: NDArray, edges: NDArray) -> tuple[NDArray, NDArray]:
    """Put crossings (units, R) that rounding alone may hold apart on one x; return them, and those inside regions."""
    left, right = edges[:-1], edges[1:]
    crossing = np.where(np.abs(crossing - left) <= error, left, crossing)
    crossing = np.where(np.abs(crossing - right) <= error, right, crossing)
    inside = (left < crossing) & (crossing < right)
    order = np.argsort(crossing[inside])
    x, dx = crossing[inside][order], error[inside][order]
    first = np.diff(x, prepend=-np.inf) > dx + np.append(0.0, dx)[:-1]  # of each cluster
    new = x[first]
    merged = np.empty_like(x)
    merged[order] = new[np.cumsum(first) - 1]
    crossing[inside] = merged
    return crossing, new


def _growth(k: int) -> float:
    """g / (1 - g) with g = k u / (1 - k u): bounds the error by the computed, itself rounded, reach."""
    g = k * UNIT_ROUNDOFF / (1 - k * UNIT_ROUNDOFF)
    return g / (1 - g)
