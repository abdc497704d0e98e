"""Networks of every kind that has ever made trouble, against integers alone: make fuzz

Each network is drawn from its number, goes down the ladder of `find_regions`, is labelled, and is done once more in
integers from beginning to end. Everything must agree: boundaries, owners, states and labels; every edge, line and jump
must be within its bound. Of those with one output and a finite interval, every third is also held against the
independent oracle of the tests, which keeps the integers honest. A number that failed can be run again with --first.
"""

import argparse
import os
import warnings
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, pairwise
from multiprocessing import Pool

import numpy as np
from support.oracle import assert_agrees, exact

from tinymlp import MLP, Ensemble, argmax_changes, extract_outputs, extract_segments, sample, train
from tinymlp.network.line import Line, on_line
from tinymlp.segments.find_regions import exact_layers
from tinymlp.segments.integers import Integers, nearest
from tinymlp.segments.walk import walk

INF = np.inf
Rng = np.random.Generator


def random_net(rng: Rng, inputs: int = 1, depth: int | None = None) -> MLP:
    """He weights, biases large or small, one or two outputs."""
    sizes = [inputs, *rng.integers(2, 7, depth or rng.integers(1, 5)), rng.integers(1, 3)]
    weights = [rng.normal(size=(o, i)) * np.sqrt(2 / i) for i, o in pairwise(sizes)]
    biases = [rng.normal(size=o) * rng.choice([1, 0.1]) for o in sizes[1:]]
    slope = float(rng.choice([0, 0, 0, 0.01, 0.3, 1.0, 2.0**-40]))
    return MLP.from_weights(weights, biases, negative_slope=slope)


def near_coincidences(rng: Rng, net: MLP) -> None:
    """Units that are others times a power of two, and a little more."""
    for layer in net.layers[:-1]:
        for unit in layer[1:]:
            if rng.random() < 0.5:
                unit[:] = layer[0] * 2.0 ** rng.integers(-3, 4) * rng.choice([1, 1, -1])
                e = 2.0 ** -float(rng.integers(30, 61))
                unit[-1] *= 1 + e * rng.choice([-1, 0, 1])
                unit[:-1] *= 1 + rng.choice([0, 0, 2]) * e


def integers(rng: Rng, net: MLP) -> None:
    net.params[:] = np.round(net.params * rng.choice([1.0, 1.5, 3.0]))


def tenths(rng: Rng, net: MLP) -> None:
    net.params[:] = np.round(net.params, 1)


def sparse(rng: Rng, net: MLP) -> None:
    net.params[rng.random(net.params.shape) < rng.uniform(0.2, 0.8)] = 0


def duplicates(rng: Rng, net: MLP) -> None:
    """Equal units, and equal pairs of units whose sums cancel."""
    for layer in net.layers[:-1]:
        layer[-1] = layer[0] * rng.choice([1, 2, -0.5, -1])
    if len(net.layers) > 2 and rng.random() < 0.5:
        layer = net.layers[1]
        layer[:, 0], layer[:, -2] = rng.normal(size=len(layer)), -layer[:, 0]


def dead(rng: Rng, net: MLP) -> None:
    layer = net.layers[rng.integers(len(net.layers) - 1)]
    layer[:] = -np.abs(layer)
    if rng.random() < 0.5:
        layer[:, :-1] = 0


def scaled(rng: Rng, net: MLP) -> None:
    """Layers in units of 2^-300 to 2^300; on the whole not beyond float64."""
    powers = rng.integers(-300, 301, len(net.layers))
    powers[1:] -= np.clip(np.cumsum(powers)[1:], -400, 400) * (rng.random() < 0.8)
    for layer, k in zip(net.layers, np.clip(powers, -300, 300), strict=True):
        layer *= 2.0 ** float(k)
        layer[:, -1] *= 2.0 ** float(rng.integers(-20, 21))


def decades(rng: Rng, net: MLP) -> None:
    net.params[:] *= 2.0 ** rng.integers(-120, 60, net.params.shape)


def subnormal(rng: Rng, net: MLP) -> None:
    """Products that underflow."""
    layer = net.layers[rng.integers(len(net.layers))]
    layer *= 2.0 ** -float(rng.integers(1000, 1070))
    if rng.random() < 0.5:
        net.layers[0][:, -1] = 0


def ill_conditioned(rng: Rng, net: MLP) -> None:
    """Values that cancel, and boundaries of later layers near those of earlier ones."""
    e = 2.0 ** -float(rng.integers(20, 50))
    for before, layer in zip(net.layers[:-1], net.layers[1:], strict=True):
        before[1] = before[0] * (1 + e * rng.normal())
        for unit in layer:
            if rng.random() < 0.6:
                unit[0] = -unit[1] * (1 + e * rng.normal())
                unit *= rng.choice([1, 1 / e])
            if rng.random() < 0.5:
                unit[-1] = e * rng.normal()


