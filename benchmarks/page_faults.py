"""What it is worth that the C library keeps what is freed (segments/walk.py): python benchmarks/page_faults.py

Fresh processes in turns, with and without the large array that walk.py frees when it is imported; each extracts
segments and prints medians, and how many pages of memory the system had to hand out per call.
"""

import argparse
import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe
from threadpoolctl import threadpool_limits

CASES = {"one of 30 x 3": (30, 1, 300), "one of 100 x 3": (100, 1, 100), "64 of 30 x 3": (30, 64, 40)}


def measure(keep: bool) -> None:
    """Import the package with or without its large array, and time the cases."""
    empty = np.empty
    if not keep:
        np.empty = lambda shape, *args, **options: empty(0 if shape == 2**22 - 1024 else shape, *args, **options)
    from tinymlp import MLP, Ensemble, extract_segments

    np.empty = empty
    for width, count, calls in CASES.values():
        sizes = [1, width, width, width, 1]
        net = Ensemble(sizes, range(count), dtype=np.float64) if count > 1 else MLP(sizes, seed=0, dtype=np.float64)
        times, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(calls):
            begin = perf_counter()
            extract_segments(net, (-10, 10))
            times.append(perf_counter() - begin)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        print(median(times) * 1e6, faults / calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", choices=("with", "without"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        with threadpool_limits(1, user_api="blas"):
            measure(args.measure == "with")
        return
    found: dict[str, list[np.ndarray]] = {"with": [], "without": []}
    for _ in range(args.rounds):
        for way, results in found.items():
            out = subprocess.check_output([sys.executable, __file__, "--measure", way], text=True)
            results.append(np.array([line.split() for line in out.splitlines()], float))
    print(f"{describe()}, one thread, medians of {args.rounds} fresh processes\n")
    print(
        "| extraction | with, us | without, us | ratio | page faults per call, with | without |\n"
        "|---|---|---|---|---|---|"
    )
    kept, handed_back = (np.median(found[way], axis=0) for way in ("with", "without"))
    for name, (us, faults), (other, more) in zip(CASES, kept, handed_back, strict=True):
        print(f"| {name} | {us:.0f} | {other:.0f} | {us / other:.2f} | {faults:.0f} | {more:.0f} |")


if __name__ == "__main__":
    main()
