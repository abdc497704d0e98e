"""Training on one CPU thread beside other libraries: python benchmarks/train_cpu.py

Every contender of ``train_peers.py`` lives in a process of its own, with one thread and one processor fixed before its
library is imported, and waits until it is asked. So they run in turn, in slices, the order alternating. All train the
same network 1-H-H-H-1 from the same weights on the sine on (-10, 10) with Adam. Before anything is timed their losses
over the first epochs (50 steps; 3 steps of more than 20,000 samples) must be those of tinymlp in float64: sample by
sample up to n = 100,000, from there on by segments. scikit-learn adds Adam's eps before it corrects the bias, and is
held against tinymlp doing that.

What is timed is training: the gradient, Adam, and whatever else the library does in a step. What is done once, such as
compiling, making moments, trying chunks, and the first epoch, is shown apart.

The first table has one step on a batch of 1280; the second, one step on all n samples; the third, what it takes to make
the moments. A dash: a step would take longer than the limit, or more than 12 GB, judged by the n before.
``pip install '.[bench]'`` has the peers; one that is missing or breaks down is named.
"""

import argparse
import math
import os
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
from machine import describe
from train_peers import CONTENDERS, EPS, LR

import tinymlp
from tinymlp import MLP

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
NO_CACHE = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # on disk, of what an earlier run compiled
ON_ALL_SAMPLES = ("tinymlp segments", "tinymlp samples", "JAX, tuned", "JAX", "torch, tuned", "torch", "NumPy, naive")
TOLERANCE = 1e-2  # relative, of losses
MEMORY = 12e9  # bytes


class EarlyEps(tinymlp.Adam):
    """Adam as scikit-learn has it: m_hat / (sqrt(v) + eps) * sqrt(1 - b2^t), with v not corrected."""

    def step(self, params: np.ndarray, grad: np.ndarray) -> None:
        """Adam's step, with the eps which makes it the same."""
        self.eps = EPS / math.sqrt(1 - self.betas[1] ** (self.t + 1))
        super().step(params, grad)


class Result(NamedTuple):
    """Of a contender at a width and n: seconds a step, seconds before, relative error of losses, bytes at n."""

    median: float
    minimum: float
    before: float
    first: float
    error: float
    least_bytes: float
    bytes: float


def data_of(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sine on (-10, 10), float32."""
    data = tinymlp.sample("sine", (-10, 10), n)
    return data.x.astype(np.float32), data.y.astype(np.float32)


def memory(field: str) -> float:
    """Bytes of this process, VmRSS now or VmHWM at most; 0 where Linux does not tell."""
    try:
        return 1024.0 * int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0])
    except (OSError, IndexError):
        return 0.0


def serve(name: str, pipe) -> None:
    """In a contender's process: build what is asked for, train for so many epochs, tell how long it took."""
    if hasattr(os, "sched_setaffinity"):  # the flags alone leave XLA a second thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    train = None
    while True:
        try:
            request = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            match request:
                case "build", width, n, batch, checked:
                    train = None
                    x, y = data_of(n)
                    if Path("/proc/self/clear_refs").exists():
                        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again
                    least, began = memory("VmRSS"), perf_counter()
                    train = CONTENDERS[name](MLP([1, width, width, width, 1], seed=0), x, y, batch)
                    built, began = perf_counter() - began, perf_counter()
                    losses = train(1)
                    first = perf_counter() - began
                    losses = np.concatenate([losses, train(checked - 1)])
                    pipe.send((built, first, losses, least, memory("VmHWM")))
                case "train", epochs:
                    began, cpu = perf_counter(), process_time()
                    train(epochs)
                    pipe.send((perf_counter() - began, process_time() - cpu))
        except Exception as error:  # whatever a peer breaks down with is its result
            pipe.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:200])


