"""How many regions a network has at the start: python benchmarks/region_counts.py

On the whole real line a network of one input with hidden widths n_1 ... n_L has at most prod(n_l + 1) regions, and it
can be built to have very many. Networks drawn at random do not: Kogan, Jananthan and Kepner (Complexity of
one-dimensional ReLU DNNs, arXiv 2512.08091) prove that for wide ones, with He scaling and biases that are not zero, the
expected number is sum(n_l) + 1 to first order. So (regions - 1) / units is about 1, whatever the depth: a hidden unit
buys one boundary. Here all regions are counted, certified, for this initialization and for tinymlp's own; in about
eight minutes.
"""

import argparse
from math import log10, prod
from pathlib import Path

import numpy as np
from machine import describe
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from tinymlp import MLP, find_regions, plot
from tinymlp.system.files import check_folder, check_target

WIDTHS, DEPTHS = (10, 30, 100, 300), (1, 2, 3, 4, 5)
NETWORKS = {10: 1500, 30: 400, 100: 100, 300: 30}  # of each width: the standard error should be 0.006 or less
BAND = 0.97, 1.02
COLORS = ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00")


def uniform(sizes: list[int], seed: int) -> MLP:
    """U(-1/sqrt(in), 1/sqrt(in)) for weights and biases: tinymlp's and PyTorch's own."""
    return MLP(sizes, seed=seed, dtype=np.float64)


def he(sizes: list[int], seed: int) -> MLP:
    """Weights N(0, 2/in), biases N(0, 1)."""
    net, rng = MLP(sizes, dtype=np.float64), np.random.default_rng(seed)
    for W, b in zip(net.weights, net.biases, strict=True):
        W[:] = rng.normal(size=W.shape) * np.sqrt(2 / W.shape[1])
        b[:] = rng.normal(size=b.shape)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figure", type=Path, default=Path("benchmarks/results/region_counts.png"))
    args = parser.parse_args()
    check_folder(args.figure.parent)
    check_target(args.figure)  # before the work, not after
    print(f"{describe()}\n")
    print("(regions - 1) / units on the whole line, certified\n")
    print("| initialization | widths | networks | mean | standard error | least | most | log10 of the bound |")
    print("|---|---|---|---|---|---|---|---|")

    fig = Figure(figsize=(9, 3.8), dpi=100, layout="constrained")
    panels = fig.subplots(1, 2, sharey=True)
    outside = 0
    for ax, draw in zip(panels, (uniform, he), strict=True):
        ax.axhspan(*BAND, color="0.9", zorder=0)
        for depth, color in zip(DEPTHS, COLORS, strict=True):
            means, errors = [], []
            for width in WIDTHS:
                bound, ratios = prod([width + 1] * depth), []
                for seed in range(NETWORKS[width]):
                    regions = len(find_regions(draw([1, *[width] * depth, 1], seed)).boundaries) + 1
                    if regions > bound:
                        raise AssertionError(f"{regions} regions exceed the bound {bound}: width {width}, seed {seed}")
                    ratios.append((regions - 1) / (width * depth))
                mean, error = np.mean(ratios), np.std(ratios) / np.sqrt(len(ratios))
                means.append(mean)
                errors.append(error)
                outside += not BAND[0] <= mean <= BAND[1]
                print(
                    f"| {draw.__name__} | {width} x {depth} | {len(ratios)} | {mean:.3f} | {error:.3f} "
                    f"| {min(ratios):.2f} | {max(ratios):.2f} | {log10(bound):.1f} |",
                    flush=True,
                )
            x = np.array(WIDTHS) * 1.05 ** (depth - 3)  # side by side
            ax.errorbar(x, means, 2 * np.array(errors), fmt="o-", ms=4, lw=1, capsize=2, color=color, label=f"{depth}")
        ax.set_xscale("log")
        ax.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        ax.minorticks_off()
        ax.set_xlabel("width")
        ax.set_title(draw.__doc__.strip().rstrip(".").split(":")[0], fontsize=9)
    panels[0].set_ylabel("(regions - 1) / units")
    panels[0].legend(title="hidden layers", fontsize=8, ncols=5, loc="lower center")
    plot.save(fig, args.figure)
    print(f"\n{outside} of {2 * len(WIDTHS) * len(DEPTHS)} means outside of [{BAND[0]}, {BAND[1]}]")


if __name__ == "__main__":
    with threadpool_limits(1, user_api="blas"):
        main()
