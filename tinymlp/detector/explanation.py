"""its verdicts in words."""

from typing import NamedTuple

MEANING = {
    "found once": "one transition",
    "found twice": "inside a grid cell, whose slope is neither the one before nor the one behind",
    "merged": "shares a transition with another breakpoint",
    "hidden": "no transition shows it: too small, undone by a neighbour, or swallowed by rounding",
    "outside": "the grid does not reach so far",
    "corner": "made by breakpoints",
    "rounding": "only rounding lifts it above epsilon",
    "missing": "only rounding keeps it below epsilon",
    "undecided": "the change is so near epsilon that even float64 may decide either way",
    "unexplained": "neither breakpoints nor the bound on rounding explain it",
}


class Row(NamedTuple):
    """What became of a breakpoint, or what is behind a transition.

    Attributes
    ----------
    what : "breakpoint" or "transition"
    x : float
        Of the breakpoint; of a transition at index i the grid point x[i-1] under the middle of its hat.
    size : float
        The jump; of a transition the change of slope that it would see without rounding.
    verdict : str
        Of a breakpoint "found once", "found twice", "merged", "hidden" or "outside"; of a transition "corner",
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
