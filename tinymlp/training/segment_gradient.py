"""The gradient of the loss from the segments: backpropagation whose samples are lines.

``segments/walk.py`` takes lines p x + q through networks in three linear steps per layer: push them through [W | b],
let the parts of a region inherit the line of the whole, and multiply those of units that are off. Backward, each step
is replaced by its transpose, the last first. With d the gradient of the loss by the lines, complex like them,
dL/dp + i dL/dq, one column per region:

    multiply by g       d <- g d
    inherit             d <- the sum of d over the parts of each region
    push                dL/dW = sum of d_p p^T + d_q q^T, dL/db = sum of d_q, over the regions; then d <- W^T d

The weights also move the boundaries between regions. That adds nothing: at a boundary both lines have the same value,
so a sample that changes sides keeps its error.

One network or many: the walk lays networks side by side, and one that is alone is the ensemble of one.

The other way. Once the regions are known, two points in each can stand for all its samples: choose d1 and d2 at x1 and
x2 so that d1 + d2 = dL/dq and d1 x1 + d2 x2 = dL/dp, and ordinary backpropagation over these points finds the same
gradient. A test does that, and an exercise of lesson 10, because it is easily understood; but lines are half as many
columns. With points a gradient took 1.1 times as long for a network of three layers of 10 and 1.3 times for 64 of them,
1.2 and 1.6 times at width 30, twice at width 100.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..devices import array_module, device_of
from ..segments.walk import INPUT, Float64, PassedLayer, by_network, gains, product, walk
from .huber import Huber
from .moments import Moments

__all__ = ["segment_gradient"]


def segment_gradient(
    moments: Moments | Huber, layers: Sequence[NDArray], grads: Sequence[NDArray], negative_slope: float
) -> NDArray:
    """The losses (K,) of K networks of one input; their gradients are written into grads.

    In float64, whatever the dtype of the layers. It is the gradient that `backward` finds sample by sample, to 1e-13 of
    its largest component (``tests/training/test_segment_gradient.py``), except where the loss has none: if a sample
    lies exactly on a boundary, a unit counts as on or off as it is on the right. Where rounding carries a boundary past
    a sample, that sample counts on the side where float64 puts it.

    Parameters
    ----------
    moments : Moments
        Where the layers are, on the CPU or a GPU.
    layers : sequence of array, (K, out, in + 1)
        [W | b] of each layer, as `stacked_layers` gives them.
    grads : sequence of array, (K, out, in + 1)
        Likewise; overwritten.
    negative_slope : float

    Examples
    --------
    >>> from tinymlp import MLP, Dataset
    >>> net = MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])  # max(x, 0)
    >>> layers = [layer[None] for layer in net.layers]
    >>> grads = [np.empty_like(layer) for layer in layers]
    >>> segment_gradient(Moments.of(Dataset([-1.0, 2.0], [0.0, 1.0])), layers, grads, 0.0)
    array([0.5])
    >>> grads[1]
    array([[[2., 1.]]])
    """
    xp, K = array_module(device_of(layers[0])), len(layers[0])
    layers = [layer.astype(np.float64, copy=False) for layer in layers]
    a = Float64(INPUT, moments.interval * K, negative_slope, K, xp)
    passed = walk(a, layers)
    losses, d = moments.loss(a.edges, a.lines, a.last)  # d: (units, N), complex
    for layer, grad, before in zip(layers[:0:-1], grads[:0:-1], passed[::-1], strict=True):
        grad[...] = by_network(d, K) @ by_network(before.active, K).transpose(0, 2, 1)
        d = product(layer[:, :, :-1].transpose(0, 2, 1), d)
        d *= gains(xp, before.on, negative_slope)
        if before is not passed[0]:
            d = _sum_parts(d, before, K)
    # the lines of the input are 1 x + 0 and 0 x + 1 everywhere: the sum over all regions
    totals = d.reshape(len(d), K, -1).sum(axis=2).T.copy()  # (K, units)
    grads[0][...] = totals.view(float).reshape(K, -1, 2)
    return losses


def _sum_parts(d: NDArray, layer: PassedLayer, K: int) -> NDArray:
    """The sum over the parts of each region: the first one, and those that begin at crossings."""
    end = layer.parts.cumsum()
    first = end - layer.parts
    whole = d.take(first, axis=1)
    if isinstance(d, np.ndarray):
        index = np.arange(0, whole.size, whole.shape[1])[:, None] + layer.region
        np.add.at(whole.reshape(-1), index.reshape(-1), d.take(layer.place, axis=1).reshape(-1))
        return whole
    # a GPU would add in another order in every run; prefix sums, network by network, are always the same
    before = d.view(float).reshape(len(d), K, -1, 2).cumsum(axis=2).reshape(len(d), -1).view(complex)
    return before.take(end - 1, axis=1) - before.take(first, axis=1) + whole
