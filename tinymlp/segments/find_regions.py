"""find_regions(): the regions as they are; float64, and rational numbers wherever it leaves a doubt."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..interval import check_interval
from ..network.mlp import MLP
from .float_pass import float_regions
from .rational_pass import TOO_LARGE, rational_regions
from .regions import Layer, Regions

Arithmetic = Literal["auto", "float", "exact"]


def find_regions(net: MLP, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto") -> Regions:
    """Cut (start, stop) into the regions of a network with one input.

    Parameters
    ----------
    net : MLP
        Weights of any float dtype up to float64, on any device.
    start, stop : float
        In units of x; may be infinite. The ends themselves are never boundaries.
    arithmetic : "auto", "float" or "exact"
        "auto" computes in float64 with a bound on every rounding error, and does the parts where a bound leaves a doubt
        anew in rational numbers: which boundaries there are, their order and who owns them is proven for the real
        numbers that the stored weights are. "float" decides everything as float64 happens to round. "exact" does all
        in rational numbers.

    Raises
    ------
    ValueError
        If the network has more than one input, its weights are not finite, or start >= stop.
    OverflowError
        If a boundary, or a slope or intercept of any unit, exceeds float64.
    """
    start, stop = check_arguments(net, start, stop, arithmetic)
    net = net.to("cpu")
    if not np.isfinite(net.params).all():
        raise ValueError("net has weights that are NaN or infinite")

    if arithmetic == "exact":
        return rational_regions(net, start, stop)
    regions = float_regions(net, start, stop, prove=arithmetic == "auto")
    regions = _settle(net, regions) if regions.doubtful.any() else regions.drop_empty()
    if not np.isfinite(regions.output).all():
        raise OverflowError(TOO_LARGE)
    return regions


def check_arguments(net: MLP, start: float, stop: float, arithmetic: Arithmetic) -> tuple[float, float]:
    """(start, stop) as floats; ValueError if they are no interval, or the network or the arithmetic will not do."""
    start, stop = check_interval((start, stop), infinite=True)
    if arithmetic not in ("auto", "float", "exact"):
        raise ValueError(f"arithmetic is {arithmetic!r}: give 'auto', 'float' or 'exact'")
    if net.sizes[0] != 1:
        raise ValueError(
            f"net has {net.sizes[0]} inputs: regions need exactly one, such as net.along(origin, direction)"
        )
    if net.dtype.itemsize > 8:
        raise ValueError(f"net has {net.dtype} weights, which float64 cannot hold: use net.astype(np.float64)")
    return start, stop


def windows(regions: Regions, chosen: NDArray) -> Iterator[tuple[int, int, float, float]]:
    """Each run of chosen regions: the first, the one behind the last, and numbers well inside the ones beside the run.

    At the ends, where there is none beside it, these are start and stop.
    """
    steps = np.diff(chosen.astype(np.int8), prepend=0, append=0)
    for first, behind in zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True):
        yield first, behind, _inside(regions, first - 1), _inside(regions, behind)


def _settle(net: MLP, regions: Regions) -> Regions:
    """Replace each run of doubtful regions by what rational arithmetic finds there.

    A run is done from a point inside the sure region before it to one inside the sure region behind it. So the parts,
    float64's and rational ones in turn, overlap: the last region of each is the first of the next.
    """
    count, sure = len(regions.doubtful), 0  # the first sure region behind the last run
    parts: list[tuple[Regions, slice]] = []  # and which regions of each
    for first, behind, a, b in windows(regions, regions.doubtful):
        if first:
            parts.append((regions, slice(sure, first)))
        part = rational_regions(net, a, b)
        parts.append((part, slice(0, len(part.doubtful))))
        sure = behind
    if sure < count:
        parts.append((regions, slice(sure, count)))

    def join(arrays: list[NDArray]) -> NDArray:
        """One array (..., R, units) of those of the parts."""
        chosen = [a[..., which, :] for a, (_, which) in zip(arrays, parts, strict=True)]
        return np.concatenate([chosen[0], *(a[..., 1:, :] for a in chosen[1:])], axis=-2)

    def inner(arrays: list[NDArray]) -> list[NDArray]:
        """What belongs to the boundaries of each part, of arrays that belong to edges."""
        return [a[which.start + 1 : which.stop] for a, (_, which) in zip(arrays, parts, strict=True)]

    layers = []
    for versions in zip(*(part.expanded for part, _ in parts), strict=True):
        lines, states = join([layer.lines for layer in versions]), join([layer.states for layer in versions])
        layers.append(Layer(lines, states, np.arange(len(states))))
    output = join([part.output for part, _ in parts])
    return Regions(
        np.concatenate([regions.edges[:1], *inner([part.edges for part, _ in parts]), regions.edges[-1:]]),
        np.concatenate([[0.0], *inner([part.edge_errors for part, _ in parts]), [0.0]]),
        layers,
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
