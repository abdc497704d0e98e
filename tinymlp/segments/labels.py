"""Labels: which boundaries are breakpoints, and why the others are not.

At a boundary a hidden unit switches on or off; at a breakpoint the slope of the output changes. Each boundary has one
of three labels:

- visible: the slope of the output changes there. These are the breakpoints.
- cancelled: the output depends on an owner there, but the changes of slope that the owners make add to zero.
- unheard: the output depends on no owner there: no path of active units leads from it to the output. (Leaky units are
  always active.)
"""

import numpy as np
from numpy.typing import NDArray

from ..network.mlp import MLP
from .piecewise import PiecewiseLinear
from .rational_pass import TOO_LARGE, nearest, rational_slopes
from .regions import Regions

__all__ = ["find_heard_units", "label_boundaries"]


def label_boundaries(net: MLP, regions: Regions, output: int, rational: bool = False) -> PiecewiseLinear:
    """Label the boundaries for one output, and join the regions between breakpoints.

    A change of slope beyond its error bound is visible. What is left, or all with ``rational``, is decided by the units
    that the output depends on and, where it does, by the change of slope in rational numbers.
    """
    slopes, intercepts = regions.output[:, :, output]
    with np.errstate(over="ignore"):
        changes = np.diff(slopes)
    error = np.inf if rational else regions.output_errors[0, output]
    visible = np.abs(changes) > 2.001 * error  # the errors of two slopes, and the rounding of their difference
    labels = np.where(visible, "visible", "cancelled")
    rest = np.flatnonzero(~visible)
    if len(rest):
        left, right = [s[:, rest] for s in regions.states], [s[:, rest + 1] for s in regions.states]
        heard = np.zeros(len(rest), bool)
        for before, after, hears in zip(left, right, find_heard_units(net, output, right), strict=True):
            heard |= (((before > 0) != (after > 0)) & hears).any(axis=0)
        labels[rest[~heard]], changes[rest] = "unheard", 0.0
        if heard.any():
            slope_before, bits = rational_slopes(net, [s[:, heard] for s in left])
            slope_after, bits = rational_slopes(net, [s[:, heard] for s in right])
            jumps = slope_after[output] - slope_before[output]
            changes[rest[heard]] = nearest(jumps, 1 << bits)
            labels[rest[heard][jumps != 0]] = "visible"
    if not np.isfinite(changes).all():
        raise OverflowError(TOO_LARGE)
    firsts = np.concatenate([[True], labels == "visible"])
    return PiecewiseLinear(slopes[firsts], intercepts[firsts], regions, True, changes, labels)


def find_heard_units(net: MLP, output: int, states: list[NDArray]) -> list[NDArray]:
    """Which hidden units the output depends on: for each layer with these states (units, K), an array of bool like it.

    It depends on a unit if a path of active units leads from the unit to the output, with no weight 0 on it. Leaky
    units are always active, ReLUs if they are on. For an owner it is enough to ask on one side of its boundary: if the
    path is there on the other side only, then the last owner on that path is followed by units that are active on both
    sides.
    """
    heard = [np.repeat(net.weights[-1][output, :, None] != 0, states[-1].shape[1], axis=1)]
    for W, after in zip(net.weights[-2:0:-1], states[:0:-1], strict=True):
        active = (after > 0) | (net.negative_slope > 0)
        passes_on = (active & heard[0]).astype(np.float32)  # as numbers, because BLAS has no bool
        heard.insert(0, (W != 0).T.astype(np.float32) @ passes_on > 0)
    return heard