class Contender:
    """A process that trains when asked."""

    def __init__(self, name: str):
        self.name = name
        self.pipe, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=serve, args=(name, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *request: object) -> tuple | str:
        """What it answers; a string is an error."""
        try:
            self.pipe.send(request)
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            return "its process has died"

    def close(self) -> None:
        """Let it end by itself, so that its library can tidy up."""
        self.pipe.close()
        self.process.join(10)


def expected_losses(name: str, width: int, n: int, batch: int, checked: int, seed: int = 0) -> np.ndarray:
    """Those of tinymlp in float64."""
    net = MLP([1, width, width, width, 1], seed=seed).astype(np.float64)
    adam = EarlyEps(LR) if name == "scikit-learn" else tinymlp.Adam(LR)
    samples = tinymlp.Dataset(*data_of(n))
    data = samples if n <= 100_000 else tinymlp.Moments.of(samples)  # the same to 1e-12, and quick
    return tinymlp.train(net, data, checked, batch_size=batch, shuffle=False, optimizer=adam).losses


def compare(
    contenders: list[Contender], width: int, n: int, batch: int, args: argparse.Namespace, problems: list[str]
) -> dict[str, Result]:
    """The result of each contender. What went wrong with one that is left out is added to problems."""
    steps = n // batch
    checked = max(3, math.ceil(50 / steps)) if n <= 20_000 else 3  # epochs
    expected = {c: expected_losses(c, width, n, batch, checked) for c in ("all", "scikit-learn")}
    done, epochs, rounds, times = {}, {}, {}, {}

    def left_out(contender: Contender, why: str) -> None:
        problems.append(f"{contender.name} at width {width}, n = {n}: {why}")
        times.pop(contender, None)

    for c in contenders:
        answer = c.ask("build", width, n, batch, checked)
        if isinstance(answer, str):
            left_out(c, answer)
            continue
        before, first, losses, *size = answer
        error = np.abs(losses / expected.get(c.name, expected["all"]) - 1).max()
        if not error < TOLERANCE:
            left_out(c, f"other losses, by {error:.1e}, not timed")
            continue
        answer = c.ask("train", 1)
        if isinstance(answer, str):
            left_out(c, answer)
            continue
        epochs[c] = max(1, int(args.seconds / answer[0]))
        rounds[c] = args.rounds if answer[0] < 1 else min(3, args.rounds)
        done[c], times[c] = (before, first, error, *size), []

    threads = dict.fromkeys(times, 0.0)
    for k in range(args.rounds):
        for c in list(times) if k % 2 else list(times)[::-1]:
            if k >= rounds[c]:
                continue
            answer = c.ask("train", epochs[c])
            if isinstance(answer, str):
                left_out(c, answer)
                continue
            seconds, cpu = answer
            times[c].append(seconds / epochs[c] / steps)
            threads[c] = max(threads[c], cpu / seconds)
    problems += [f"{c.name} at width {width}, n = {n} used {u:.1f} threads" for c, u in threads.items() if u > 1.2]
    return {c.name: Result(median(t), min(t), *done[c]) for c, t in times.items()}


def fits(r: Result, growth: float, limit: float) -> bool:
    """Whether so many times the samples are within the limits."""
    return r.median * growth < limit and r.least_bytes + (r.bytes - r.least_bytes) * growth < MEMORY


def one_batch(contenders: list[Contender], args: argparse.Namespace, problems: list[str]) -> None:
    """Print the first table."""
    print("\nA step on a batch of 1280 samples, microseconds; n = 12,800, in order of x, not shuffled\n")
    print("| H | contender | median | minimum | of tinymlp samples | before and first epoch, s | losses differ by |")
    print("|---|---|---|---|---|---|---|")
    worst = 0.0
    for width in args.widths:
        results = compare(contenders, width, 12_800, 1280, args, problems)
        reference = results["tinymlp samples"].median if "tinymlp samples" in results else np.nan
        for name, r in results.items():
            cells = f"{r.median * 1e6:.0f} | {r.minimum * 1e6:.0f} | {r.median / reference:.2f}"
            print(f"| {width} | {name} | {cells} | {r.before + r.first:.2f} | {r.error:.0e} |", flush=True)
        worst = max([worst, *(r.error for r in results.values())])
    print(
        "\nThe losses of the first 50 steps, means of 10 each, are those of tinymlp samples in float64; "
        f"the largest relative difference: {worst:.0e}"
    )


