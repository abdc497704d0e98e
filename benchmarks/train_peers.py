"""The contenders of ``train_cpu.py``: one training, by each library as it is used, and as fast as we could make it.

Each takes a float32 network 1-H-H-H-1 with its first weights, samples x and y, (n,) float32, in order of x, and a batch
size that divides n. It gives a function that trains on for so many epochs with Adam (lr 0.01), batch by batch in order,
and returns the mean loss of each. What is needed once (moving data, compiling) is done before, or at the first call.

"Tuned" peers compute as tinymlp does: activations are (units, samples), biases a last column that meets a row of ones,
parameters one flat vector, the gradient by hand; they take batches in chunks that stay in the cache, and how large
these are is tried out for each network and batch.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter

import numpy as np
from in_turns import Train

import tinymlp
from tinymlp import MLP, Moments

LR, B1, B2, EPS = 0.01, 0.9, 0.999, 1e-8


def least_seconds(train: Train, epochs: int = 5, rounds: int = 7) -> float:
    """What so many epochs take, at best."""
    train(epochs)
    times = []
    for _ in range(rounds):
        began = perf_counter()
        train(epochs)
        times.append(perf_counter() - began)
    return min(times)


def quickest(make: Callable[..., Train], ways: Sequence[tuple], x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """What make(x, y, batch, *way) gives for the quickest way of those tried; way[0] is the size of a chunk."""

    def seconds_a_sample(way: tuple) -> float:
        part = way[0] * min(batch // way[0], 8)
        return least_seconds(make(x[:part], y[:part], part, *way)) / part

    return make(x, y, batch, *(min(ways, key=seconds_a_sample) if len(ways) > 1 else ways[0]))


def chunks(batch: int) -> list[int]:
    """Sizes of chunks to try: 320 to 20,000 were tried by hand, and the best were always among these."""
    return [size for size in (640, 1000, 1280, 2500, 5000) if batch % size == 0] or [batch]


def tinymlp_samples(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """train() as it comes, float32."""
    data, adam = tinymlp.Dataset(x, y), tinymlp.Adam(LR)
    return lambda epochs: tinymlp.train(net, data, epochs, batch_size=batch, shuffle=False, optimizer=adam).losses


def tinymlp_segments(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """train() on Moments, float64; they are made before."""
    moments, adam = Moments.of(tinymlp.Dataset(x, y)), tinymlp.Adam(LR)
    net = net.astype(np.float64)
    return lambda epochs: tinymlp.train(net, moments, epochs, batch_size=batch, shuffle=False, optimizer=adam).losses


def naive_numpy(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """As one writes it first: one row per sample, a fresh array for every result, Adam parameter by parameter."""
    Ws, bs = [W.T.copy() for W in net.weights], [b.copy() for b in net.biases]
    params = Ws + bs
    ms, vs = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    t = 0

    def step(x: np.ndarray, y: np.ndarray) -> float:
        nonlocal t
        activations, zs = [x], []
        for k, (W, b) in enumerate(zip(Ws, bs, strict=True)):
            z = activations[-1] @ W + b
            zs.append(z)
            activations.append(np.maximum(z, 0) if k < len(Ws) - 1 else z)
        error = activations[-1] - y
        d = 2 * error / error.size
        dWs, dbs = [], []
        for k in reversed(range(len(Ws))):
            dWs.insert(0, activations[k].T @ d)
            dbs.insert(0, d.sum(axis=0))
            if k > 0:
                d = (d @ Ws[k].T) * (zs[k - 1] > 0)
        t += 1
        for p, g, m, v in zip(params, dWs + dbs, ms, vs, strict=True):
            m[...] = B1 * m + (1 - B1) * g
            v[...] = B2 * v + (1 - B2) * g**2
            p -= LR * m / (1 - B1**t) / (np.sqrt(v / (1 - B2**t)) + EPS)
        return float(np.mean(error**2))

    def epoch() -> float:
        return np.mean([step(x[i : i + batch, None], y[i : i + batch, None]) for i in range(0, len(x), batch)])

    return lambda epochs: np.array([epoch() for _ in range(epochs)])


def scikit_learn(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """MLPRegressor.partial_fit; its loss is half the squared error, so it gets half the eps to take the same steps."""
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=net.sizes[1:-1],
        alpha=0,
        batch_size=batch,
        learning_rate_init=LR,
        shuffle=False,
        epsilon=EPS / 2,
    )
    x = x[:, None]
    model._random_state = np.random.RandomState(0)
    model._initialize(y[:, None], list(net.sizes), x.dtype)
    model.coefs_, model.intercepts_ = [W.T.copy() for W in net.weights], [b.copy() for b in net.biases]

    def epoch() -> float:
        model.partial_fit(x, y)
        return 2 * model.loss_curve_[-1]

    return lambda epochs: np.array([epoch() for _ in range(epochs)])


def _torch_model(net: MLP):
    """nn.Sequential with the network's weights, and its Adam."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    modules = []
    for W, b in zip(net.weights, net.biases, strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0])
        linear.weight.data, linear.bias.data = torch.from_numpy(W.copy()), torch.from_numpy(b.copy())
        modules += [linear, nn.ReLU()]
    model = nn.Sequential(*modules[:-1])
    return model, torch.optim.Adam(model.parameters(), lr=LR)


