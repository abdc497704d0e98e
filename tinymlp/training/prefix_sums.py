"""Sums over the samples in each region: over any run of samples from two lookups, over a shuffled batch from its own.

Every class here answers one question, ``between(edges, last)``: of the samples in each region, the sums of

    u^2, u,    u v, v (for each output),    1                u and v are x and y, centred

one row per sum, one column per region, in the layout of ``segments/walk.py``: a column begins at its edge, and those of
``last`` are stops, which hold no sample. So edges of one network and of many are the same to it.

`PrefixSums` are made once and serve for all edges that come. `BatchSums` are for a batch that is drawn for one step,
another one for each network.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..devices import array_module, device_of, move

__all__ = ["BatchSums", "PrefixSums", "cumulate"]

EVERY, MANY = 512, 10**8  # samples between two that are bisected first; samples times edges


class PrefixSums:
    """Sums over runs of samples in order of x: those before the run's end less those before its beginning.

    Each prefix sum is kept as two numbers, the rounded sum and what rounding it has lost so far, so that the sums of a
    few samples after a hundred million others are as accurate as alone (`cumulate`).

    Attributes
    ----------
    x : array, (n,), sorted
    table : array, (n + 1, 2, 2 + 2 outputs)
        Row i is about the first i samples; the number of samples needs no column, it is i. For one output a row is 64
        bytes, which a cache fetches at once.
    squares : float, or array of shape ()
        The sum of v^2 over all samples and outputs.
    """

    def __init__(self, x: NDArray, table: NDArray, squares: float | NDArray):
        self.x, self.table, self.squares = x, table, squares

    @classmethod
    def of(cls, x: NDArray, u: NDArray, v: NDArray) -> "PrefixSums":
        """Of samples in order of x: u (n,) and v (outputs, n) are x and y, centred. On the device where they are."""
        table = array_module(device_of(x)).empty((len(x) + 1, 2, 2 + 2 * len(v)))
        for column, terms in enumerate(_terms(u, v)):
            table[:, 0, column], table[:, 1, column] = cumulate(terms)
        return cls(x, table, (v * v).sum())

    def between(self, edges: NDArray, last: NDArray) -> NDArray:
        """The sums in each region, (3 + 2 outputs, N); a sample on an edge belongs to the region on its right.

        Parameters
        ----------
        edges : array, (N,)
            Of one or more networks, each from the first x or before to beyond the last.
        last : array of int, (networks,)
            The columns that begin at a stop.
        """
        index = self._locate(edges)
        rows = self.table.take(index, axis=0)  # (N, 2, 2 + 2 outputs)
        rows = rows[1:] - rows[:-1]
        sums = array_module(device_of(edges)).empty((rows.shape[2] + 1, len(edges)))
        sums[:-1, :-1] = (rows[:, 0] + rows[:, 1]).T
        sums[-1, :-1] = index[1:] - index[:-1]
        sums[:, last] = 0
        return sums

    def _locate(self, edges: NDArray) -> NDArray:
        """How many samples lie left of each edge.

        Bisection of millions of numbers waits for memory at every step. So bisect every 512th number, all of which a
        cache holds, and then halve what is left for all edges together: then many numbers are on their way at a time.
        """
        if len(self.x) * len(edges) < MANY or device_of(edges) == "gpu":
            return self.x.searchsorted(edges)
        place = np.maximum(self._every.searchsorted(edges) * EVERY - (EVERY - 1), 0)  # so many at least
        step = EVERY
        while step := step // 2:
            place += step * (self.x.take(place + (step - 1), mode="clip") < edges)
        return np.minimum(place, len(self.x))  # the last of these blocks may be shorter

    @cached_property
    def _every(self) -> NDArray:
        return self.x[::EVERY].copy()

    def slice(self, first: int, last: int, v: NDArray) -> "PrefixSums":
        """The prefix sums of these samples alone, given v (outputs, n) of all; nothing is summed up again but v^2."""
        v = v[:, first:last]
        return PrefixSums(self.x[first:last], self.table[first : last + 1], (v * v).sum())

    def to(self, device: str) -> "PrefixSums":
        """The same on that device."""
        return PrefixSums(move(self.x, device), move(self.table, device), float(self.squares))


class BatchSums:
    """Sums over shuffled batches, one for each network: by region on the CPU, without prefix sums.

    A batch serves for one gradient, so each sample is looked at once: the rows in a region lie beside each other, and
    ``np.add.reduceat`` adds them up, in a third of the time of prefix sums, whose additions wait for each other. On a
    GPU they do not, and sums by region are differences of prefix sums again.

    Parameters
    ----------
    x : array, (n,), sorted
        Of all samples.
    u, v : array, (n,), (outputs, n)
        x and y, centred.
    rows : array of int, (K, B)
        Which samples are the batch of each network, in increasing order.

    Attributes
    ----------
    squares : array, (K,)
        The sum of v^2 over each batch.
    """

    def __init__(self, x: NDArray, u: NDArray, v: NDArray, rows: NDArray):
        xp, (K, B), k = array_module(device_of(x)), rows.shape, len(v)
        self._x, self._before = x, len(x) * xp.arange(K)[:, None]  # samples of the networks before each: (K, 1)
        self._rows = (rows + self._before).reshape(-1)  # as if each network had samples of its own
        self._terms = xp.zeros((2 + 2 * k, K * B + 1))  # the last is for regions after the last sample
        terms = self._terms[:, :-1].reshape(-1, K, B)
        for row, values in zip(terms, _terms(u.take(rows), v.take(rows, axis=1)), strict=True):
            row[...] = values
        self.squares = (terms[2 + k :] * terms[2 + k :]).sum(axis=0).sum(axis=1)

    def between(self, edges: NDArray, last: NDArray) -> NDArray:
        """The sums in each region, (3 + 2 outputs, N), as `PrefixSums.between` gives them.

        An edge is located among all samples; then it is a row number, and can be located among those of a batch.
        """
        xp, K = array_module(device_of(edges)), len(last)
        row = self._x.searchsorted(edges).reshape(K, -1) + self._before  # (K, C)
        index = self._rows.searchsorted(row).reshape(-1)  # (N,)
        count = index[1:] - index[:-1]
        sums = xp.empty((len(self._terms) + 1, len(edges)))
        if xp is np:
            np.add.reduceat(self._terms, index, axis=1, out=sums[:-1])
            sums[:-1, :-1] *= count > 0  # of no samples it is not 0, but the next sample
        else:
            before = xp.zeros((len(self._terms), K, len(self._rows) // K + 1))  # network by network
            before[:, :, 1:] = self._terms[:, :-1].reshape(len(self._terms), K, -1).cumsum(axis=2)
            network = xp.arange(len(edges)) // (len(edges) // K)
            found = before.reshape(len(self._terms), -1).take(index + network, axis=1)
            sums[:-1, :-1] = found[:, 1:] - found[:, :-1]
        sums[-1, :-1] = count
        sums[:, last] = 0
        return sums


def _terms(u: NDArray, v: NDArray) -> Iterator[NDArray]:
    """What is summed, one row after the other."""
    yield u * u
    yield u
    yield from (u * row for row in v)
    yield from v


def cumulate(terms: NDArray) -> tuple[NDArray, NDArray]:
    """Prefix sums of (n,) numbers in twice the precision, as two arrays (n + 1,) to be added.

    The first is what ``cumsum`` gives. The rounding error of an addition is itself a floating-point number, which can
    be computed (Knuth's TwoSum); the second is the prefix sum of those errors. Ogita, Rump and Oishi, Accurate sum and
    dot product (2005).
    """
    total, rest = array_module(device_of(terms)).zeros((2, len(terms) + 1))
    total[1:] = terms.cumsum()
    before, after = total[:-1], total[1:]
    added = after - before
    lost = (before - (after - added)) + (terms - added)
    rest[1:] = lost.cumsum()
    return total, rest
