"""PiecewiseLinear: a network of one input as a function object, straight segment by straight segment."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arguments import check_array, check_number
from ..interval import Interval, check_interval, takes_interval
from ..network.line import Line
from .exact_values import exact_values, rounded_values
from .find_regions import Regions

__all__ = ["Boundary", "Extremum", "Label", "PiecewiseLinear", "Segment"]

Label = Literal["visible", "cancelled", "unheard"]


class Segment(NamedTuple):
    """One straight line, slope * x + intercept, for start <= x <= stop."""

    start: float
    stop: float
    slope: float
    intercept: float


class Boundary(NamedTuple):
    """An x at which hidden units switch on or off.

    Attributes
    ----------
    x : float
        Its position; boundaries nearer to each other than float64 can tell have the same.
    error : float
        A proven bound on its distance from the true boundary.
    owners : list of (layer, unit)
        The hidden units that switch there.
    jump : float
        The slope of the output right of it minus the slope left of it, in units of y per unit of x. Exactly 0 unless
        the label is "visible"; ``jump_errors`` bounds its error, and with ``rational=True`` it is the nearest float64.
    label : "visible", "cancelled" or "unheard"
        "visible" boundaries are the breakpoints.
    fraction : Fraction or None
        The true position, if the segments were extracted with ``rational=True``.
    """

    x: float
    error: float
    owners: list[tuple[int, int]]
    jump: float
    label: Label
    fraction: Fraction | None


class Slopes(NamedTuple):
    """The slopes just left and just right of x, in units of y per unit of x."""

    left: NDArray
    right: NDArray


class Extremum(NamedTuple):
    """A least or greatest value y, and an x at which it is taken."""

    x: float
    y: float


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A continuous function of straight segments on an interval, with the hidden units that made its breakpoints.

    It can be called, clipped, integrated, solved and iterated over; ``len(f)`` is the number of segments.

    Attributes
    ----------
    slopes : array, (segments,)
        Unit of y per unit of x.
    intercepts : array, (segments,)
        The value each segment's line has at x = 0.
    regions : Regions
        What it was made from: every hidden unit's state.
    certified : bool
        Whether all counts, orders, owners and labels are proven for the real numbers that the stored weights are. They
        are, unless `clip` cut too near a boundary.

    See Also
    --------
    extract_segments : makes one of a network.

    Examples
    --------
    >>> from tinymlp import MLP, extract_segments
    >>> f = extract_segments(MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]]))
    >>> f.breakpoints.tolist(), f.slopes.tolist()
    ([-1.0, 0.0, 1.0], [0.0, 1.0, -1.0, 0.0])
    >>> float(f(0.25)), f.integral((-1, 1)), f.maximum(), f.solve(0.5).tolist()
    (0.75, 1.0, Extremum(x=0.0, y=1.0), [-0.5, 0.5])
    """

    slopes: NDArray
    intercepts: NDArray
    regions: Regions
    certified: bool
    _changes: NDArray  # (boundaries,): the jump of each
    _change_errors: NDArray  # (boundaries,)
    _labels: NDArray  # (boundaries,), str
    _line: Line  # what it was made of; nobody else may change it
    _output: int

    @property
    def interval(self) -> Interval:
        """(start, stop); may be infinite."""
        return float(self.regions.edges[0]), float(self.regions.edges[-1])

    @cached_property
    def boundaries(self) -> list[Boundary]:
        """Every x inside the interval at which a hidden unit switches on or off, in increasing order."""
        regions = self.regions
        columns = (
            regions.boundaries.tolist(),
            regions.edge_errors[1:-1].tolist(),
            regions.owners(),
            self._changes.tolist(),
            self._labels.tolist(),
            [None] * len(self._labels) if regions.fractions is None else regions.fractions,
        )
        return [Boundary(*row) for row in zip(*columns, strict=True)]

    @property
    def _is_breakpoint(self) -> NDArray:
        return self._labels == "visible"

    @cached_property
    def breakpoints(self) -> NDArray:
        """The x at which the slope changes, (segments - 1,), in increasing order: the visible boundaries."""
        return self.regions.boundaries[self._is_breakpoint]

    @property
    def jumps(self) -> NDArray:
        """The slope right of each breakpoint minus the slope left of it, (segments - 1,)."""
        return self._changes[self._is_breakpoint]

    @property
    def jump_errors(self) -> NDArray:
        """Proven bounds on the errors of the jumps, (segments - 1,)."""
        jumps = self.jumps
        return self._change_errors[self._is_breakpoint] + 2.0**-52 * np.abs(jumps)

    def __len__(self) -> int:
        return len(self.slopes)

    def __iter__(self) -> Iterator[Segment]:
        lines = pairwise(self._ends().tolist()), self.slopes.tolist(), self.intercepts.tolist()
        for (start, stop), slope, intercept in zip(*lines, strict=True):
            yield Segment(start, stop, slope, intercept)

    def _ends(self) -> NDArray:
        """Start, the breakpoints, stop."""
        start, stop = self.interval
        return np.array([start, *self.breakpoints, stop])

    @cached_property
    def _end_edges(self) -> NDArray:
        """Which edges of the regions these ends are."""
        return np.concatenate([[0], 1 + np.flatnonzero(self._is_breakpoint), [len(self._labels) + 1]])

    @cached_property
    def _heights(self) -> tuple[NDArray, NDArray]:
        """The values at these ends, and bounds on their errors."""
        return rounded_values(self.regions, self._output, self._end_edges)

    def _exactly(self, which: NDArray) -> list[Fraction | float]:
        """The true values at some of these ends; if they are not certified, those of float64."""
        values = (
            exact_values(self._line, self.regions, self._output, self._end_edges[which]) if self.certified else None
        )
        return self._heights[0][which].tolist() if values is None else values

    def __call__(self, x: ArrayLike) -> NDArray:
        """f(x) for x of any shape inside the interval; float64. ValueError if some x lies outside."""
        x = np.asarray(check_array("x", x), np.float64)
        start, stop = self.interval
        outside = ~((x >= start) & (x <= stop))  # NaN is, too
        if outside.any():
            raise ValueError(f"x holds {x[outside].flat[0]}, outside of [{start}, {stop}]")
        segment = np.searchsorted(self.breakpoints, x, side="right")
        slope, intercept = self.slopes[segment], self.intercepts[segment]
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(slope == 0, intercept, slope * x + intercept)  # where: 0 times infinity is nothing here

    def slopes_at(self, x: ArrayLike) -> Slopes:
        """The one-sided slopes at x, of any shape, inside the interval; they differ where x is a breakpoint, exactly.

        At the start there is no slope on the left, and at the stop none on the right: NaN. ValueError if some x lies
        outside.

        >>> from tinymlp import MLP, extract_segments
        >>> relu = extract_segments(MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]]))
        >>> [float(slope) for slope in relu.slopes_at(0)]
        [0.0, 1.0]
        """
        self(x)  # which says whether one is outside
        x = np.asarray(x, np.float64)
        left, right = (self.slopes[np.searchsorted(self.breakpoints, x, side=side)] for side in ("left", "right"))
        start, stop = self.interval
        return Slopes(np.where(x == start, np.nan, left), np.where(x == stop, np.nan, right))

    @takes_interval
    def clip(self, interval: Interval) -> "PiecewiseLinear":
        """The same function on what its interval and this one share; ValueError if that is nothing.

        It is certified if this one is, and no boundary is so near a new end that its error could carry it across;
        `extract_segments` on the smaller interval decides that, too.
        """
        ends = check_interval(interval, infinite=True)
        a, b = max(ends[0], self.interval[0]), min(ends[1], self.interval[1])
        if not a < b:
            raise ValueError(f"interval is {ends}: it has nothing in common with that of the segments, {self.interval}")
        inside = self.regions.between((a, b))
        first, last = self._is_breakpoint[: inside.start].sum(), self._is_breakpoint[: inside.stop].sum()
        new = [end for end in (a, b) if end not in self.interval]
        errors = self.regions.edge_errors[1:-1]
        near = any((np.abs(self.regions.boundaries - end) <= errors).any() for end in new)
        return PiecewiseLinear(
            self.slopes[first : last + 1].copy(),
            self.intercepts[first : last + 1].copy(),
            self.regions.clip((a, b)),
            self.certified and not near,
            self._changes[inside],
            self._change_errors[inside],
            self._labels[inside],
            self._line,
            self._output,
        )

    @takes_interval
    def integral(self, interval: Interval) -> float:
        """The integral of f over a finite interval inside its own; exact but for rounding.

        OverflowError if it exceeds float64.
        """
        a, b = check_interval(interval)
        if a < self.interval[0] or b > self.interval[1]:
            raise ValueError(f"interval is {a, b}: it reaches outside of that of the segments, {self.interval}")
        inner = self.breakpoints[(self.breakpoints > a) & (self.breakpoints < b)]
        x = np.array([a, *inner, b])
        with np.errstate(over="ignore", invalid="ignore"):
            area = float(np.trapezoid(self(x), x))  # exact: straight between neighbours
        if np.isfinite(area):
            return area
        first = int(np.searchsorted(self.breakpoints, a, side="right"))  # parts exceed float64, and perhaps the sum
        whole = Fraction(0)
        for k, (left, right) in enumerate(pairwise(map(Fraction, x.tolist())), first):
            slope, intercept = Fraction(float(self.slopes[k])), Fraction(float(self.intercepts[k]))
            whole += (right - left) * (slope * (left + right) / 2 + intercept)
        try:
            return float(whole)
        except OverflowError as error:
            raise OverflowError(f"the integral on ({a}, {b}) exceeds float64: choose a smaller interval") from error

    def solve(self, y: float) -> NDArray:
        """Every x with f(x) = y, float64, in increasing order; of a segment at height y throughout, its two ends.

        None is missed, and none invented: an end or a breakpoint solves it if its true value is y, rounded to float64,
        and a segment has a solution inside if the true values at its two ends are on either side of y, and neither is
        y. So ``f.solve(f.maximum().y)`` is where the maximum is. Where float64 leaves a doubt, rational numbers decide;
        not after a clip that is not certified. OverflowError if a solution exceeds float64.

        >>> from tinymlp import MLP, extract_segments
        >>> tenths = MLP.from_weights([[[0.1], [0.1]], [[0.3, -0.6]]], [[0.1, -0.2], [0.7]])
        >>> f = extract_segments(tenths, (-5, 5))
        >>> f.maximum(), f.solve(f.maximum().y).tolist()
        (Extremum(x=2.0, y=0.7899999999999999), [2.0])
        """
        y = check_number("y", y, np.isfinite, "a finite number")
        ends, (heights, bounds) = self._ends(), self._heights
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = np.flatnonzero(~(np.abs(heights - y) > bounds))
        if len(doubtful):
            heights = heights.copy()
            heights[doubtful] = [_rounded(value) for value in self._exactly(doubtful)]
        above = (heights > y).astype(int) - (heights < y)
        flat = np.flatnonzero((self.slopes == 0) & (self.intercepts == y))  # a height that was handed out as y
        above[flat] = above[flat + 1] = 0
        k = np.flatnonzero(above[:-1] * above[1:] < 0)  # segments that cross y
        with np.errstate(over="ignore"):
            crossings = (y - self.intercepts[k]) / self.slopes[k]
        for j in np.flatnonzero(~np.isfinite(crossings)):
            slope, intercept = Fraction(float(self.slopes[k[j]])), Fraction(float(self.intercepts[k[j]]))
            try:
                crossings[j] = float((Fraction(y) - intercept) / slope)
            except OverflowError as error:
                raise OverflowError(f"f is {y} at an x that exceeds float64") from error
        crossings = np.clip(crossings, ends[k], ends[k + 1])
        return np.sort(np.concatenate([ends[above == 0], crossings]))

    def minimum(self) -> Extremum:
        """The least value, and the leftmost end or breakpoint that has it, a finite one if there is one.

        Which one it is is exact, as in `solve`, and y is the float64 nearest to the true value. OverflowError if that
        exceeds float64.
        """
        return self._extremum(-1)

    def maximum(self) -> Extremum:
        """The greatest value, and the leftmost end or breakpoint that has it, as for `minimum`."""
        return self._extremum(1)

    def is_constant(self) -> bool:
        """Whether f is one value on the whole interval; exact, as `solve` is.

        >>> from tinymlp import MLP, extract_segments
        >>> twins = MLP.from_weights([[[0.1], [0.1]], [[0.7, -0.7]]], [[0.3, 0.3], [2]])
        >>> extract_segments(twins).is_constant()
        True
        """
        if len(self) > 1:
            return False
        if self.certified and abs(self.slopes[0]) > self.regions.line_errors[self._output, 0].real:
            return False
        start, stop = self._exactly(np.array([0, 1]))
        return start == stop

    def _extremum(self, sign: int) -> Extremum:
        x, (heights, bounds) = self._ends(), self._heights
        with np.errstate(invalid="ignore"):
            least = np.where(np.isinf(bounds), -np.inf, sign * heights - bounds).max()
            near = np.flatnonzero(~(sign * heights + bounds < least))
        values = self._exactly(near)
        best = max(sign * value for value in values)
        at = [k for k, value in zip(near.tolist(), values, strict=True) if sign * value == best]
        k = min(at, key=lambda k: (np.isinf(x[k]), x[k]))
        if np.isinf(_rounded(best)) and np.isfinite(x[k]):
            raise OverflowError(f"f exceeds float64 at x = {x[k]}: choose a smaller interval")
        return Extremum(float(x[k]), _rounded(sign * best))

    def to_dict(self) -> dict:
        """All of it in lists, numbers and strings, for JSON: None for an infinite end, fractions as "n/d"."""

        def plain(row: NamedTuple) -> dict:
            return {key: _plain(value) for key, value in row._asdict().items()}

        return {
            "interval": [_plain(end) for end in self.interval],
            "certified": bool(self.certified),
            "segments": [plain(segment) for segment in self],
            "boundaries": [plain(boundary) for boundary in self.boundaries],
        }

    def __repr__(self) -> str:
        start, stop = self.interval
        count = len(self.regions.boundaries)
        return f"PiecewiseLinear({len(self)} segments, {count} boundaries on ({start:g}, {stop:g}))"


def _rounded(value: Fraction | float) -> float:
    """The nearest float64, infinity included."""
    try:
        return float(value)
    except OverflowError:
        return float(np.copysign(np.inf, 1 if value > 0 else -1))


def _plain(value: object) -> object:
    """A value as JSON can have it."""
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float) and np.isinf(value):
        return None
    return [list(owner) for owner in value] if isinstance(value, list) else value
