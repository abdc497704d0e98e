"""extract_segments(): the straight segments of a network, and which switch of a hidden unit bends the output.

Regions say where hidden units switch; segments say where the output bends. Each boundary is one of three things:

- visible: the slope of the output changes there. These are the breakpoints.
- cancelled: the owners are heard, but the changes that they make add to zero.
- unheard: no path of active units leads from any owner to the output. (Leaky units are always active.)
"""

import numpy as np
from numpy.typing import NDArray

from .exact import Arithmetic, find_regions
from .network import MLP
from .piecewise import PiecewiseLinear
from .rational import TOO_LARGE, nearest, rational_slopes
from .regions import Regions


def extract_segments(
    net: MLP, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> PiecewiseLinear:
    """The exact straight segments of a network with one input and one output, from its weights alone.

    Parameters
    ----------
    net : MLP
        ReLU or leaky ReLU, weights of any float dtype.
    start, stop : float
        In units of x; the whole real line by default.
    arithmetic : "auto", "float" or "exact"
        "auto" proves its answer: float64 with a bound on every rounding error, and rational numbers where a bound
        leaves a doubt. "float" is float64 without the proof: faster, and right where no two kinks coincide and no two
        jumps cancel but for rounding. "exact" does all in rational numbers: slower, and every number in the answer is
        the float64 nearest to the true one.

    Returns
    -------
    PiecewiseLinear
        With ``certified`` False only if ``arithmetic="float"``.

    Raises
    ------
    ValueError
        If the network has several inputs (`MLP.along` draws a line through them) or several outputs
        (`extract_outputs`), its weights are not finite, or start >= stop.
    OverflowError
        If a slope, an intercept or a boundary exceeds float64.
    """
    if net.sizes[-1] != 1:
        raise ValueError(f"net has {net.sizes[-1]} outputs: segments need exactly one; extract_outputs takes several")
    return extract_outputs(net, start, stop, arithmetic)[0]


def extract_outputs(
    net: MLP, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> list[PiecewiseLinear]:
    """The straight segments of each output of a network with one input; otherwise like `extract_segments`.

    All have the same boundaries. What is visible in one output may be cancelled or unheard in another.
    """
    regions, net = find_regions(net, start, stop, arithmetic), net.to("cpu")
    return [_piecewise(net, regions, output, arithmetic) for output in range(net.sizes[-1])]


def _piecewise(net: MLP, regions: Regions, output: int, arithmetic: Arithmetic) -> PiecewiseLinear:
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
        for was, is_, listened in zip(left, right, _find_listened(net, output, right), strict=True):
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


def _find_listened(net: MLP, output: int, states: list[NDArray]) -> list[NDArray]:
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
