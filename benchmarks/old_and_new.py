"""Extraction by this code and by an older version of it, in turns: python benchmarks/old_and_new.py --old FOLDER

FOLDER is a checkout of the older version, such as ``git worktree add FOLDER 97326b2``. Each version runs in a process
of its own, on one thread; the two take turns at the same task, and the ratio is that of their least times. Rows: one
network without proof (the float64 walk alone) and with proof and labels; ensembles likewise; deep networks with He's
weights; and, with --nets FOLDER, real networks on the line from x0 to x1, files .npz with W0, b0, W1, ... and alpha.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

import tinymlp
from tinymlp import MLP, Ensemble, extract_outputs, extract_segments

INTERVALS = {"finite": (-5.0, 5.0), "whole line": (-np.inf, np.inf)}
NEW = hasattr(tinymlp, "Line")  # the older version has other names, and intervals in two numbers


def he(sizes: list[int], bias: float = 1.0) -> MLP:
    rng = np.random.default_rng(0)
    pairs = list(pairwise(sizes))
    weights = [rng.normal(size=(o, i)) * np.sqrt(2 / i) for i, o in pairs]
    return MLP.from_weights(weights, [rng.normal(size=o) * bias for _, o in pairs])


def walk_of(params: np.ndarray, like: MLP, interval: tuple[float, float]) -> Callable[[], object]:
    """The walk in float64, without proof."""
    if NEW:
        from tinymlp.network.parameters import stacked_layers
        from tinymlp.segments.walk import Float64, walk

        K, start, layers = len(params), np.array([1, 1j]), stacked_layers(params, like.sizes)
        return lambda: walk(Float64(start, interval * K, like.negative_slope, K), layers)
    if len(params) == 1:
        from tinymlp.regions import float_pass

        return lambda: float_pass(like, *interval)
    from tinymlp.ensemble_regions import ensemble_regions

    return lambda: ensemble_regions(params, like.sizes, like.negative_slope, *interval, False)


def in_chunks(params: np.ndarray, like: MLP, interval: tuple[float, float]) -> Callable[[], object]:
    """The same for an ensemble, as many networks at a time as `extract_segments` takes."""
    try:
        from tinymlp.segments.walk import networks_at_a_time
    except ImportError:  # the older version had this formula
        at_a_time = max(1, 2**17 // (sum(like.sizes[1:]) * max(like.sizes)))
    else:
        at_a_time = networks_at_a_time(like.sizes, like.device)
    walks = [walk_of(params[k : k + at_a_time], like, interval) for k in range(0, len(params), at_a_time)]
    return lambda: deque((walk() for walk in walks), maxlen=0)


def outputs_of(net: object, interval: tuple[float, float]) -> Callable[[], object]:
    return lambda: extract_outputs(net, interval) if NEW else extract_outputs(net, *interval)


def tasks(nets: Path | None) -> dict[str, Callable[[], Callable[[], object]]]:
    """What is timed, by name; each makes its network first."""
    found = {}
    for width in (10, 30, 100, 300):
        for where, interval in INTERVALS.items():
            net = MLP([1, width, width, width, 1], seed=0, dtype=np.float64)
            found[f"{width} x 3, {where}, walk alone"] = lambda n=net, i=interval: walk_of(n.params[None], n, i)
            found[f"{width} x 3, {where}, proven"] = lambda n=net, i=interval: outputs_of(n, i)
    for width, count in ((10, 16), (10, 64), (10, 1000), (30, 16), (30, 64), (30, 1000)):

        def made(width: int = width, count: int = count) -> Ensemble:
            return Ensemble([1, width, width, width, 1], range(count), dtype=np.float64)

        name, interval = f"{count} of {width} x 3", INTERVALS["finite"]
        found[f"{name}, walk alone"] = lambda m=made: in_chunks(m().params, m()[0], INTERVALS["finite"])
        found[f"{name}, proven"] = lambda m=made: ensemble_task(m(), INTERVALS["finite"])
    for width, depth in ((50, 12), (100, 9), (200, 9), (300, 5), (50, 20)):
        net, interval = he([1, *[width] * depth, 1]), (-2.0, 2.0)
        found[f"He {width} x {depth}, walk alone"] = lambda n=net, i=interval: walk_of(n.params[None], n, i)
        found[f"He {width} x {depth}, proven"] = lambda n=net, i=interval: outputs_of(n, i)
    pairs = MLP([1, 2000, 1], seed=0, dtype=np.float64)
    pairs.layers[0][1000:] = pairs.layers[0][:1000]
    found["1000 pairs of equal units, proven"] = lambda: outputs_of(pairs, (-5.0, 5.0))
    for path in sorted(nets.glob("*.npz")) if nets else []:
        file = np.load(path)
        count = sum(name.startswith("W") for name in file.files)
        weights, biases = ([file[f"{letter}{k}"].astype(float) for k in range(count)] for letter in "Wb")
        net = MLP.from_weights(weights, biases, negative_slope=float(file["alpha"]))
        line = net.along(file["x0"].astype(float), file["x1"].astype(float) - file["x0"].astype(float))
        found[f"{path.stem}, walk alone"] = lambda line=line: line_walk(line)
        found[f"{path.stem}, proven"] = lambda line=line: outputs_of(line, (0.0, 1.0))
    return found


def line_walk(line: object) -> Callable[[], object]:
    if NEW:
        from tinymlp.segments.find_regions import exact_layers
        from tinymlp.segments.walk import Float64, walk

        layers = exact_layers(line.net)
        return lambda: walk(Float64(line.start, (0.0, 1.0), line.net.negative_slope), layers)
    return walk_of(line.params[None], line, (0.0, 1.0))


def ensemble_task(ensemble: Ensemble, interval: tuple[float, float]) -> Callable[[], object]:
    return lambda: extract_segments(ensemble, interval) if NEW else extract_segments(ensemble, *interval)


def serve(nets: Path | None) -> None:
    """Read names of tasks; answer each with its least seconds in a quarter of a second, and at least one call."""
    ready = tasks(nets)
    made: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in made:
            made[name] = ready[name]()
            made[name]()
        least, end = np.inf, perf_counter() + 0.25
        while least == np.inf or perf_counter() < end:
            begin = perf_counter()
            made[name]()
            least = min(least, perf_counter() - begin)
        print(json.dumps(least), flush=True)


class Version:
    """A process that runs the tasks with the package in a folder."""

    def __init__(self, folder: Path, arguments: list[str]):
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", *arguments],
            env=os.environ | threads | {"PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, name: str) -> float:
        """What a task takes, at least."""
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--old", type=Path, help="a checkout of the older version")
    parser.add_argument("--nets", type=Path, help="a folder of real networks")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.nets)
        return
    if args.old is None:
        parser.error("--old is missing: give a checkout of the older version")
    from machine import describe

    arguments = ["--nets", str(args.nets.resolve())] if args.nets else []
    old, new = (Version(folder, arguments) for folder in (args.old.resolve(), Path(__file__).parent.parent))
    print(
        f"{describe()}, one thread\n\n"
        "| task | old, ms | new, ms | new / old | proven / walk alone |\n|---|---|---|---|---|"
    )
    alone = np.nan
    for name in tasks(args.nets):
        if args.only in name:
            times = {old: [], new: []}
            for k in range(args.rounds):
                for version in (old, new) if k % 2 else (new, old):
                    if len(times[version]) < 2 or sum(times[version]) < 5:  # the old one takes minutes for some
                        times[version].append(version.seconds(name))
            before, after = min(times[old]), min(times[new])
            proven = name.endswith("proven")
            ratio = f"{after / alone:.2f}" if proven and alone == alone else ""
            alone = np.nan if proven else after
            print(f"| {name} | {before * 1e3:.4g} | {after * 1e3:.4g} | {after / before:.2f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
