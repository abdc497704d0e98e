"""The contenders of ``train_ensembles.py``: many networks 1-H-H-H-1 at once, float64, Adam with lr 0.01.

Each takes the ensemble's sizes and first parameters (K, P), samples x and y, (n,), in order of x, a batch size that
divides n, and how batches are drawn: "in order", "shuffled" (an order for all networks) or "each" (one for each). It
gives a function that trains all networks for so many epochs and returns their mean losses, (epochs, K). All draw the
same orders, from the same generators, and pay for it.

JAX has the tuned step of ``train_peers.py``; of three ways to many networks (all at once by vmap, one after the other
by map, groups of 8), of chunks of several sizes, and of the gradient by hand and by value_and_grad, it tries all on a
few batches and takes the quickest. torch.func is vmap over grad_and_value, with a fused Adam; chunks are tried, too.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from in_turns import Train
from train_peers import B1, B2, EPS, LR, jax_gradients, jax_over_chunks, jax_step, least_seconds, slices

import tinymlp
from tinymlp import Dataset, Ensemble, Moments

GROUP = 8


def generators(order: str, networks: int) -> list[np.random.Generator]:
    """Of the orders of the samples: none, one for all networks, or one for each."""
    count = {"in order": 0, "shuffled": 1, "each": networks}[order]
    return [np.random.default_rng(k) for k in range(count)]


def tinymlp_train(sizes: Sequence[int], params: np.ndarray, data: Dataset | Moments, batch: int, order: str) -> Train:
    """train() as it comes."""
    ensemble = Ensemble(sizes, range(len(params)), dtype=np.float64)
    ensemble.params = params
    adam, rngs = tinymlp.Adam(LR), generators(order, len(params))
    how = {"batch_size": batch, "shuffle": order != "in order", "optimizer": adam}
    if rngs:
        how |= {"seeds": rngs} if order == "each" else {"seed": rngs[0]}
    return lambda epochs: tinymlp.train(ensemble, data, epochs, **how).losses


def tinymlp_samples(
    sizes: Sequence[int], params: np.ndarray, x: np.ndarray, y: np.ndarray, batch: int, order: str
) -> Train:
    """Sample by sample."""
    return tinymlp_train(sizes, params, Dataset(x, y), batch, order)


def tinymlp_segments(
    sizes: Sequence[int], params: np.ndarray, x: np.ndarray, y: np.ndarray, batch: int, order: str
) -> Train:
    """By segments; the moments are made before."""
    return tinymlp_train(sizes, params, Moments.of(Dataset(x, y)), batch, order)


def chunks(batch: int) -> list[int]:
    """Sizes of chunks to try; in float64 smaller ones than in float32."""
    return [size for size in (320, 640, 1280, 500, 1000, 2500) if batch % size == 0] or [batch]


def quickest(make: Callable[..., Train], ways: Sequence[tuple], x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """What make(x, y, batch, *way) gives for the quickest way, tried on a few chunks; way[0] is the size of one."""

    def seconds_a_sample(way: tuple) -> float:
        part = way[0] * min(batch // way[0], 4)
        return least_seconds(make(x[:part], y[:part], part, *way), epochs=1, rounds=3) / part

    best = min(ways, key=seconds_a_sample)
    train = make(x, y, batch, *best)
    train.way = ", ".join(["chunks of {}", "{}", "{}"][: len(best)]).format(*best)
    return train


def jax_tuned(sizes: Sequence[int], params: np.ndarray, x: np.ndarray, y: np.ndarray, batch: int, order: str) -> Train:
    """One epoch is one call: for each network a scan over batches, with the state donated."""
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    K, of_data = len(params), 0 if order == "each" else None
    gradients = dict(zip(("by hand", "value_and_grad"), jax_gradients(sizes), strict=True))

    def make(x: np.ndarray, y: np.ndarray, batch: int, size: int, networks: str, gradient: str) -> Train:
        step, shape = jax_step(jax_over_chunks(gradients[gradient])), (-1, batch // size, 1, size)
        rngs = generators(order, K)

        def one(p, m, v, t, x, y):
            (p, m, v, t), losses = jax.lax.scan(step, ([p], [m], [v], t), (x, y))
            return (p[0], m[0], v[0], t), losses.mean()

        def epoch(state, x, y, indices):
            if rngs:
                x, y = x[indices], y[indices]
            x, y = x.reshape(*indices.shape[:-1], *shape), y.reshape(*indices.shape[:-1], *shape)
            several = jax.vmap(one, in_axes=(0, 0, 0, 0, of_data, of_data))
            if networks == "all at once":
                return several(*state, x, y)
            group = 1 if networks == "one by one" else GROUP
            one_or_more = several if group > 1 else one

            def grouped(a):
                return a.reshape(K // group, group, *a.shape[1:]) if group > 1 else a

            if order == "each":
                out = jax.lax.map(lambda s: one_or_more(*s), tuple(map(grouped, (*state, x, y))))
            else:
                out = jax.lax.map(lambda s: one_or_more(*s, x, y), tuple(map(grouped, state)))
            return jax.tree.map(lambda a: a.reshape(K, *a.shape[2:]) if group > 1 else a, out)

        run, xs, ys = jax.jit(epoch, donate_argnums=0), jnp.asarray(x), jnp.asarray(y)
        state = (jnp.array(params), jnp.zeros(params.shape), jnp.zeros(params.shape), jnp.zeros(K))
        none = jnp.arange(len(x))

        def indices():
            drawn = [rng.permutation(len(x)) for rng in rngs]
            return np.stack(drawn) if order == "each" else drawn[0] if drawn else none

        def train(epochs: int) -> np.ndarray:
            nonlocal state
            losses = []
            for _ in range(epochs):
                state, some = run(state, xs, ys, indices())
                losses.append(jax.block_until_ready(some))
            return np.array(losses)

        return train

    networks = ["all at once", "one by one", *([f"groups of {GROUP}"] if K % GROUP == 0 and K > GROUP else [])]
    return quickest(make, list(product(chunks(batch), networks, gradients)), x, y, batch)


def torch_func(sizes: Sequence[int], params: np.ndarray, x: np.ndarray, y: np.ndarray, batch: int, order: str) -> Train:
    """vmap over grad_and_value of one network's loss, on [W | b] against a row of ones; a fused Adam on all."""
    import torch
    from torch.func import grad_and_value, vmap

    torch.set_num_threads(1)
    K, of_data, where = len(params), 0 if order == "each" else None, slices(sizes)

    def loss_of(p, x, y):
        a = x
        for k, (s, shape) in enumerate(where):
            layer = p[s].view(shape)
            z = layer[:, :-1] @ a + layer[:, -1:]
            a = z.relu() if k < len(where) - 1 else z
        return (a - y).square().mean()

    gradient = vmap(grad_and_value(loss_of), in_dims=(0, of_data, of_data))

    def make(x: np.ndarray, y: np.ndarray, batch: int, size: int) -> Train:
        xs, ys, p = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(params.copy()).requires_grad_()
        adam = torch.optim.Adam([p], lr=LR, betas=(B1, B2), eps=EPS, fused=True)
        rngs, each = generators(order, K), batch // size

        def epoch() -> np.ndarray:
            drawn = [torch.from_numpy(rng.permutation(len(x))) for rng in rngs]
            indices = torch.stack(drawn) if order == "each" else drawn[0] if drawn else slice(None)
            bxs, bys = (f[indices].unsqueeze(-2).split(size, dim=-1) for f in (xs, ys))
            losses = torch.zeros(K, dtype=torch.float64)
            for i in range(0, len(bxs), each):
                parts = [gradient(p.detach(), *b) for b in zip(bxs[i : i + each], bys[i : i + each], strict=True)]
                p.grad = sum(g for g, _ in parts) / each
                losses += sum(loss for _, loss in parts) / each
                adam.step()
            return losses.numpy() / (len(bxs) // each)

        return lambda epochs: np.array([epoch() for _ in range(epochs)])

    return quickest(make, [(size,) for size in chunks(batch)], x, y, batch)


CONTENDERS: dict[str, Callable[..., Train]] = {
    "tinymlp segments": tinymlp_segments,
    "tinymlp samples": tinymlp_samples,
    "JAX, tuned": jax_tuned,
    "torch.func": torch_func,
}