def all_samples(contenders: list[Contender], args: argparse.Namespace, problems: list[str]) -> None:
    """Print the second table."""
    print("\nA step on all n samples, milliseconds; before: the moments, or trying chunks; first: with compiling\n")
    print("| H | n | contender | median | minimum | of tinymlp segments | before, s | first, s | losses differ by |")
    print("|---|---|---|---|---|---|---|---|---|")
    for width in args.full_widths:
        last: dict[str, Result] = {}  # at the n before
        for k, n in enumerate(map(int, args.sizes)):
            growth = n / args.sizes[k - 1] if k else 1
            able = [c for c in contenders if k == 0 or (c.name in last and fits(last[c.name], growth, args.limit))]
            last = compare(able, width, n, n, args, problems)
            reference = last["tinymlp segments"].median if "tinymlp segments" in last else np.nan
            for name in (c.name for c in contenders):
                if name not in last:
                    print(f"| {width} | {n:.0e} | {name} | - | | | | | |", flush=True)
                    continue
                r = last[name]
                cells = f"{r.median * 1e3:.3g} | {r.minimum * 1e3:.3g} | {r.median / reference:.3g}"
                print(f"| {width} | {n:.0e} | {name} | {cells} | {r.before:.2g} | {r.first:.2g} | {r.error:.0e} |")


def making_moments(args: argparse.Namespace) -> None:
    """Print the third table."""
    print("\nMoments.of(data), milliseconds, once for all steps; of samples in order they are not sorted\n")
    print("| n | in order | shuffled |")
    print("|---|---|---|")
    for n in map(int, args.sizes):
        x, y = data_of(n)
        cells = []
        for order in (slice(None), np.random.default_rng(0).permutation(n)):
            data, times = tinymlp.Dataset(x[order], y[order]), []
            for _ in range(3 if n > 1e6 else 7):
                began = perf_counter()
                tinymlp.Moments.of(data)
                times.append(perf_counter() - began)
            cells.append(f"{median(times) * 1e3:.3g}")
        print(f"| {n:.0e} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Parse the options, start the contenders, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--widths", type=int, nargs="*", default=[10, 30, 100, 300], help="H of the first table: 10 30 100 300"
    )
    parser.add_argument(
        "--full-widths", type=int, nargs="*", default=[10, 30, 100], help="H of the second table: 10 30 100"
    )
    parser.add_argument(
        "--sizes",
        type=float,
        nargs="*",
        default=[1e3, 1e4, 1e5, 1e6, 1e7],
        help="n of the second and third: 1e3 ... 1e7",
    )
    parser.add_argument("--rounds", type=int, default=7, help="slices of each; 3 if an epoch takes over a second")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a slice, or one epoch, if that takes longer")
    parser.add_argument("--limit", type=float, default=5, help="seconds a step; a contender that will be slower is out")
    parser.add_argument(
        "--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME", help=", ".join(CONTENDERS)
    )
    args = parser.parse_args()

    os.environ.update(ONE_THREAD | NO_CACHE)  # for the processes to come
    print(f"{describe()}, one thread")
    names, problems = args.only, []
    for package in ("torch", "jax", "scikit-learn"):
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package} is not installed and left out")
            names = [name for name in names if not name.lower().startswith(package)]
    contenders = [Contender(name) for name in names]

    one_batch(contenders, args, problems)
    all_samples([c for c in contenders if c.name in ON_ALL_SAMPLES], args, problems)
    for contender in contenders:
        contender.close()
    making_moments(args)
    print("\nLeft out, but for dashes: " + ("; ".join(problems) or "nothing") + ".")


if __name__ == "__main__":
    main()
