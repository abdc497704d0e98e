"""Integers: the walk with nothing rounded.

Every stored weight is a whole number over a power of two, and so is all that a line p x + q is made of: products, sums
and the gain of the (leaky) ReLU keep it so. So Python's integers suffice, with one power of two for each layer, on
which no decision depends. Only crossings, -q/p, are quotients, and they are needed only to be sorted and handed out:
with an edge held as n/d, the sign of p n/d + q is that of the integer p n + q d.

Crossings that coincide leave regions of no width between them; `wide` says which regions are others.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .double_double import two_sum
from .rounding import U
from .walk import Columns, EqualUnits

__all__ = ["TOO_LARGE", "Integers", "find_equal_units", "nearest"]

TOO_LARGE = "a line or a boundary of this network exceeds float64: scale its weights down, or choose a finite interval"


class Integers:
    """As `Float64`, for one network. Arrays hold Python's int.

    Attributes
    ----------
    n, d : array, (N,)
        Each edge is n / d; infinity is 1 / 0.
    p, q : array, (units, N)
        Of the lines of the layer pushed last, in units of 2^-bits.
    """

    xp, K = np, 1

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float):
        inputs = start[:-1, None]
        (p, q), self.bits = _whole(np.stack([inputs.real, inputs.imag]))
        self.active = p, q  # (inputs, 1): the same everywhere
        self.n, self.d = np.array([_ratio(end) for end in ends], object).T
        self.last = np.arange(1, len(ends), 2)
        self._gains, self._shift = _whole(np.array([negative_slope, 1.0]))  # off, on

    def push(self, layer: NDArray) -> None:
        """Take the lines through a layer, on to a smaller unit."""
        W, bits = _whole(layer[0])
        p, q = (W[:, :-1] @ a for a in self.active)
        q = q + W[:, -1:] * (1 << self.bits)
        self.p, self.q = (np.broadcast_to(a, (len(W), len(self.n))) for a in (p, q))
        self.bits += bits

    def signs(self) -> tuple[NDArray, NDArray]:
        """Which units are on, and which are 0, at each edge, (units, N)."""
        value = np.where((self.p == 0) & (self.d == 0), self.q, self.p * self.n + self.q * self.d)
        return value > 0, value == 0

    def crossings(self, unit: NDArray, region: NDArray) -> NDArray:
        """Find -q/p of units in regions; small numbers in their order."""
        p, q = self.p[unit, region], self.q[unit, region]
        self._x = _objects([Fraction(-b, a) for a, b in zip(p, q, strict=True)])
        return np.unique(self._x, return_inverse=True)[1].reshape(-1)

    def cut(self, place: NDArray, parent: NDArray) -> None:
        """As `Float64.cut`."""
        self.n, self.d = self.n[parent], self.d[parent]
        self.n[place] = _objects([x.numerator for x in self._x])
        self.d[place] = _objects([x.denominator for x in self._x])

    def bend(self, on: NDArray, parent: NDArray) -> None:
        """As `Float64.bend`."""
        gain = self._gains[on.astype(int)]
        self.active, self.bits = (self.p[:, parent] * gain, self.q[:, parent] * gain), self.bits + self._shift

    def wide(self) -> NDArray:
        """Which columns are regions of some width, (N,), bool."""
        n, d = self.n, self.d
        both = (d[:-1] == 0) & (d[1:] == 0)  # from minus infinity to infinity
        wide = np.append(np.where(both, n[:-1] < n[1:], n[:-1] * d[1:] < n[1:] * d[:-1]), False).astype(bool)
        wide[self.last] = False  # to the next window
        return wide

    def rounded(self) -> Columns:
        """What was found, every number as the nearest float64."""
        edges = np.where(self.n > 0, np.inf, -np.inf)
        finite = self.d != 0
        edges[finite] = nearest(self.n[finite], self.d[finite])
        p, q = nearest(self.p, 1 << self.bits), nearest(self.q, 1 << self.bits)
        edge_errors = np.where(finite, U * abs(edges) + 2.0**-1074, 0.0)
        errors = (U * abs(p) + 2.0**-1074) + 1j * (U * abs(q) + 2.0**-1074)
        return Columns(edges, edge_errors, p + 1j * q, errors, np.zeros(len(edges), bool))


def nearest(numerators: NDArray, denominators: NDArray | int) -> NDArray:
    """The floats nearest to quotients of integers; OverflowError if one exceeds float64."""
    try:
        return np.asarray(numerators / denominators, np.float64)
    except OverflowError as error:
        raise OverflowError(TOO_LARGE) from error


def _whole(values: NDArray) -> tuple[NDArray, int]:
    """Floats as (integers, bits): values = integers / 2^bits."""
    ratios = [v.as_integer_ratio() for v in values.ravel().tolist()]
    bits = max(denominator for _, denominator in ratios).bit_length() - 1
    integers = _objects([n * (1 << bits) // denominator for n, denominator in ratios])
    return integers.reshape(values.shape), bits


def _objects(values: list) -> NDArray:
    """An array of Python's own numbers."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _ratio(x: float) -> tuple[int, int]:
    return x.as_integer_ratio() if np.isfinite(x) else (1 if x > 0 else -1, 0)


@np.errstate(all="ignore")
def find_equal_units(layers: Sequence[NDArray]) -> list[EqualUnits] | None:
    """Which units of the hidden layers [W | b], each (1, out, in + 1), are others times +-2^k; None if no unit is.

    Rows are compared after the columns of units that are positive multiples of each other have been added up; or as
    they are, if float64 cannot do that without rounding.
    """
    found = []
    columns, scale = np.arange(layers[0].shape[2]), np.ones(layers[0].shape[2])  # unit j is 2^k times column j
    for (layer,) in layers[:-1]:
        keys, power = _keys(layer)
        if len(set(columns)) < len(columns):
            rows, exact = np.zeros((len(layer), max(columns) + 1)), np.ones(len(layer), bool)
            for weights, column, s in zip(layer.T, columns, scale, strict=True):
                rows[:, column], lost = two_sum(rows[:, column], weights * s)
                exact &= (lost == 0) & (weights * s / s == weights)
            summed, its_power = _keys(rows)
            keys = [("summed", s) if e else k for s, k, e in zip(summed, keys, exact, strict=True)]
            power = np.where(exact, its_power, power)
        seen: dict = {}
        original = np.array([seen.setdefault(key, u) for u, key in enumerate(keys)])
        opposite = (power < 0) != (power[original] < 0)
        found.append(EqualUnits(original, opposite))
        _, columns = np.unique(2 * original + opposite, return_inverse=True)
        repeated = np.bincount(columns)[columns] > 1
        columns, scale = np.append(columns, max(columns) + 1), np.append(np.where(repeated, abs(power), 1.0), 1.0)
    return found if any(len(set(e.original)) < len(e.original) for e in found) else None


def _keys(rows: NDArray) -> tuple[list, NDArray]:
    """What rows that are multiples +-2^k of each other have in common, and this factor; a row of zeros is alone."""
    first = np.take_along_axis(rows, (rows != 0).argmax(axis=1)[:, None], axis=1)  # weight that is not 0
    power = np.ldexp(np.where(first < 0, -1.0, 1.0), np.frexp(first)[1])
    scaled = rows / power + 0.0
    alone = (scaled * power != rows).any(axis=1) | ~rows.any(axis=1)
    return [u if alone[u] else row.tobytes() for u, row in enumerate(scaled)], power[:, 0]