def extreme(rng: Rng, net: MLP) -> None:
    """A layer near either end of what float64 can hold, and the next one so that the product is not."""
    l = rng.integers(len(net.layers))
    power = float(rng.choice([-1, 1]) * rng.integers(900, 1015))
    with np.errstate(over="ignore"):
        net.layers[l][:] *= 2.0**power
        if l + 1 < len(net.layers) and rng.random() < 0.8:
            net.layers[l + 1][:, :-1] *= np.exp2(-power + rng.integers(-20, 21) * (rng.random() < 0.5))
        duplicates(rng, net)
    largest = np.finfo(float).max
    net.params[:] = np.clip(net.params, -largest, largest)


def zero_biases(rng: Rng, net: MLP) -> None:
    for b in net.biases[rng.integers(2) :]:
        b[:] = 0


CHANGES: list[Callable[[Rng, MLP], None]] = [
    near_coincidences,
    integers,
    tenths,
    sparse,
    duplicates,
    dead,
    scaled,
    decades,
    subnormal,
    ill_conditioned,
    extreme,
    zero_biases,
]
KINDS = ["random", *(change.__name__ for change in CHANGES), "deep", "float16", "trained", "sawtooth", "mixed"]


def sawtooth(rng: Rng) -> MLP:
    """2^depth teeth on [0, 1]; one weight may be off by a little."""
    depth, tent = int(rng.integers(1, 7)), np.array([[2.0, -4.0], [2.0, -4.0]])
    net = MLP.from_weights(
        [np.ones((2, 1)), *[tent] * (depth - 1), tent[:1]], [np.array([0, -0.5])] * depth + [np.zeros(1)]
    )
    if rng.random() < 0.7:
        net.layers[rng.integers(len(net.layers))][0, 0] *= 1 + 2.0 ** -float(rng.integers(20, 70))
    return net


USUAL = [(-2.0, 2.0), (0.0, 1.0), (-INF, INF), (-INF, 0.25), (-1e-3, 1e3)]
UNUSUAL = [
    (-1e308, 1e308),
    (-1e300, 1e300),
    (1e-300, INF),
    (-5e-324, 2e-323),
    (0.0, 1e-310),
    (1.0, 1.0 + 2.0**-52),
    (-0.5, float(np.nextafter(-0.5, 0))),
]


