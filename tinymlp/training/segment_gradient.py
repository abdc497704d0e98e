"""The gradient of the loss from the segments: backpropagation whose samples are lines.

``segments/walk.py`` takes lines p x + q through the network in three linear steps per layer: push them through [W | b],
let the parts of a region inherit the line of the whole, and multiply those of units that are off. Backward, each step
is replaced by its transpose, the last first. With d the gradient of the loss by the lines, complex like them,
dL/dp + i dL/dq, one column per region:

    multiply by g       d <- g d
    inherit             d <- the sum of d over the parts of each region
    push                dL/dW = sum of d_p p^T + d_q q^T, dL/db = sum of d_q, over the regions; then d <- W^T d

The weights also move the boundaries between regions. That adds nothing: at a boundary both lines have the same value,
so a sample that changes sides keeps its error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..network.mlp import MLP
from ..segments.walk import INPUT, Float64, PassedLayer, gains, walk
from .moments import Moments

__all__ = ["segment_gradient"]


def segment_gradient(moments: Moments, net: MLP, grads: Sequence[NDArray]) -> float:
    """The loss of a network of one input, and its gradient, written into grads: one (out, in + 1) array for each layer.

    In float64, whatever the network's dtype. It is the gradient that `backward` finds sample by sample, to 1e-13 of its
    largest component (``tests/training/test_segment_gradient.py``), except where the loss has none: if a sample lies
    exactly on a boundary, a unit counts as on or off as it is on the right. The last sample counts as on its left, and
    so do samples that a boundary is rounded past.
    """
    layers = [layer.astype(np.float64, copy=False) for layer in net.layers]
    a = Float64(INPUT, moments.interval, net.negative_slope)
    passed = walk(a, [layer[None] for layer in layers])
    loss, d = moments.loss(a.edges, a.lines)  # d: (units, N), complex; N includes the stop, a region of no width
    for layer, grad, before in zip(layers[:0:-1], grads[:0:-1], passed[::-1], strict=True):
        grad[...] = d.view(float) @ before.active.view(float).T
        d = (layer[:, :-1].T @ d.view(float)).view(complex)
        d *= gains(np, before.on, net.negative_slope)
        if before is not passed[0]:
            d = _sum_parts(d, before)
    # the lines of the input are 1 x + 0 and 0 x + 1 everywhere: the sum over all regions
    grads[0][...] = d.sum(axis=1, keepdims=True).view(float)
    return loss


def _sum_parts(d: NDArray, layer: PassedLayer) -> NDArray:
    """The sum over the parts of each region: the first one, and those that begin at crossings."""
    whole = d.take(layer.parts.cumsum() - layer.parts, axis=1)
    index = np.arange(0, whole.size, whole.shape[1])[:, None] + layer.region
    np.add.at(whole.reshape(-1), index.reshape(-1), d.take(layer.place, axis=1).reshape(-1))
    return whole
