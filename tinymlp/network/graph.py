"""Networks as others write them down: vectors, what is computed from them, and from which.

A `Vector` is an affine function of *blocks*, the outputs of activations, or the inputs: the sum of M block over some
blocks, plus a constant. Linear layers, normalisation, scalers and sums of two vectors change M and the constant; an
activation begins a new block. So whatever is affine is folded, and a skip connection is a vector with two blocks.

What is only handed on keeps its dtype, bit for bit. What is computed is computed in float64, and the network is float64
then: exact for a product of two float32, rounded once or more for others (each time by at most 2^-53).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import Activation

__all__ = ["Block", "Vector", "inputs"]

_quiet = np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite


@dataclass(frozen=True, eq=False)
class Block:
    """The outputs of one activation on a vector; or, without either, the inputs.

    Attributes
    ----------
    size : int
    depth : int
        How many activations lead to it; 0 for the inputs.
    """

    size: int
    depth: int = 0
    before: "Vector | None" = None
    activation: Activation | None = None


@dataclass(frozen=True, eq=False)
class Vector:
    """The sum of M block over ``parts``, plus a constant.

    Attributes
    ----------
    size : int
    parts : dict of Block to M, (size, block.size)
        None for the block as it is.
    constant : array, (size,), or None
    """

    size: int
    parts: dict[Block, NDArray | None]
    constant: NDArray | None = None

    @_quiet
    def linear(self, W: NDArray, b: NDArray | None = None) -> "Vector":
        """W times this, (out,), plus b; ValueError if the shapes do not fit."""
        if W.ndim != 2 or W.shape[1] != self.size or (b is not None and b.shape != W.shape[:1]):
            shapes = f"{W.shape}" if b is None else f"{W.shape} and biases {b.shape}"
            raise ValueError(f"weights {shapes} must be (out, {self.size}) and (out,), after {self.size} units")
        parts = {block: W if M is None else _wide(W) @ _wide(M) for block, M in self.parts.items()}
        constant = b if self.constant is None else _wide(W) @ _wide(self.constant) + (0 if b is None else _wide(b))
        return Vector(len(W), parts, constant)

    @_quiet
    def times(self, s: NDArray) -> "Vector":
        """Each number times a number, or times its own; s is (1,) or (size,)."""
        s = np.broadcast_to(_wide(s), (self.size,))
        parts = {block: np.diag(s) if M is None else s[:, None] * M for block, M in self.parts.items()}
        return Vector(self.size, parts, None if self.constant is None else s * self.constant)

    @_quiet
    def plus(self, c: NDArray) -> "Vector":
        """Each number plus a number, or plus its own; c is (1,) or (size,)."""
        c = np.broadcast_to(c, (self.size,))
        return Vector(self.size, self.parts, c if self.constant is None else _wide(self.constant) + _wide(c))

    @_quiet
    def add(self, other: "Vector") -> "Vector":
        """The sum of two vectors: a skip connection."""
        if self.size != other.size:
            raise ValueError(f"vectors of {self.size} and {other.size} numbers are added")
        parts = dict(self.parts)
        for block, M in other.parts.items():
            parts[block] = _matrix(parts[block], block) + _matrix(M, block) if block in parts else M
        total = Vector(self.size, parts, self.constant)
        return total if other.constant is None else total.plus(other.constant)

    def activate(self, activation: Activation | None) -> "Vector":
        """The activation of each number; None is nothing."""
        if activation is None:
            return self
        for term in activation.terms:
            if np.ndim(term.gain) and len(np.atleast_1d(term.gain)) != self.size:
                raise ValueError(f"an activation has {len(np.atleast_1d(term.gain))} slopes after {self.size} units")
        depth = 1 + max((block.depth for block in self.parts), default=0)
        return Vector(self.size, {Block(self.size, depth, self, activation): None})


def inputs(size: int) -> Vector:
    """The inputs of a network."""
    return Vector(size, {Block(size): None})


def _wide(a: Any) -> NDArray:
    return np.asarray(a, np.float64)


def _matrix(M: NDArray | None, block: Block) -> NDArray:
    return np.eye(block.size) if M is None else _wide(M)
