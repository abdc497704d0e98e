"""From a graph to one chain of layers with ReLUs between them, as `MLP` has it.

If all activations are leaky ReLUs of one slope in [0, 1] and no vector skips a layer, the graph is such a chain, and
its matrices are taken as they are. Otherwise each activation becomes its terms (``activations.py``), a ReLU for each:
for unit u its first term stays hidden unit u, and the others follow after all units of the layer.

A block that is needed further on is passed by the layers between: a ReLU is never negative, so one more ReLU
passes it on as it is. An input x needs two, relu(x) - relu(-x).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .activations import IDENTITY, Activation, leaky
from .graph import Block, Vector

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["as_layers", "as_network"]

MOST_UNITS = 20_000  # in one layer: skip connections widen every layer that they pass
PLAIN = leaky(0.0)


@dataclass
class Units:
    """Hidden ReLUs that stand for a block: block = constant + sum of gain times relu(sign * z[unit] - threshold)."""

    unit: NDArray  # (ReLUs,): of the block
    sign: NDArray  # (ReLUs,)
    threshold: NDArray  # (ReLUs,)
    gain: NDArray  # (ReLUs,)
    constant: float

    @classmethod
    def of(cls, activation: Activation, size: int) -> "Units":
        """Those of an activation of ``size`` units, one term after the other; a gain of 0 needs none."""
        columns = []
        for sign, threshold, gain in activation.terms:
            gains = np.broadcast_to(np.asarray(gain, float), (size,))
            used = np.flatnonzero(gains)
            columns.append([used, np.full(len(used), sign), np.full(len(used), threshold), gains[used]])
        unit, sign_, threshold_, gain_ = (np.concatenate(column) for column in zip(*columns, strict=True))
        return cls(unit, sign_, threshold_, gain_, activation.constant)

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def plain(self) -> bool:
        """Whether each is simply a unit."""
        same = (self.unit == np.arange(len(self))).all() and (self.sign == 1).all() and (self.gain == 1).all()
        return bool(same and not self.threshold.any())

    def rows(self, W: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
        """What these ReLUs are applied to, for z = W a + b."""
        W, b = W[self.unit], b[self.unit]
        if (self.sign < 0).any():
            W, b = W * self.sign[:, None].astype(W.dtype), b * self.sign.astype(b.dtype)
        return W, b - self.threshold if self.threshold.any() else b

    def columns(self, M: NDArray) -> NDArray:
        """M (out, units of the block) as a matrix for these ReLUs, (out, ReLUs)."""
        M = M[:, self.unit]
        return M if (self.gain == 1).all() else M.astype(np.float64) * self.gain


def as_network(cls: type["MLP"], output: Vector) -> "MLP":
    """The network that computes a vector; errors as for `as_layers`."""
    weights, biases, slope, ties = as_layers(output)
    net = cls.from_weights(weights, biases, negative_slope=slope)
    net.ties = ties
    return net


@np.errstate(all="ignore")
def as_layers(output: Vector) -> tuple[list[NDArray], list[NDArray], float, NDArray | None]:
    """Weights (out, in) and biases (out,) of each layer, the negative slope, and `MLP.ties`.

    Raises
    ------
    ValueError
        If skip connections would make a layer too large, or a number is not finite, or becomes so.
    """
    last = _last_uses(output)
    hidden = sorted((block for block in last if block.depth), key=lambda block: block.depth)  # in order of the graph
    slopes = {block.activation.negative_slope for block in hidden if block.activation}
    skips = any(last[block] > block.depth + 1 for block in last)
    slope = slopes.pop() if len(slopes) == 1 else None
    if slope is None or (slope and skips):
        units = {b: Units.of(b.activation or PLAIN, b.size) for b in hidden}
        slope = 0.0
    else:
        units = {b: Units.of(PLAIN, b.size) for b in hidden}

    weights, biases, layouts = [], [], []
    before = [(block, Units.of(PLAIN, block.size)) for block in last if not block.depth]  # the inputs
    for depth in range(1, 1 + max((block.depth for block in hidden), default=0)):
        rows, layout = [], []
        for block in hidden:
            if block.depth == depth and block.before is not None:
                rows.append(units[block].rows(*_affine(block.before, before)))
                layout.append((block, units[block]))
        for block, passed in before:
            if last[block] > depth:
                rows.append(_pass(block, passed, before, pair=depth == 1))
                layout.append((block, Units.of(IDENTITY, block.size) if depth == 1 else passed))
        weights.append(np.concatenate([W for W, _ in rows]))
        biases.append(np.concatenate([b for _, b in rows]))
        if skips and len(biases[-1]) > MOST_UNITS:
            raise ValueError(
                f"skip connections would make layer {depth - 1} {len(biases[-1])} units wide, more than {MOST_UNITS}"
            )
        before = layout
        layouts.append(layout)
    W, b = _affine(output, before)
    vectors = [v for v in (output, *(block.before for block in hidden)) if v]
    matrices = [M for v in vectors for M in v.parts.values()]
    if all(a is None for a in (*matrices, *(v.constant for v in vectors))):  # no weight says what the dtype is
        W = W.astype(np.float64)
    weights, biases = [*weights, W], [*biases, b]
    for l, layer in enumerate(zip(weights, biases, strict=True)):
        if not all(np.isfinite(a).all() for a in layer):
            raise ValueError(
                f"layer {l} has weights or biases that are NaN or infinite, or become so where layers are folded"
            )
    return weights, biases, slope, _ties(layouts, all(M is not None for M in matrices))


def _ties(layouts: list[list[tuple[Block, Units]]], linear: bool) -> NDArray | None:
    """What each ReLU stands for, as `MLP.ties` has it; (4, 0) if not every layer is linear in the original."""
    if not linear or any(len(layout) > 1 for layout in layouts):
        return np.zeros((4, 0))  # weights that are one may stand in several columns, or within sums, or be no weights
    units = [u for layout in layouts for _, u in layout]
    if all(u.plain for u in units):
        return None
    return np.concatenate([[u.unit, u.sign, u.threshold, u.gain] for u in units], axis=1).astype(np.float64)


def _last_uses(output: Vector) -> dict[Block, int]:
    """Every block that the output depends on, and the depth of the last layer that reads it."""
    end = 1 + max((block.depth for block in output.parts), default=0)
    last: dict[Block, int] = {}
    todo = [(output, end)]
    while todo:
        vector, depth = todo.pop()
        for block in vector.parts:
            seen = block in last
            last[block] = max(last.get(block, 0), depth)
            if not seen and block.before is not None:
                todo.append((block.before, block.depth))
    return dict(reversed(last.items()))


def _affine(vector: Vector, before: list[tuple[Block, Units]]) -> tuple[NDArray, NDArray]:
    """W (size, ReLUs of the layer before) and b (size,) of a vector."""
    columns = []
    b = np.zeros(vector.size, np.float16) if vector.constant is None else vector.constant  # float16: widens no other
    for block, units in before:
        if block not in vector.parts:
            columns.append(np.zeros((vector.size, len(units)), np.float16))
            continue
        M = vector.parts[block]
        M = np.eye(block.size, dtype=np.float16) if M is None else M
        columns.append(units.columns(M))
        if units.constant:
            b = np.asarray(b, np.float64) + units.constant * M.sum(axis=1, dtype=np.float64)
    return np.concatenate(columns, axis=1), b


def _pass(block: Block, units: Units, before: list[tuple[Block, Units]], pair: bool) -> tuple[NDArray, NDArray]:
    """Rows that hand the ReLUs of a block on; of the inputs a pair for each."""
    start = sum(len(u) for b, u in before[: [b for b, _ in before].index(block)])
    count = sum(len(u) for _, u in before)
    one = np.eye(count, dtype=np.float16)[start : start + len(units)]
    W = np.concatenate([one, -one]) if pair else one
    return W, np.zeros(len(W), np.float16)
