"""crosscheck(): what the article's detector reports, held against the exact segments and explained line by line.

``hats.py`` says which indices must fire, and how far rounding may lead the detector astray. Here each breakpoint
and each transition gets a row that says what became of it.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..network.mlp import MLP
from ..segments.extract import extract_segments
from ..segments.piecewise import PiecewiseLinear
from .detect import Detection, detect_segments, find_transitions
from .explanation import MEANING, Row
from .hats import Hats, find_hats, rounding_bound, sum_hats


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
        return f"CrossCheck({len(self.segments)} segments, {self.detection.count} detected, agrees={self.agrees})"

    def __str__(self) -> str:
        d, name = self.detection, self.detection.x.dtype.name
        x, step = d.x.astype(np.float64), float(d.x[1]) - float(d.x[0])
        lines = [
            f"On {len(x)} points from {x[0]:g} to {x[-1]:g}, {step:.3g} apart, the detector in {name} with epsilon "
            f"{self.epsilon:g} counts {d.count} segment{'s' * (d.count > 1)}; exact: {len(self.segments)}."
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
            numbers = ", ".join(map(str, row.others))
            if row.verdict == "merged":
                explanation += f" with breakpoint {numbers}"
            if row.verdict == "corner":
                explanation = f"made by breakpoint {numbers}"
            if row.verdict in ("rounding", "missing", "unexplained"):
                explanation += f", which may change this by {self.bounds[row.indices[0]]:.2g}"
            if row.indices:
                explanation += f" (i = {', '.join(map(str, row.indices))})"
            lines.append(f"{name:14}  {row.x:12.6g}  {row.size:10.3g}  {explanation}")
        return "\n".join(lines)


def crosscheck(
    net: MLP,
    start: float,
    stop: float,
    points: int = 300,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float32,
) -> CrossCheck:
    """Hold the article's detector against the exact segments.

    Parameters
    ----------
    net : MLP
        One input, one output.
    start, stop, points, epsilon, dtype
        As in `detect_segments`, which is what is checked.

    Returns
    -------
    CrossCheck

    Raises
    ------
    ValueError
        As `detect_segments` and `extract_segments`.

    Notes
    -----
    All is said of the grid points as ``dtype`` rounds them. A breakpoint counts as found at index i if it fired there
    and |J phi_i(b)| > epsilon: it would have fired alone. If none would have, all that are seen there share it.
    """
    detection = detect_segments(net, start, stop, points, epsilon, dtype)
    x = detection.x.astype(np.float64)
    f = extract_segments(net, min(start, x[0]), max(stop, x[-1]))  # rounding may put an end of the grid outside
    hats = find_hats(f.breakpoints, x)
    changes, prediction_errors = sum_hats(f, x, hats)
    net_64 = net.to("cpu").astype(np.float64)
    bounds = prediction_errors + rounding_bound(net_64, x, np.dtype(dtype))
    bounds_64 = prediction_errors + rounding_bound(net_64, x, np.dtype(np.float64))

    predicted = np.flatnonzero(np.abs(changes) > epsilon)
    undecided = np.flatnonzero((np.arange(points) >= 2) & (np.abs(np.abs(changes) - epsilon) <= bounds_64))
    reference = find_transitions(x, net_64(x), epsilon)

    fired = detection.transitions
    credit = _credit(f.jumps, hats, np.intersect1d(fired, predicted), epsilon)
    rows = _breakpoint_rows(f, hats, credit)
    for i in np.union1d(fired, predicted).tolist():
        if i in undecided:
            verdict = "undecided"
        elif i in credit:
            verdict = "corner"
        elif abs(abs(changes[i]) - epsilon) <= bounds[i]:
            verdict = "rounding" if i in fired else "missing"
        else:
            verdict = "unexplained"
        rows.append(Row("transition", float(x[i - 1]), float(changes[i]), verdict, [i], credit.get(i, [])))
    rows.sort(key=lambda row: (row.x, row.what))
    return CrossCheck(f, detection, epsilon, changes, bounds, predicted, reference, undecided, rows)


def _credit(jumps: NDArray, hats: Hats, indices: NDArray, epsilon: float) -> dict[int, list[int]]:
    """For each of the indices the breakpoints that would have fired there alone; if none, all under its hat."""
    credit = {}
    for i in indices.tolist():
        under = hats.i == i
        alone = under & (np.abs(jumps[hats.k] * hats.height) > epsilon)
        credit[i] = sorted(hats.k[alone if alone.any() else under].tolist())
    return credit


def _breakpoint_rows(f: PiecewiseLinear, hats: Hats, credit: dict[int, list[int]]) -> list[Row]:
    """A row for each breakpoint, from the transitions that breakpoints made."""
    rows = []
    for k, (x, jump) in enumerate(zip(f.breakpoints.tolist(), f.jumps.tolist(), strict=True)):
        indices = [i for i, made_by in credit.items() if k in made_by]
        others = sorted({other for i in indices for other in credit[i]} - {k})
        if k not in hats.k:
            verdict = "outside"
        elif not indices:
            verdict = "hidden"
        elif others:
            verdict = "merged"
        else:
            verdict = "found once" if len(indices) == 1 else "found twice"
        rows.append(Row("breakpoint", x, jump, verdict, indices, others))
    return rows


def assert_counts_agree(
    net: MLP,
    start: float,
    stop: float,
    points: int = 300,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float32,
) -> CrossCheck:
    """For tests: AssertionError, with the explanation, unless the detector's count is what the exact segments predict.

    In float64 it must fire exactly where predicted; in ``dtype`` each difference must be within the bound on rounding.
    A change of slope too near epsilon for float64 to decide fails, too: choose another epsilon or number of points.

    Returns
    -------
    CrossCheck
    """
    check = crosscheck(net, start, stop, points, epsilon, dtype)
    unexplained = any(row.verdict == "unexplained" for row in check.table)
    if not check.agrees or len(check.undecided) or unexplained:
        raise AssertionError(str(check))
    return check
