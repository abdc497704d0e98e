"""Many networks trained at once beside other libraries: python benchmarks/train_cpu.py --ensembles

Every contender of ``ensemble_peers.py`` trains the same K networks 1-H-H-H-1 from the same weights on the sine on
(-10, 10), float64, with Adam, in turns as ``in_turns.py`` has it. Before anything is timed, the losses of every network
over the first 20 steps (3 steps on all of up to 10^5 samples, 2 of more) must be those of tinymlp, relatively to 1e-6.

The first table has microseconds per network and step; a ratio is the median of those of each round. Drawing orders is
part of a step. A dash: a step of all networks would take longer than the limit, or more than 12 GB, judged by the n
before; or a contender is left out, and the last line says why. The second table has one step by segments on all of n
samples.
"""

import argparse
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
from ensemble_peers import CONTENDERS, generators
from in_turns import Contender, Result, Train, race

import tinymlp
from tinymlp import Ensemble

TOLERANCE = 1e-6  # relative, of losses
SEGMENTS, SAMPLES, JAX, TORCH = CONTENDERS
BATCH, EPOCH = 1280, 12_800


def build(name: str, width: int, networks: int, n: int, batch: int, order: str) -> Train:
    """In a contender's process: what trains its networks."""
    data = tinymlp.sample("sine", (-10, 10), n)
    ensemble = Ensemble([1, width, width, width, 1], range(networks), dtype=np.float64)
    return CONTENDERS[name](ensemble.sizes, ensemble.params.copy(), data.x, data.y, batch, order)


def build_flat(n: int, width: int, networks: int) -> Train:
    """The same, for the second table: one contender for each n."""
    return build(SEGMENTS, width, networks, n, n, "in order")


class SameLosses:
    """The relative error of losses, held against those of the first contender; tinymlp comes first."""

    def __init__(self) -> None:
        self.expected: np.ndarray | None = None

    def __call__(self, name: str, losses: np.ndarray) -> float:
        """The largest of all networks and epochs."""
        if self.expected is None:
            self.expected = losses
        return float(np.abs(losses / self.expected - 1).max())


def ratio(results: dict[str, Result], one: str, other: str) -> str:
    """How many times as long one takes as the other: the median over rounds."""
    if one not in results or other not in results:
        return "-"
    rounds = zip(results[one].times, results[other].times, strict=False)
    return f"{median(a / b for a, b in rounds):.3g}"


def tasks(args: argparse.Namespace) -> list[tuple[str, int, int, str]]:
    """In words, and n, batch size, order."""
    batches = [
        ("1280 in order", EPOCH, BATCH, "in order"),
        ("1280 shuffled, one order for all", EPOCH, BATCH, "shuffled"),
        ("1280 shuffled, one order for each", EPOCH, BATCH, "each"),
    ]
    return batches + [(f"all of {n:.0e}", n, n, "in order") for n in map(int, args.sizes or (1e4, 1e6))]


def beside_others(contenders: list[Contender], args: argparse.Namespace, problems: list[str]) -> None:
    """Print the first table."""
    print("\nMicroseconds per network and step, medians, and minima in brackets\n")
    names = [c.name for c in contenders]
    ratios = [(a, b) for a in (JAX, TORCH) for b in (SEGMENTS, SAMPLES) if a in names and b in names]
    heads = ["H", "networks", "batch", *names, *(f"{a} / {b}" for a, b in ratios), "losses differ by", "JAX's way"]
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for width in args.widths or (10, 30):
        for networks in args.networks:
            last: dict[str, Result] = {}  # on all samples, at the n before
            smaller = 0
            for title, n, batch, order in tasks(args):
                able = contenders
                if n == batch and smaller:
                    able = [c for c in contenders if c.name in last and last[c.name].fits(n / smaller, args.limit)]
                results = race(
                    able, (width, networks, n, batch, order), f"{networks} networks of width {width}, {title}",
                    2 if n > batch or n > 100_000 else 3, n // batch, SameLosses(), TOLERANCE,
                    args.rounds, args.seconds, problems,
                )  # fmt: skip
                if n == batch:
                    last, smaller = results, n
                cells = [f"{width} | {networks} | {title}"]
                for name in names:
                    r = results.get(name)
                    cells.append(f"{r.median / networks * 1e6:.3g} ({r.minimum / networks * 1e6:.3g})" if r else "-")
                cells += [ratio(results, *pair) for pair in ratios]
                cells.append(f"{max([0.0, *(r.error for r in results.values())]):.0e}")
                cells.append(results[JAX].way if JAX in results else "")
                print(f"| {' | '.join(cells)} |", flush=True)


def drawing_orders() -> None:
    """Print what an order costs that each network draws for itself."""
    (rng,) = generators("shuffled", 1)
    times = []
    for _ in range(101):
        began = perf_counter()
        rng.permutation(EPOCH)
        times.append(perf_counter() - began)
    share = median(times) / (EPOCH // BATCH) * 1e6
    print(f"\nOf a step with an order for each network, NumPy's drawing of it is {share:.3g} us, for every contender.")


def flat_in_n(args: argparse.Namespace, problems: list[str]) -> None:
    """Print the second table."""
    print("\nOne step by segments on all of n samples, microseconds per network, one n after the other in turns\n")
    print("| H | networks | n | median | minimum | of the first n | before, s |")
    print("|---|---|---|---|---|---|---|")
    sizes = {f"n = {n:.0e}": n for n in map(int, args.sizes or (1e4, 1e5, 1e6, 1e7))}
    contenders = [Contender(name, partial(build_flat, n)) for name, n in sizes.items()]
    for width in args.widths or (10, 30):
        for networks in args.networks:
            title = f"{networks} networks of width {width} by segments"
            no_error = lambda name, losses: 0.0 if np.isfinite(losses).all() else np.inf  # noqa: E731
            results = race(
                contenders, (width, networks), title, 3, 1, no_error, TOLERANCE, args.rounds, args.seconds, problems
            )
            first = next(iter(sizes))
            for name, r in results.items():
                cells = f"{r.median / networks * 1e6:.3g} | {r.minimum / networks * 1e6:.3g}"
                print(
                    f"| {width} | {networks} | {name[4:]} | {cells} | {ratio(results, name, first)} | {r.before:.2g} |",
                    flush=True,
                )
    for contender in contenders:
        contender.close()


def ensembles(names: list[str], args: argparse.Namespace) -> None:
    """Print both tables."""
    problems: list[str] = []
    contenders = [Contender(name, partial(build, name)) for name in names]
    beside_others(contenders, args, problems)
    for contender in contenders:
        contender.close()
    drawing_orders()
    if SEGMENTS in names:
        flat_in_n(args, problems)
    print("\nLeft out, but for dashes: " + ("; ".join(problems) or "nothing") + ".")
