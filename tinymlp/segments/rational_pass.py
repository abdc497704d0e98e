"""Rational arithmetic: the four steps of ``float_pass.py`` once more, with nothing rounded.

Every stored weight is a whole number over a power of two, and so is all that a line p x + q is made of: products, sums
and the gain of the (leaky) ReLU keep it so. So Python's integers suffice, with one power of two for each layer, on
which no decision depends. Only crossings, -q/p, are quotients, and they are needed only to be sorted and handed out:
with an edge held as n/d, the sign of p n/d + q is that of the integer p n + q d.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..interval import Interval
from ..network.mlp import MLP
from .regions import Layer, Regions
from .rounding import UNIT_ROUNDOFF

__all__ = ["TOO_LARGE", "Rational", "nearest", "rational_pass", "rational_regions", "rational_slopes"]

TOO_LARGE = "a line or a boundary of this network exceeds float64: scale its weights down, or choose a finite interval"


class Rational(NamedTuple):
    """What rational arithmetic finds: R regions between R + 1 edges, and the lines of the outputs on them."""

    edges: list[tuple[int, int]]  # numerator and denominator; infinity is (1, 0)
    layers: list[Layer]
    p: NDArray  # (outputs, R), integers, in units of 2^-bits
    q: NDArray
    bits: int


def rational_pass(net: MLP, interval: Interval) -> Rational:
    """The four steps in rational arithmetic."""
    edges = [*map(_ratio, interval)]
    gains, shift = _gains(net)
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
        edges, p, q = new, p[:, parent], q[:, parent]
        left, right = _signs_at_edges(p, q, edges)
        states = np.where(left != 0, left, right)
        layers.append(Layer(states.T, np.array(parent)))
        p, q, bits = p * gains[states], q * gains[states], bits + shift
    return Rational(edges, layers, p, q, bits)


def rational_regions(net: MLP, interval: Interval) -> Regions:
    """The regions in rational arithmetic; every number in the answer is the float64 nearest to the true one."""
    edges, layers, p, q, bits = rational_pass(net, interval)
    output = nearest(np.stack([p.T, q.T]), 1 << bits)
    x = np.concatenate([interval[:1], nearest(*np.array(edges, object)[1:-1].T), interval[1:]])
    errors = UNIT_ROUNDOFF * np.abs(x) + 2.0**-1074  # half a unit in the last place; the ends are exact
    errors[[0, -1]] = 0
    output_errors = UNIT_ROUNDOFF * np.abs(output).max(axis=1) + 2.0**-1074
    fractions = [Fraction(*edge) for edge in edges[1:-1]]
    return Regions(x, errors, layers, output, output_errors, np.zeros(len(x) - 1, bool), fractions)


def rational_slopes(net: MLP, states: list[NDArray]) -> tuple[NDArray, int]:
    """The outputs' slopes where the hidden units have these states, a list of (units, K); exactly.

    Returns
    -------
    numerators : array of int objects, (outputs, K)
    bits : int
        The slopes are numerators / 2^bits.
    """
    gains, shift = _gains(net)
    p, bits = np.ones((1, states[0].shape[1] if states else 1), object), 0
    for l, matrix in enumerate(net.weights):
        W, e = _whole(matrix)
        p, bits = W @ p, bits + e
        if l < len(states):
            p, bits = p * gains[states[l]], bits + shift
    return p, bits


def _whole(values: NDArray) -> tuple[NDArray, int]:
    """Floats as (integers, bits): values = integers / 2^bits."""
    ratios = [v.as_integer_ratio() for v in values.astype(np.float64).ravel().tolist()]
    bits = max(denominator for _, denominator in ratios).bit_length() - 1
    integers = np.empty(len(ratios), object)
    integers[:] = [n * (1 << bits) // denominator for n, denominator in ratios]
    return integers.reshape(values.shape), bits


def _gains(net: MLP) -> tuple[NDArray, int]:
    """What the (leaky) ReLU multiplies a line by, indexed by the states 0, 1 and -1: (integers, bits)."""
    (off,), bits = _whole(np.array([net.negative_slope]))
    return np.array([0, 1 << bits, off], object), bits


def nearest(numerators: NDArray, denominators: NDArray | int) -> NDArray:
    """The floats nearest to quotients of integers; OverflowError if one exceeds float64."""
    try:
        return np.asarray(numerators / denominators, np.float64)
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
