"""The walk: from weights to regions, in four steps per layer. The heart of tinymlp.

Along one input variable a ReLU network is a function of one number x, and each hidden unit is on or off. Between two
neighbouring boundaries no unit changes from on to off or back, so every unit, and the output, is a straight line
p x + q. So start with one region, on which input i is the line d_i x + a_i (for a network of one input, 1 x + 0), and
take the layers in turn:

1. push the lines through the layer: p <- W p, q <- W q + b, for all regions at once;
2. find the signs of every unit's line at the edges of the regions: where they differ at the two edges of a region, the
   unit crosses zero in between, at x = -q/p;
3. cut the regions at all crossings; each part inherits the lines of the region that it was cut from;
4. bend: apply the (leaky) ReLU. A unit is on at the first edge if its line is positive there, and each of its crossings
   turns it on or off; multiply the lines of units that are off by negative_slope.

After the last layer the lines are the network, region by region. No grid, no epsilon.

The walk knows regions, states and where things stand; numbers it leaves to an arithmetic: `Float64` here, float64 with
bounds on its rounding errors (``rounding.py``), double-double (``double_double.py``), integers (``integers.py``).

Layout. Units first, one column per region: (units, N). A line is the complex number p + iq, so p and q are taken, added
and multiplied at once; seen as pairs of floats they are two columns of one real matrix product. A column begins at its
edge, and the stop counts as the beginning of a region of no width. So one interval of R regions is R + 1 columns. There
may be many intervals, one after the other: of one network, which shares its weights, or one of each of K networks, in
rows of equally many columns: shorter rows are filled with more regions of no width at the stop.
"""

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..system.progress import progress_bar

__all__ = [
    "INPUT",
    "MAX_REGIONS",
    "NUMBERS",
    "Columns",
    "EqualUnits",
    "Float64",
    "PassedLayer",
    "by_network",
    "gains",
    "networks_at_a_time",
    "product",
    "walk",
]

MAX_REGIONS = 1_000_000
NUMBERS = {"cpu": 2**16, "gpu": 2**22}  # about so many lines, of a layer's units in all regions, are computed at a time
INPUT = np.array([1, 1j])  # the lines with which a network of one input begins: 1 x + 0, and the constant 1


class PassedLayer(NamedTuple):
    """A hidden layer that a walk has gone through: N columns came in, N' went out."""

    on: NDArray  # (units, N'), bool
    zero: NDArray | None  # (units, N'), bool: exactly 0 there, neither on nor off; None if nowhere
    parent: NDArray  # (N',): the column that each is a part of
    parts: NDArray  # (N,): how many parts each column was cut into
    region: NDArray  # (crossings,): the column that each crossing cut
    place: NDArray  # (crossings,): the part that begins there
    active: Any  # (units + 1, N'): lines after the ReLU; the last is 0 x + 1, which meets the bias


class Columns(NamedTuple):
    """What an arithmetic has found, in float64, as `Regions` describes it; N columns."""

    edges: NDArray  # (N,)
    edge_errors: NDArray  # (N,)
    lines: NDArray  # (outputs, N), complex
    line_errors: NDArray  # (outputs, N), complex
    doubtful: NDArray  # (N,), bool


class EqualUnits(NamedTuple):
    """Units of a layer whose line is that of another one, times a power of two: they switch where it does."""

    original: NDArray  # (units,): the first unit of which each is a multiple; itself, if none before it is
    opposite: NDArray  # (units,), bool: a negative multiple, on where the original is off