def torch_article(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """The article's form: a Dataset of single samples, a DataLoader that stacks them, loss.item() every step."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    tx, ty = torch.from_numpy(x[:, None]), torch.from_numpy(y[:, None])

    class Samples(Dataset):
        def __len__(self) -> int:
            return len(tx)

        def __getitem__(self, i: int):
            return tx[i], ty[i]

    model, adam = _torch_model(net)
    mse, loader = torch.nn.MSELoss(), DataLoader(Samples(), batch_size=batch)

    def epoch() -> float:
        losses = []
        for bx, by in loader:
            adam.zero_grad()
            loss = mse(model(bx), by)
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return np.mean(losses)

    return lambda epochs: np.array([epoch() for _ in range(epochs)])


def torch_eager(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """The same with the data in one tensor, and losses read once an epoch."""
    import torch

    model, adam = _torch_model(net)
    mse = torch.nn.MSELoss()
    bxs, bys = torch.from_numpy(x[:, None]).split(batch), torch.from_numpy(y[:, None]).split(batch)

    def epoch() -> float:
        losses = []
        for bx, by in zip(bxs, bys, strict=True):
            adam.zero_grad()
            loss = mse(model(bx), by)
            loss.backward()
            adam.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    return lambda epochs: np.array([epoch() for _ in range(epochs)])


def torch_compiled(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """torch.compile of a whole epoch, the gradient by hand, one flat Adam, called from C++.

    The quickest of those tried; at width 10 with torch.func.grad 1.4 times slower, without cpp_wrapper 1.6, both 1.7.
    """
    import torch

    torch.set_num_threads(1)
    torch.compiler.reset()  # it gives up compiling after eight shapes
    params = torch.from_numpy(net.params.copy())
    m, v, t = torch.zeros_like(params), torch.zeros_like(params), torch.zeros((), dtype=torch.float64)
    bxs, bys = torch.from_numpy(x[None]).split(batch, dim=1), torch.from_numpy(y[None]).split(batch, dim=1)
    where = slices(net.sizes)

    def gradient(params, bx, by):
        layers, a = [params[s].view(shape) for s, shape in where], [bx]
        for layer in layers[:-1]:
            a.append(torch.relu(torch.addmm(layer[:, -1:], layer[:, :-1], a[-1])))
        error = torch.addmm(layers[-1][:, -1:], layers[-1][:, :-1], a[-1]) - by
        d, grads = error * (2 / batch), []
        for l in reversed(range(len(layers))):
            grads.append(torch.cat([d @ a[l].T, d.sum(1, keepdim=True)], 1).reshape(-1))
            if l:
                d = torch.where(a[l] > 0, layers[l][:, :-1].T @ d, 0.0)
        return torch.cat(grads[::-1]), error.square().mean()

    @torch.compile(dynamic=False, options={"cpp_wrapper": True})
    def epoch(params, m, v, t, bxs, bys):
        losses = []
        for bx, by in zip(bxs, bys, strict=True):
            grad, loss = gradient(params, bx, by)
            t = t + 1
            rate, root = (LR / (1 - B1**t)).float(), (1 - B2**t).sqrt().float()
            m, v = B1 * m + (1 - B1) * grad, B2 * v + (1 - B2) * grad * grad
            params = params - rate * m / (v.sqrt() / root + EPS)
            losses.append(loss)
        return params, m, v, t, torch.stack(losses).mean()

    @torch.no_grad()
    def train(epochs: int) -> np.ndarray:
        nonlocal params, m, v, t
        losses = np.empty(epochs)
        for k in range(epochs):
            params, m, v, t, loss = epoch(params, m, v, t, bxs, bys)
            losses[k] = float(loss)
        return losses

    return train


def slices(sizes: Sequence[int]) -> list[tuple[slice, tuple[int, int]]]:
    """Where each [W | b] lies in the flat vector, and its shape."""
    ends = np.cumsum([0, *(o * (i + 1) for i, o in pairwise(sizes))]).tolist()
    return [(slice(a, b), (o, i + 1)) for (a, b), (i, o) in zip(pairwise(ends), pairwise(sizes), strict=True)]


def torch_tuned(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """Tuned, by hand: no autograd, every result into an array made once, one fused Adam.

    Multiplying by a mask of bool instead of ``threshold_backward``, new views in each step, and Adam operation by
    operation made a step at width 10 take 2.5 times as long.
    """
    import torch

    torch.set_num_threads(1)
    back = torch.ops.aten.threshold_backward.grad_input  # d where a > 0, else 0

    def make(x: np.ndarray, y: np.ndarray, batch: int, size: int) -> Train:
        params = torch.from_numpy(net.params.copy())
        grad, m, v = (torch.zeros_like(params) for _ in range(3))
        layers, grads = ([f[s].view(shape) for s, shape in slices(net.sizes)] for f in (params, grad))
        a = [torch.ones((units + 1, size)) for units in net.sizes[:-1]]
        inner = [z[:-1] for z in a]
        d = [torch.empty((units, size)) for units in net.sizes[1:]]
        forward = list(zip(layers[:-1], a, inner[1:], strict=False))
        backward = [(grads[l], a[l].T, layers[l][:, :-1].T, d[l - 1], inner[l]) for l in range(len(layers) - 1, 0, -1)]
        pieces = [torch.from_numpy(f[None]).split(size, dim=1) for f in (x, y)]
        bxys, each = list(zip(*pieces, strict=True)), batch // size
        t = torch.zeros(())

        def gradient(bx, by, add):
            inner[0].copy_(bx)
            for layer, below, z in forward:
                torch.mm(layer, below, out=z).relu_()
            delta = torch.mm(layers[-1], a[-1], out=d[-1]).sub_(by)
            loss = torch.dot(delta[0], delta[0])
            delta.mul_(2 / batch)
            for into, below_T, layer_T, next_, z in backward:
                into.addmm_(delta, below_T) if add else torch.mm(delta, below_T, out=into)
                delta = back(torch.mm(layer_T, delta, out=next_), z, 0, grad_input=next_)
            grads[0].addmm_(delta, a[0].T) if add else torch.mm(delta, a[0].T, out=grads[0])
            return loss

        def step(bxys):
            loss = gradient(*bxys[0], add=False)
            for bx, by in bxys[1:]:
                loss += gradient(bx, by, add=True)
            t.add_(1)
            torch._fused_adam_(
                *([f] for f in (params, grad, m, v)), [], [t],
                lr=LR, beta1=B1, beta2=B2, weight_decay=0.0, eps=EPS, amsgrad=False, maximize=False,
            )  # fmt: skip  # what torch.optim.Adam(fused=True) calls
            return loss

        @torch.inference_mode()
        def train(epochs: int) -> np.ndarray:
            losses = []
            for _ in range(epochs):
                sums = [step(bxys[i : i + each]) for i in range(0, len(bxys), each)]
                losses.append(float(torch.stack(sums).mean()) / batch)
            return np.array(losses)

        return train

    return quickest(make, [(size,) for size in chunks(batch)], x, y, batch)


def jax_step(gradient: Callable) -> Callable:
    """A step of Adam for lax.scan, from (params, ms, vs, t) and samples to the next and the loss."""
    from jax import numpy as jnp

    def step(state, samples):
        params, ms, vs, t = state
        loss, grads = gradient(params, *samples)
        t = t + 1
        ms = [B1 * m + (1 - B1) * g for m, g in zip(ms, grads, strict=True)]
        vs = [B2 * v + (1 - B2) * g * g for v, g in zip(vs, grads, strict=True)]
        rate, root = LR / -jnp.expm1(t * np.log(B1)), jnp.sqrt(-jnp.expm1(t * np.log(B2)))
        params = [p - rate * m / (jnp.sqrt(v) / root + EPS) for p, m, v in zip(params, ms, vs, strict=True)]
        return (params, ms, vs, t), loss

    return step


def jax_over_chunks(gradient: Callable) -> Callable:
    """The gradient on a batch (chunks, ...), one chunk after the other."""
    import jax
    from jax import numpy as jnp

    def of_batch(params, bx, by):
        if len(bx) == 1:
            return gradient(params, bx[0], by[0])

        def add(total, samples):
            return jax.tree.map(jnp.add, total, gradient(params, *samples)), None

        total, _ = jax.lax.scan(add, (0.0, jax.tree.map(jnp.zeros_like, params)), (bx, by))
        return jax.tree.map(lambda sum_: sum_ / len(bx), total)

    return of_batch


def _jax_train(gradient: Callable, params: list, bxs: np.ndarray, bys: np.ndarray, most: int) -> Train:
    """A compiled scan over batches (batches, chunks, ...), a batch a scan over its chunks; most epochs in one call."""
    import jax
    from jax import numpy as jnp

    params, bxs, bys = [jnp.asarray(p) for p in params], jnp.asarray(bxs), jnp.asarray(bys)
    zeros = [jnp.zeros_like(p) for p in params]

    step = jax_step(jax_over_chunks(gradient))

    @jax.jit
    def run(state, bxs, bys, epochs):
        def epoch(k, so_far):
            state, losses = jax.lax.scan(step, so_far[0], (bxs, bys))
            return state, so_far[1].at[k].set(losses.mean())

        return jax.lax.fori_loop(0, epochs, epoch, (state, jnp.zeros(most)))

    state = (params, zeros, zeros, jnp.zeros(()))

    def train(epochs: int) -> np.ndarray:
        nonlocal state
        losses = []
        for done in range(0, epochs, most):
            state, some = run(state, bxs, bys, min(most, epochs - done))
            losses.append(jax.block_until_ready(some))
        return np.concatenate(losses)[:epochs].astype(np.float64)

    return train


def jax_plain_params(net: MLP) -> list[np.ndarray]:
    """W and b, layer by layer, for inputs that are rows."""
    return [p for W, b in zip(net.weights, net.biases, strict=True) for p in (W.T, b)]


def jax_plain_gradient() -> Callable:
    """From (params, bx, by), one row per sample, to (loss, gradients), by value_and_grad."""
    import jax
    from jax import numpy as jnp

    def loss_of(params, bx, by):
        a = bx
        for W, b in zip(params[::2], params[1::2], strict=True):
            z = a @ W + b
            a = jnp.maximum(z, 0)
        return jnp.mean((z - by) ** 2)

    return jax.value_and_grad(loss_of)


def jax_plain(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """lax.scan over the batches, one row per sample, weights and biases apart, gradients by value_and_grad."""
    shape = (-1, 1, batch, 1)
    return _jax_train(jax_plain_gradient(), jax_plain_params(net), x.reshape(shape), y.reshape(shape), 1)


def jax_gradients(sizes: Sequence[int]) -> tuple[Callable, Callable]:
    """By hand and by value_and_grad, each from ([flat params], bx, by) to (loss, [gradient]); features first."""
    import jax
    from jax import numpy as jnp

    where = slices(sizes)

    def over_ones(a):
        return jnp.concatenate([a, jnp.ones((1, a.shape[1]), a.dtype)])

    def loss_of(params, bx, by):
        a = bx
        for s, shape in where:
            z = params[0][s].reshape(shape) @ over_ones(a)
            a = jnp.maximum(z, 0)
        return jnp.mean((z - by) ** 2)

    def by_hand(params, bx, by):
        layers, a = [params[0][s].reshape(shape) for s, shape in where], [over_ones(bx)]
        for layer in layers[:-1]:
            a.append(over_ones(jnp.maximum(layer @ a[-1], 0)))
        error = layers[-1] @ a[-1] - by
        d, grads = error * (2 / error.size), []
        for l in reversed(range(len(layers))):
            grads.append((d @ a[l].T).ravel())
            if l:
                d = jnp.where(a[l][:-1] > 0, layers[l][:, :-1].T @ d, 0)
        return jnp.mean(error**2), [jnp.concatenate(grads[::-1])]

    return by_hand, jax.value_and_grad(loss_of)


def jax_tuned(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """The same, tuned: features first, [W | b] against a row of ones, one flat vector, chunks, many epochs in one call.

    The gradient by hand is mostly the quickest, at width 100 value_and_grad; so both are tried. Tried before: biases
    apart (2 times as long at width 10), unrolling, and XLA's flags for fast-math and 512-bit vectors (no gain).
    """

    def make(x: np.ndarray, y: np.ndarray, batch: int, size: int, gradient: Callable) -> Train:
        shape = (-1, batch // size, 1, size)
        return _jax_train(gradient, [net.params], x.reshape(shape), y.reshape(shape), 4096)

    ways = [(size, gradient) for size in chunks(batch) for gradient in jax_gradients(net.sizes)]
    return quickest(make, ways, x, y, batch)


CONTENDERS: dict[str, Callable[[MLP, np.ndarray, np.ndarray, int], Train]] = {
    "tinymlp segments": tinymlp_segments,
    "tinymlp samples": tinymlp_samples,
    "JAX, tuned": jax_tuned,
    "JAX": jax_plain,
    "torch, tuned": torch_tuned,
    "torch.compile": torch_compiled,
    "torch": torch_eager,
    "torch, article's form": torch_article,
    "scikit-learn": scikit_learn,
    "NumPy, naive": naive_numpy,
}
