"""Training on one CPU thread beside other libraries: python benchmarks/train_cpu.py

Every contender of ``train_peers.py`` lives in a process of its own, with the number of threads fixed before anything is
imported, and waits until it is asked. So they run in turn, in slices, the order alternating. All train the same network
1-H-H-H-1 from the same weights on the sine on (-10, 10) with Adam, and their losses over the first epochs must be
those of tinymlp in float64 before anything is timed. (All but scikit-learn's, which adds Adam's eps before it corrects
the bias, so that weights with tiny gradients take other steps.)
What is timed is training: the gradient, Adam, and whatever else the library does in a step. The first epoch, with
whatever is compiled for it, is shown apart.

The first table has one step on a batch of 1280; the second, one step on all n samples. ``pip install '.[bench]'`` has
the peers; one that is missing or breaks down is named.
"""

import argparse
import os
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe

import tinymlp
from tinymlp import MLP

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
CHECKED = 4  # epochs whose losses are compared


def data_of(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sine on (-10, 10), float32."""
    data = tinymlp.sample("sine", (-10, 10), n)
    return data.x.astype(np.float32), data.y.astype(np.float32)


def serve(name: str, pipe) -> None:
    """In a contender's process: build what is asked for, train for so many epochs, tell how long it took."""
    from train_peers import CONTENDERS

    train = None
    while True:
        try:
            match pipe.recv():
                case "build", width, n, batch:
                    train = None
                    x, y = data_of(n)
                    began = perf_counter()
                    train = CONTENDERS[name](MLP([1, width, width, width, 1], seed=0), x, y, batch)
                    built, began = perf_counter() - began, perf_counter()
                    losses = train(1)
                    first = perf_counter() - began
                    pipe.send((built, first, np.concatenate([losses, train(CHECKED - 1)])))
                case "train", epochs:
                    began = perf_counter()
                    train(epochs)
                    pipe.send(perf_counter() - began)
        except EOFError:
            return
        except Exception as error:  # whatever a peer breaks down with is its result
            pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200])


class Contender:
    """A process that trains when asked."""

    def __init__(self, name: str):
        self.name = name
        self.pipe, theirs = get_context("spawn").Pipe()
        get_context("spawn").Process(target=serve, args=(name, theirs), daemon=True).start()

    def ask(self, *request: object) -> object:
        """What it answers; a string is an error."""
        self.pipe.send(request)
        return self.pipe.recv()


def compare(
    contenders: list[Contender], width: int, n: int, batch: int, rounds: int, seconds: float, problems: list[str]
) -> dict[str, tuple[float, float, float, float, float]]:
    """For each contender the median and least seconds a step, those of building and of the first epoch, its error.

    What went wrong with one that is left out is added to problems.
    """
    truth = MLP([1, width, width, width, 1], seed=0).astype(np.float64)
    engine = "samples" if n <= 100_000 else "segments"  # the same to 1e-12, and quick
    data = tinymlp.Dataset(*data_of(n))
    expected = tinymlp.train(truth, data, CHECKED, batch_size=batch, shuffle=False, engine=engine).losses
    ready, results = [], {}
    for contender in contenders:
        answer = contender.ask("build", width, n, batch)
        if isinstance(answer, str):
            problems.append(f"{contender.name} at width {width}, n = {n}: {answer}")
            continue
        built, first, losses = answer
        error = np.abs(losses / expected - 1).max()
        if not error < (1 if contender.name == "scikit-learn" else 1e-3):
            problems.append(f"{contender.name} at width {width}, n = {n} has other losses, by {error:.1e}: not timed")
            continue
        ready.append(contender)
        results[contender.name] = (built, first, error)
    steps = n // batch
    epochs = {c: max(1, int(seconds / c.ask("train", 1))) for c in ready}
    times: dict[str, list[float]] = {c.name: [] for c in ready}
    for k in range(rounds):
        for c in ready if k % 2 else reversed(ready):
            times[c.name].append(c.ask("train", epochs[c]) / epochs[c] / steps)
    return {name: (median(t), min(t), *results[name]) for name, t in times.items()}


def main() -> None:
    """Parse the options, start the contenders, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="*", default=[10, 30, 100, 300], help="of the first table")
    parser.add_argument("--full-widths", type=int, nargs="*", default=[10, 30, 100], help="of the second")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e3, 1e4, 1e5, 1e6, 1e7], help="n of the second")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a slice, or one epoch, if that takes longer")
    parser.add_argument(
        "--limit", type=float, default=3.0, help="seconds a step; a contender that will be slower is out"
    )
    parser.add_argument("--only", nargs="+", help="contenders")
    args = parser.parse_args()

    from train_peers import CONTENDERS

    os.environ.update(ONE_THREAD)  # for the processes to come
    print(f"{describe()}, one thread")
    for package in ("torch", "jax", "scikit-learn"):
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package} is not installed and left out")
    contenders = [Contender(name) for name in args.only or CONTENDERS]
    problems: list[str] = []

    print("\nA step on a batch of 1280 samples, microseconds; n = 12,800\n")
    print("| H | contender | median | minimum | of tinymlp samples | first epoch, s | losses differ by |")
    print("|---|---|---|---|---|---|---|")
    for width in args.widths:
        results = compare(contenders, width, 12_800, 1280, args.rounds, args.seconds, problems)
        reference = results.get("tinymlp samples", (np.nan,))[0]
        for name, (middle, least, built, first, error) in results.items():
            cells = (
                f"{middle * 1e6:.0f} | {least * 1e6:.0f} | {middle / reference:.2f} | {built + first:.2f} | {error:.0e}"
            )
            print(f"| {width} | {name} | {cells} |", flush=True)

    contenders = [c for c in contenders if c.name != "torch, article's form"]  # its batches are made to be small
    print("\nA step on all n samples, milliseconds; before: making the moments, or whatever else is done once\n")
    print("| H | n | contender | median | minimum | of tinymlp segments | before, s | losses differ by |")
    print("|---|---|---|---|---|---|---|---|")
    for width in args.full_widths:
        last: dict[str, float] = {}  # seconds a step at the n before
        for k, n in enumerate(map(int, args.sizes)):
            growth = n / args.sizes[k - 1] if k else 1
            able = [c for c in contenders if c.name == "tinymlp segments" or last.get(c.name, 0) * growth < args.limit]
            results = compare(able, width, n, n, args.rounds, args.seconds, problems)
            reference = results.get("tinymlp segments", (np.nan,))[0]
            for name in (c.name for c in contenders):
                if name not in results:
                    print(f"| {width} | {n:.0e} | {name} | - | | | | |")
                    last[name] = np.inf
                    continue
                middle, least, built, first, error = results[name]
                last[name] = middle
                cells = f"{middle * 1e3:.3g} | {least * 1e3:.3g} | {middle / reference:.3g}"
                print(f"| {width} | {n:.0e} | {name} | {cells} | {built:.2g} | {error:.0e} |", flush=True)

    print("\nLeft out: " + ("; ".join(problems) or "nothing, but for what would take longer than the limit") + ".")


if __name__ == "__main__":
    main()