def walk(
    a: Any,
    layers: Sequence[NDArray],
    *,
    equal: Sequence[EqualUnits] | None = None,
    max_regions: int = MAX_REGIONS,
    progress: bool = False,
) -> list[PassedLayer]:
    """Take the arithmetic ``a``, `Float64` or one like it, through the layers [W | b], each (K, out, in + 1).

    Then it has the edges, and the lines of the output. ``equal`` is what is known of each hidden layer. ValueError if
    one network has more than ``max_regions``. With ``progress`` a bar appears if it takes more than two seconds.
    """
    xp, K, passed = a.xp, a.K, []
    hidden: Iterable[NDArray] = layers[:-1]
    if progress:
        hidden = progress_bar(hidden, type(a).__name__, unit="layer", delay=2, leave=False)
    with np.errstate(all="ignore"):
        for l, layer in enumerate(hidden):
            a.push(layer)  # step 1

            begin, zero = a.signs()  # step 2; (units, N)
            end = begin[:, 1:]  # the right end of a region is the left end of the next
            if zero is not None:
                begin, end, zero = _look_inside(begin, zero, a.last)
            turns = begin[:, :-1] != end
            if len(a.last) > 1:
                turns[:, a.last[:-1]] = False  # from the stop of one interval to the start of the next
            if equal:
                turns[equal[l].original != np.arange(len(layer[0]))] = False
            unit, region = xp.divmod(turns.reshape(-1).nonzero()[0], turns.shape[1])
            x = a.crossings(unit, region)

            place, parts = _place(xp, x, region, a.last, begin.shape[1], K)  # step 3
            parent = _repeat(xp, parts)
            if len(parent) // K - 1 > max_regions:
                raise ValueError(
                    f"after layer {l} there are {len(parent) // K - 1:,} regions, more than max_regions="
                    f"{max_regions:,}: choose a smaller interval, or allow more"
                )
            a.cut(place, parent)
            if len(a.last) == 1:
                a.last += len(region)
            else:
                a.last = parts.cumsum()[a.last] - 1

            if zero is None and len(a.last) == K:  # step 4
                starts, states = slice(None, None, len(parent) // K), begin[:, :: begin.shape[1] // K]
            else:  # a region need not begin as the one before it ends
                begin[:, 1:] ^= begin[:, :-1] ^ turns
                starts, states = parts.cumsum() - parts, begin
            on = _toggle(xp, states, starts, unit, place, len(parent), K)
            if zero is not None:
                zero = zero.take(parent, axis=1)
            if equal:
                on = on[equal[l].original] ^ equal[l].opposite[:, None]
            a.bend(on, parent)
            passed.append(PassedLayer(on, zero, parent, parts, region, place, a.active))
        a.push(layers[-1])
    return passed


class Float64:
    """Float64 with no proof, for one network or for K; other arithmetics change what they must.

    Parameters
    ----------
    start : array, (inputs + 1,), complex
        The lines of the inputs, as `Line.start` has them.
    ends : sequence of float
        Start and stop of each interval: for one network in increasing order; for K networks K times the same.
    negative_slope : float
    K : int
        The number of networks.
    xp : module
        NumPy or CuPy.

    Attributes
    ----------
    edges : array, (N,)
        Where each column begins.
    last : array, (intervals,)
        The last column of each interval.
    lines : array, (units, N), complex
        Of the units of the layer pushed last, before the ReLU.
    active : array, (units + 1, N), complex
        After it, and last the line 0 x + 1.
    """

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float, K: int = 1, xp: ModuleType = np):
        self.xp, self.K, self.negative_slope = xp, K, negative_slope
        self.edges = xp.array(ends, float)
        self.last = xp.arange(1, len(ends), 2)
        self.active = xp.asarray(start)[:, None].repeat(len(ends), axis=1)
        self.infinite = bool(ends[0] == -np.inf or ends[-1] == np.inf)

    def push(self, layer: NDArray) -> None:
        """Take the lines through a layer."""
        self.lines = product(layer, self.active)

    def signs(self) -> tuple[NDArray, NDArray | None]:
        """Which units are on at each edge, (units, N), and which are 0 for certain there, or None if none is."""
        return self.values(self.lines) > 0, None

    def values(self, lines: NDArray) -> NDArray:
        """p x + q at the edges."""
        values = lines.real * self.edges
        values += lines.imag
        return self._correct_far(values, lines) if self.infinite else values

    def _correct_far(self, values: NDArray, lines: NDArray) -> NDArray:
        """At infinite edges a number of the sign that the line has there."""
        far = self.xp.isinf(self.edges.real).nonzero()[0]
        line = lines[:, far]
        p = line.real
        values[:, far] = self.xp.where(p == 0, line.imag, self.xp.sign(self.edges.real[far]) * p)
        return values

    def crossings(self, unit: NDArray, region: NDArray) -> NDArray:
        """Find where units cross zero in regions, x = -q/p but not outside of them; numbers in the order of these x."""
        line = self.lines[unit, region]
        self._x = self._clip(0.0 - line.imag / line.real, region)
        return self._x

    def _clip(self, x: NDArray, region: NDArray) -> NDArray:
        """Into the regions."""
        return self.xp.fmax(self.edges.take(region), self.xp.fmin(x, self.edges[1:].take(region)))

    def cut(self, place: NDArray, parent: NDArray) -> None:
        """Every column is a part of its parent; those at ``place`` begin with the crossings that were found last."""
        self.edges = self.edges.take(parent)
        self.edges[place] = self._x

    def bend(self, on: NDArray, parent: NDArray) -> None:
        """Apply the ReLU to what each column inherits."""
        self.active = self.xp.empty((len(on) + 1, len(parent)), complex)
        gain = gains(self.xp, on, self.negative_slope)
        self.xp.multiply(self.lines.take(parent, axis=1), gain, out=self.active[:-1])
        self.active[-1] = 1j


