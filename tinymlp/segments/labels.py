"""Labels: which boundaries are breakpoints, and why the others are not.

At a boundary a hidden unit switches on or off; at a breakpoint the slope of the output changes. Each boundary has one
of three labels:

- visible: the slope of the output changes there. These are the breakpoints.
- cancelled: the output depends on an owner there, but the changes of slope that the owners make add to zero.
- unheard: the output depends on no owner there: no path of active units leads from it to the output. (Leaky units are
  always active.)

A change of slope beyond its error bound is visible. Of those that are left, the paths say which are unheard; the others
are decided by the slopes on both sides, followed along the known patterns in double-double and then in integers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.line import Line
from .double_double import DoubleDouble
from .find_regions import Regions
from .integers import TOO_LARGE, Integers, nearest
from .piecewise import PiecewiseLinear
from .rounding import U

__all__ = ["decide_jumps", "find_heard_units", "is_visible", "label_boundaries"]


def label_boundaries(
    line: Line, layers: Sequence[NDArray], regions: Regions, rational: bool = False
) -> list[PiecewiseLinear]:
    """Label the boundaries for each output, and join its regions between breakpoints.

    ``layers`` are those of the line's network, as `exact_layers` gives them; with ``rational`` all is done in integers.
    """
    slopes, errors = regions.slopes, regions.line_errors.real  # (outputs, R)
    with np.errstate(over="ignore", invalid="ignore"):
        changes, change_errors = np.diff(slopes), errors[:, 1:] + errors[:, :-1]  # (outputs, boundaries)
        visible = is_visible(changes, change_errors) & (not rational)
    open_ = ~visible
    changes[open_] = change_errors[open_] = 0.0
    rest = np.flatnonzero(open_.any(axis=0))
    if len(rest):
        before, after = ([state[:, k] > 0 for state in regions.states] for k in (rest, rest + 1))
        for output, row in enumerate(open_):
            if row.any():
                heard = find_heard_units(layers, line.net.negative_slope > 0, output, after)
                owners = zip(before, after, heard, strict=True)
                row[rest] &= np.any([((left != right) & hears).any(axis=0) for left, right, hears in owners], axis=0)
        chosen = open_[:, rest].any(axis=0)
        patterns = [np.concatenate(pair, axis=1)[:, np.tile(chosen, 2)] for pair in zip(before, after, strict=True)]
        rest = rest[chosen]
    if len(rest):
        wanted = open_[:, rest]
        found = decide_jumps(line, layers, patterns, wanted, rational)
        rows, columns = wanted.nonzero()
        for values, decided in zip((changes, change_errors, visible), found, strict=True):
            values[rows, rest[columns]] = decided[wanted]
    if not np.isfinite(changes).all():
        raise OverflowError(TOO_LARGE)
    labels = np.where(visible, "visible", np.where(open_, "cancelled", "unheard"))
    answers = []
    line = Line(line.net.copy(), line.origin, line.direction)  # the network may go on learning
    for output, row in enumerate(visible):
        lines = regions.lines[output, np.append(True, row)]
        ends = changes[output], change_errors[output], labels[output]
        answers.append(PiecewiseLinear(lines.real.copy(), lines.imag.copy(), regions, True, *ends, line, output))
    return answers


def is_visible(changes: NDArray, errors: NDArray) -> NDArray:
    """Where computed changes of slope exceed the sum of the errors of the two slopes, and what the difference loses."""
    return abs(changes) > (1 + 8 * U) * errors + 2 * U * abs(changes)


def decide_jumps(
    line: Line, layers: Sequence[NDArray], patterns: Sequence[NDArray], wanted: NDArray, rational: bool = False
) -> tuple[NDArray, NDArray, NDArray]:
    """The jumps of slope between B patterns and B others, bounds on their errors, and which are not exactly 0.

    ``patterns`` has for each hidden layer which units are on, (units, 2 B): left of the jumps, then right of them. What
    is returned is (outputs, B), and holds where ``wanted`` (outputs, B).
    """
    B = wanted.shape[1]
    jumps, errors, visible = np.zeros(wanted.shape), np.zeros(wanted.shape), np.zeros(wanted.shape, bool)
    if not rational:
        a = _follow(DoubleDouble, line, layers, patterns)
        p, low, T = a.lines.real, a.low.real, a.margins.real  # (outputs, 2 B)
        with np.errstate(over="ignore", invalid="ignore"):
            jumps = (p[:, B:] - p[:, :B]) + (low[:, B:] - low[:, :B])
            size = abs(p[:, B:]) + abs(p[:, :B])
            errors = (1 + 8 * U) * (T[:, B:] + T[:, :B]) + 8 * U * (abs(jumps) + U * size)
        visible = abs(jumps) > errors
    rest = np.flatnonzero((wanted & ~visible).any(axis=0))
    if len(rest):
        exact = _follow(Integers, line, layers, [on[:, np.append(rest, rest + B)] for on in patterns])
        output, column = (wanted & ~visible)[:, rest].nonzero()
        difference = (exact.p[:, len(rest) :] - exact.p[:, : len(rest)])[output, column]
        where = output, rest[column]
        jumps[where], visible[where] = nearest(difference, 1 << exact.bits), difference != 0
        errors[where] = visible[where] * (U * abs(jumps[where]) + 2.0**-1074)
    return jumps, errors, visible


def _follow(arithmetic: Any, line: Line, layers: Sequence[NDArray], patterns: Sequence[NDArray]) -> Any:
    """An arithmetic that has gone through the network with units on and off as in these patterns, each (units, N)."""
    columns = np.arange(patterns[0].shape[1])
    a = arithmetic(line.start, np.zeros(len(columns)), line.net.negative_slope)
    with np.errstate(all="ignore"):
        for layer, on in zip(layers, patterns, strict=False):
            a.push(layer)
            a.bend(on, columns)
        a.push(layers[-1])
    return a


def find_heard_units(layers: Sequence[NDArray], leaky: bool, output: int, on: Sequence[NDArray]) -> list[NDArray]:
    """Which hidden units the output depends on: for each layer, with units on or off (units, N), an array like it.

    It depends on a unit if a path of active units leads from the unit to the output, with no weight 0 on it. Leaky
    units are always active, ReLUs if they are on. For an owner it is enough to ask on one side of its boundary: if the
    path is there on the other side only, then the last owner on that path is followed by units that are active on both
    sides.

    Layers are (K, out, in + 1), for K networks in rows of equally many columns.
    """
    K, N = len(layers[0]), on[-1].shape[1]
    heard = [(layers[-1][:, output, :-1] != 0).T.repeat(N // K, axis=1)]  # (units, N)
    for layer, after in zip(layers[-2:0:-1], on[:0:-1], strict=True):
        active = heard[0] if leaky else heard[0] & after
        rows = active.astype(np.float32).reshape(len(active), K, -1).transpose(1, 0, 2)  # as numbers: BLAS has no bool
        passes = (layer[:, :, :-1] != 0).astype(np.float32).transpose(0, 2, 1) @ rows  # (K, units, N / K)
        heard.insert(0, passes.transpose(1, 0, 2).reshape(-1, N) > 0)
    return heard
