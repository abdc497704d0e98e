"""Runners: the two ways through epochs of training. `Steps` takes them step by step, from the CPU; `Launches` hands the
GPU whole runs of epochs, in which the fused kernel (``kernels/train.cu``) trains all networks side by side.

Either changes the parameters in place and gives the losses of its epochs, which stay on the device until someone reads
them. To start from the same parameters with the same orders is to take the same steps.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .backend import array_module
from .data import Dataset
from .engines import ENGINES, SampleEngine, SegmentEngine
from .ensemble import Ensemble
from .kernels import fused
from .moments import Moments
from .network import MLP, layer_views
from .optim import Adam


class Optimizer(Protocol):
    """Anything that changes parameters in place, given a gradient of the same shape: `Adam`, `SGD`, or your own."""

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change params in place; grad has their shape."""


class Steps:
    """One gradient after the other, from an engine, and one step of an optimizer.

    Parameters
    ----------
    net : MLP or Ensemble
    sources : list of engine
        One for all networks, or one for each.
    optimizers : list of Optimizer
        Likewise.

    Attributes
    ----------
    sizes : list of float
        The weights of the batches in the mean, after the first epoch.
    most : int
        How many epochs to ask for at most.
    """

    most = 1

    def __init__(
        self, net: MLP | Ensemble, sources: Sequence[SampleEngine | SegmentEngine], optimizers: Sequence[Optimizer]
    ):
        self._net, self._sources = net, sources
        self._nets = [net] if isinstance(net, MLP) else net.nets
        self._xp = array_module(self._nets[0].device)
        grad = self._xp.empty_like(net.params)
        self._grads = [layer_views(row, self._nets[0].sizes) for row in grad.reshape(len(self._nets), -1)]
        several = zip(optimizers, net.params, grad, strict=True) if len(optimizers) > 1 else ()
        self._steps = list(several) or [(optimizers[0], net.params, grad)]
        self._good, self._alive = net.params.copy(), True  # after the last epoch without NaN; whether there was none
        self.sizes: list[float] = []

    def epochs(self, count: int) -> NDArray:
        """Train for an epoch; the losses of its batches, and a row of 0, or NaN for a network that has one.

        Returns
        -------
        array, (1, batches + 1, K)
        """
        xp, params, nets = self._xp, self._net.params, self._nets
        sizes: list[float] = []
        losses: list[float | NDArray] = []
        for batch in zip(*(source.epoch() for source in self._sources), strict=True):
            sizes.append(batch[0][0])
            losses += [batch[k % len(batch)][1](net, self._grads[k]) for k, net in enumerate(nets)]
            for optimizer, some, grad in self._steps:
                optimizer.step(some, grad)
        losses += list((0 * params.reshape(len(nets), -1)).sum(axis=1))
        self.sizes = sizes
        table = xp.array(losses).reshape(1, -1, len(nets))
        self._alive = xp.isfinite(table.sum()) & self._alive
        self._good = xp.where(self._alive, params, self._good)
        return table

    @property
    def stuck(self) -> bool:
        """Whether a NaN was seen. On a GPU to ask is to wait, so nobody looks before the losses are read."""
        return self._xp is np and not self._alive

    def rewind(self, epochs: int) -> None:
        """Back to the parameters after so many epochs: all those before the first NaN."""
        self._net.params[...] = self._good


