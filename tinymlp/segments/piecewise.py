"""PiecewiseLinear: a network of one input as a function object, straight segment by straight segment."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..interval import check_interval
from .regions import Regions, Zero

Label = Literal["visible", "cancelled", "unheard"]


class Segment(NamedTuple):
    """One straight line, slope * x + intercept, for start <= x <= stop."""

    start: float
    stop: float
    slope: float
    intercept: float


class Boundary(NamedTuple):
    """An x at which hidden units switch; the jump is the slope right of it minus the slope left of it."""

    x: float
    owners: list[tuple[int, int]]
    jump: float
    label: Label


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A continuous function of straight segments on [start, stop], with the units that made its corners.

    It can be called, clipped, integrated and iterated over; ``len(f)`` is the number of segments.

    Attributes
    ----------
    slopes : array, (segments,)
        Unit of y per unit of x.
    intercepts : array, (segments,)
        The value each segment's line has at x = 0.
    changes : array, (boundaries,)
        The slope right of each boundary minus the slope left of it; exactly 0 unless the label is "visible". In
        ``arithmetic="auto"`` within 2 ``regions.output_errors[0]`` + 2^-52 |change|, in "exact" the nearest float64.
    labels : array of str, (boundaries,)
        "visible", "cancelled" or "unheard".
    regions : Regions
        What it was made from: every hidden unit's line and state.
    certified : bool
        Whether all counts, orders, owners and labels are proven for the real numbers that the stored weights are.
    """

    slopes: NDArray
    intercepts: NDArray
    changes: NDArray
    labels: NDArray
    regions: Regions
    certified: bool

    @property
    def start(self) -> float:
        """The left end; may be infinite."""
        return float(self.regions.edges[0])

    @property
    def stop(self) -> float:
        """The right end; may be infinite."""
        return float(self.regions.edges[-1])

    @property
    def boundaries(self) -> NDArray:
        """Every x inside at which a hidden unit switches, (boundaries,), in order; equal if nearer than an ulp."""
        return self.regions.boundaries

    @property
    def errors(self) -> NDArray:
        """Proven bounds on |boundary - true boundary|, (boundaries,); not numbers if ``arithmetic="float"``."""
        return self.regions.edge_errors[1:-1]

    @property
    def fractions(self) -> list[Fraction] | None:
        """The breakpoints as they are, if ``arithmetic="exact"``."""
        if self.regions.fractions is None:
            return None
        return [x for x, bends in zip(self.regions.fractions, self.is_breakpoint, strict=True) if bends]

    @cached_property
    def owners(self) -> list[list[tuple[int, int]]]:
        """For each boundary the hidden units (layer, unit) that switch there."""
        return self.regions.owners()

    @property
    def zeros(self) -> list[Zero]:
        """Hidden units that are exactly zero on an interval: (layer, unit, start, stop); "float" calls them off."""
        return self.regions.zeros()

    @property
    def is_breakpoint(self) -> NDArray:
        """Which boundaries are breakpoints: the visible ones; (boundaries,), bool."""
        return self.labels == "visible"

    @cached_property
    def breakpoints(self) -> NDArray:
        """The x at which the slope changes, (segments - 1,), in increasing order."""
        return self.boundaries[self.is_breakpoint]

    @property
    def breakpoint_owners(self) -> list[list[tuple[int, int]]]:
        """The owners of each breakpoint, in the order of ``breakpoints`` (``owners`` is in that of ``boundaries``)."""
        return [owners for owners, bends in zip(self.owners, self.is_breakpoint, strict=True) if bends]

    @property
    def jumps(self) -> NDArray:
        """The slope right of each breakpoint minus the slope left of it, (segments - 1,)."""
        return self.changes[self.is_breakpoint]

    def table(self) -> list[Boundary]:
        """Every boundary with its position, owners, jump and label."""
        columns = self.boundaries.tolist(), self.owners, self.changes.tolist(), self.labels.tolist()
        return [Boundary(*row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self.slopes)

    def __iter__(self) -> Iterator[Segment]:
        edges = [self.start, *self.breakpoints.tolist(), self.stop]
        for (start, stop), slope, intercept in zip(
            pairwise(edges), self.slopes.tolist(), self.intercepts.tolist(), strict=True
        ):
            yield Segment(start, stop, slope, intercept)

    def __call__(self, x: ArrayLike) -> NDArray:
        """f(x) for x of any shape inside [start, stop]; float64. ValueError if some x lies outside."""
        x = np.asarray(x, np.float64)
        outside = ~((x >= self.start) & (x <= self.stop))  # NaN is, too
        if outside.any():
            raise ValueError(f"x holds {x[outside].flat[0]}, outside of [{self.start}, {self.stop}]")
        segment = np.searchsorted(self.breakpoints, x, side="right")
        slope, intercept = self.slopes[segment], self.intercepts[segment]
        with np.errstate(invalid="ignore"):
            return np.where(slope == 0, intercept, slope * x + intercept)  # where: 0 times infinity is nothing here

    def clip(self, a: float, b: float) -> "PiecewiseLinear":
        """The same function on the part of [start, stop] that lies in [a, b]; ValueError if there is none.

        It is certified if this one is, and no boundary is so near a new end that its error could carry it across;
        `extract_segments` on the smaller interval decides that, too.
        """
        a, b = check_interval((a, b), infinite=True)
        a, b = max(a, self.start), min(b, self.stop)
        if not a < b:
            raise ValueError(f"nothing of [{self.start}, {self.stop}] lies inside the interval to clip to")
        inside = self.regions.between(a, b)
        first, last = self.is_breakpoint[: inside.start].sum(), self.is_breakpoint[: inside.stop].sum()
        new = [end for end in (a, b) if end not in (self.start, self.stop)]
        near = any((np.abs(self.boundaries - end) <= self.errors).any() for end in new)
        return PiecewiseLinear(
            self.slopes[first : last + 1].copy(),
            self.intercepts[first : last + 1].copy(),
            self.changes[inside],
            self.labels[inside],
            self.regions.clip(a, b),
            self.certified and not near,
        )

    def integral(self, a: float, b: float) -> float:
        """The integral of f from a to b, both inside [start, stop] and finite; its sign turns if b < a."""
        if not np.isfinite([a, b]).all():
            raise ValueError(f"the integral from {a} to {b} needs finite ends")
        if b < a:
            return -self.integral(b, a)
        inner = self.breakpoints[(self.breakpoints > a) & (self.breakpoints < b)]
        x = np.concatenate([[a], inner, [b]])
        return float(np.trapezoid(self(x), x))  # exact: straight between neighbours

    def __repr__(self) -> str:
        interval = f"({self.start:g}, {self.stop:g})"
        return f"PiecewiseLinear({len(self)} segments, {len(self.boundaries)} boundaries on {interval})"
