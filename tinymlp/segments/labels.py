"""Labels: which switches of hidden units bend the output.

Regions say where hidden units switch; segments say where the output bends. Each boundary is one of three things:

- visible: the slope of the output changes there. These are the breakpoints.
- cancelled: the owners are heard, but the changes that they make add to zero.
- unheard: no path of active units leads from any owner to the output. (Leaky units are always active.)
"""

import numpy as np
from numpy.typing import NDArray

from ..network.mlp import MLP
from .find_regions import Arithmetic
from .piecewise import PiecewiseLinear
from .rational_pass import TOO_LARGE, nearest, rational_slopes
from .regions import Regions


def label_boundaries(net: MLP, regions: Regions, output: int, arithmetic: Arithmetic) -> PiecewiseLinear:
    """Label the boundaries for one output, and join the regions between breakpoints."""
    slopes, intercepts = regions.output[:, :, output]
    with np.errstate(over="ignore"):
        changes = np.diff(slopes)
    error = {"float": 0.0, "auto": regions.output_errors[0, output], "exact": np.inf}[arithmetic]
    visible = np.abs(changes) > 2.001 * error  # the errors of two slopes, and the rounding of their difference
    labels = np.where(visible, "visible", "cancelled")
    rest = np.flatnonzero(~visible)
    if len(rest):
        left, right = [s[:, rest] for s in regions.states], [s[:, rest + 1] for s in regions.states]
        heard = np.zeros(len(rest), bool)
        for was, is_, listened in zip(left, right, find_listened(net, output, right), strict=True):
            heard |= (((was > 0) != (is_ > 0)) & listened).any(axis=0)
        labels[rest[~heard]], changes[rest] = "unheard", 0.0
        if arithmetic != "float" and heard.any():
            before, bits = rational_slopes(net, [s[:, heard] for s in left])
            after, bits = rational_slopes(net, [s[:, heard] for s in right])
            jumps = after[output] - before[output]
            changes[rest[heard]] = nearest(jumps, 1 << bits)
            labels[rest[heard][jumps != 0]] = "visible"
    if not np.isfinite(changes).all():
        raise OverflowError(TOO_LARGE)
    firsts = np.concatenate([[True], labels == "visible"])
    return PiecewiseLinear(slopes[firsts], intercepts[firsts], changes, labels, regions, arithmetic != "float")


def find_listened(net: MLP, output: int, states: list[NDArray]) -> list[NDArray]:
    """For each hidden layer with these states (units, K), whether active units lead from a unit to the output.

    Leaky units are always active, ReLUs if they are on. It is enough to ask on one side of a boundary: if a path leads
    from an owner on the other side only, then the last owner on it is followed by units that are active on both.
    """
    listened = [np.repeat(net.weights[-1][output, :, None] != 0, states[-1].shape[1], axis=1)]
    for W, after in zip(net.weights[-2:0:-1], states[:0:-1], strict=True):
        active = (after > 0) | (net.negative_slope > 0)
        hears = (active & listened[0]).astype(np.float32)  # as numbers, because BLAS has no bool
        listened.insert(0, (W != 0).T.astype(np.float32) @ hears > 0)
    return listened
