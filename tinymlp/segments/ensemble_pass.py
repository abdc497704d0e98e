"""Regions of many networks at once: the four steps of ``float_pass.py`` in float64, on the CPU or on the GPU.

The networks of an `Ensemble` differ in how many regions they have, so each array has one row per network, as long as
the longest needs. A region is stored at the edge where it starts. The stop is stored, too, as the start of a region of
no width, which has the lines of the region before it. Shorter rows are filled up with more of these: no unit switches
in them, and in the end everything without width is dropped.

A layer's crossings come as one flat list, network by network. They are written into their networks' rows after the
edges, and one stable sort of every row by x puts edges and crossings in order. The number of old edges up to a place
then says which region the part that starts there was cut from. A crossing rounded to the end of its region comes after
that edge, with no width between them.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import devices
from ..interval import Interval
from ..network.parameters import stacked_layers
from .ensemble_rounding import EnsembleRounding

__all__ = ["EnsembleRegions", "Split", "ensemble_regions", "find_heard_boundaries"]


class Split(NamedTuple):
    """A hidden layer, on the regions that it split those before it into."""

    on: NDArray  # (K, regions out, units), int8: 1 on, 0 off
    parent: NDArray  # (K, regions out): which region in each is a part of


@dataclass(frozen=True, eq=False)
class EnsembleRegions:
    """K networks of one input and one output, region by region, as `float_regions` finds them; C regions in a row.

    Attributes
    ----------
    edges : array, (K, C)
        Where each region starts; those that start at the stop are there to fill the row.
    splits : list of Split
        The hidden layers.
    slopes, intercepts : array, (K, C)
        Of the output.
    slope_errors : array, (K,)
        Proven bounds on the errors of slopes, of networks in which nothing is doubtful.
    doubtful : array of bool, (K,)
        Networks in which rounding could have decided something.
    """

    edges: NDArray
    splits: list[Split]
    slopes: NDArray
    intercepts: NDArray
    slope_errors: NDArray
    doubtful: NDArray


def ensemble_regions(
    params: NDArray, sizes: tuple[int, ...], negative_slope: float, interval: Interval
) -> EnsembleRegions:
    """The regions of the networks with these parameters (K, P), float64, on an interval, which may be infinite.

    On the device of the parameters.
    """
    xp = devices.array_module(devices.device_of(params))
    *hidden, last = stacked_layers(params, sizes)
    K = len(params)
    rows, infinite = xp.arange(K)[:, None], bool(np.isinf(interval).any())
    edges = xp.empty((K, 2))
    edges[:, 0], edges[:, 1] = interval
    active = xp.zeros((2, K, 2, 1))  # after the ReLU; here the line 1 x + 0
    active[0] = 1
    rounding = EnsembleRounding(xp, K, interval)
    splits = []
    with np.errstate(all="ignore"):
        for W, b in hidden:
            lines = push(W, b, active)  # step 1; (2, K, C, units)

            values = values_at(xp, edges, lines, infinite)  # step 2; (K, C, units)
            on = values > 0
            changes = on[:, 1:] != on[:, :-1]
            network, region, unit = xp.unravel_index(xp.flatnonzero(changes), changes.shape)  # of each crossing
            p, q = lines[:, network, region, unit]
            x = xp.fmax(edges[network, region], xp.fmin(0.0 - q / p, edges[network, region + 1]))

            crossings = xp.bincount(network, minlength=K)  # step 3
            count, most = edges.shape[1], int(crossings.max())
            column = xp.arange(len(network)) + (count - xp.cumsum(crossings) + crossings)[network]
            joined = xp.full((K, count + most), interval[1], np.float64)
            joined[:, :count] = edges
            joined[network, column] = x
            order = xp.argsort(joined, axis=1, kind="stable")
            parent = xp.cumsum(order < count, axis=1, dtype=int) - 1  # (K, C + most)
            rounding.push(W, b)
            rounding.watch(edges, lines, values)
            rounding.cross(network, unit, x, p, column, order)
            edges = joined[rows, order]

            turns = xp.zeros((K, count + most, W.shape[1]), np.int8)  # step 4
            turns[:, 0] = on[:, 0]
            place = xp.argsort(order, axis=1)
            turns[network, place[network, column], unit] = 1
            on = xp.cumsum(turns, axis=1, dtype=np.int8) & 1  # (K, C + most, units)
            rounding.split(edges, crossings, on if negative_slope == 0 else None)
            active = lines.reshape(2, K * count, -1).take(parent + count * rows, axis=1)
            active *= xp.where(on, 1.0, negative_slope) if negative_slope else on
            splits.append(Split(on, parent))
        slopes, intercepts = push(*last, active)[:, :, :, 0]
        rounding.push(*last)
        return EnsembleRegions(edges, splits, slopes, intercepts, rounding.line_errors[0, :, 0, 0], rounding.doubtful)


def push(W: NDArray, b: NDArray, active: NDArray) -> NDArray:
    """Through W (K, out, in) and b (K, 1, out), lines (2, K, C, in) become (2, K, C, out): p <- W p, q <- W q + b."""
    lines = active @ W.transpose(0, 2, 1)
    lines[1] += b
    return lines


def values_at(xp: ModuleType, edges: NDArray, lines: NDArray, infinite: bool) -> NDArray:
    """p x + q at every edge, (K, C, units), from the line on its right; at an infinite one a number of its sign."""
    p, q = lines
    x = edges[:, :, None]
    values = p * x
    values += q
    return xp.where(xp.isinf(x), xp.where(p == 0, q, xp.sign(x) * p), values) if infinite else values


def find_heard_boundaries(
    regions: EnsembleRegions, params: NDArray, sizes: tuple[int, ...], negative_slope: float
) -> NDArray:
    """Whether the output depends on some unit that switches where a region ends, (K, C - 1), bool.

    It is asked on the right of each boundary, which is enough: see ``labels.find_heard_units``.
    """
    xp = devices.array_module(devices.device_of(params))
    K, count = regions.edges.shape
    rows, column = xp.arange(K)[:, None], xp.arange(count)[None]
    *hidden, (W, _) = stacked_layers(params, sizes)
    heard, hears = xp.zeros((K, count - 1), bool), W != 0
    for split, (W, _) in zip(reversed(regions.splits), reversed(hidden), strict=True):
        width = split.parent.shape[1]
        on = split.on.reshape(K * width, -1).take(column + width * rows, axis=0) > 0  # (K, C, units)
        heard |= ((on[:, 1:] != on[:, :-1]) & hears).any(axis=2)
        active = hears if negative_slope else hears & on[:, 1:]
        hears = active.astype(np.float32) @ (W != 0).astype(np.float32) > 0  # (K, C - 1, units before)
        column = split.parent[rows, column]
    return heard
