"""What a network truly is at edges of its regions, in rational numbers."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..network.line import Line
from .find_regions import Regions, exact_layers, windows
from .integers import Integers
from .rounding import U
from .walk import walk

__all__ = ["exact_values", "rounded_values"]


def rounded_values(regions: Regions, output: int, edges: NDArray) -> tuple[NDArray, NDArray]:
    """An output at edges, numbered from 0, in float64, and bounds on |value - true value at the true edge|."""
    r = np.minimum(edges, len(regions.doubtful) - 1)
    x, dx = regions.edges[edges], regions.edge_errors[edges]
    p, q, errors = regions.slopes[output, r], regions.intercepts[output, r], regions.line_errors[output, r]
    dp, dq = errors.real, errors.imag
    with np.errstate(all="ignore"):
        flat = (p == 0) & (dp == 0)
        values = np.where(p == 0, q, p * x + q)
        bounds = 4 * ((dp + U * np.abs(p)) * np.abs(x) + dq + U * np.abs(q) + (np.abs(p) + dp) * dx)
        far = np.isinf(x) & ~flat
        bounds = np.where(flat, dq, np.where(far, np.where(np.abs(p) > dp, 0.0, np.inf), bounds))
    return values, np.where(np.isnan(bounds), np.inf, bounds)


def exact_values(line: Line, regions: Regions, output: int, edges: NDArray) -> list[Fraction | float] | None:
    """An output at edges as it truly is; infinite where it is at an infinite edge.

    None if the regions about them are others, as where a clip that is not certified moved an end across a boundary.
    """
    R = len(regions.doubtful)
    right_of = np.minimum(edges, R - 1)  # the region right of each edge, or the last
    chosen = np.zeros(R, bool)
    chosen[right_of] = True
    first, after, ends = windows(regions, chosen)
    a = Integers(line.start, ends, line.net.negative_slope)
    walk(a, exact_layers(line.net))
    wide, column, begin = a.wide(), np.zeros(R, int), 0
    for i, j, stop in zip(first.tolist(), after.tolist(), a.last.tolist(), strict=True):
        found = begin + np.flatnonzero(wide[begin:stop])  # parts of the regions beside the run stand at both ends
        if len(found) != j - i + (i > 0) + (j < R):
            return None
        column[i:j] = found[(i > 0) : (i > 0) + j - i]
        begin = stop + 1
    values: list[Fraction | float] = []
    for edge, c in zip(edges.tolist(), column[right_of].tolist(), strict=True):
        p, q = a.p[output, c], a.q[output, c]
        n, d = (side[c + (edge == R)] for side in (a.n, a.d))
        if d or not p:
            values.append(Fraction(p * n + q * d if d else q, (d or 1) << a.bits))
        else:
            values.append(np.inf if p * n > 0 else -np.inf)
    return values
