"""find_regions(): the regions, proven; in float64, and in rational numbers wherever that leaves a doubt."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..interval import REAL_LINE, Interval, check_interval, takes_interval
from ..network.mlp import MLP
from .float_pass import float_regions
from .rational_pass import TOO_LARGE, rational_regions
from .regions import Layer, Regions

__all__ = ["check_arguments", "find_regions", "windows"]


@takes_interval
def find_regions(net: MLP, interval: Interval | None = None, *, rational: bool = False) -> Regions:
    """Cut an interval into the regions of a network with one input.

    It computes in float64 with a bound on every rounding error, and the parts where a bound leaves a doubt again in
    rational numbers. So which boundaries there are, their order and their owners are proven for the real numbers that
    the stored weights are.

    Parameters
    ----------
    net : MLP
        Weights of any float dtype up to float64, on any device.
    interval : (start, stop), optional
        In units of x; may be infinite; the whole real line if not given. The ends themselves are never boundaries.
    rational : bool
        Do everything in rational numbers: slower, but the boundaries come as fractions, too, and every number is the
        float64 nearest to the true one.

    Raises
    ------
    ValueError
        If the network has more than one input, its weights are not finite, or start >= stop.
    OverflowError
        If a boundary, or a slope or an intercept of the output, exceeds float64.
    """
    interval = check_arguments(net, interval)
    net = net.to("cpu")
    if not np.isfinite(net.params).all():
        raise ValueError("net has weights that are NaN or infinite")
    if rational:
        return rational_regions(net, interval)
    regions = float_regions(net, interval)
    if regions.doubtful.any():
        regions = _settle(net, regions)
    if not np.isfinite(regions.output).all():
        raise OverflowError(TOO_LARGE)
    return regions


def check_arguments(net: MLP, interval: Interval | None) -> Interval:
    """(start, stop) as floats; ValueError if they are no interval, or the network will not do."""
    start, stop = REAL_LINE if interval is None else check_interval(interval, infinite=True)
    if net.sizes[0] != 1:
        raise ValueError(
            f"net has {net.sizes[0]} inputs: regions need exactly one, such as net.along(origin, direction)"
        )
    if net.dtype.itemsize > 8:
        raise ValueError(f"net has {net.dtype} weights, which float64 cannot hold: use net.astype(np.float64)")
    return start, stop


def windows(regions: Regions, chosen: NDArray) -> Iterator[tuple[int, int, Interval]]:
    """Each run of chosen regions as (first, after, window): it is ``first``, ``first + 1``, ... ``after - 1``.

    The window reaches from a number well inside the region before the run to one well inside the region after it; where
    there is none, to the start or the stop.
    """
    steps = np.diff(chosen.astype(np.int8), prepend=0, append=0)
    for first, after in zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True):
        yield first, after, (_inside(regions, first - 1), _inside(regions, after))


def _settle(net: MLP, regions: Regions) -> Regions:
    """Replace each run of doubtful regions by what rational arithmetic finds there.

    A run is computed again from a point inside the sure region before it to one inside the sure region after it. So the
    parts, float64's and rational ones in turn, overlap: the last region of each is the first of the next.
    """
    count, sure = len(regions.doubtful), 0  # the first sure region after the last run
    parts: list[tuple[Regions, slice]] = []  # and which regions of each
    for first, after, window in windows(regions, regions.doubtful):
        if first:
            parts.append((regions, slice(sure, first)))
        part = rational_regions(net, window)
        parts.append((part, slice(0, len(part.doubtful))))
        sure = after
    if sure < count:
        parts.append((regions, slice(sure, count)))

    def join(arrays: list[NDArray]) -> NDArray:
        """One array (R, ...) of those of the parts."""
        chosen = [a[which] for a, (_, which) in zip(arrays, parts, strict=True)]
        return np.concatenate([chosen[0], *(a[1:] for a in chosen[1:])])

    def inner(arrays: list[NDArray]) -> list[NDArray]:
        """What belongs to the boundaries of each part, of arrays that belong to edges."""
        return [a[which.start + 1 : which.stop] for a, (_, which) in zip(arrays, parts, strict=True)]

    output = join([part.output.swapaxes(0, 1) for part, _ in parts]).swapaxes(0, 1)
    all_states = zip(*(part.states for part, _ in parts), strict=True)
    layers = [join([states.T for states in versions]) for versions in all_states]
    return Regions(
        np.concatenate([regions.edges[:1], *inner([part.edges for part, _ in parts]), regions.edges[-1:]]),
        np.concatenate([[0.0], *inner([part.edge_errors for part, _ in parts]), [0.0]]),
        [Layer(states, np.arange(len(states))) for states in layers],
        output,
        np.max([part.output_errors for part, _ in parts], axis=0),
        np.zeros(output.shape[1], bool),
    )


def _inside(regions: Regions, r: int) -> float:
    """A number well inside region r, which is sure; start or stop if r is beyond the first or last region."""
    if not 0 <= r < len(regions.doubtful):
        return float(regions.edges[0 if r < 0 else -1])
    left, right = regions.edges[r : r + 2].tolist()
    if np.isinf(left):
        return right - max(1 + abs(right), 4 * regions.edge_errors[r + 1])
    if np.isinf(right):
        return left + max(1 + abs(left), 4 * regions.edge_errors[r])
    return left / 2 + right / 2
