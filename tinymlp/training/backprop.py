"""Forward and backward: the gradient of the loss, by hand.

For a batch of n samples, one column per sample, with [a; 1] the activations above a row of ones:

    forward      z_l = [W_l | b_l] [a_l; 1]              a_{l+1} = max(z_l, negative_slope * z_l)
    loss         L = mean((z_last - y)^2)                d_last = dL/dz_last = 2 (z_last - y) / size
    backward     dL/d[W_l | b_l] = d_l [a_l; 1]^T        d_{l-1} = (W_l^T d_l) * a'(z_{l-1})

For Huber's loss only the line of the loss changes (`huber_loss`). Here
a'(z) = 1 where z > 0, else negative_slope. A positive activation means a positive z, so the activations tell
which units were on and z need not be kept. ``forward`` writes what ``backward`` reads into a ``Memory`` that the
caller holds: arrays are made once per batch size and every operation writes into one (``out=``).

Between the matrix products stand functions that treat each number by itself: `leaky_relu`, `leaky_relu_backward` and
`mean_squared_error` or `huber_loss`. On a GPU all but the last are CUDA kernels of the same lines (``gpu/layer.cu``).

At sizes [1, 10, 10, 10, 1] and batch 1280 a step takes a fifth of the time that the same formulas take if written
without thought of speed (``benchmarks/train_cpu.py``).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import devices
from ..gpu import kernels
from ..network.mlp import MLP

__all__ = ["Memory", "backward", "forward", "huber_loss", "leaky_relu", "leaky_relu_backward", "mean_squared_error"]


def leaky_relu(z: NDArray, negative_slope: float, floor: Any) -> None:
    """z <- max(z, negative_slope * z), in place.

    ``floor`` is scratch memory like z that NumPy needs: for ReLU it holds zeros and is not written.
    """
    if devices.device_of(z) == "gpu":
        kernels.leaky_relu(z, negative_slope)
        return
    if negative_slope:
        np.multiply(z, negative_slope, out=floor)
    np.maximum(z, floor, out=z)


def leaky_relu_backward(d: NDArray, a: NDArray, negative_slope: float, on: Any) -> None:
    """d <- d * a'(z), in place: d where the activation a is > 0, negative_slope * d elsewhere.

    ``on`` is scratch memory, bool, that NumPy needs.
    """
    if devices.device_of(d) == "gpu":
        kernels.leaky_relu_backward(d, a, negative_slope)
        return
    np.greater(a, 0, out=on)
    if negative_slope:
        d[...] = np.where(on, d, negative_slope * d)
    else:
        np.multiply(d, on, out=d)


def mean_squared_error(z: NDArray, y: NDArray, size: int) -> NDArray:
    """The loss, sum (z - y)^2 / size; and z <- 2 (z - y) / size, its gradient, in place. y has the shape of z."""
    if devices.device_of(z) == "gpu":
        return kernels.mean_squared_error(z, devices.array_module("gpu").ascontiguousarray(y), size)
    np.subtract(z, y, out=z)
    error = z.reshape(-1)
    loss = np.dot(error, error) / size
    np.multiply(z, 2 / size, out=z)
    return loss


def huber_loss(z: NDArray, y: NDArray, size: int, delta: float) -> NDArray:
    """Huber's loss, sum h(z - y) / size; and z <- h'(z - y) / size, its gradient, in place. y has the shape of z.

    Within delta it is the squared error, beyond it grows only as fast as the distance does:

        h(r) = r^2 / 2                      where |r| <= delta
        h(r) = delta (|r| - delta / 2)      elsewhere

    With c the r that is clipped to (-delta, delta), both lines are h(r) = c (r - c / 2), and h'(r) = c.
    """
    xp = devices.array_module(devices.device_of(z))
    z -= y
    c = xp.minimum(xp.maximum(z, -delta), delta)
    loss = (c * (z - c / 2)).sum() / size
    xp.multiply(c, 1 / size, out=z)
    return loss


class Memory:
    """The arrays that one forward and one backward pass over n samples fill, for a network like this one.

    Attributes
    ----------
    a : list of array, (units + 1, n)
        The input and the activations of each hidden layer, above a row of ones that meets the bias.
    units : list of array, (units, n)
        The same memory without that row.
    floor, on : list of array, (units, n)
        On the CPU, the scratch memory of `leaky_relu` and `leaky_relu_backward`. (NumPy's maximum is faster with an
        array of zeros than with the number 0.) On the GPU, None.
    d : list of array, (units, n)
        The sensitivities dL/dz of each layer.
    keep : list of array, (units, n)
        With dropout, what each activation was multiplied by: 0 or 1 / (1 - dropout).
    """

    def __init__(self, net: MLP, n: int):
        xp, hidden = devices.array_module(net.device), net.sizes[1:-1]
        self.a = [xp.ones((units + 1, n), net.dtype) for units in net.sizes[:-1]]
        self.units = [a[:-1] for a in self.a]
        numpy = xp is np
        self.floor = [np.zeros((units, n), net.dtype) if numpy else None for units in hidden]
        self.on = [np.empty((units, n), bool) if numpy else None for units in hidden]
        self.d = [xp.empty((units, n), net.dtype) for units in net.sizes[1:]]
        self.keep = [xp.empty((units, n), net.dtype) for units in hidden if net.dropout]


def forward(net: MLP, x: NDArray, memory: Memory, rng: np.random.Generator | None = None) -> NDArray:
    """The output (outputs, n) for x (inputs, n); with an rng, hidden units drop out as in training.

    The output lies in ``memory.d[-1]``, where `backward` turns it into the first sensitivity.
    """
    xp = devices.array_module(net.device)
    memory.units[0][...] = x
    for l, z in enumerate(memory.units[1:]):
        xp.dot(net.layers[l], memory.a[l], out=z)
        leaky_relu(z, net.negative_slope, memory.floor[l])
        if memory.keep:
            keep = memory.keep[l]
            keep[...] = 1
            if rng is not None:
                keep[...] = xp.asarray(rng.random(z.shape, np.float32) >= net.dropout) / (1 - net.dropout)
            xp.multiply(z, keep, out=z)
    return xp.dot(net.layers[-1], memory.a[-1], out=memory.d[-1])


def backward(
    net: MLP,
    y: NDArray,
    memory: Memory,
    grads: Sequence[NDArray],
    samples: int | None = None,
    delta: float | None = None,
) -> NDArray:
    """The loss against y (outputs, n), and its gradient, written into grads: one (out, in + 1) array for each layer.

    The loss is the mean squared error, or with a delta Huber's.

    Call it after `forward` on the same memory. The loss is a scalar of the network's dtype, on its device. If these are
    only a part of the samples that the mean is taken over, say how many all are; then loss and gradient are this part's
    share of it.
    """
    xp = devices.array_module(net.device)
    d = memory.d[-1]
    size = len(d) * (samples or d.shape[1])
    loss = mean_squared_error(d, y, size) if delta is None else huber_loss(d, y, size, delta)
    for l in range(len(net.layers) - 1, 0, -1):
        xp.dot(d, memory.a[l].T, out=grads[l])
        d = xp.dot(net.layers[l][:, :-1].T, d, out=memory.d[l - 1])
        if memory.keep:
            xp.multiply(d, memory.keep[l - 1], out=d)
        leaky_relu_backward(d, memory.units[l], net.negative_slope, memory.on[l - 1])
    xp.dot(d, memory.a[0].T, out=grads[0])
    return loss
