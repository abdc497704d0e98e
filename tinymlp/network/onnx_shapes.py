"""Where in an ONNX array of several dimensions the samples are, and which numbers meet which.

A network here computes each sample from itself alone. Arrays that are added, or shapes that are changed, must leave it
so: (n, 3) plus (3, 1) is (3, 3) for one sample, and another thing for two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["Layout"]

ANY = 1_000_003  # stands for an unknown number of samples: a prime that no array has as a dimension


@dataclass(frozen=True)
class Layout:
    """The shape of an array that depends on the input.

    Attributes
    ----------
    shape : tuple of int
    samples : int or None
        Which dimension counts the samples; None if there is one sample only.
    """

    shape: tuple[int, ...]
    samples: int | None

    @classmethod
    def of_input(cls, shape: Sequence[int | None]) -> "Layout":
        """That of an input; its first dimension counts samples if there are several dimensions."""
        known = tuple(ANY if d is None or d < 1 else int(d) for d in shape)
        return cls(known, 0 if len(known) > 1 and known[0] > 1 else None)

    @property
    def size(self) -> int:
        """How many numbers a sample has."""
        return prod(d for k, d in enumerate(self.shape) if k != self.samples)

    def meet(self, c: NDArray) -> tuple[NDArray, "Layout"]:
        """What an array is for one sample, (1,) or (size,), and the layout after both were added, or the like."""
        shape = self._broadcast(c.shape)
        lead = len(shape) - len(self.shape)
        after = Layout(shape, None if self.samples is None else self.samples + lead)
        if c.size == 1:
            return c.reshape(-1), after
        if after.samples is not None and after.samples >= len(shape) - c.ndim:
            k = after.samples - (len(shape) - c.ndim)
            if c.shape[k] != 1:
                raise ValueError(f"an array of shape {c.shape} has other numbers for each sample")
        return np.broadcast_to(c, [1 if k == after.samples else d for k, d in enumerate(shape)]).reshape(-1), after

    def join(self, other: "Layout") -> "Layout":
        """That of the sum of two."""
        shape = self._broadcast(other.shape)
        lead = len(shape) - len(self.shape)
        if self.samples is None and other.samples is not None:
            return other.join(self)
        return Layout(shape, None if self.samples is None else self.samples + lead)

    def _broadcast(self, other: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of both together; ValueError if numbers of a sample would be repeated."""
        try:
            shape = np.broadcast_shapes(self.shape, other)
        except ValueError:
            shape = ()
        if prod(shape) != prod(self.shape) or not shape:
            raise ValueError(f"an array of shape {_plain(other)} meets one of shape {_plain(self.shape)}")
        return shape

    def product(self, W: NDArray, first: bool) -> "Layout":
        """That of x W, or of W x if W stands first; ValueError if more than the numbers of one sample is summed."""
        summed = len(self.shape) - (2 if first and len(self.shape) > 1 else 1)
        fits = 0 < W.ndim < 3 and summed != self.samples and self.shape[summed] == self.size
        if not fits or W.shape[-1 if first else 0] != self.size or self.samples == summed + 1:
            raise ValueError(f"weights {W.shape} stand {'before' if first else 'after'} an array {_plain(self.shape)}")
        outputs = W.shape[:-1] if first else W.shape[1:]
        return Layout((*self.shape[:summed], *outputs, *self.shape[summed + 1 :]), self.samples)

    def reshape(self, target: Sequence[int]) -> "Layout":
        """That after a reshape, in which one dimension may be -1; ValueError if samples would be mixed."""
        for shape, samples in ((self.shape, self.samples), (self._single(), None)):
            rest = prod(d for d in target if d != -1)
            wanted = tuple(prod(shape) // rest if d == -1 and rest else d for d in target)
            if prod(wanted) != prod(shape):
                continue
            if samples is None:
                return Layout(wanted, None)
            for k, d in enumerate(wanted):
                if d == shape[samples] and prod(wanted[:k]) == 1 and prod(shape[:samples]) == 1:
                    return Layout(wanted, k)
        raise ValueError(f"shape {_plain(self.shape)} becomes {_plain(target)}, which mixes samples")

    def _single(self) -> tuple[int, ...]:
        """The shape if there is one sample only, as graphs say that were made with one."""
        return tuple(1 if k == self.samples and d == ANY else d for k, d in enumerate(self.shape))


def _plain(shape: Sequence[int]) -> str:
    words = (f"{d // ANY if d > ANY else ''}n" if d and d % ANY == 0 else str(d) for d in shape)
    return "(" + ", ".join(words) + ")"
