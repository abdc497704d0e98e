"""Real networks along a line: python benchmarks/real_networks.py DIR --out benchmarks/results/real_networks.md

DIR holds networks of others, which are not part of this project: .onnx, .nnet, or .npz with W0, b0, W1, b1, ..., and if
they are there alpha (the negative slope) and x0, x1 (the ends of the line). Without ends the line goes between two
random points of the unit cube (seed 0). For each network, on t in (0, 1):

- boundaries, and segments of the first output;
- milliseconds for the walk in float64 alone, for certified regions, and for all of extract_outputs, the best of three;
- which share of the regions each rung of the ladder leaves in doubt: one bound for all regions (reach; for up to four
  hidden layers), running bounds, these with the knowledge of which units are equal, double-double; the rest is done in
  integers;
- samples: the largest difference between the first output's segments and the network in float64 at 10,001 points,
  relative to the largest sample;
- how many regions, boundaries + 1, regioncam counts on the same line, in float32, if it is installed.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from machine import describe

from tinymlp import MLP, Line, extract_outputs, find_regions
from tinymlp.segments.double_double import DoubleDouble
from tinymlp.segments.find_regions import SHALLOW, Regions, exact_layers, windows
from tinymlp.segments.integers import find_equal_units
from tinymlp.segments.reach_bounds import ReachBounds
from tinymlp.segments.rounding import RunningBounds
from tinymlp.segments.walk import Float64, walk
from tinymlp.system.files import check_target, write_text

NAMES = ["file", "sizes", "boundaries", "segments", "float ms", "certified ms", "outputs ms"]
NAMES += ["reach", "running", "equal units", "double-double", "samples", "regioncam"]


def load(path: Path) -> Line:
    """The network in a file, on its line."""
    ends = None
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as z:
            layers = sum(name[0] == "W" and name[1:].isdigit() for name in z.files)
            W, b = ([z[f"{kind}{l}"].astype(float) for l in range(layers)] for kind in "Wb")
            net = MLP.from_weights(W, b, negative_slope=float(z["alpha"]) if "alpha" in z.files else 0.0)
            ends = (z["x0"], z["x1"]) if "x0" in z.files else None
    else:
        net = (MLP.from_onnx if path.suffix == ".onnx" else MLP.from_nnet)(path).astype(np.float64)
    a, b = ends if ends is not None else np.random.default_rng(0).random((2, net.sizes[0]))
    return net.along(a, b - a)


def best_of_three(do) -> tuple[float, object]:
    """Milliseconds, and the answer."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        answer = do()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times), answer


def doubts(line: Line) -> list[str]:
    """Which share of the regions each rung leaves in doubt; a dash where it is not needed."""
    layers, shares = exact_layers(line.net), []

    def run(arithmetic, ends, equal=None):
        a = arithmetic(line.start, ends, line.net.negative_slope)
        passed = walk(a, layers, equal=equal)
        return Regions.read(a.rounded(), passed, np.append(np.flatnonzero(a.wide()), -1))

    if len(layers) - 1 <= SHALLOW:
        regions = run(ReachBounds, (0.0, 1.0))
        shares.append(f"{regions.doubtful.mean():.1%}")
        if not regions.doubtful.any():
            return [*shares, "-", "-", "-"]
    else:
        shares.append("-")
    regions, equal = run(RunningBounds, (0.0, 1.0)), None
    shares.append(f"{regions.doubtful.mean():.1%}")
    if not regions.doubtful.any():
        return [*shares, "-", "-"]
    if equal := find_equal_units(layers):
        regions = run(RunningBounds, (0.0, 1.0), equal)
        shares.append(f"{regions.doubtful.mean():.1%}")
    else:
        shares.append("-")
    if not regions.doubtful.any():
        return [*shares, "-"]
    finer = run(DoubleDouble, windows(regions, regions.doubtful)[2], equal)
    return [*shares, f"{finer.doubtful.sum() / len(regions.doubtful):.1%}"]


def count_by_regioncam(line: Line) -> str:
    """How many regions regioncam, which computes in float32, counts along the line; a dash without it."""
    try:
        import regioncam
    except ModuleNotFoundError:
        return "-"
    # what it looks at is the middle three quarters between the points that it is given
    camera = regioncam.Regioncam1D.through_points(line.points([-1 / 6, 7 / 6]).astype(np.float32))
    for l, (W, b) in enumerate(zip(line.net.weights, line.net.biases, strict=True)):
        if l and line.net.negative_slope:
            camera.leaky_relu(line.net.negative_slope)
        elif l:
            camera.relu()
        camera.linear(np.ascontiguousarray(W.T, np.float32), b.astype(np.float32))
    return str(camera.num_edges)


def row(path: Path) -> list[str]:
    """One line of the table."""
    line = load(path)
    layers = exact_layers(line.net)
    alone, _ = best_of_three(lambda: walk(Float64(line.start, (0.0, 1.0), line.net.negative_slope), layers))
    proven, regions = best_of_three(lambda: find_regions(line, (0, 1)))
    whole, outputs = best_of_three(lambda: extract_outputs(line, (0, 1)))
    f, t = outputs[0], np.linspace(0, 1, 10_001)
    y = line(t).reshape(len(t), -1)[:, 0]
    off = np.abs(f(t) - y).max() / np.abs(y).max()
    sizes = "-".join(map(str, line.net.sizes))
    if len(set(line.net.sizes[1:-1])) == 1 and len(line.net.sizes) > 5:
        sizes = f"{line.net.sizes[0]}-{len(line.net.sizes) - 2}x{line.net.sizes[1]}-{line.net.sizes[-1]}"
    counts = [str(len(regions.boundaries)), str(len(f))]
    times = [f"{alone:.1f}", f"{proven:.1f}", f"{whole:.1f}"]
    return [path.name, sizes, *counts, *times, *doubts(line), f"{off:.0e}", count_by_regioncam(line)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="write the table here, too")
    args = parser.parse_args()
    if args.out:
        check_target(args.out)  # before the work, not after
    paths = sorted(p for p in args.folder.iterdir() if p.suffix in (".onnx", ".nnet", ".npz"))
    if not paths:
        raise SystemExit(f"{args.folder} holds no .onnx, .nnet or .npz")
    table = [f"| {' | '.join(NAMES)} |", "|" + "---|" * len(NAMES)]
    for path in paths:
        try:
            table.append(f"| {' | '.join(row(path))} |")
        except (ValueError, OverflowError, ModuleNotFoundError) as error:
            table.append(f"| {path.name} | {error} |" + " |" * (len(NAMES) - 2))
        print(table[-1], flush=True)
    if args.out:
        what = __doc__.split("\n\n", 1)[1].strip()
        text = ["# Real networks along a line", what, describe(), "\n".join(table)]
        write_text(args.out, "\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
