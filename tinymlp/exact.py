"""find_regions(): the regions as they are, by rational numbers wherever float64 leaves a doubt.

The four steps of ``regions.py`` once more, with nothing rounded. Every stored weight is a whole number over a power of
two, and so is all that a line p x + q is made of: products, sums and the gain of the (leaky) ReLU keep it so. So
Python's integers do, with one power of two a layer that no decision depends on. Only crossings, -q/p, are quotients,
and they are needed only to be sorted and handed out: with an edge held as n/d, the sign of p n/d + q is that of the
integer p n + q d.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .data import check_interval
from .network import MLP
from .regions import Layer, Regions, float_regions
from .rounding import UNIT_ROUNDOFF

Arithmetic = Literal["auto", "float", "exact"]
TOO_LARGE = "a line or a boundary of this network exceeds float64: scale its weights down, or choose a finite interval"


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
    start, stop = check_interval((start, stop), infinite=True)
    if arithmetic not in ("auto", "float", "exact"):
        raise ValueError(f"arithmetic is {arithmetic!r}: give 'auto', 'float' or 'exact'")
    if net.sizes[0] != 1:
        raise ValueError(
            f"net has {net.sizes[0]} inputs: regions need exactly one, such as net.along(origin, direction)"
        )
    if net.dtype.itemsize > 8:
        raise ValueError(f"net has {net.dtype} weights, which float64 cannot hold: use net.astype(np.float64)")
    net = net.to("cpu")
    if not np.isfinite(net.params).all():
        raise ValueError("net has weights that are NaN or infinite")

    if arithmetic == "exact":
        return rational_regions(net, start, stop)
    regions = float_regions(net, start, stop, prove=arithmetic == "auto")
    if regions.doubtful.any():
        regions = _settle(net, regions)
    if not np.isfinite(regions.output).all():
        raise OverflowError(TOO_LARGE)
    return regions


class Rational(NamedTuple):
    """What rational arithmetic finds: R regions between R + 1 edges, and the lines of the outputs on them."""

    edges: list[tuple[int, int]]  # numerator and denominator; infinity is (1, 0)
    layers: list[Layer]
    p: NDArray  # (outputs, R), integers, in units of 2^-bits
    q: NDArray
    bits: int


def rational_pass(net: MLP, start: float, stop: float) -> Rational:
    """The four steps in rational arithmetic."""
    edges = [_ratio(start), _ratio(stop)]
    (off,), shift = _whole(np.array([net.negative_slope]))
    gains = np.array([0, 1 << shift, off], object)  # by state 0, 1, -1; in units of 2^-shift
    p, q, bits = np.array([[1]], object), np.array([[0]], object), 0  # (units, R)
    layers = []
    for l, matrix in enumerate(net.layers):
        W, e = _whole(matrix)
        p, q, bits = W[:, :-1] @ p, W[:, :-1] @ q + W[:, -1:] * (1 << bits), bits + e
        if l == len(net.layers) - 1:
            break
        left, right = _signs_at_edges(p, q, edges)
        crosses = left * right < 0
        new, parent = edges[:1], []
        for r, edge in enumerate(edges[1:]):
            cuts = sorted({Fraction(-q[unit, r], p[unit, r]) for unit in np.flatnonzero(crosses[:, r])})
            new += [*(cut.as_integer_ratio() for cut in cuts), edge]
            parent += [r] * (len(cuts) + 1)
        lines = np.stack([floats(p.T, bits), floats(q.T, bits)])
        edges, p, q = new, p[:, parent], q[:, parent]
        left, right = _signs_at_edges(p, q, edges)
        states = np.where(left != 0, left, right)
        layers.append(Layer(lines, states.T, np.array(parent)))
        p, q, bits = p * gains[states], q * gains[states], bits + shift
    return Rational(edges, layers, p, q, bits)


def rational_regions(net: MLP, start: float, stop: float) -> Regions:
    """The regions in rational arithmetic; every number in the answer is the float64 nearest to the true one."""
    edges, layers, p, q, bits = rational_pass(net, start, stop)
    output = np.stack([floats(p.T, bits), floats(q.T, bits)])
    fractions = [Fraction(*edge) for edge in edges[1:-1]]
    x = np.array([start, *map(nearest, fractions), stop])
    errors = UNIT_ROUNDOFF * np.abs(x) + 2.0**-1074  # half a unit in the last place; the ends are exact
    errors[[0, -1]] = 0
    output_errors = UNIT_ROUNDOFF * np.abs(output).max(axis=1) + 2.0**-1074
    return Regions(x, errors, layers, output, output_errors, np.zeros(len(x) - 1, bool), fractions)


def rational_slopes(net: MLP, states: list[NDArray]) -> tuple[NDArray, int]:
    """The outputs' slopes where the hidden units have these states, a list of (units, K); exactly.

    Returns
    -------
    numerators : array of int objects, (outputs, K)
    bits : int
        The slopes are numerators / 2^bits.
    """
    (off,), bits = _whole(np.array([net.negative_slope]))
    gains = np.array([0, 1 << bits, off], object)  # by state 0, 1, -1
    p, scale = np.ones((1, states[0].shape[1] if states else 1), object), 0
    for l, W in enumerate(net.weights):
        W, e = _whole(W)
        p, scale = W @ p, scale + e
        if l < len(states):
            p, scale = p * gains[states[l]], scale + bits
    return p, scale


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

    expanded = [part.expand() for part, _ in parts]
    layers = []
    for versions in zip(*expanded, strict=True):
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


def _whole(values: NDArray) -> tuple[NDArray, int]:
    """Floats as (integers, bits): values = integers / 2^bits."""
    ratios = [v.as_integer_ratio() for v in values.astype(np.float64).ravel().tolist()]
    bits = max(denominator for _, denominator in ratios).bit_length() - 1
    integers = np.empty(len(ratios), object)
    integers[:] = [n * (1 << bits) // denominator for n, denominator in ratios]
    return integers.reshape(values.shape), bits


def floats(integers: NDArray, bits: int) -> NDArray:
    """The floats nearest to integers / 2^bits; OverflowError if one exceeds float64."""
    try:
        return (integers / (1 << bits)).astype(np.float64)
    except OverflowError as error:
        raise OverflowError(TOO_LARGE) from error


def nearest(x: Fraction) -> float:
    """The float nearest to x; OverflowError if it exceeds float64."""
    try:
        return float(x)
    except OverflowError as error:
        raise OverflowError(TOO_LARGE) from error


def _ratio(x: float) -> tuple[int, int]:
    return x.as_integer_ratio() if np.isfinite(x) else (1 if x > 0 else -1, 0)


def _signs_at_edges(p: NDArray, q: NDArray, edges: list[tuple[int, int]]) -> tuple[NDArray, NDArray]:
    """The signs of p x + q at the left and at the right end of each region, (units, R); near it, if it is infinite."""
    n, d = np.array(edges, object).T
    signs = []
    for side in (slice(None, -1), slice(1, None)):
        value = np.where((p == 0) & (d[side] == 0), q, p * n[side] + q * d[side])
        signs.append((value > 0).astype(np.int8) - (value < 0))
    return signs[0], signs[1]
