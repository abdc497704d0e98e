"""Gradients: the two ways from the data to the gradient of the loss, sample by sample and by segments.

Either holds the data once, for one network or for all of an ensemble, goes through them in batches, and for each gives
a function from the network to its losses and gradient. The data choose the way: a `Dataset` is samples, `Moments` are
what segments need. Both draw the same orders from the same generators, so they take the same steps.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset
from ..devices import array_module, move
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from ..network.parameters import count_parameters, layer_views, stacked_layers
from ..segments.walk import networks_at_a_time
from ..system.memory import check_memory
from .backprop import Memory, backward, forward
from .huber import Huber
from .moments import Moments
from .segment_gradient import segment_gradient

__all__ = ["Gradient", "SampleGradients", "SegmentGradients", "draw_orders"]

# Writes it into an array like net.params; gives the losses (K,), K = 1 for an MLP, on the network's device.
Gradient = Callable[[MLP | Ensemble, NDArray], NDArray]


def draw_orders(rngs: Sequence[np.random.Generator], n: int) -> NDArray:
    """An order of n samples from each generator, (len(rngs), n)."""
    dtype = np.dtype(np.int32 if n < 2**31 else np.int64)
    check_memory("seeds", rngs, dtype.itemsize * len(rngs) * n)
    orders = np.empty((len(rngs), n), dtype)
    for order, rng in zip(orders, rngs, strict=True):
        order[:] = rng.permutation(n)
    return orders


class SampleGradients:
    """Backpropagation over the samples of a batch, in the dtype of the network and on its device.

    Parameters
    ----------
    net : MLP or Ensemble
        That will ask for gradients.
    data : Dataset
    batch_size : int
    shuffle : bool
    rngs : sequence of Generator
        Of the orders and of dropout: one for all networks, or one for each.
    delta : float or None
        Of Huber's loss; None for the mean squared error.
    """

    def __init__(
        self,
        net: MLP | Ensemble,
        data: Dataset,
        batch_size: int,
        shuffle: bool,
        rngs: Sequence[np.random.Generator],
        delta: float | None = None,
    ):
        self._delta = delta
        self._device = net.device
        self._x, self._y = (move(values, self._device) for values in data.columns(net.dtype))
        self._batch_size, self._rngs = batch_size, rngs
        self._shuffle = shuffle and batch_size < len(data)  # one batch of all samples has no order
        self._memories: dict[int, Memory] = {}  # by the number of samples
        self._part = layer_views(np.empty(count_parameters(net.sizes), net.dtype), net.sizes)
        self._views: tuple = None, []  # of the gradient that was asked for last

    def epoch(self) -> Iterator[tuple[int, Gradient]]:
        """For each batch its number of samples, and the gradient on it."""
        n = self._x.shape[1]
        orders = move(draw_orders(self._rngs, n), self._device) if self._shuffle else None
        for i in range(0, n, self._batch_size):
            part = slice(i, min(i + self._batch_size, n))
            yield part.stop - i, partial(self._gradients, part, None if orders is None else orders[:, part])

    def _gradients(self, part: slice, orders: NDArray | None, net: MLP | Ensemble, grad: NDArray) -> NDArray:
        """One network after the other, on neighbours or on the samples in its order; one batch is made at a time."""
        nets = [net] if isinstance(net, MLP) else net.nets
        if self._views[0] is not grad:  # it is, in every step but the first
            self._views = grad, [layer_views(row, net.sizes) for row in grad.reshape(len(nets), -1)]
        losses = []
        for k, (one, grads) in enumerate(zip(nets, self._views[1], strict=True)):
            if orders is None:
                x, y = self._x[:, part], self._y[:, part]
            elif k < len(orders):
                x, y = (values.take(orders[k], axis=1) for values in (self._x, self._y))
            losses.append(self._gradient(x, y, self._rngs[k % len(self._rngs)], one, grads))
        return array_module(self._device).array(losses)

    def _gradient(
        self, x: NDArray, y: NDArray, rng: np.random.Generator, net: MLP, grads: Sequence[NDArray]
    ) -> float | NDArray:
        """On the CPU piece by piece, so that activations stay in the cache however large the batch."""
        n = x.shape[1]
        pieces = -(-n // piece_size(net.sizes)) if self._device == "cpu" else 1
        losses = []
        for k, (a, b) in enumerate(pairwise(n * i // pieces for i in range(pieces + 1))):
            memory = self._memories.get(b - a) or self._memories.setdefault(b - a, Memory(net, b - a))
            forward(net, x[:, a:b], memory, rng)
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
    """The gradient from the segments of all networks at once, in float64, whatever the number of samples.

    Networks are taken in chunks that fit a cache, or a GPU's memory (`networks_at_a_time`).

    Parameters
    ----------
    net : MLP or Ensemble
        As for `SampleGradients`; of one input, without dropout.
    moments : Moments
    batch_size : int or None
        How many samples are a batch; None for all.
    shuffle : bool
        Whether a batch is drawn in a new order every epoch, or is the same run of neighbours each time.
    rngs : sequence of Generator
        Of the orders: one for all networks, or one for each.
    delta : float or None
        Of Huber's loss, for moments of a function with a name; None for the mean squared error.
    """

    def __init__(
        self,
        net: MLP | Ensemble,
        moments: Moments,
        batch_size: int | None,
        shuffle: bool,
        rngs: Sequence[np.random.Generator],
        delta: float | None = None,
    ):
        if net.dropout:
            raise ValueError(
                f"net has dropout {net.dropout}, so it is another network, with other segments, for every sample: "
                "train on a Dataset, not on Moments"
            )
        self._moments = moments.to(net.device)
        self._batches = (self._moments if delta is None else Huber(self._moments, delta)).batches(batch_size)
        self._shuffle = shuffle and len(self._batches) > 1
        self._rngs = rngs
        self._networks = 1 if isinstance(net, MLP) else len(net)
        self._views: tuple = None, None, []  # of the network and the gradient that it asked for last

    def epoch(self) -> Iterator[tuple[int, Gradient]]:
        """For each batch its number of samples, or 1 for a function, and the gradient on it."""
        if not self._shuffle:
            for moments in self._batches:
                yield moments.weight, partial(self._gradients, moments, None)
            return
        orders = move(draw_orders(self._rngs, self._moments.weight), self._moments.device)
        start = 0
        for batch in self._batches:
            rows = orders[:, start : start + batch.weight]
            start += batch.weight
            if len(rows) < self._networks:
                yield batch.weight, partial(self._gradients, self._moments.batch(rows[0]), None)
            else:
                yield batch.weight, partial(self._gradients, batch, rows)

    def _gradients(self, moments: Moments | Huber, rows: NDArray | None, net: MLP | Ensemble, grad: NDArray) -> NDArray:
        """Of these moments; or, given rows (K, B), of the samples in them, other ones for each network."""
        losses = []
        for some, layers, grads in self._chunks(net, grad):
            batch = moments if rows is None else self._moments.batch(rows[some])
            losses.append(segment_gradient(batch, layers, grads, net.negative_slope))
        return array_module(net.device).concatenate(losses)

    def _chunks(self, net: MLP | Ensemble, grad: NDArray) -> list[tuple[slice, list[NDArray], list[NDArray]]]:
        """Which networks are taken at a time, their layers, and the same views of grad."""
        if self._views[0] is not net or self._views[1] is not grad:  # they are, in every step but the first
            params, grads = (flat.reshape(self._networks, -1) for flat in (net.params, grad))
            size = networks_at_a_time(net.sizes, net.device)
            chunks = [slice(k, k + size) for k in range(0, self._networks, size)]
            views = [(c, stacked_layers(params[c], net.sizes), stacked_layers(grads[c], net.sizes)) for c in chunks]
            self._views = net, grad, views
        return self._views[2]