def product(layer: NDArray, active: NDArray) -> NDArray:
    """The lines of a layer [W | b] (K, out, in + 1) from those (in + 1, N) after the layer before it."""
    K, out, _ = layer.shape
    if K == 1:
        return layer[0].dot(active.view(float)).view(complex)
    if isinstance(active, np.ndarray):
        lines = np.empty((out, active.shape[1]), complex)
        np.matmul(layer, by_network(active, K), out=by_network(lines, K))
        return lines
    return (layer @ by_network(active, K)).transpose(1, 0, 2).reshape(out, -1).view(complex)


def by_network(lines: NDArray, K: int) -> NDArray:
    """Complex lines (units, N) as real matrices (K, units, 2 N / K), p and q of a column side by side; a view."""
    return lines.view(float).reshape(len(lines), K, -1).transpose(1, 0, 2)


def networks_at_a_time(sizes: Sequence[int], device: str) -> int:
    """How many networks of these sizes one walk should take, so that a layer's lines fit a cache, or a GPU's memory.

    A network has about as many regions as hidden units: `NUMBERS` over the units of all layers times the widest.
    """
    return max(1, NUMBERS[device] // (sum(sizes[1:]) * max(sizes)))


def gains(xp: ModuleType, on: NDArray, negative_slope: float) -> NDArray:
    """What the (leaky) ReLU multiplies by where units are on and off."""
    return xp.where(on, 1.0, negative_slope) if negative_slope else on


def _look_inside(on: NDArray, zero: NDArray, last: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """From signs and zeros at the edges: the signs inside each region at its left and right end, and which lines are 0.

    Where a value is 0, the sign inside is that at the other end of the region; where both are, the line is 0.
    """
    begin, end, lines = on.copy(), on[:, 1:] | (zero[:, 1:] & on[:, :-1]), zero.copy()
    begin[:, :-1] |= zero[:, :-1] & on[:, 1:]
    begin[:, last] = end[:, last - 1]
    lines[:, :-1] &= zero[:, 1:]
    return begin, end, lines


def _place(xp: ModuleType, x: NDArray, region: NDArray, last: NDArray, N: int, K: int) -> tuple[NDArray, NDArray]:
    """Where the part that begins at each crossing will stand; and into how many parts each of the N columns is cut."""
    place = xp.lexsort((x, region) if xp is np else xp.stack([x, region])).argsort()  # in order of regions, then of x
    place += region
    place += 1
    parts = xp.bincount(region, minlength=N)
    parts += 1
    if K > 1:  # fill rows that are shorter than the longest
        network = region // (N // K)
        crossings = xp.bincount(network, minlength=K)
        fill = crossings.max() - crossings
        parts[last] += fill
        place += (fill.cumsum() - fill).take(network)
    return place, parts


def _repeat(xp: ModuleType, parts: NDArray) -> NDArray:
    """0, 1, 2, ... each as often as it has parts, one or more."""
    if xp is np:
        return np.arange(len(parts)).repeat(parts)
    parent = xp.zeros(int(parts.sum()), int)  # CuPy has no repeat by an array
    parent[parts.cumsum()[:-1]] = 1
    return parent.cumsum()


def _toggle(
    xp: ModuleType, states: NDArray, starts: NDArray | slice, unit: NDArray, place: NDArray, N: int, K: int
) -> NDArray:
    """On or off, (units, N): states at the columns ``starts``, and units that switch at places; row by row.

    Units stand side by side, and eight bool are read as one number, so that an exclusive or takes eight units further.
    """
    H = len(states)
    switches = xp.zeros((N, -(-H // 8) * 8), bool)
    switches[place, unit] = True
    switches[starts, :H] = states.T
    rows = switches.reshape(K, N // K, -1)
    if xp is np:
        eights = rows.view(np.uint64)
        np.bitwise_xor.accumulate(eights, axis=1, out=eights)
        return switches.T[:H].copy()
    return (xp.cumsum(rows, axis=1, dtype=np.int8) & 1 > 0).reshape(switches.shape).T[:H].copy()


def _keep_freed_memory() -> None:
    """Let the C library keep what is freed: else it hands large arrays back, and fetches them again, page by page.

    glibc hands back blocks that are larger than the largest that was freed so far, up to 32 MB. With this, extraction
    in a fresh process takes half the time at width 100, or for 64 networks of width 30: ``benchmarks/page_faults.py``.
    """
    np.empty(2**22 - 1024)


_keep_freed_memory()
