"""Double-double: the walk with running bounds, in pairs of float64, for windows in which float64 leaves a doubt.

A number is the unevaluated sum high + low of two float64, about 106 bits. Sums and products of two float64 are such
pairs exactly (`two_sum`, `two_product`: Dekker 1971, Knuth).

Matrix products are taken by BLAS on slices (Ozaki et al. 2012): W = W1 + W2 + W3 and A = A1 + A2 + A3, where the first
two slices have so few bits, counted from the largest number of the row of W or the column of A, that W1 A1 and
W1 A2 + W2 A1 are sums of multiples of one power of two, at most 2^53 of them, so they are exact. The rest is small, and
what its rounding loses is bounded. Edges are complex numbers high + i low, which NumPy orders by high, then low.

Above 2^996 a float64 cannot be split in two, and what it meets becomes NaN, which counts as doubt: left to integers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .rounding import TINY, RunningBounds, U, g
from .walk import Columns, gains

__all__ = ["DoubleDouble", "two_product", "two_sum"]

SPLITTER = 2.0**27 + 1


class DoubleDouble(RunningBounds):
    """For one network and many windows; beside ``lines`` and ``active`` stand their low parts."""

    _resolution = 2.0**-100

    def __init__(self, start: NDArray, ends: Sequence[float], negative_slope: float):
        super().__init__(start, ends, negative_slope)
        self.edges = self.edges + 0j
        self._active_low = np.zeros_like(self.active)
        self._carried = np.where(self.active.view(float) != 0, TINY, 0.0).view(complex)  # the inputs are exact

    def push(self, layer: NDArray) -> None:
        """Lines, low parts and margins; a margin here is E alone."""
        high, low, lost = _product(layer[0], self.active.view(float), self._active_low.view(float))
        self.lines, self.low, self._sizes = high.view(complex), low.view(complex), abs(high).view(complex)
        E = self._push_bounds(layer)
        E += lost * (1 + 8 * U) * (E > 0)
        self.margins = E.view(complex)

    def _look(self, columns: NDArray | slice) -> tuple[NDArray, NDArray]:
        lines, low, margins = (a[:, columns] for a in (self.lines, self.low, self.margins))
        values, lost = _value(lines, low, self.edges)
        bound = margins.real * (abs(self.edges) + self.edge_errors) + margins.imag
        bound += self._sizes[:, columns].real * self.edge_errors + lost * (margins != 0)
        bound *= 1 + 16 * U
        if self.infinite:
            self._correct_far(values, lines)
            self._bound_far(bound, lines, margins)
        return values, bound

    def crossings(self, unit: NDArray, region: NDArray) -> NDArray:
        """From x = -q/p one step of Newton's method."""
        line, low, margin = (a[unit, region] for a in (self.lines, self.low, self.margins))
        x = -line.imag / line.real
        rest, lost = _value(line, low, x + 0j)
        errors = (margin.real * abs(x) + margin.imag + lost) / np.maximum(abs(line.real) - margin.real, 0)
        high, low = two_sum(x, -rest / line.real)
        return self._bound(high + 1j * low, errors * (1 + 16 * U), region)

    def _distance(self, left: NDArray, right: NDArray) -> NDArray:
        return (right.real - left.real) + (right.imag - left.imag) + self._resolution * (abs(left) + abs(right))

    def _shifted(self, times: float) -> NDArray:
        high, low = two_sum(self.edges.real, self.edges.imag + times * self.edge_errors)
        return high + 1j * np.where(np.isfinite(high), low, 0.0)

    def bend(self, on: NDArray, parent: NDArray) -> None:
        """As `Float64.bend`, with low parts and bounds."""
        super().bend(on, parent)
        self._carried[-1] = 1j * TINY
        low = self.low.take(parent, axis=1).view(float)
        self._active_low = np.zeros_like(self.active)
        if self.negative_slope:
            gain = gains(np, on, self.negative_slope).repeat(2, axis=1)
            high, rest = two_product(self.lines.take(parent, axis=1).view(float), gain)
            high, rest = two_sum(high, rest + low * gain)
            self.active[:-1], self._active_low[:-1] = high.view(complex), rest.view(complex)
            self._carried.view(float)[:-1] += 4 * U * U * abs(high)
        else:
            self._active_low[:-1] = self.low.take(parent, axis=1) * on

    def rounded(self) -> Columns:
        """What was found, high parts; the low parts count as errors."""
        edge_errors = self.edge_errors + abs(self.edges.imag)
        margins = (self.margins.view(float) + abs(self.low.view(float))).view(complex)
        return Columns(self.edges.real, edge_errors, self.lines, margins, super().rounded().doubtful)


def two_sum(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    """a + b as high + low, exactly."""
    high = a + b
    part = high - a
    return high, (a - (high - part)) + (b - part)


def two_product(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    """a b as high + low, exactly but for underflow."""
    high = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a: NDArray) -> tuple[NDArray, NDArray]:
    """a as a sum of two numbers of 26 bits."""
    big = a * SPLITTER
    first = big - (big - a)
    return first, a - first


def _value(line: NDArray, low: NDArray, x: NDArray) -> tuple[NDArray, NDArray]:
    """p x + q, and a bound on what is lost, but for the last rounding: 64 u^2 (|p x| + |q|)."""
    product, rest = two_product(line.real, x.real)
    total, more = two_sum(product, line.imag)
    rest = more + (rest + (line.real * x.imag + low.real * x.real + low.imag))
    return total + rest, 64 * U * U * (abs(product) + abs(line.imag))


def _product(W: NDArray, A: NDArray, low: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """W (A + low) as high + low, (units, N), and a bound on its error; W (units, n), A and low (n, N)."""
    n = W.shape[1]
    bits = (53 - int(np.ceil(np.log2(n)))) // 2
    W1, W2, W3, w = _slices(W, bits, axis=1)
    A1, A2, A3, a = _slices(A, bits, axis=0)
    rest = W1 @ (A3 + low) + W2 @ (A - A1 + low) + W3 @ A  # W3 low is below the bound
    high, low = two_sum(W1 @ A1, W1 @ A2 + W2 @ A1)
    high, low = two_sum(high, low + rest)
    absolute = 2.0 * n * 4.0**-bits * w * a  # no smaller than the sum of the absolute values of what ``rest`` sums
    absolute[:, (((a > 0) & (a < 2.0**-500)) | (a > 2.0**400)).ravel()] = np.inf  # slices might underflow or overflow
    absolute[(((w > 0) & (w < 2.0**-300)) | (w > 2.0**400)).ravel()] = np.inf
    return high, low, (g(4 * n) + 2 * U) * absolute + 4 * U * U * abs(high)


def _slices(A: NDArray, bits: int, axis: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """A1 + A2 + A3 = A, and along an axis 2^e > |A|; A1 is a multiple of 2^(e - bits), A2 of 2^(e - 2 bits)."""
    largest = abs(A).max(axis=axis, keepdims=True)
    e = np.frexp(largest)[1]
    shift = np.ldexp(1.5, e - bits + 52)
    A1 = (A + shift) - shift
    shift = np.ldexp(1.5, e - 2 * bits + 52)
    A2 = (A - A1 + shift) - shift
    return A1, A2, A - A1 - A2, np.where(largest > 0, np.ldexp(1.0, e), 0.0)
