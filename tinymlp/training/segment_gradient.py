"""The gradient of the loss from the segments: backpropagation whose samples are lines.

``float_pass.py`` takes lines p x + q through the network in three linear steps per layer: push them through [W | b],
let the parts of a split region inherit the line of the whole, and multiply those of units that are off. Backward, each
step is replaced by its transpose, the last first. With d the gradient of the loss by the lines, (2, regions, units)
like them:

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
from ..segments.float_pass import INPUT, float_pass, gains
from .moments import Moments

__all__ = ["segment_gradient"]


def segment_gradient(moments: Moments, net: MLP, grads: Sequence[NDArray]) -> float:
    """The loss of a network of one input, and its gradient, written into grads: one (out, in + 1) array for each layer.

    In float64, whatever the network's dtype. It is the gradient that `backward` finds sample by sample, to 1e-13 of its
    largest component (``tests/training/test_segment_gradient.py``), except where the loss has none: if a sample lies
    exactly on a boundary, a unit counts as on or off as it is on the right.
    """
    edges, passed, output = float_pass(net, moments.interval)
    loss, d = moments.loss(edges, output)  # d: (2, regions, units)
    for layer, grad, before in zip(net.layers[:0:-1], grads[:0:-1], passed[::-1], strict=True):
        rows = d.reshape(-1, len(layer))  # (2 regions, units)
        grad[...] = np.dot(rows.T, before.active.reshape(len(rows), -1))
        d = np.dot(rows, layer[:, :-1]).reshape(2, *before.on.shape)
        d *= gains(net, before.on)
        d = np.add.reduceat(d, before.first, axis=1)
    grads[0][...] = np.dot(d[:, 0].T, INPUT[:, 0])
    return loss
