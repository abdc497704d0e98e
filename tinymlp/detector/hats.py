"""Prediction: the change of slope that the article's detector looks at, from the exact segments; and its rounding.

The detector compares the slopes of neighbouring grid cells, and in exact arithmetic what it compares is known: a
breakpoint b with the jump J adds J to all slopes right of it, so to the difference that index i looks at it adds

    J phi_i(b),   phi_i the hat function: 1 at x[i-1], falling straight to 0 at x[i-2] and at x[i], and 0 beyond.

So index i fires if |sum of J phi_i(b) over all breakpoints| > epsilon. That predicts all it does. A breakpoint inside a
cell is seen through two hats, and may be found twice; two breakpoints under one hat may be found as one; a small jump,
or one seen through the foot of a hat, may be hidden. What the detector does beyond that is the rounding of its own
arithmetic: values y that are off by E make differences over a step h that are off by about 4 E / h.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..network.line import Line
from ..segments.piecewise import PiecewiseLinear

__all__ = ["Hats", "find_hats", "rounding_bound", "sum_hats"]


class Hats(NamedTuple):
    """Each breakpoint k under each hat i that sees it, at height phi_i(b_k) > 0."""

    k: NDArray
    i: NDArray
    height: NDArray


def find_hats(b: NDArray, x: NDArray) -> Hats:
    """The hats over the breakpoints b (K,) on the grid x (n,); index i sees through the one around x[i-1], i >= 2."""
    cell = np.searchsorted(x, b)  # x[cell - 1] < b <= x[cell]
    inside = np.flatnonzero((cell > 0) & (cell < len(x)))
    cell, b = cell[inside], b[inside]
    h = x[cell] - x[cell - 1]
    k, i = np.tile(inside, 2), np.concatenate([cell, cell + 1])
    height = np.concatenate([(x[cell] - b) / h, (b - x[cell - 1]) / h])
    seen = (i >= 2) & (i < len(x)) & (height > 0)
    return Hats(k[seen], i[seen], height[seen])


def sum_hats(f: PiecewiseLinear, x: NDArray, hats: Hats) -> tuple[NDArray, NDArray]:
    """The sum of J phi_i(b) for each index, (n,), and a bound on its error, from those of the jumps and positions."""
    k, i, height = hats
    changes = np.bincount(i, f.jumps[k] * height, len(x))
    errors = np.array([b.error for b in f.boundaries if b.label == "visible"])
    # within its error of a grid point a breakpoint may truly lie beyond it, under a hat that does not see it here
    first, last = np.searchsorted(x, f.breakpoints - errors), np.searchsorted(x, f.breakpoints + errors) + 1
    count = last - first + 1
    k = np.arange(len(count)).repeat(count)
    i = np.arange(len(k)) - (count.cumsum() - count - first)[k]
    reached = (i >= 2) & (i < len(x))
    k, i = k[reached], i[reached]
    h = np.minimum(x[i - 1] - x[i - 2], x[i] - x[i - 1])
    error = f.jump_errors[k] + np.abs(f.jumps[k]) * (errors[k] / h + 2.0**-48)
    return changes, np.bincount(i, error, len(x))


@np.errstate(all="ignore")
def rounding_bound(line: Line, x: NDArray, dtype: np.dtype) -> NDArray:
    """A bound for each index, (n,), on what rounding in a dtype adds to the change of slope that the detector computes.

    The network is given in float64. Its inputs a + d x take a product, a sum and a rounding, unless they are x itself.
    A layer's sums of n products, its bias and its gain, and the weights and the gain if they were rounded, are n + 4
    operations; so errors E of the activations a become |W| E + g (|W| |a| + |b|) with g = (n + 4) u / (1 - (n + 4) u),
    and what products and weights lose that are below the least normal number. A bound that exceeds float64 is infinite.
    """
    u = float(np.finfo(dtype).eps) / 2
    net, a = line.net, line.points(x).T  # (units, n)
    moved = (line.origin != 0) | (line.direction != 1)
    size = np.abs(line.origin)[:, None] + np.abs(np.outer(line.direction, x))
    error = moved[:, None] * (3 * u * size + float(np.finfo(dtype).smallest_subnormal))
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        g = (W.shape[1] + 4) * u / (1 - (W.shape[1] + 4) * u)
        size = np.abs(W)
        error = (1 + g) * (size @ error) + g * (size @ np.abs(a) + np.abs(b)[:, None])
        error += float(np.finfo(dtype).tiny) + float(np.finfo(dtype).smallest_subnormal) * np.abs(a).sum(axis=0)
        a = W @ a + b[:, None]
        if l < len(net.weights) - 1:
            a = np.maximum(a, net.negative_slope * a)
    h = np.diff(x)
    slope_error = (error[0, 1:] + error[0, :-1]) / h + 5 * u * np.abs(np.diff(a[0]) / h)  # of each cell
    slope_error += float(np.finfo(dtype).smallest_subnormal)  # what a quotient loses below the least normal number
    bound = np.zeros(len(x))
    bound[2:] = 1.01 * (slope_error[1:] + slope_error[:-1])
    return np.where(np.isnan(bound), np.inf, bound)