class Launches:
    """Launches of the fused kernel, each for as many epochs as are wanted at once, where `why_not_fused` says nothing.

    Parameters are those of `train`; the learning rates are of each network, and there is a generator for all or each.
    """

    stuck = False

    def __init__(
        self,
        net: MLP | Ensemble,
        data: Dataset,
        batch_size: int | None,
        shuffle: bool,
        rngs: Sequence[np.random.Generator],
        adam: Adam,
        lrs: Sequence[float],
    ):
        first = net if isinstance(net, MLP) else net.nets[0]
        xp, config = array_module("gpu"), _configuration(first)
        assert config is not None
        self._config = config
        self._net, self._first, self._adam, self._rngs = net, first, adam, list(rngs)
        self._x, self._y = (xp.asarray(values[0]) for values in data.columns(np.float32))
        self._batch_size = min(batch_size or len(data), len(data))
        self._shuffle = shuffle and self._batch_size < len(data)
        self._lrs = xp.asarray(np.array(lrs, np.float64))
        self.sizes = [min(self._batch_size, len(data) - i) for i in range(0, len(data), self._batch_size)]
        numbers = max(len(lrs) * len(self.sizes), len(self._rngs) * len(data) if self._shuffle else 1)  # an epoch
        self.most = max(1, LARGEST // numbers)
        sums, _ = adam.ahead(net.params, 0)
        self._begin = net.params.copy(), sums.copy(), adam.t, deepcopy(self._rngs)

    def epochs(self, count: int) -> NDArray:
        """Train for so many epochs; their losses as `Steps` gives them, (count, batches + 1, K)."""
        xp, networks = array_module("gpu"), len(self._lrs)
        params = self._net.params.reshape(networks, -1)
        sums, pairs = self._adam.ahead(self._net.params, count * len(self.sizes))
        factors, eps = np.array(pairs).T
        return fused.train(
            self._config,
            params,
            sums.reshape(2, networks, -1),
            self._first.sizes[1:-1],
            self._x,
            self._y,
            xp.asarray(self._orders(count)),
            count,
            self._batch_size,
            self._first.negative_slope,
            (self._lrs, xp.asarray(factors.copy()), xp.asarray(eps.astype(np.float32))),
            self._adam.betas,
            self._adam.weight_decay,
        )

    def _orders(self, count: int) -> NDArray:
        """Of the samples in the next epochs, (networks or 1, epochs or 1, n); drawn as `SampleEngine` draws them."""
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
        """Back to the parameters after so many epochs, by training anew for them: the same digits."""
        params, sums, self._adam.t, self._rngs = self._begin
        self._net.params[...] = params
        self._adam.ahead(self._net.params, 0)[0][...] = sums
        while epochs:
            count = min(epochs, self.most)
            self.epochs(count)
            epochs -= count


LARGEST = 2**26  # numbers in an array of orders or losses: 256 MiB

Runner = Steps | Launches


def _configuration(net: MLP) -> fused.Configuration | None:
    return fused.configuration(net.sizes[1:-1], fused.shared_memory())


def why_not_fused(net: MLP | Ensemble, data: Dataset | Moments, optimizer: object) -> str | None:
    """What keeps the fused kernel from training this; None if nothing does."""
    first = net if isinstance(net, MLP) else net.nets[0]
    rules: list[tuple[bool, Callable[[], str]]] = [
        (first.device == "gpu", lambda: "runs on a GPU: use net.to('gpu')"),
        (isinstance(data, Dataset), lambda: "needs samples: give a Dataset"),
        (first.dtype == np.float32, lambda: f"computes in float32, and net is {first.dtype}: use net.astype"),
        (first.sizes[0] == first.sizes[-1] == 1, lambda: f"is for one input and one output, and net is {first.sizes}"),
        (first.dropout == 0, lambda: f"knows no dropout, and net has {first.dropout}"),
        (type(optimizer) is Adam, lambda: f"knows Adam, and optimizer is {optimizer!r}"),
        (
            first.device == "cpu" or _configuration(first) is not None,
            lambda: (
                f"is for 1 to {fused.LAYERS[-1]} hidden layers of up to {fused.WIDTHS[-1]} units that fit into "
                f"{fused.shared_memory() // 1024} KiB of shared memory, and net is {first.sizes}"
            ),
        ),
    ]
    return next((reason() + "; or engine='samples'" for fine, reason in rules if not fine), None)


def runner(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    lr: float | Sequence[float],
    batch_size: int | None,
    shuffle: bool,
    optimizer: Optimizer | None,
    rngs: Sequence[np.random.Generator],
    engine: str,
) -> Runner:
    """The runner for what `train` is asked; parameters are its, ``rngs`` made from its seeds."""
    first = net if isinstance(net, MLP) else net.nets[0]
    networks = 1 if isinstance(net, MLP) else len(net)
    adams = [Adam(rate) for rate in np.atleast_1d(lr).tolist()]  # one, or one for each network; each checks its lr
    if engine in ("fused", "auto"):
        reason = why_not_fused(net, data, optimizer or adams[0])
        if reason is None:
            assert isinstance(data, Dataset)
            adam = optimizer if isinstance(optimizer, Adam) else adams[0]
            rates = [adam.lr] * networks if optimizer or len(adams) == 1 else [one.lr for one in adams]
            return Launches(net, data, batch_size, shuffle, rngs, adam, rates)
        if engine == "fused":
            raise ValueError(f"engine='fused' {reason}")
        engine = "samples"
    sources = [ENGINES[engine](first, data, batch_size, shuffle, rng) for rng in rngs]
    return Steps(net, sources, [optimizer] if optimizer else adams)
