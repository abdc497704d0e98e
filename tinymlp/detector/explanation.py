"""CrossCheck: what the article's detector reports beside what is there, and every difference in words."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..segments.piecewise import PiecewiseLinear
from .detect import Detection

__all__ = ["MEANING", "CrossCheck", "Row"]

MEANING = {
    "found once": "one transition",
    "found twice": "inside a grid cell, whose slope is neither that before nor that after it",
    "merged": "shares a transition with another breakpoint",
    "hidden": "no transition shows it: too small, undone by a neighbour, or swallowed by rounding",
    "outside": "the grid does not reach so far",
    "explained": "made by breakpoints",
    "rounding": "only rounding lifts it above epsilon",
    "missing": "only rounding keeps it below epsilon",
    "undecided": "the change is so near epsilon that even float64 may decide either way",
    "unexplained": "neither breakpoints nor the bound on rounding explain it",
}


class Row(NamedTuple):
    """What became of a breakpoint, or what made a transition.

    Attributes
    ----------
    what : "breakpoint" or "transition"
    x : float
        Of the breakpoint; of a transition at index i the grid point x[i-1] under the middle of its hat.
    size : float
        The jump; of a transition the change of slope that it would see without rounding.
    verdict : str
        Of a breakpoint "found once", "found twice", "merged", "hidden" or "outside"; of a transition "explained",
        "rounding", "missing", "undecided" or "unexplained"; `MEANING` has them in words.
    indices : list of int
        The transitions that show the breakpoint; of a transition its index.
    others : list of int
        The breakpoints, numbered in order of x, that this one is merged with, or that made the transition.
    """

    what: str
    x: float
    size: float
    verdict: str
    indices: list[int]
    others: list[int]


@dataclass(frozen=True, eq=False)
class CrossCheck:
    """The exact segments and the detector's, side by side; ``print(check)`` explains the difference.

    Attributes
    ----------
    segments : PiecewiseLinear
    detection : Detection
        What the detector saw, in its dtype.
    epsilon : float
    changes : array, (points,)
        The change of slope that each index looks at, sum of J phi_i(b), float64; 0 where i < 2.
    bounds : array, (points,)
        How much rounding, in the detector's dtype, may add to it.
    predicted : array of int
        The indices with ``|changes| > epsilon``.
    reference : array of int
        Where the detector fires on the same grid points if all is computed in float64.
    undecided : array of int
        The indices whose change is within float64's rounding of epsilon.
    table : list of Row
        A row for each breakpoint and one for each transition, in order of x.
    """

    segments: PiecewiseLinear
    detection: Detection
    epsilon: float
    changes: NDArray
    bounds: NDArray
    predicted: NDArray
    reference: NDArray
    undecided: NDArray
    table: list[Row]

    @property
    def detected(self) -> NDArray:
        """Where the detector fired, in its dtype."""
        return self.detection.transitions

    @property
    def agrees(self) -> bool:
        """Whether float64's transitions are those predicted, none missing and none more, the undecided left aside."""
        return not len(np.setdiff1d(np.setxor1d(self.predicted, self.reference), self.undecided))

    def __repr__(self) -> str:
        return f"CrossCheck({len(self.segments)} segments, {len(self.detection)} detected, agrees={self.agrees})"

    def __str__(self) -> str:
        d, name = self.detection, self.detection.x.dtype.name
        x, step = d.x.astype(np.float64), float(d.x[1]) - float(d.x[0])
        lines = [
            f"On {len(x)} points from {x[0]:g} to {x[-1]:g}, {step:.3g} apart, the detector in {name} with epsilon "
            f"{self.epsilon:g} counts {len(d)} segment{'s' * (len(d) > 1)}; exact: {len(self.segments)}."
        ]
        for what in ("breakpoint", "transition"):
            rows = [row for row in self.table if row.what == what]
            lines.append(f"{len(rows)} {what}{'s' * (len(rows) != 1)}{':' * bool(rows)}")
            for verdict, count in Counter(row.verdict for row in rows).most_common():
                lines.append(f"  {count:3d} {verdict}: {MEANING[verdict]}")
        if len(self.undecided):
            first = ", ".join(map(str, self.undecided[:5])) + ", ..." * (len(self.undecided) > 5)
            lines.append(f"Undecided, within float64's rounding of epsilon: {len(self.undecided)} indices ({first}).")
        verb = "agrees" if self.agrees else "DOES NOT AGREE"
        others = " at all other indices" if len(self.undecided) else ""
        lines.append(
            f"In float64 the detector fires {len(self.reference)} times and {verb} with the prediction{others}."
        )
        lines += ["", f"{'':14}  {'x':>12}  {'change':>10}  verdict"]
        number = 0
        for row in self.table:
            name, explanation = row.what, row.verdict
            if row.what == "breakpoint":
                name, number = f"breakpoint {number}", number + 1
            numbers, s = ", ".join(map(str, row.others)), "s" * (len(row.others) > 1)
            if row.verdict == "merged":
                explanation += f" with breakpoint{s} {numbers}"
            if row.verdict == "explained":
                explanation = f"made by breakpoint{s} {numbers}"
            if row.verdict in ("rounding", "missing", "unexplained"):
                explanation += f", which may change this by {self.bounds[row.indices[0]]:.2g}"
            if row.indices:
                explanation += f" (i = {', '.join(map(str, row.indices))})"
            lines.append(f"{name:14}  {row.x:12.6g}  {row.size:10.3g}  {explanation}")
        return "\n".join(lines)