def draw(seed: int) -> tuple[str, MLP | Line, tuple[float, float]]:
    """The kind, the network or line, and the interval with this number."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    inputs = int(rng.choice([1, 1, 2, 5, 30]))
    if kind == "trained":
        net = MLP([1, *[int(rng.integers(3, 9))] * int(rng.integers(1, 4)), 1], seed=seed)
        train(net, sample(str(rng.choice(["sine", "exp", "step"])), n=200), 5, batch_size=20, lr=0.02)
        net.params[rng.random(net.params.shape) < rng.choice([0, 0.3])] = 0
    elif kind == "sawtooth":
        net = sawtooth(rng)
    else:
        net = random_net(rng, inputs, int(rng.integers(8, 14)) if kind == "deep" else None)
        if kind == "float16":
            net = net.astype(np.float16)
        for change in CHANGES:
            if kind == change.__name__ or (kind == "mixed" and rng.random() < 0.2):
                change(rng, net)
    interval = USUAL[rng.integers(len(USUAL))]
    if rng.random() < 0.15:
        interval = UNUSUAL[rng.integers(len(UNUSUAL))]
    if net.sizes[0] == 1 and rng.random() < 0.7:
        return kind, net, interval
    origin, end = rng.normal(size=net.sizes[0]), rng.normal(size=net.sizes[0])
    how = rng.integers(4)
    if how == 0:
        origin, end = np.round(origin), np.round(end)
    if how == 1:
        origin, end = np.round(origin, 1), np.round(end, 1)
    direction = end - origin
    if how == 2:
        direction *= rng.random(len(direction)) < 0.3
    if not direction.any():
        direction[0] = 1
    return kind, net.along(origin, direction), interval


def compare(net: MLP | Line, interval: tuple[float, float], outputs: list) -> None:
    """Segments that the ladder found against integers; AssertionError says what differs."""
    truths = extract_outputs(net, interval, rational=True)
    for f, truth in zip(outputs, truths, strict=True):
        mine, true = f.regions, truth.regions
        assert f.certified, "not certified"
        assert len(mine.edges) == len(true.edges), "count"
        for states, expected in zip(mine.states, true.states, strict=True):
            assert (states == expected).all(), "states"
        assert mine.owners() == true.owners(), "owners"
        assert [b.label for b in f.boundaries] == [b.label for b in truth.boundaries], "labels"
        for x, error, fraction in zip(mine.boundaries, mine.edge_errors[1:-1], true.fractions, strict=True):
            assert error == INF or abs(Fraction(float(x)) - fraction) <= Fraction(float(error)), "edge beyond bound"
        for part in ("real", "imag"):
            values, bounds = getattr(mine.lines, part), getattr(mine.line_errors, part)
            correct, slack = getattr(true.lines, part), getattr(true.line_errors, part)
            assert (abs(values - correct) <= bounds * (1 + 1e-15) + slack).all(), "line beyond bound"
        jumps = zip(f.jumps, f.jump_errors, truth.jumps, truth.jump_errors, strict=True)
        assert all(abs(jump - right) <= (error + slack) * (1 + 1e-15) for jump, error, right, slack in jumps), "jump"


def compare_winners(net: MLP | Line, interval: tuple[float, float]) -> None:
    """Changes of the winner against all regions of the integers; AssertionError says what differs."""
    line = on_line(net)
    a = Integers(line.start, interval, line.net.negative_slope)
    walk(a, exact_layers(line.net))
    columns = np.flatnonzero(a.wide())
    expected: list[tuple[float, int, int]] = []
    winner = None
    for r in columns.tolist():
        # every crossing of two outputs inside, and who is the greatest between them
        left, right = (Fraction(a.n[c], a.d[c]) for c in (r, r + 1))
        p, q = a.p[:, r].tolist(), a.q[:, r].tolist()
        cuts = {left, right}
        for i, j in combinations(range(len(p)), 2):
            if p[i] != p[j] and left < (x := Fraction(q[j] - q[i], p[i] - p[j])) < right:
                cuts.add(x)
        for x, after in pairwise(sorted(cuts)):
            values = [slope * (x + after) / 2 + intercept for slope, intercept in zip(p, q, strict=True)]
            best = values.index(max(values))
            if winner is not None and best != winner:
                expected.append((nearest_float(x), winner, best))
            winner = best
    assert argmax_changes(net, interval) == expected, "winners"


def nearest_float(x: Fraction) -> float:
    return float(nearest(x.numerator, x.denominator))


def check(seed: int) -> tuple[str, str]:
    """The kind, and what went wrong: "" if nothing, "too large" where float64 cannot hold the answer."""
    kind, net, interval = draw(seed)
    try:
        try:
            compare(net, interval, extract_outputs(net, interval))
            if net.sizes[-1] > 1 and np.isfinite(interval).all():
                compare_winners(net, interval)
        except OverflowError:
            return kind, "too large"
        if seed % 3 == 0 and np.isfinite(interval).all() and net.sizes[-1] == 1 and kind != "deep":
            f, truth = extract_segments(net, interval, rational=True), exact(net, interval)
            assert [b.fraction for b in f.boundaries] == truth.boundaries, "oracle"
            assert_agrees(f, truth, INF)
            return f"{kind}, against the oracle, too", ""
    except Exception as error:  # whatever it is, it is to be reported with its number
        return kind, f"{type(error).__name__}: {error}"[:200]
    return kind, ""


def check_ensemble(seed: int) -> tuple[str, str]:
    """Twelve networks of one kind as an ensemble."""
    rng = np.random.default_rng([seed, 1])
    sizes = [1, *[int(rng.integers(2, 6))] * int(rng.integers(1, 4)), 1]
    nets = Ensemble(sizes, range(12), negative_slope=float(rng.choice([0, 0, 0.1])), dtype=np.float64)
    change = CHANGES[seed % len(CHANGES)]
    for net in nets.nets[::2]:
        change(rng, net)
    interval = [(-2.0, 2.0), (-INF, INF), (-INF, 1.0), (-1e308, 1e308)][rng.integers(4)]
    try:
        f = extract_segments(nets, interval)
        for k, net in enumerate(nets.nets):
            compare(net, interval, [f[k]])
            assert f.breakpoints[k, : f.counts[k] - 1].tolist() == f[k].breakpoints.tolist(), "table"
    except OverflowError:
        return "ensemble", "too large"
    except Exception as error:
        return "ensemble", f"{type(error).__name__}: {error}"[:200]
    return "ensemble", ""


def numbered(task: tuple[Callable[[int], tuple[str, str]], int]) -> tuple[int, str, str]:
    function, seed = task
    warnings.simplefilter("error")  # users are to see none
    return seed, *function(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="networks; beside every 40 an ensemble of 12")
    parser.add_argument("--first", type=int, default=0, help="the first number")
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.count)
    tasks = [(check, seed) for seed in seeds] + [(check_ensemble, seed) for seed in seeds[::40]]
    tally, wrong = Counter[str](), 0
    with Pool(os.cpu_count()) as pool:
        for seed, kind, problem in pool.imap_unordered(numbered, tasks, chunksize=20):
            tally[f"{kind}{': too large for float64' * (problem == 'too large')}"] += 1
            if problem not in ("", "too large"):
                wrong += 1
                print(f"wrong: {kind}, number {seed}: {problem}", flush=True)
    for kind, count in sorted(tally.items()):
        print(f"{count:6} {kind}")
    print(f"{len(tasks)} checks, {wrong} wrong")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
