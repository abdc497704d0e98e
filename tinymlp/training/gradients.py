"""Gradients: the two ways from the data to the gradient of the loss, sample by sample and by segments.

Either goes through the data in batches, and for each gives a function from a network to its loss and gradient. The data
choose the way: a `Dataset` is samples, `Moments` are what segments need.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset
from ..devices import move
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from ..network.parameters import count_parameters, layer_views
from .backprop import Memory, backward, forward
from .huber import Huber
from .moments import Moments
from .segment_gradient import segment_gradient

__all__ = ["Gradient", "SampleGradients", "SegmentGradients", "batches"]

# Writes it into one (out, in + 1) array for each layer; gives the loss: a number, or an array of shape () on the GPU.
Gradient = Callable[[MLP, Sequence[NDArray]], float | NDArray]


def batches(x: NDArray, y: NDArray, batch_size: int, order: NDArray | None = None) -> Iterator[tuple[NDArray, NDArray]]:
    """One epoch: slices of at most batch_size columns of x (inputs, n) and y (outputs, n), every sample once.

    They are taken in this order, a permutation (n,), or else as they are.
    """
    if order is not None:
        x, y = x[:, order], y[:, order]
    for i in range(0, x.shape[1], batch_size):
        yield x[:, i : i + batch_size], y[:, i : i + batch_size]


class SampleGradients:
    """Backpropagation over the samples of a batch, in the dtype of the network and on its device.

    Parameters
    ----------
    net : MLP or Ensemble
        The network, or those, that will ask for gradients.
    data : Dataset
    batch_size : int
    shuffle : bool
    rng : Generator
        Of the orders and of dropout.
    delta : float or None
        Of Huber's loss; None for the mean squared error.
    """

    def __init__(
        self,
        net: MLP | Ensemble,
        data: Dataset,
        batch_size: int,
        shuffle: bool,
        rng: np.random.Generator,
        delta: float | None = None,
    ):
        self._delta = delta
        self._device = net.device
        self._x, self._y = (move(values, self._device) for values in data.columns(net.dtype))
        self._batch_size, self._rng = batch_size, rng
        self._shuffle = shuffle and batch_size < len(data)  # one batch of all samples has no order
        self._memories: dict[int, Memory] = {}  # by the number of samples
        self._part = layer_views(np.empty(count_parameters(net.sizes), net.dtype), net.sizes)

    def epoch(self) -> Iterator[tuple[int, Gradient]]:
        """For each batch its number of samples, and the gradient on it."""
        order = move(self._rng.permutation(self._x.shape[1]), self._device) if self._shuffle else None
        for x, y in batches(self._x, self._y, self._batch_size, order):
            yield x.shape[1], partial(self._gradient, x, y)

    def _gradient(self, x: NDArray, y: NDArray, net: MLP, grads: Sequence[NDArray]) -> float | NDArray:
        """On the CPU piece by piece, so that activations stay in the cache however large the batch."""
        n = x.shape[1]
        pieces = -(-n // piece_size(net.sizes)) if self._device == "cpu" else 1
        losses = []
        for k, (a, b) in enumerate(pairwise(n * i // pieces for i in range(pieces + 1))):
            memory = self._memories.get(b - a) or self._memories.setdefault(b - a, Memory(net, b - a))
            forward(net, x[:, a:b], memory, self._rng)
            losses.append(backward(net, y[:, a:b], memory, self._part if k else grads, n, self._delta))
            if k:
                for grad, part in zip(grads, self._part, strict=True):
                    grad += part
        return losses[0] if pieces == 1 else sum(map(float, losses))


def piece_size(sizes: Sequence[int]) -> int:
    """How many samples at most to take at once: 2048, fewer where that makes products faster.

    OpenBLAS has quicker kernels for products of at most 10^6 multiplications. At width 30 they save a quarter of the
    time; pieces of less than 512 samples would lose it again.
    """
    quick = 1_000_000 // max(units * (inputs + 1) for inputs, units in pairwise(sizes))
    return min(2048, quick) if quick >= 512 else 2048


class SegmentGradients:
    """The gradient from the segments of the network, in float64, whatever the number of samples (`segment_gradient`).

    Parameters
    ----------
    net : MLP or Ensemble
        As for `SampleGradients`; one input, no dropout, on the CPU.
    moments : Moments
    batch_size : int or None
        How many neighbouring samples are a batch; None for all.
    shuffle : bool
        Must be False unless there is one batch only.
    delta : float or None
        Of Huber's loss, for moments of a function with a name; None for the mean squared error.
    """

    def __init__(
        self,
        net: MLP | Ensemble,
        moments: Moments,
        batch_size: int | None,
        shuffle: bool,
        delta: float | None = None,
    ):
        if net.dropout:
            raise ValueError(
                f"net has dropout {net.dropout}, so it is another network, with other segments, for every sample: "
                "train on a Dataset, not on Moments"
            )
        if net.device != "cpu":
            raise ValueError("data are Moments, which train on the CPU: use net.to('cpu'), or give a Dataset")
        self._batches = (moments if delta is None else Huber(moments, delta)).batches(batch_size)
        if shuffle and len(self._batches) > 1:
            raise ValueError(
                f"batch_size is {batch_size}, and Moments can be cut only into batches of neighbours, not shuffled: "
                "leave batch_size out for all samples at once, give shuffle=False for slices of the x axis, or train "
                "on the Dataset"
            )

    def epoch(self) -> Iterator[tuple[int, Gradient]]:
        """For each batch its number of samples, or 1 for a function, and the gradient on it."""
        for moments in self._batches:
            yield moments.weight, partial(segment_gradient, moments)
