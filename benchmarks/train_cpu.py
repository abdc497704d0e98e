"""Training on one CPU thread beside other libraries: python benchmarks/train_cpu.py

Every contender of ``train_peers.py`` lives in a process of its own, with one thread and one processor fixed before its
library is imported, and waits until it is asked. So they run in turn, in slices, the order alternating. All train the
same network 1-H-H-H-1 from the same weights on the sine on (-10, 10) with Adam. Before anything is timed their losses
over the first epochs (50 steps; 3 steps of more than 20,000 samples) must be those of tinymlp in float64: sample by
sample up to n = 100,000, from there on by segments. scikit-learn adds Adam's eps before it corrects the bias, and is
held against tinymlp doing that.

What is timed is training: the gradient, Adam, and whatever else the library does in a step. What is done once, such as
compiling, making moments, trying chunks, and the first epoch, is shown apart.

With ``--ensembles``, many networks at once, as ``train_ensembles.py`` says. Otherwise:

The first table has one step on a batch of 1280; the second, one step on all n samples; the third, what it takes to make
the moments. A dash: a step would take longer than the limit, or more than 12 GB, judged by the n before.
``pip install '.[bench]'`` has the peers; one that is missing or breaks down is named.
"""

import argparse
import math
import os
from functools import partial
from statistics import median
from time import perf_counter

import ensemble_peers
import numpy as np
from in_turns import NO_CACHE, ONE_THREAD, Contender, Result, Train, installed, race
from machine import describe
from train_ensembles import ensembles
from train_peers import CONTENDERS, EPS, LR

import tinymlp
from tinymlp import MLP

ON_ALL_SAMPLES = ("tinymlp segments", "tinymlp samples", "JAX, tuned", "JAX", "torch, tuned", "torch", "NumPy, naive")
TOLERANCE = 1e-2  # relative, of losses


class EarlyEps(tinymlp.Adam):
    """Adam as scikit-learn has it: m_hat / (sqrt(v) + eps) * sqrt(1 - b2^t), with v not corrected."""

    def step(self, params: np.ndarray, grad: np.ndarray) -> None:
        """Adam's step, with the eps which makes it the same."""
        self.eps = EPS / math.sqrt(1 - self.betas[1] ** (self.t + 1))
        super().step(params, grad)


def data_of(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sine on (-10, 10), float32."""
    data = tinymlp.sample("sine", (-10, 10), n)
    return data.x.astype(np.float32), data.y.astype(np.float32)


def build(name: str, width: int, n: int, batch: int) -> Train:
    """In a contender's process: what trains its network."""
    return CONTENDERS[name](MLP([1, width, width, width, 1], seed=0), *data_of(n), batch)


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

    def error_of(name: str, losses: np.ndarray) -> float:
        return np.abs(losses / expected.get(name, expected["all"]) - 1).max()

    task, title = (width, n, batch), f"width {width}, n = {n}"
    return race(contenders, task, title, checked, steps, error_of, TOLERANCE, args.rounds, args.seconds, problems)


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
            able = [c for c in contenders if k == 0 or (c.name in last and last[c.name].fits(growth, args.limit))]
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
    parser.add_argument("--ensembles", action="store_true", help="many networks at once: train_ensembles.py")
    parser.add_argument("--networks", type=int, nargs="+", default=[16, 64, 256], help="of an ensemble: 16 64 256")
    parser.add_argument("--widths", type=int, nargs="*", help="H of the first table: 10 30 100 300; ensembles: 10 30")
    parser.add_argument(
        "--full-widths", type=int, nargs="*", default=[10, 30, 100], help="H of the second table: 10 30 100"
    )
    parser.add_argument(
        "--sizes",
        type=float,
        nargs="*",
        help="n of the second and third: 1e3 ... 1e7; ensembles: 1e4 and 1e6, and 1e4 ... 1e7 by segments",
    )
    parser.add_argument("--rounds", type=int, default=7, help="slices of each; 3 if an epoch takes over a second")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a slice, or one epoch, if that takes longer")
    parser.add_argument(
        "--limit", type=float, help="seconds a step, 5, ensembles 40; a contender that will be slower is out"
    )
    known = CONTENDERS | ensemble_peers.CONTENDERS
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="NAME", help=", ".join(known))
    args = parser.parse_args()
    racing = ensemble_peers.CONTENDERS if args.ensembles else CONTENDERS
    args.limit = args.limit or (40 if args.ensembles else 5)

    os.environ.update(ONE_THREAD | NO_CACHE)  # for the processes to come
    print(f"{describe()}, one thread")
    names, problems = installed([n for n in racing if n in args.only], ("torch", "jax", "scikit-learn")), []
    if args.ensembles:
        ensembles(names, args)
        return
    args.widths = [10, 30, 100, 300] if args.widths is None else args.widths
    args.sizes = [1e3, 1e4, 1e5, 1e6, 1e7] if args.sizes is None else args.sizes
    contenders = [Contender(name, partial(build, name)) for name in names]

    one_batch(contenders, args, problems)
    all_samples([c for c in contenders if c.name in ON_ALL_SAMPLES], args, problems)
    for contender in contenders:
        contender.close()
    making_moments(args)
    print("\nLeft out, but for dashes: " + ("; ".join(problems) or "nothing") + ".")


if __name__ == "__main__":
    main()
