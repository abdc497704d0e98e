"""Segments of many networks at once, and one after the other: python benchmarks/ensemble_extraction.py

The two take turns. Before anything is timed, their counts are held against each other.
"""

import argparse
from statistics import median
from time import perf_counter

from machine import describe
from threadpoolctl import threadpool_limits

import tinymlp.segments.extract
from tinymlp import Ensemble, PiecewiseLinear, extract_segments, sample, train

INTERVAL = (-10.0, 10.0)


def one_by_one(ensemble: Ensemble) -> list[PiecewiseLinear]:
    return [extract_segments(net, INTERVAL) for net in ensemble.nets]


def seconds(ensemble: Ensemble, rounds: int) -> tuple[float, float]:
    """Medians: at once, one by one."""
    together, alone = [], []
    for _ in range(rounds):
        begin = perf_counter()
        extract_segments(ensemble, INTERVAL)
        middle = perf_counter()
        one_by_one(ensemble)
        together.append(middle - begin)
        alone.append(perf_counter() - middle)
    return median(together), median(alone)


def count_again(ensemble: Ensemble) -> int:
    """How many networks are extracted by themselves because float64 leaves a doubt."""
    module, done = tinymlp.segments.extract, []
    alone, label = module.extract_segments, module.label_boundaries
    module.extract_segments = lambda *args, **options: done.append(args) or alone(*args, **options)
    module.label_boundaries = lambda *args: done.append(args) or label(*args)
    alone(ensemble, INTERVAL)
    module.extract_segments, module.label_boundaries = alone, label
    return len(done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()

    print(f"{describe()}, one thread\n")
    print("| networks | at once, ms | one by one, ms | times faster | done again |")
    print("|---|---|---|---|---|")
    for width in args.widths:
        for slope in (0.0, 0.01):
            for epochs in (0, 20):
                ensemble = Ensemble([1, width, width, width, 1], range(args.networks), negative_slope=slope)
                if epochs:
                    train(ensemble, sample("sine", INTERVAL, n=2000), epochs, batch_size=200)
                label = f"{width} x 3, {'leaky' if slope else 'ReLU'}, {'trained' if epochs else 'random'}"
                assert extract_segments(ensemble, INTERVAL).counts.tolist() == [*map(len, one_by_one(ensemble))]
                at_once, alone = seconds(ensemble, args.rounds)
                times = f"{at_once * 1e3:.3g} | {alone * 1e3:.3g} | {alone / at_once:.1f}"
                print(f"| {label} | {times} | {count_again(ensemble)} of {args.networks} |", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1, user_api="blas"):
        main()
