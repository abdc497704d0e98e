"""Prefix sums: sums over any run of samples, from two lookups, as accurate as if the run were all there is."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["PrefixSums", "cumulate"]

BLOCK, MANY = 32, 3_000_000  # samples in a block; more than a cache holds


class PrefixSums:
    """Sums of u^2, u, 1, u v, v and v^2 over the samples in each region; u and v are x and y, centred.

    Each prefix sum is kept as two numbers, the rounded sum and what rounding it has lost so far, so that the sums of a
    few samples after a hundred million others are as accurate as alone (`cumulate`).

    Attributes
    ----------
    x : array, (n,), sorted
    table : array, (n + 1, 2, 3 + 3 outputs)
        Row i is about the first i samples. With all else, 112 bytes per sample for one output.
    """

    def __init__(self, x: NDArray, table: NDArray):
        self.x, self.table = x, table

    def between(self, edges: NDArray) -> NDArray:
        """The sums in each region, (R, 3 + 3 outputs); a sample on an edge belongs to the region on its right."""
        index = self._locate(edges)
        index[0], index[-1] = 0, len(self.x)
        rows = self.table.take(index, axis=0)
        rows = rows[1:] - rows[:-1]
        return rows[:, 0] + rows[:, 1]

    def _locate(self, edges: NDArray) -> NDArray:
        """How many samples lie left of each edge.

        Bisection of millions of numbers waits for memory at every step. So bisect the first numbers of all blocks, of
        which a cache holds many more, and count in one block.
        """
        if len(self.x) < MANY:
            return self.x.searchsorted(edges)
        blocks, first = self._blocks
        block = np.maximum(first.searchsorted(edges) - 1, 0)
        return block * BLOCK + np.add.reduce(blocks.take(block, axis=0) < edges[:, None], axis=1)

    @cached_property
    def _blocks(self) -> tuple[NDArray, NDArray]:
        """x in blocks, one row per block, and the first number of each."""
        blocks = np.append(self.x, np.full(-len(self.x) % BLOCK, np.inf)).reshape(-1, BLOCK)
        return blocks, blocks[:, 0].copy()

    def slice(self, first: int, last: int) -> "PrefixSums":
        """The prefix sums of these samples alone; no copy."""
        return PrefixSums(self.x[first:last], self.table[first : last + 1])


def cumulate(terms: NDArray) -> tuple[NDArray, NDArray]:
    """Prefix sums of (n,) numbers in twice the precision, as two arrays (n + 1,) to be added.

    The first is what ``cumsum`` gives. The rounding error of an addition is itself a floating-point number, which can
    be computed (Knuth's TwoSum); the second is the prefix sum of those errors. Ogita, Rump and Oishi, Accurate sum and
    dot product (2005).
    """
    total = np.concatenate([[0.0], np.cumsum(terms)])
    before, after = total[:-1], total[1:]
    added = after - before
    lost = (before - (after - added)) + (terms - added)
    return total, np.concatenate([[0.0], np.cumsum(lost)])
