"""The contenders of ``gpu.py``: one training on a GPU, by tinymlp and by other libraries.

Each takes a float32 network 1-H-H-H-1 with its first weights, or an ensemble of such, samples x and y, (n,) float32, in
order of x, and a device, "gpu", or "cpu" to be tried. It gives a function that trains on for so many epochs with Adam
(lr 0.01), in batches of 1280 in order, and returns the mean loss of each epoch, (epochs,) or (epochs, networks). When
it returns, nothing is under way on the GPU any more: the losses have come back.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from train_peers import (
    LR,
    Train,
    jax_gradients,
    jax_plain,
    jax_plain_gradient,
    jax_plain_params,
    jax_step,
    least_seconds,
)

import tinymlp
from tinymlp import MLP, Dataset, Ensemble, devices
from tinymlp.gpu import train_kernel

BATCH = 1280
LAUNCH = train_kernel.train


class Fused:
    """train(fused=True); on the CPU it is step by step.

    Attributes
    ----------
    kernel : float
        What the kernel took of the last call, in seconds, by the GPU's clock.
    """

    def __init__(self, net: MLP | Ensemble, x: np.ndarray, y: np.ndarray, device: str):
        self._net, self._data, self._adam = net.to(device), Dataset(x, y), tinymlp.Adam(LR)
        self._fused = device == "gpu"
        self._events, self.kernel = [], 0.0
        train_kernel.train = self._launch  # there is one contender in a process

    def _launch(self, *args):
        cuda = devices.array_module("gpu").cuda
        begin, end = cuda.Event(), cuda.Event()
        begin.record()
        losses = LAUNCH(*args)
        end.record()
        self._events.append((begin, end))
        return losses

    def __call__(self, epochs: int) -> np.ndarray:
        """Train on."""
        self._events.clear()
        history = tinymlp.train(
            self._net, self._data, epochs, batch_size=BATCH, shuffle=False, optimizer=self._adam, fused=self._fused
        )
        if self._events:
            cuda = devices.array_module("gpu").cuda
            self.kernel = sum(cuda.get_elapsed_time(*pair) for pair in self._events) / 1e3
        return history.losses


def tinymlp_arrays(net: MLP, x: np.ndarray, y: np.ndarray, device: str) -> Train:
    """train(fused=False), step by step with arrays."""
    moved, data, adam = net.to(device), Dataset(x, y), tinymlp.Adam(LR)
    how = {"batch_size": BATCH, "shuffle": False, "optimizer": adam, "fused": False}
    return lambda epochs: tinymlp.train(moved, data, epochs, **how).losses


def tinymlp_on_cpu(net: MLP, x: np.ndarray, y: np.ndarray, _: str) -> Train:
    """The same on the CPU."""
    return tinymlp_arrays(net, x, y, "cpu")


def _torch(net: MLP, x: np.ndarray, y: np.ndarray, device: str):
    """A model with the network's weights, its fused Adam, and the batches, all on the device."""
    import torch
    from torch import nn

    device = "cuda" if device == "gpu" else "cpu"
    modules = []
    for W, b in zip(net.weights, net.biases, strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0])
        linear.weight.data, linear.bias.data = torch.from_numpy(W.copy()), torch.from_numpy(b.copy())
        modules += [linear, nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    return torch, model, adam, *(torch.from_numpy(v[:, None]).to(device).split(BATCH) for v in (x, y))


def torch_eager(net: MLP, x: np.ndarray, y: np.ndarray, device: str) -> Train:
    """Eager, with the data on the device, a fused Adam, and losses read once a call."""
    torch, model, adam, bxs, bys = _torch(net, x, y, device)

    def train(epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for bx, by in zip(bxs, bys, strict=True):
                adam.zero_grad()
                loss = torch.nn.functional.mse_loss(model(bx), by)
                loss.backward()
                adam.step()
                losses.append(loss.detach())
        return torch.stack(losses).reshape(epochs, -1).mean(1).cpu().numpy()

    return train


def torch_compiled(net: MLP, x: np.ndarray, y: np.ndarray, device: str) -> Train:
    """torch.compile(mode="reduce-overhead"), which replays CUDA graphs, of forward, loss and gradient; fused Adam."""
    torch, model, adam, bxs, bys = _torch(net, x, y, device)

    @torch.compile(mode="reduce-overhead")
    def loss_of(bx, by):
        return torch.nn.functional.mse_loss(model(bx), by)

    def train(epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for bx, by in zip(bxs, bys, strict=True):
                torch.compiler.cudagraph_mark_step_begin()
                adam.zero_grad()
                loss = loss_of(bx, by)
                losses.append(loss.detach().clone())
                loss.backward()
                adam.step()
        return torch.stack(losses).reshape(epochs, -1).mean(1).cpu().numpy()

    return train


def jax_scan(net: MLP, x: np.ndarray, y: np.ndarray, _: str) -> Train:
    """As one writes it: `train_peers.jax_plain`; an epoch a call."""
    return jax_plain(net, x, y, BATCH)


def jax_vmap(net: MLP | Ensemble, x: np.ndarray, y: np.ndarray, _: str) -> Train:
    """vmap over networks of a scan over epochs of a scan over batches, all in one call; the quickest of six ways.

    The layouts are those of `train_peers.jax_tuned`, with its two gradients, and of jax_plain; each with the batches of
    an epoch one after the other, or unrolled. The number of epochs is compiled in, so that nobody asks the GPU after
    each whether there is another.
    """
    import jax

    nets = [net] if isinstance(net, MLP) else net.nets
    flat = [np.stack([net.params for net in nets])]
    apart = [np.stack(values) for values in zip(*map(jax_plain_params, nets), strict=True)]
    by_hand, by_autodiff = jax_gradients(nets[0].sizes)
    layouts = [
        (by_hand, flat, (-1, 1, BATCH)),
        (by_autodiff, flat, (-1, 1, BATCH)),
        (jax_plain_gradient(), apart, (-1, BATCH, 1)),
    ]

    def make(gradient: Callable, params: list[np.ndarray], shape: tuple[int, ...], unroll: int) -> Train:
        step, batches = jax_step(gradient), (jax.numpy.asarray(x.reshape(shape)), jax.numpy.asarray(y.reshape(shape)))
        params = [jax.numpy.asarray(p) for p in params]
        zeros = [jax.numpy.zeros_like(p) for p in params]
        state = params, zeros, zeros, jax.numpy.zeros(len(nets))

        def epoch(state, _):
            state, losses = jax.lax.scan(step, state, batches, unroll=unroll)
            return state, losses.mean()

        @partial(jax.jit, static_argnums=1)
        def run(state, epochs: int):
            return jax.vmap(lambda one: jax.lax.scan(epoch, one, length=epochs))(state)

        def train(epochs: int) -> np.ndarray:
            nonlocal state
            state, losses = run(state, epochs)
            return np.asarray(jax.block_until_ready(losses)).T

        return train

    makes = [partial(make, *layout, unroll) for layout in layouts for unroll in (1, len(x) // BATCH)]
    return min(makes, key=lambda make: least_seconds(make()))()


CONTENDERS: dict[str, Callable] = {
    "tinymlp, fused": Fused,
    "tinymlp, arrays": tinymlp_arrays,
    "tinymlp on the CPU": tinymlp_on_cpu,
    "torch eager, fused Adam": torch_eager,
    "torch.compile, CUDA graphs": torch_compiled,
    "JAX scan": jax_scan,
    "JAX vmap(scan), tuned": jax_vmap,
}
ON_MANY = ("tinymlp, fused", "JAX vmap(scan), tuned")  # for ensembles, too
