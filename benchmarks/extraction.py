"""Exact extraction beside every package on PyPI that does it: python benchmarks/extraction.py

All get the same weights, a network 1-H-H-H-1 on an interval, and one thread, and give the x at which pieces end. They
run in turn, in slices, the order alternating; what depends on the weights alone (building the peer's network) is done
beforehand. Counts and positions are held against rational arithmetic (``rational=True``, which the tests hold
against an independent oracle), above width 100 against the certified answer.

How this version compares with an older one, also for deep and real networks and ensembles: ``old_and_new.py``.

"by hand" is what one writes in an hour: values at the ends of pieces, float64, zeros put in by interpolation. It and
the packages give positions only; tinymlp also gives slopes, intercepts and labels. Packages that are not there are left
out, by name; ``pip install '.[bench]'`` has them. A dash: it took longer than the limit at the width before.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe
from threadpoolctl import threadpool_limits

from tinymlp import MLP, extract_segments, sample, train
from tinymlp.network.line import on_line
from tinymlp.segments.find_regions import exact_layers
from tinymlp.segments.walk import Float64, walk

Extraction = Callable[[], np.ndarray]


def regioncam(net: MLP, start: float, stop: float) -> Extraction:
    """float32, Rust; Regioncam1D(size) is centred on 0, so the first bias moves the centre."""
    import regioncam

    middle = (start + stop) / 2
    biases = [net.biases[0] + net.weights[0][:, 0] * middle, *net.biases[1:]]
    layers = [
        (np.ascontiguousarray(W.T, np.float32), b.astype(np.float32)) for W, b in zip(net.weights, biases, strict=True)
    ]

    def extract() -> np.ndarray:
        cam = regioncam.Regioncam1D(stop - start)
        for l, (W, b) in enumerate(layers):
            cam.linear(W, b)
            if l < len(layers) - 1:
                cam.relu()
        return cam.inputs.astype(np.float64).ravel() + middle

    return extract


def affinitree(net: MLP, start: float, stop: float) -> Extraction:
    """float64, Rust; any number of inputs, by linear programs. The upper end of each leaf's polytope is a boundary."""
    import affinitree as at

    architecture = at.Architecture(1)
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        architecture.linear(at.AffFunc.from_mats(np.array(W), np.array(b)))
        if l < len(net.weights) - 1:
            architecture.relu()
    box = at.Polytope.hyperrectangle(1, [(start, stop)])

    def extract() -> np.ndarray:
        tree = at.builder.from_layers(architecture, at.AffTree.from_poly(box, at.AffFunc.identity(1), None))
        leaves = [poly for _, node, poly in tree.polyhedra() if node.is_terminal()]
        rows = [(poly.mat[:, 0], poly.bias) for poly in leaves]
        return np.array([np.min(b[a > 0] / a[a > 0]) for a, b in rows])

    return extract


def relucent(net: MLP, start: float, stop: float) -> Extraction:
    """float64, linear programs by Gurobi; any number of inputs. The upper end of each cell is a boundary."""
    import relucent

    middle, radius = (start + stop) / 2, (stop - start) / 2
    biases = [net.biases[0] + net.weights[0][:, 0] * middle, *net.biases[1:]]
    network = relucent.Complex([(np.array(W), np.array(b)) for W, b in zip(net.weights, biases, strict=True)]).net

    def extract() -> np.ndarray:
        cells = relucent.Complex(network)
        cells.bfs(nworkers=1, cube_radius=radius, cube_mode="intersect", verify=False, verbose=0)
        rows = [cell.halfspaces_np[list(cell.shis)].T for cell in cells]  # a x + c <= 0
        return middle + np.array([np.min(-c[a > 0] / a[a > 0], initial=np.inf) for a, c in rows])

    return extract


def by_hand(net: MLP, start: float, stop: float) -> Extraction:
    """float64, NumPy: values at the ends of pieces, a row each; zero crossings by interpolation."""
    weights, biases = [np.array(W) for W in net.weights[:-1]], [np.array(b) for b in net.biases[:-1]]

    def extract() -> np.ndarray:
        x = np.array([start, stop])
        values = x[:, None]
        for W, b in zip(weights, biases, strict=True):
            values = values @ W.T + b
            piece, unit = np.nonzero(values[:-1] * values[1:] < 0)
            left, right = values[piece, unit], values[piece + 1, unit]
            t = left / (left - right)
            new = values[piece] + t[:, None] * (values[piece + 1] - values[piece])
            new[np.arange(len(unit)), unit] = 0
            x = np.concatenate([x, x[piece] + t * (x[piece + 1] - x[piece])])
            order = np.argsort(x, kind="stable")
            x, values = x[order], np.maximum(np.concatenate([values, new])[order], 0)
        return x

    return extract


def ours(rational: bool) -> Callable[[MLP, float, float], Extraction]:
    return lambda net, *interval: lambda: extract_segments(net, interval, rational=rational).regions.boundaries


def walk_alone(net: MLP, *interval: float) -> Extraction:
    """What `extract_segments` begins with, without the bounds that prove it, and without labels."""
    start, layers = on_line(net).start, exact_layers(net)

    def extract() -> np.ndarray:
        a = Float64(start, interval, net.negative_slope)
        walk(a, layers)
        return a.edges

    return extract


CONTENDERS = {
    "tinymlp, proven": ours(False),
    "tinymlp, walk alone": walk_alone,
    "tinymlp, rational": ours(True),
    "by hand, float64": by_hand,
    "regioncam, float32": regioncam,
    "affinitree, float64": affinitree,
    "relucent, float64": relucent,
}


