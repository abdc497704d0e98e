"""extract_segments(): the straight segments of a network, or of many at once."""

from dataclasses import dataclass
from operator import index
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import devices
from ..arguments import check_array, check_flag
from ..interval import Interval, takes_interval
from ..network.ensemble import Ensemble
from ..network.line import Line, on_line
from ..network.mlp import MLP
from ..network.parameters import stacked_layers
from ..system.progress import progress_bar
from .find_regions import Layer, Regions, check_arguments, exact_layers, regions_on
from .labels import find_heard_units, is_visible, label_boundaries
from .piecewise import PiecewiseLinear
from .reach_bounds import ReachBounds
from .walk import MAX_REGIONS, Columns, networks_at_a_time, walk

__all__ = ["EnsembleSegments", "extract_outputs", "extract_segments"]


@overload
def extract_segments(
    net: MLP | Line,
    interval: Interval | None = None,
    *,
    rational: bool = False,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> PiecewiseLinear: ...
@overload
def extract_segments(
    net: Ensemble,
    interval: Interval | None = None,
    *,
    rational: bool = False,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> "EnsembleSegments": ...
@takes_interval
def extract_segments(
    net: MLP | Line | Ensemble,
    interval: Interval | None = None,
    *,
    rational: bool = False,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> "PiecewiseLinear | EnsembleSegments":
    """The exact straight segments of a network with one input and one output, from its weights alone.

    Every answer is proven: float64 with a bound on every rounding error, more digits where a bound leaves a doubt, and
    in the end rational numbers.

    Parameters
    ----------
    net : MLP, Line or Ensemble
        ReLU or leaky ReLU, weights of any float dtype. Networks of an ensemble are done together, on its device: three
        hidden layers of 10 six to ten times faster than one by one, of 30 twice to three times, of 100 hardly.
    interval : (start, stop), optional
        In units of x; may be infinite; the whole real line if not given.
    rational : bool
        Do everything in rational numbers: slower, but every boundary comes as a fraction, too, and every number in the
        answer is the float64 nearest to the true one.
    max_regions : int
        A network may have exponentially many regions in its depth; beyond this many it stops.
    progress : bool
        Show a bar if it takes more than two seconds.

    Returns
    -------
    PiecewiseLinear, or EnsembleSegments of an ensemble

    Raises
    ------
    TypeError
        If the interval is given as two numbers.
    ValueError
        If the network has several inputs (`MLP.along` draws a line through them) or several outputs
        (`extract_outputs`), its weights are not finite, start >= stop, or there are more than ``max_regions``.
    OverflowError
        If a slope, an intercept or a boundary exceeds float64.

    See Also
    --------
    detect_segments : what the article's detector sees of them.

    Examples
    --------
    >>> from tinymlp import MLP, extract_segments
    >>> hat = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])
    >>> extract_segments(hat, (-0.5, 5))
    PiecewiseLinear(3 segments, 2 boundaries on (-0.5, 5))
    >>> extract_segments(hat, (-0.5, 5), rational=True).boundaries[1].fraction
    Fraction(1, 1)
    """
    net = net if isinstance(net, Ensemble) else on_line(net)
    rational = check_flag("rational", rational)
    if net.sizes[-1] != 1:
        raise ValueError(f"net has {net.sizes[-1]} outputs: segments need exactly one; extract_outputs takes several")
    if isinstance(net, Ensemble):
        return _extract_ensemble(net, interval, rational, max_regions, progress)
    return extract_outputs(net, interval, rational=rational, max_regions=max_regions, progress=progress)[0]


@takes_interval
def extract_outputs(
    net: MLP | Line,
    interval: Interval | None = None,
    *,
    rational: bool = False,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> list[PiecewiseLinear]:
    """The straight segments of each output of a network with one input; otherwise like `extract_segments`.

    All have the same boundaries. What is visible in one output may be cancelled or unheard in another.
    """
    line, rational = on_line(net).to("cpu"), check_flag("rational", rational)
    interval = check_arguments(net, interval, max_regions, progress)
    layers = exact_layers(line.net)
    regions = regions_on(line, layers, interval, rational, max_regions, progress)
    return label_boundaries(line, layers, regions, rational)


@dataclass(frozen=True, eq=False)
class EnsembleSegments:
    """The segments of K networks of one ensemble; ``f[k]`` is the `PiecewiseLinear` of network k, ``len(f)`` is K.

    ``f(x)`` are their outputs. All is proven, as for one network. All arrays are NumPy's, whatever the device; rows
    shorter than the longest end in NaN.

    Attributes
    ----------
    counts : array of int, (K,)
        How many segments each network has.
    breakpoints : array, (K, most - 1)
        The x at which the slope changes, in increasing order; ``counts[k] - 1`` of them in row k. most is the largest
        of the counts.
    jumps : array, (K, most - 1)
        The slope right of each breakpoint minus the slope left of it.
    slopes, intercepts : array, (K, most)
        Of each segment; the intercept is the value that its line has at x = 0.
    boundary_counts : array of int, (K,)
        How many boundaries each network has, breakpoints or not.
    interval : (start, stop)
        May be infinite.
    rational : bool
        Whether all was done in rational numbers.
    """

    counts: NDArray
    breakpoints: NDArray
    jumps: NDArray
    slopes: NDArray
    intercepts: NDArray
    boundary_counts: NDArray
    interval: Interval
    rational: bool
    _networks: "list[PiecewiseLinear | tuple[_Rows, int]]"

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, k: int) -> PiecewiseLinear:
        """Network k by itself, with its owners."""
        network = self._networks[index(k)]
        return network if isinstance(network, PiecewiseLinear) else network[0][network[1]]

    def __call__(self, x: ArrayLike) -> NDArray:
        """Every network at every x (n,) inside the interval, (K, n), float64. ValueError if some x lies outside."""
        x = np.asarray(check_array("x", x), np.float64).reshape(-1)
        start, stop = self.interval
        outside = ~((x >= start) & (x <= stop))  # NaN is, too
        if outside.any():
            raise ValueError(f"x holds {x[outside][0]}, outside of [{start}, {stop}]")
        segment = np.zeros((len(self), len(x)), int)
        for breakpoint in self.breakpoints.T:
            segment += x >= breakpoint[:, None]
        slope, intercept = (np.take_along_axis(a, segment, axis=1) for a in (self.slopes, self.intercepts))
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(slope == 0, intercept, slope * x + intercept)  # where: 0 times infinity is nothing here

    def to_dict(self) -> dict:
        """All of it in lists, numbers and strings, for JSON: "networks" are the `PiecewiseLinear.to_dict` of each."""
        networks = [self[k].to_dict() for k in range(len(self))]
        interval = [None if np.isinf(end) else float(end) for end in self.interval]
        return {"interval": interval, "rational": bool(self.rational), "networks": networks}

    def __repr__(self) -> str:
        (start, stop), least, most = self.interval, self.counts.min(), self.counts.max()
        return f"EnsembleSegments({len(self)} networks, {least} to {most} segments on ({start:g}, {stop:g}))"


@dataclass
class _Rows:
    """Networks that one walk went through, in rows of equally many columns. A boundary stands where a region begins."""

    found: Columns
    layers: list[Layer]
    regions: NDArray  # (K,): how many each network has
    changes: NDArray  # (N,): of the slope, where a region begins
    change_errors: NDArray  # (N,)
    visible: NDArray  # (N,), bool; all others are unheard
    doubtful: NDArray  # (K,), bool: rounding could have decided something
    undecided: NDArray  # (K,), bool: a label could be another
    params: NDArray  # (K, P), nobody else's
    like: MLP

    @property
    def width(self) -> int:
        """How many columns a row has."""
        return len(self.visible) // len(self.regions)

    def starts(self, k: int) -> NDArray:
        """The columns of network k, and that of its stop."""
        return k * self.width + np.arange(self.regions[k] + 1)

    def read(self, k: int) -> Regions:
        """The regions of network k."""
        return Regions.read(self.found, self.layers, self.starts(k))

    def __getitem__(self, k: int) -> PiecewiseLinear:
        """The segments of network k."""
        starts = self.starts(k)[:-1]
        first, inner = starts[np.append(True, self.visible[starts[1:]])], starts[1:]
        labels = np.where(self.visible[inner], "visible", "unheard")
        lines, line = self.found.lines[0, first], on_line(self.like.with_params(self.params[k]))
        changes, errors = self.changes[inner], self.change_errors[inner]
        return PiecewiseLinear(
            lines.real.copy(), lines.imag.copy(), self.read(k), True, changes, errors, labels, line, 0
        )

    def table(self) -> NDArray:
        """The segments of networks of which all is known, (6, n): network, number, x, jump there, slope, intercept."""
        segment = self.visible.reshape(-1, self.width).copy()
        segment[:, 0] = True
        segment[self.doubtful | self.undecided] = False
        network, column = segment.nonzero()
        number = (segment.cumsum(axis=1) - 1)[network, column]
        x, changes, lines = (
            a.reshape(segment.shape)[network, column] for a in (self.found.edges, self.changes, self.found.lines)
        )
        return np.array([network, number, x, changes, lines.real, lines.imag])


def _extract_ensemble(
    ensemble: Ensemble, interval: Interval | None, rational: bool, max_regions: int, progress: bool
) -> EnsembleSegments:
    """As many networks as fit in one walk; those of which it leaves a doubt one by one."""
    like = ensemble.nets[0]
    start, interval = on_line(like).start, check_arguments(like, interval, max_regions, progress)
    params = devices.move(ensemble.params, "cpu")
    broken = np.flatnonzero(~np.isfinite(params).all(axis=1)).tolist()
    if broken:
        raise ValueError(f"net has weights that are NaN or infinite in {len(broken)} networks, such as {broken[:5]}")

    networks: list = [None] * len(params)
    tables = []
    at_a_time = networks_at_a_time(like.sizes, ensemble.device)
    for begin in range(0, 0 if rational else len(params), at_a_time):
        rows = _walk_rows(ensemble.params[begin : begin + at_a_time], like, start, interval, max_regions)
        tables.append(rows.table())
        tables[-1][0] += begin
        for k in np.flatnonzero(~rows.doubtful).tolist():
            if rows.undecided[k]:
                line = on_line(like.with_params(params[begin + k]))
                (networks[begin + k],) = label_boundaries(line, exact_layers(line.net), rows.read(k))
            else:
                networks[begin + k] = rows, k
    bar = progress_bar(networks, "one by one", unit="network", delay=2, leave=False, disable=not progress)
    for k, network in enumerate(bar):
        if network is None:
            net = like.with_params(params[k])
            try:
                networks[k] = extract_segments(net, interval, rational=rational, max_regions=max_regions)
            except (OverflowError, ValueError) as error:
                raise type(error)(f"network {k}: {error}") from error
        if isinstance(f := networks[k], PiecewiseLinear):
            x, jumps = np.concatenate([[[np.nan], [np.nan]], [f.breakpoints, f.jumps]], axis=1)
            tables.append(np.array([np.full(len(f), k), np.arange(len(f)), x, jumps, f.slopes, f.intercepts]))

    columns = np.concatenate(tables, axis=1)
    network, segment = columns[:2].astype(int)
    counts = np.bincount(network)
    table = np.full((4, len(counts), counts.max()), np.nan)
    table[:, network, segment] = columns[2:]
    (breakpoints, jumps), (slopes, intercepts) = table[:2, :, 1:], table[2:]
    regions = [len(f.regions.columns) if isinstance(f, PiecewiseLinear) else f[0].regions[f[1]] for f in networks]
    return EnsembleSegments(
        counts, breakpoints, jumps, slopes, intercepts, np.array(regions) - 1, interval, rational, networks
    )


def _walk_rows(params: NDArray, like: MLP, start: NDArray, interval: Interval, max_regions: int) -> _Rows:
    """The networks with these parameters (K, P) in one walk."""
    K, xp = len(params), devices.array_module(devices.device_of(params))
    layers = stacked_layers(params.astype(np.float64), like.sizes)
    a = ReachBounds(start, interval * K, like.negative_slope, K, xp)
    passed = walk(a, layers, max_regions=max_regions)
    found, wide = (
        Columns(*(devices.move(v, "cpu") for v in a.rounded())),
        devices.move(a.wide(), "cpu").reshape(K, -1),
    )
    doubtful, regions = found.doubtful.reshape(K, -1).any(axis=1), wide.sum(axis=1)

    wide[:, 0] = False
    begins = wide.reshape(-1)  # where a region begins at a boundary
    slopes, errors = found.lines.real[0], found.line_errors.real[0]
    with np.errstate(all="ignore"):
        changes, change_errors = np.diff(slopes, prepend=0.0), errors + np.append(0.0, errors[:-1])
        visible = is_visible(changes, change_errors) & begins
    hidden = begins & ~visible
    changes[hidden] = change_errors[hidden] = 0.0
    doubtful |= ~np.isfinite(found.lines[0] + changes).reshape(K, -1).all(axis=1)
    undecided = np.zeros_like(doubtful)
    if hidden.any():
        on: list[NDArray] = []
        columns = xp.arange(len(hidden))
        for layer in reversed(passed):
            on.insert(0, layer.on.take(columns, axis=1))
            columns = layer.parent.take(columns)
        heard = xp.zeros(len(hidden), bool)
        for states, hears in zip(on, find_heard_units(layers, like.negative_slope > 0, 0, on), strict=True):
            heard[1:] |= ((states[:, 1:] != states[:, :-1]) & hears[:, 1:]).any(axis=0)
        undecided = (hidden & devices.move(heard, "cpu")).reshape(K, -1).any(axis=1)
    kept = [Layer(devices.move(l.on, "cpu"), None, devices.move(l.parent, "cpu")) for l in passed]
    own = devices.move(params, "cpu").copy()
    return _Rows(found, kept, regions, changes, change_errors, visible, doubtful, undecided, own, like)
