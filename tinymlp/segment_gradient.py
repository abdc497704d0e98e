"""The gradient of the loss from the segments: backpropagation whose samples are lines.

``regions.py`` takes lines p x + q through the network in three linear steps a layer: push them through [W | b], let the
parts of a split region inherit the line of the whole, and multiply those of units that are off. Backward, each step is
replaced by its transpose, the last first. With d the gradient of the loss by the lines, (2, regions, units) like them:

    multiply by g       d <- g d
    inherit             d <- the sum of d over the parts of each region
    push                dL/dW = sum of d_p p^T + d_q q^T, dL/db = sum of d_q, over the regions; then d <- W^T d

The weights also move the boundaries between regions. That adds nothing: at a boundary both lines have the same value,
so a sample that changes sides keeps its error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .moments import Moments
from .network import MLP
from .regions import float_regions


def segment_gradient(moments: Moments, net: MLP, grads: Sequence[NDArray]) -> float:
    """The loss of a network of one input, and its gradient, written into grads: one (out, in + 1) array a layer.

    In float64, whatever the network's dtype. It is the gradient that `backward` finds sample by sample, to 1e-13 of its
    largest component (``tests/test_segment_gradient.py``), except where the loss has none: if a sample lies exactly on
    a boundary, a unit counts as on or off as it is on the right.
    """
    regions = float_regions(net, *moments.interval, prove=False)
    loss, d = moments.loss(regions.edges, regions.output)
    gains = np.array([net.negative_slope, 1.0])  # of units that are off, and on
    for l in range(len(net.layers) - 1, 0, -1):
        before, states, parent = regions.layers[l - 1]
        on = states > 0
        gain = gains[on.view(np.int8)] if net.negative_slope else on
        lines = before.take(parent, axis=1)
        lines *= gain
        d = _unpush(net.layers[l], lines, d, grads[l])
        d *= gain
        d = np.add.reduceat(d, parent.searchsorted(np.arange(before.shape[1])), axis=1)
    _unpush(net.layers[0], np.array([[[1.0]], [[0.0]]]), d, grads[0])
    return loss


def _unpush(layer: NDArray, lines: NDArray, d: NDArray, grad: NDArray) -> NDArray:
    """From d by the lines (2, R, out) behind a layer [W | b] that by the lines (2, R, in) before it, and by [W | b]."""
    rows = d.reshape(-1, len(layer))  # (2 R, out)
    grad[:, :-1] = np.dot(rows.T, lines.reshape(len(rows), -1))
    grad[:, -1] = d[1].sum(axis=0)
    return np.dot(rows, layer[:, :-1]).reshape(lines.shape)