def inner(x: np.ndarray, start: float, stop: float) -> np.ndarray:
    """What a contender gave, without the ends and what it put beyond them."""
    x = np.sort(x)
    margin = 1e-6 * (stop - start)
    return x[(x > start + margin) & (x < stop - margin)]


@contextmanager
def quiet() -> Iterator[None]:
    """Send what is printed, also by compiled code, nowhere."""
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def run(extract: Extraction, repeat: int = 1) -> tuple[np.ndarray | None, float]:
    """The answer and the seconds that a call took; no answer if the peer breaks down."""
    with quiet():
        begin = perf_counter()
        try:
            for _ in range(repeat):
                x = extract()
        except KeyboardInterrupt:
            raise
        except BaseException:  # a Rust panic is no Exception
            return None, np.inf
        return x, (perf_counter() - begin) / repeat


def degenerate(kind: str, seed: int) -> MLP:
    """Networks that people do build by hand or get by pruning and quantizing, width 6."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 6, 6, 6, 1], seed=seed, dtype=np.float64)
    if kind == "small integers":
        net.params[:] = rng.integers(-2, 3, net.params.shape)
    elif kind == "zero biases after layer 0":
        for b in net.biases[1:]:
            b[:] = 0
    elif kind == "duplicated units":
        for layer in net.layers[:-1]:
            layer[3:] = layer[:3] * rng.choice([1.0, 2.0, -1.0], (3, 1))
    elif kind == "weights over 12 decades":
        net.params[:] *= 10.0 ** rng.uniform(-6, 6, net.params.shape)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30, 100, 300])
    parser.add_argument(
        "--limit", type=float, default=0.5, help="seconds a call may take before its contender is left out"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of timing for a slow contender on a network")
    parser.add_argument("--slices", type=int, default=20, help="of timing for each contender on a network")
    parser.add_argument("--networks", type=int, default=40, help="for the table of degenerate networks")
    args = parser.parse_args()

    print(f"{describe()}, one thread")
    contenders = {}
    for name, prepare in CONTENDERS.items():
        package = name.split(",")[0]
        try:
            print(f"  {package} {version(package)}" if prepare in (regioncam, affinitree, relucent) else f"  {name}")
        except PackageNotFoundError:
            print(f"  {package} is not installed and left out")
            continue
        contenders[name] = prepare

    print("\n| network | contender | median ms | minimum | of proven | count | true count | largest position error |")
    print("|---|---|---|---|---|---|---|---|")
    too_slow = set()
    for width in args.widths:
        for trained in (False, True):
            net = MLP([1, width, width, width, 1], seed=1, dtype=np.float64)
            if trained:
                train(net, sample("sine", (-10, 10), n=2000), 20, batch_size=200)
            start, stop = -10.0, 10.0
            truth = extract_segments(net, (start, stop), rational=width <= 100).regions.boundaries
            truth = inner(truth, start, stop)
            calls = {k: prepare(net, start, stop) for k, prepare in contenders.items() if k not in too_slow}
            first = {name: run(call) for name, call in calls.items()}
            times: dict[str, list[float]] = {name: [] for name in calls}
            for k in range(args.slices):
                for name in sorted(calls, reverse=k % 2 == 1):
                    x, seconds = first[name]
                    if x is not None and seconds * k < args.seconds:
                        repeat = int(np.clip(0.03 / seconds, 1, 200))
                        run(calls[name])  # warm the caches
                        times[name].append(run(calls[name], repeat)[1])
            reference = median(times["tinymlp, proven"])
            for name in contenders:
                label = f"{width} x 3, {'trained' if trained else 'random'}"
                if name not in calls:
                    print(f"| {label} | {name} | - | | | | | |")
                    continue
                x, seconds = first[name]
                if seconds > args.limit:
                    too_slow.add(name)
                if x is None:
                    print(f"| {label} | {name} | | | | breaks down | {len(truth)} | |")
                    continue
                t = median(times[name])
                cells = f"| {label} | {name} | {t * 1e3:.3g} | {min(times[name]) * 1e3:.3g} | {t / reference:.3g} "
                x = inner(x, start, stop)
                error = f"{np.abs(x - truth).max():.1e}" if len(x) == len(truth) else ""
                print(cells + f"| {len(x)} | {len(truth)} | {error} |", flush=True)

    print(
        f"\nWrong counts in {args.networks} networks 1-6-6-6-1 (relucent: 5), and the largest error of other positions"
    )
    kinds = {"random": (-10.0, 10.0), "random, wide interval": (-1e6, 1e6), "small integers": (-3.5, 3.5)}
    kinds |= {"zero biases after layer 0": (-10.0, 10.0), "duplicated units": (-10.0, 10.0)}
    kinds |= {"weights over 12 decades": (-10.0, 10.0)}
    print("\n| contender | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds))
    for name in contenders:
        row = [name]
        for kind, (start, stop) in kinds.items():
            wrong, worst = 0, 0.0
            for seed in range(args.networks if name != "relucent, float64" else min(args.networks, 5)):
                net = degenerate(kind, seed)
                truth = inner(extract_segments(net, (start, stop), rational=True).regions.boundaries, start, stop)
                x, _ = run(contenders[name](net, start, stop))
                x = None if x is None else inner(x, start, stop)
                if x is None or len(x) != len(truth):
                    wrong += 1
                elif len(x):
                    worst = max(worst, float(np.abs(x - truth).max()))
            row.append(f"{wrong}, {worst:.0e}")
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1, user_api="blas"):
        main()
