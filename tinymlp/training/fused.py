"""Fused training: whole runs of epochs in one launch, in which a CUDA kernel trains all networks side by side.

`FusedTraining` does what `StepByStep` does, for the networks that the kernel (``gpu/train.cu``) is made for, and
`why_not_fused` says which those are not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset
from ..devices import array_module
from ..gpu import train_kernel
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .moments import Moments
from .optim import Adam

__all__ = ["FusedTraining", "why_not_fused"]


class FusedTraining:
    """Launches of the fused kernel, each for as many epochs as are wanted at once.

    For networks of which `why_not_fused` says nothing. The numbers are those of `StepByStep` to rounding, because the
    kernel sums in another order; they are the same in every run.

    Parameters
    ----------
    net, data, batch_size, shuffle
        As for `train`.
    rngs : list of Generator
        Of the orders: one for all networks, or one for each.
    adam : Adam
        Of all networks.

    Attributes
    ----------
    sizes, most, stuck
        As those of `StepByStep`.
    """

    stuck = False

    def __init__(
        self,
        net: MLP | Ensemble,
        data: Dataset,
        batch_size: int,
        shuffle: bool,
        rngs: Sequence[np.random.Generator],
        adam: Adam,
    ):
        xp, config = array_module("gpu"), _configuration(net.sizes)
        assert config is not None
        self._config = config
        self._net, self._adam, self._rngs = net, adam, list(rngs)
        self._x, self._y = (xp.asarray(values[0]) for values in data.columns(np.float32))
        self._batch_size = min(batch_size, len(data))
        self._shuffle = shuffle and self._batch_size < len(data)
        lrs = np.full(1 if isinstance(net, MLP) else len(net), adam.lr)
        self._lrs = xp.asarray(lrs)
        self.sizes = [min(self._batch_size, len(data) - i) for i in range(0, len(data), self._batch_size)]
        numbers = max(len(lrs) * len(self.sizes), len(self._rngs) * len(data) if self._shuffle else 1)  # an epoch
        self.most = max(1, LARGEST // numbers)
        self._begin = net.params.copy(), adam.running_sums(net.params).copy(), adam.t, deepcopy(self._rngs)

    def epochs(self, count: int) -> NDArray:
        """Train for so many epochs; their losses as `StepByStep` gives them, (count, batches + 1, K)."""
        xp, networks = array_module("gpu"), len(self._lrs)
        params = self._net.params.reshape(networks, -1)
        sums = self._adam.running_sums(self._net.params)
        factors, eps = np.array(self._adam.begin_steps(count * len(self.sizes))).T
        return train_kernel.train(
            self._config,
            params,
            sums.reshape(2, networks, -1),
            self._net.sizes[1:-1],
            self._x,
            self._y,
            xp.asarray(self._orders(count)),
            count,
            self._batch_size,
            self._net.negative_slope,
            (self._lrs, xp.asarray(factors.copy()), xp.asarray(eps.astype(np.float32))),
            self._adam.betas,
            self._adam.weight_decay,
        )

    def _orders(self, count: int) -> NDArray:
        """The samples' orders in the next epochs, (networks or 1, epochs or 1, n), drawn as `draw_orders` does."""
        n = self._x.size
        if not self._shuffle:
            return np.arange(n, dtype=np.int32)[None, None]
        orders = np.empty((len(self._rngs), count, n), np.int32)

        def draw(row: NDArray, rng: np.random.Generator) -> None:
            for epoch in row:
                epoch[:] = rng.permutation(n)

        with ThreadPoolExecutor() as threads:  # while NumPy permutes, other threads can
            list(threads.map(draw, orders, self._rngs))
        return orders

    def rewind(self, epochs: int) -> None:
        """Go back to the parameters after so many epochs, by training again from the start: the same digits."""
        params, sums, self._adam.t, self._rngs = self._begin
        self._net.params[...] = params
        self._adam.running_sums(self._net.params)[...] = sums
        while epochs:
            count = min(epochs, self.most)
            self.epochs(count)
            epochs -= count


LARGEST = 2**26  # numbers in an array of orders or losses: 256 MiB


def _configuration(sizes: Sequence[int]) -> train_kernel.Configuration | None:
    return train_kernel.configuration(sizes[1:-1], train_kernel.shared_memory())


def why_not_fused(net: MLP | Ensemble, data: Dataset | Moments, loss: str, optimizer: object) -> str | None:
    """What keeps the fused kernel from training this; None if nothing does."""
    rules: list[tuple[bool, Callable[[], str]]] = [
        (net.device == "gpu", lambda: "runs on a GPU: use net.to('gpu')"),
        (isinstance(data, Dataset), lambda: "needs samples: give a Dataset"),
        (net.dtype == np.float32, lambda: f"computes in float32, and net is {net.dtype}: use net.astype"),
        (net.sizes[0] == net.sizes[-1] == 1, lambda: f"is for one input and one output, and net is {net.sizes}"),
        (net.dropout == 0, lambda: f"knows no dropout, and net has {net.dropout}"),
        (loss == "mse", lambda: f"knows the mean squared error, and loss is {loss!r}"),
        (type(optimizer) is Adam, lambda: f"knows Adam, and optimizer is {optimizer!r}"),
        (
            net.device == "cpu" or _configuration(net.sizes) is not None,
            lambda: (
                f"is for 1 to {train_kernel.LAYERS[-1]} hidden layers of up to {train_kernel.WIDTHS[-1]} units that "
                f"fit into {train_kernel.shared_memory() // 1024} KiB of shared memory, and net is {net.sizes}"
            ),
        ),
    ]
    return next((reason() for fine, reason in rules if not fine), None)
