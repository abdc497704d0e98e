"""One training step of tinymlp beside the same step in plain NumPy: python benchmarks/cpu_step.py

The naive step is what one writes first: a row a sample, a fresh array for every result, weights and biases apart, Adam
parameter by parameter; float32 like ours. Both start from the same weights, see the same batch and must compute the
same losses before anything is timed. Then they run in turn, in slices, on one BLAS thread, the order alternating; the
ratio is the median over the slices, each slice of one against its neighbour of the other.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe
from threadpoolctl import threadpool_limits

from tinymlp import MLP, Adam
from tinymlp.backprop import Memory, backward, forward
from tinymlp.network import layer_views


def naive_step(net: MLP, x: np.ndarray, y: np.ndarray, lr: float = 0.01) -> Callable[[], float]:
    """The step as one writes it first, from copies of the network's weights; x (n, 1), y (n, 1)."""
    Ws, bs = [W.T.copy() for W in net.weights], [b.copy() for b in net.biases]
    params = Ws + bs
    ms, vs = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    t = 0

    def step() -> float:
        nonlocal t
        activations, zs = [x], []
        for k, (W, b) in enumerate(zip(Ws, bs, strict=True)):
            z = activations[-1] @ W + b
            zs.append(z)
            activations.append(np.maximum(z, 0) if k < len(Ws) - 1 else z)
        error = activations[-1] - y
        loss = np.mean(error**2)
        d = 2 * error / error.size
        dWs, dbs = [], []
        for k in reversed(range(len(Ws))):
            dWs.insert(0, activations[k].T @ d)
            dbs.insert(0, d.sum(axis=0))
            if k > 0:
                d = (d @ Ws[k].T) * (zs[k - 1] > 0)
        t += 1
        for p, g, m, v in zip(params, dWs + dbs, ms, vs, strict=True):
            m[...] = 0.9 * m + 0.1 * g
            v[...] = 0.999 * v + 0.001 * g**2
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
            p -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
        return float(loss)

    return step


def our_step(net: MLP, x: np.ndarray, y: np.ndarray, lr: float = 0.01) -> Callable[[], float]:
    """tinymlp's step; x (1, n), y (1, n)."""
    memory, grad, optimizer = Memory(net, x.shape[1]), np.empty_like(net.params), Adam(lr)
    grads = layer_views(grad, net.sizes)

    def step() -> float:
        forward(net, x, memory)
        loss = backward(net, y, memory, grads)
        optimizer.step(net.params, grad)
        return float(loss)

    return step


def measure(width: int, batch: int, slices: int, steps: int) -> None:
    """Compare the losses, time both in turn, print one line."""
    net = MLP([1, width, width, width, 1], seed=0)
    x = np.random.default_rng(0).uniform(-5, 5, batch).astype(np.float32)
    y = np.sin(x)
    contenders = [naive_step(net, x[:, None], y[:, None]), our_step(net, x[None], y[None])]
    losses = np.array([[step() for step in contenders] for _ in range(20)])
    difference = np.max(np.abs(losses[:, 0] / losses[:, 1] - 1))
    if not difference < 1e-3:
        raise SystemExit(f"width {width}: the two compute different losses ({difference:.1e}), so timing means nothing")

    times = np.empty((slices, 2))
    for k in range(slices):
        for which in (0, 1) if k % 2 else (1, 0):
            began = perf_counter()
            for _ in range(steps):
                contenders[which]()
            times[k, which] = (perf_counter() - began) / steps * 1e6
    naive, ours = times.T
    print(
        f"{width:5} {median(naive):9.1f} ({naive.min():8.1f}) {median(ours):9.1f} ({ours.min():8.1f}) "
        f"{median(naive / ours):7.2f}  {difference:10.1e}"
    )


def main() -> None:
    """Parse the options, print where this runs, measure every width."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--batch", type=int, default=1280)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--steps", type=int, default=25, help="steps in a slice")
    args = parser.parse_args()
    print(f"{describe()}, one BLAS thread")
    print(f"network 1-H-H-H-1, batch {args.batch}, float32, Adam; microseconds a step, median (minimum)")
    print(f"{'H':>5} {'naive':>20} {'tinymlp':>20} {'ratio':>7}  {'losses differ by':>10}")
    with threadpool_limits(1, user_api="blas"):
        for width in args.widths:
            measure(width, args.batch, args.slices, args.steps)


if __name__ == "__main__":
    main()
