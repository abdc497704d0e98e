"""crosscheck(): what the article's detector reports, held against the exact segments and explained line by line.

``hats.py`` says which indices must fire, and how far rounding may lead the detector astray. Here each breakpoint
and each transition gets a row that says what became of it; ``explanation.py`` puts it into words.
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..arguments import check_dtype, check_number
from ..interval import Interval, check_interval, takes_interval
from ..network.line import Line, on_line
from ..network.mlp import MLP
from ..segments.extract import extract_segments
from ..segments.piecewise import PiecewiseLinear
from .detect import detect_segments, find_transitions
from .explanation import CrossCheck, Row
from .hats import Hats, find_hats, rounding_bound, sum_hats

__all__ = ["assert_counts_agree", "crosscheck"]


@takes_interval
def crosscheck(
    net: MLP | Line,
    interval: Interval,
    *,
    points: int = 300,
    epsilon: float = 1e-3,
    dtype: DTypeLike = np.float32,
) -> CrossCheck:
    """Hold the article's detector against the exact segments.

    Parameters
    ----------
    net : MLP or Line
        One input, one output.
    interval, points, epsilon, dtype
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
    epsilon, dtype = check_number("epsilon", epsilon, lambda v: v >= 0, "a number >= 0"), check_dtype("dtype", dtype)
    detection = detect_segments(net, interval, points=points, epsilon=epsilon, dtype=dtype)
    x = detection.x.astype(np.float64)
    start, stop = check_interval(interval)
    f = extract_segments(net, (min(start, x[0]), max(stop, x[-1])))  # rounding may put an end of the grid outside
    hats = find_hats(f.breakpoints, x)
    changes, prediction_errors = sum_hats(f, x, hats)
    line_64 = on_line(net).to("cpu").astype(np.float64)
    bounds = prediction_errors + rounding_bound(line_64, x, dtype)
    bounds_64 = prediction_errors + rounding_bound(line_64, x, np.dtype(np.float64))

    predicted = np.flatnonzero(np.abs(changes) > epsilon)
    undecided = np.flatnonzero((np.arange(points) >= 2) & (np.abs(np.abs(changes) - epsilon) <= bounds_64))
    reference = find_transitions(x, line_64(x), epsilon)

    fired = detection.transitions
    credit = _credit(f.jumps, hats, np.intersect1d(fired, predicted), epsilon)
    rows = _breakpoint_rows(f, hats, credit)
    for i in np.union1d(fired, predicted).tolist():
        if i in undecided:
            verdict = "undecided"
        elif i in credit:
            verdict = "explained"
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


def assert_counts_agree(check: CrossCheck) -> None:
    """For tests: AssertionError, with the explanation, unless the detector's count is what the exact segments predict.

    In float64 it must fire exactly where predicted; in its dtype each difference must be within the bound on rounding.
    A change of slope too near epsilon for float64 to decide fails, too: choose another epsilon or number of points.

    Examples
    --------
    >>> from tinymlp import MLP, assert_counts_agree, crosscheck
    >>> assert_counts_agree(crosscheck(MLP([1, 10, 10, 1]), (-5, 5)))
    """
    if not isinstance(check, CrossCheck):
        raise TypeError(f"check is a {type(check).__name__}: give a CrossCheck, as in crosscheck(net, (-5, 5))")
    unexplained = any(row.verdict == "unexplained" for row in check.table)
    if not check.agrees or len(check.undecided) or unexplained:
        raise AssertionError(str(check))
