"""EnsembleSegments: the straight segments of many networks at once, in arrays with one row per network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import devices
from ..interval import Interval
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .ensemble_pass import ensemble_regions, find_heard_boundaries
from .find_regions import check_arguments, find_regions
from .labels import label_boundaries
from .piecewise import PiecewiseLinear

__all__ = ["EnsembleSegments", "extract_ensemble"]

NUMBERS = {
    "cpu": 2**17,
    "gpu": 2**22,
}  # about so many numbers (p or q of a layer's units in all regions) are computed at a time


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
    params : array, (K, P)
        The parameters of the networks as they were.
    """

    counts: NDArray
    breakpoints: NDArray
    jumps: NDArray
    slopes: NDArray
    intercepts: NDArray
    boundary_counts: NDArray
    interval: Interval
    rational: bool
    params: NDArray
    _like: MLP

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, k: int) -> PiecewiseLinear:
        """Network k by itself, with its owners; it is extracted again from the parameters as they were."""
        return _extract(self._like.with_params(self.params[k]), self.interval, self.rational)

    def __call__(self, x: ArrayLike) -> NDArray:
        """Every network at every x (n,) inside the interval, (K, n), float64. ValueError if some x lies outside."""
        x = np.asarray(x, np.float64).reshape(-1)
        start, stop = self.interval
        outside = ~((x >= start) & (x <= stop))  # NaN is, too
        if outside.any():
            raise ValueError(f"x holds {x[outside][0]}, outside of [{start}, {stop}]")
        segment = np.zeros((len(self), len(x)), int)
        for breakpoint in self.breakpoints.T:
            segment += x >= breakpoint[:, None]
        slope, intercept = (np.take_along_axis(a, segment, axis=1) for a in (self.slopes, self.intercepts))
        with np.errstate(invalid="ignore"):
            return np.where(slope == 0, intercept, slope * x + intercept)  # where: 0 times infinity is nothing here

    def __repr__(self) -> str:
        (start, stop), least, most = self.interval, self.counts.min(), self.counts.max()
        return f"EnsembleSegments({len(self)} networks, {least} to {most} segments on ({start:g}, {stop:g}))"


def extract_ensemble(ensemble: Ensemble, interval: Interval | None, rational: bool) -> EnsembleSegments:
    """`extract_segments` for an ensemble: all networks together in float64, and some again one by one.

    Those are networks in which rounding could have decided something, or changes of slope may cancel, or numbers are
    too large, which `find_regions` then reports; with ``rational`` all.
    """
    like = ensemble.nets[0]
    interval = check_arguments(like, interval)
    params = devices.move(ensemble.params, "cpu").copy()  # (K, P)
    broken = np.flatnonzero(~np.isfinite(params).all(axis=1)).tolist()
    if broken:
        raise ValueError(f"net has weights that are NaN or infinite in {len(broken)} networks, such as {broken[:5]}")

    parts, boundary_counts = [], np.zeros(len(params), int)
    again = np.ones(len(params), bool)
    if not rational:
        at_a_time = max(1, NUMBERS[ensemble.device] // (sum(like.sizes[1:]) * max(like.sizes)))
        for k in range(0, len(params), at_a_time):
            chunk = slice(k, k + at_a_time)
            part, boundary_counts[chunk], again[chunk] = _float_segments(
                ensemble.params[chunk].astype(np.float64), like, interval
            )
            part[0] += k
            parts.append(part)
    for k in np.flatnonzero(again).tolist():
        try:
            f = _extract(like.with_params(params[k]), interval, rational)
        except OverflowError as error:
            raise OverflowError(f"network {k}: {error}") from error
        boundary_counts[k] = len(f.regions.boundaries)
        x, jumps = np.concatenate([[[np.nan], [np.nan]], [f.breakpoints, f.jumps]], axis=1)
        parts.append(np.array([np.full(len(f), k), np.arange(len(f)), x, jumps, f.slopes, f.intercepts]))

    rows = np.concatenate(parts, axis=1)
    network, segment = rows[:2].astype(int)
    counts = np.bincount(network)
    table = np.full((4, len(counts), counts.max()), np.nan)
    table[:, network, segment] = rows[2:]
    (breakpoints, jumps), (slopes, intercepts) = table[:2, :, 1:], table[2:]
    return EnsembleSegments(
        counts, breakpoints, jumps, slopes, intercepts, boundary_counts, interval, rational, params, like
    )


def _float_segments(params: NDArray, like: MLP, interval: Interval) -> tuple[NDArray, NDArray, NDArray]:
    """The segments of the networks with these parameters (K, P), float64; boundary counts; which networks are left.

    The segments are the columns of a table (6, n): network, number, start, jump there, slope and intercept. Networks in
    which float64 decides nothing are left out of it.
    """
    regions = ensemble_regions(params, like.sizes, like.negative_slope, interval)
    edges, slopes, intercepts = (devices.move(a, "cpu") for a in (regions.edges, regions.slopes, regions.intercepts))
    errors, again = devices.move(regions.slope_errors, "cpu"), devices.move(regions.doubtful, "cpu")
    network, region = np.nonzero(edges[:, :-1] < edges[:, 1:])
    boundary_counts = np.bincount(network) - 1
    x, slope, intercept = (a[network, region] for a in (edges, slopes, intercepts))
    first = np.diff(network, prepend=-1) > 0
    with np.errstate(all="ignore"):
        changes = np.where(first, 0.0, np.diff(slope, prepend=0.0))
    visible = first | (np.abs(changes) > 2.001 * errors[network])  # as in label_boundaries
    again[network[~np.isfinite([slope, intercept, changes]).all(axis=0)]] = True

    rest = ~visible & ~again[network]
    if rest.any():
        heard = devices.move(find_heard_boundaries(regions, params, like.sizes, like.negative_slope), "cpu")
        again[network[rest & heard[network, region - 1]]] = True
    kept = visible & ~again[network]
    number = np.cumsum(visible) - 1
    number -= number[first][network]
    return np.array([network, number, x, changes, slope, intercept])[:, kept], boundary_counts, again


def _extract(net: MLP, interval: Interval, rational: bool) -> PiecewiseLinear:
    """One network by itself."""
    return label_boundaries(net, find_regions(net, interval, rational=rational), 0, rational)
