"""The contenders of ``train_cpu.py``: one training, by each library as it is used, and as fast as we could make it.

Each takes a float32 network 1-H-H-H-1 with its first weights, samples x and y, (n,) float32, in order of x, and a batch
size that divides n. It gives a function that trains on for so many epochs with Adam (lr 0.01), batch by batch in order,
and returns the mean loss of each. What is needed once (moving data, compiling) is done before, or at the first call.

"Tuned" peers compute as tinymlp does: activations are (units, samples), biases a last column that meets a row of ones,
parameters one flat vector; and they take large batches in chunks that stay in the cache.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

import tinymlp
from tinymlp import MLP, Moments

Train = Callable[[int], np.ndarray]
LR, B1, B2, EPS = 0.01, 0.9, 0.999, 1e-8


def chunk(batch: int) -> int:
    """Samples that the tuned peers take at once: 640 to 20,000 were tried, and 2000 to 4000 were fastest."""
    return 2500 if batch % 2500 == 0 else batch


def tinymlp_samples(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """train() as it comes, float32."""
    data, adam = tinymlp.Dataset(x, y), tinymlp.Adam(LR)
    return lambda epochs: tinymlp.train(net, data, epochs, batch_size=batch, shuffle=False, optimizer=adam).losses


def tinymlp_segments(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """train(engine="segments"), float64; the moments are made before."""
    moments, adam = Moments.of(tinymlp.Dataset(x, y)), tinymlp.Adam(LR)
    net, engine = net.astype(np.float64), "segments"
    return lambda epochs: tinymlp.train(net, moments, epochs, LR, batch, False, adam, engine=engine).losses


def naive_numpy(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """As one writes it first: a row a sample, a fresh array for every result, Adam parameter by parameter."""
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

    class Samples(Dataset):
        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, i: int):
            return x[i : i + 1], y[i : i + 1]

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
    """torch.compile of a whole epoch: forward, gradient by torch.func, Adam, for every batch."""
    import torch

    torch.set_num_threads(1)
    torch.compiler.reset()  # it gives up compiling after eight shapes
    layers = [torch.from_numpy(layer.copy()) for layer in net.layers]
    ms, vs = [torch.zeros_like(p) for p in layers], [torch.zeros_like(p) for p in layers]
    bxs, bys = torch.from_numpy(x[None]).split(batch, dim=1), torch.from_numpy(y[None]).split(batch, dim=1)
    t = torch.zeros((), dtype=torch.float64)

    def loss_of(layers, bx, by):
        a = bx
        for layer in layers[:-1]:
            a = torch.relu(layer[:, :-1] @ a + layer[:, -1:])
        return (layers[-1][:, :-1] @ a + layers[-1][:, -1:] - by).square().mean()

    @torch.compile(dynamic=False)
    def epoch(layers, ms, vs, t, bxs, bys):
        losses = []
        for bx, by in zip(bxs, bys, strict=True):
            grads, loss = torch.func.grad_and_value(loss_of)(layers, bx, by)
            t = t + 1
            rate, root = (LR / (1 - B1**t)).float(), (1 - B2**t).sqrt().float()
            ms = [B1 * m + (1 - B1) * g for m, g in zip(ms, grads, strict=True)]
            vs = [B2 * v + (1 - B2) * g * g for v, g in zip(vs, grads, strict=True)]
            layers = [p - rate * m / (v.sqrt() / root + EPS) for p, m, v in zip(layers, ms, vs, strict=True)]
            losses.append(loss)
        return layers, ms, vs, t, torch.stack(losses).mean()

    def train(epochs: int) -> np.ndarray:
        nonlocal layers, ms, vs, t
        losses = np.empty(epochs)
        for k in range(epochs):
            layers, ms, vs, t, loss = epoch(layers, ms, vs, t, bxs, bys)
            losses[k] = float(loss)
        return losses

    return train


def _slices(sizes: Sequence[int]) -> list[tuple[slice, tuple[int, int]]]:
    """Where each [W | b] lies in the flat vector, and its shape."""
    ends = np.cumsum([0, *(o * (i + 1) for i, o in pairwise(sizes))]).tolist()
    return [(slice(a, b), (o, i + 1)) for (a, b), (i, o) in zip(pairwise(ends), pairwise(sizes), strict=True)]


def torch_tuned(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """Tuned, by hand: no autograd, every result into an array made once, one flat Adam."""
    import torch

    torch.set_num_threads(1)
    size = chunk(batch)
    params = torch.from_numpy(net.params.copy())
    grad, part, m, v, work = (torch.zeros_like(params) for _ in range(5))
    layers, grads, parts = ([f[s].view(shape) for s, shape in _slices(net.sizes)] for f in (params, grad, part))
    a = [torch.ones((units + 1, size)) for units in net.sizes[:-1]]
    inner = [z[:-1] for z in a]
    d = [torch.empty((units, size)) for units in net.sizes[1:]]
    bxs = torch.from_numpy(x[None]).split(size, dim=1)
    bys = torch.from_numpy(y[None]).split(size, dim=1)
    t = 0

    def gradient(bx, by, into):
        inner[0].copy_(bx)
        for l, layer in enumerate(layers[:-1]):
            torch.mm(layer, a[l], out=inner[l + 1])
            inner[l + 1].relu_()
        torch.mm(layers[-1], a[-1], out=d[-1]).sub_(by)
        loss = torch.dot(d[-1][0], d[-1][0]) / batch
        d[-1].mul_(2 / batch)
        for l in range(len(layers) - 1, 0, -1):
            torch.mm(d[l], a[l].T, out=into[l])
            torch.mm(layers[l][:, :-1].T, d[l], out=d[l - 1])
            torch.mul(d[l - 1], inner[l] > 0, out=d[l - 1])
        torch.mm(d[0], a[0].T, out=into[0])
        return loss

    def step(bxs, bys):
        nonlocal t
        loss = gradient(bxs[0], bys[0], grads)
        for bx, by in zip(bxs[1:], bys[1:], strict=True):
            loss += gradient(bx, by, parts)
            grad.add_(part)
        t += 1
        m.mul_(B1).add_(grad, alpha=1 - B1)
        v.mul_(B2).addcmul_(grad, grad, value=1 - B2)
        root = (1 - B2**t) ** 0.5
        torch.sqrt(v, out=work).add_(EPS * root)
        params.addcdiv_(m, work, value=-LR * root / (1 - B1**t))
        return loss

    each = batch // size

    @torch.inference_mode()
    def train(epochs: int) -> np.ndarray:
        return np.array(
            [
                float(
                    torch.stack([step(bxs[i : i + each], bys[i : i + each]) for i in range(0, len(bxs), each)]).mean()
                )
                for _ in range(epochs)
            ]
        )

    return train


def _jax_train(loss_of: Callable, params: list, bxs: np.ndarray, bys: np.ndarray) -> Train:
    """Epochs as a compiled scan over batches (batches, chunks, ...); a batch is a scan over its chunks."""
    import jax
    from jax import numpy as jnp

    params, bxs, bys = [jnp.asarray(p) for p in params], jnp.asarray(bxs), jnp.asarray(bys)
    zeros = [jnp.zeros_like(p) for p in params]
    gradient = jax.value_and_grad(loss_of)

    def of_batch(params, bx, by):
        if len(bx) == 1:
            return gradient(params, bx[0], by[0])

        def add(total, samples):
            return jax.tree.map(jnp.add, total, gradient(params, *samples)), None

        total, _ = jax.lax.scan(add, (0.0, zeros), (bx, by))
        return jax.tree.map(lambda sum_: sum_ / len(bx), total)

    def step(state, samples):
        params, ms, vs, t = state
        loss, grads = of_batch(params, *samples)
        t = t + 1
        ms = [B1 * m + (1 - B1) * g for m, g in zip(ms, grads, strict=True)]
        vs = [B2 * v + (1 - B2) * g * g for v, g in zip(vs, grads, strict=True)]
        rate, root = LR / -jnp.expm1(t * np.log(B1)), jnp.sqrt(-jnp.expm1(t * np.log(B2)))
        params = [p - rate * m / (jnp.sqrt(v) / root + EPS) for p, m, v in zip(params, ms, vs, strict=True)]
        return (params, ms, vs, t), loss

    @jax.jit
    def epoch(state, bxs, bys):
        state, losses = jax.lax.scan(step, state, (bxs, bys))
        return state, losses.mean()

    state = (params, zeros, zeros, jnp.zeros(()))

    def train(epochs: int) -> np.ndarray:
        nonlocal state
        losses = []
        for _ in range(epochs):
            state, loss = epoch(state, bxs, bys)
            losses.append(loss)
        return np.array(jax.block_until_ready(losses), np.float64)

    return train


def jax_plain(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """lax.scan over the batches, a row a sample, weights and biases apart, gradients by value_and_grad."""
    from jax import numpy as jnp

    def loss_of(params, bx, by):
        a = bx
        for W, b in zip(params[::2], params[1::2], strict=True):
            z = a @ W + b
            a = jnp.maximum(z, 0)
        return jnp.mean((z - by) ** 2)

    params = [p for W, b in zip(net.weights, net.biases, strict=True) for p in (W.T, b)]
    return _jax_train(loss_of, params, x.reshape(-1, 1, batch, 1), y.reshape(-1, 1, batch, 1))


def jax_tuned(net: MLP, x: np.ndarray, y: np.ndarray, batch: int) -> Train:
    """The same, tuned: features first, [W | b] against a row of ones, one flat vector, chunks."""
    from jax import numpy as jnp

    where, size = _slices(net.sizes), chunk(batch)

    def loss_of(params, bx, by):
        a = bx
        for s, shape in where:
            z = params[0][s].reshape(shape) @ jnp.concatenate([a, jnp.ones((1, size), a.dtype)])
            a = jnp.maximum(z, 0)
        return jnp.mean((z - by) ** 2)

    shape = (-1, batch // size, 1, size)
    return _jax_train(loss_of, [net.params], x.reshape(shape), y.reshape(shape))


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
