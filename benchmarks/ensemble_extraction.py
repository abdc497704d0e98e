"""Segments of many networks at once, and one after the other: python benchmarks/ensemble_extraction.py

The two take turns. Before anything is timed, their counts are held against each other.
"""

import argparse
from statistics import median
from time import perf_counter

from machine import describe
from threadpoolctl import threadpool_limits

import tinymlp.segments.ensemble_segments
from tinymlp import MLP, Ensemble, PiecewiseLinear, extract_segments, sample, train
from tinymlp.segments.find_regions import Arithmetic

INTERVAL = (-10.0, 10.0)


def one_by_one(ensemble: Ensemble, arithmetic: Arithmetic) -> list[PiecewiseLinear]:
    return [extract_segments(net, *INTERVAL, arithmetic) for net in ensemble.nets]


def seconds(ensemble: Ensemble, arithmetic: Arithmetic, rounds: int) -> tuple[float, float]:
    """Medians: at once, one by one."""
    together, alone = [], []
    for _ in range(rounds):
        begin = perf_counter()
        extract_segments(ensemble, *INTERVAL, arithmetic)
        middle = perf_counter()
        one_by_one(ensemble, arithmetic)
        together.append(middle - begin)
        alone.append(perf_counter() - middle)
    return median(together), median(alone)


def count_again(ensemble: Ensemble) -> int:
    """How many networks are done by themselves because float64 proves nothing about them."""
    done, extract = [], tinymlp.ensemble_segments._extract

    def counted(net: MLP, start: float, stop: float, arithmetic: Arithmetic) -> PiecewiseLinear:
        done.append(net)
        return extract(net, start, stop, arithmetic)

    tinymlp.ensemble_segments._extract = counted
    extract_segments(ensemble, *INTERVAL)
    tinymlp.ensemble_segments._extract = extract
    return len(done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()

    print(f"{describe()}, one thread\n")
    print("| networks | arithmetic | at once, ms | one by one, ms | times faster | done again |")
    print("|---|---|---|---|---|---|")
    for width in args.widths:
        for slope in (0.0, 0.01):
            for epochs in (0, 20):
                ensemble = Ensemble([1, width, width, width, 1], range(args.networks), slope)
                if epochs:
                    train(ensemble, sample("sine", INTERVAL, n=2000), epochs, batch_size=200)
                label = f"{width} x 3, {'leaky' if slope else 'ReLU'}, {'trained' if epochs else 'random'}"
                for arithmetic in ("auto", "float"):
                    singles = one_by_one(ensemble, arithmetic)
                    assert extract_segments(ensemble, *INTERVAL, arithmetic).counts.tolist() == [*map(len, singles)]
                    again = f"{count_again(ensemble)} of {args.networks}" if arithmetic == "auto" else ""
                    at_once, alone = seconds(ensemble, arithmetic, args.rounds)
                    times = f"{at_once * 1e3:.3g} | {alone * 1e3:.3g} | {alone / at_once:.1f}"
                    print(f"| {label} | {arithmetic} | {times} | {again} |", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1, user_api="blas"):
        main()
