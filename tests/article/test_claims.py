"""Every claim asks the right networks; checked on the article's experiments with short rounds."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from tinymlp import MLP, extract_segments, sample, train
from tinymlp.article.claims import CLAIMS, less_steep
from tinymlp.article.experiment import run
from tinymlp.article.experiments import EXPERIMENTS

EXPERIMENT = {e.name: e for e in EXPERIMENTS}


def short(experiment):
    return replace(experiment, rounds=tuple(replace(r, epochs=max(1, r.epochs // 10)) for r in experiment.rounds))


@cache
def trained(experiment):
    start = trained(experiment.continues).net if experiment.continues else None
    return run(short(experiment), 1, start=start)


def fit(rounds, slope=0.0, sizes=(1, 10, 10, 10, 1), net=None):
    """Train on each (function, epochs, lr, interval, n); the long way round."""
    net = net.copy() if net else MLP(sizes, negative_slope=slope, seed=1)
    for function, epochs, lr, interval, n in rounds:
        train(net, sample(function, interval, n), epochs, lr=lr, shuffle=False)
    return net


def r2(net, function, interval=(-5, 5), n=10_000):
    """1 - SS_res / SS_tot, as textbooks have it, but never below 0."""
    data = sample(function, interval, n)
    x, y = data.x, data.y
    if function == "shifted_inverse":  # 50 samples on each side of the pole are left out
        k = np.argsort(np.abs(x - 2))[100:]
        x, y = x[k], y[k]
    return max(0, 1 - np.sum((net(x) - y) ** 2) / np.sum((y - y.mean()) ** 2))


def breakpoints(net, start, stop):
    b = extract_segments(net).breakpoints
    return int(np.sum((b > start) & (b < stop)))


FIVE, TEN = (-5, 5), (-10, 10)
EXP = [("exp", 3, 0.01, FIVE, 10_000)] * 4 + [("exp", 6, 0.001, FIVE, 10_000)] * 3
POLE = [("inverse", 3, 0.01, FIVE, 10_001)] * 6
MOVED_POLE = [("shifted_inverse", *how, FIVE, 10_001) for how in [(1, 0.01)] * 3 + [(10, 0.003)] * 3]
SINE_5 = [("sine", 1, 0.01, FIVE, 10_000)] * 6
SINE_10, SINE_10_LONG = ([("sine", epochs, 0.01, TEN, 10_000)] * 6 for epochs in (1, 3))
EXP_ONCE, EXP_NEG = [("exp", 18, 0.01, FIVE, 10_000)], [("exp_neg", 3, 0.01, FIVE, 10_000)] * 6
STEP = [("step", 3, 0.01, FIVE, 10_000)] * 6
MOVED_STEP = [("shifted_step", *how, FIVE, 10_000) for how in [(1, 0.01)] * 3 + [(10, 0.003)] * 3]
WIDE = (1, 30, 30, 30, 1)
START = MLP([1, 10, 10, 10, 1], seed=1)


def frozen(rounds, second, function, slope, n=10_000):
    return r2(fit(second, net=fit(rounds, slope)), function, n=n) / r2(fit(second, slope), function, n=n)


def error(net):
    return float(np.mean((net(sample("sine", TEN).x) - sample("sine", TEN).y) ** 2))


def crossings(before, after, x):
    """Unit by unit: breakpoints right of x that it lost and gained on the left, less the reverse."""
    count = 0
    for unit in [(layer, k) for layer in range(3) for k in range(10)]:
        left, right = (
            [
                sum(unit in b.owners for b in extract_segments(net, side).boundaries if b.label == "visible")
                for net in (before, after)
            ]
            for side in ((-np.inf, x), (x, np.inf))
        )
        gained, lost = left[1] - left[0], right[0] - right[1]
        if gained * lost > 0:
            count += np.sign(gained) * min(abs(gained), abs(lost))
    return count


TRANSCRIBED = {
    "start-near-0": lambda: 5 * breakpoints(START, -1, 1) / breakpoints(START, -5, 5),
    "exp-calls-right": lambda: breakpoints(fit(EXP), 2, 5) - breakpoints(START, 2, 5),
    "inverse-freezes": lambda: frozen(POLE, SINE_5, "sine", 0.0),
    "inverse-freezes-leaky": lambda: frozen(POLE, SINE_5, "sine", 0.01),
    "inverse-stays-frozen": lambda: frozen(POLE, MOVED_POLE, "shifted_inverse", 0.0, 10_001),
    "inverse-stays-frozen-leaky": lambda: frozen(POLE, MOVED_POLE, "shifted_inverse", 0.01, 10_001),
    "sine-5-learnt": lambda: 1 - r2(fit(SINE_5), "sine"),
    "sine-10-exhausts": lambda: 1 - r2(fit(SINE_10), "sine", TEN),
    "sine-10-wide-better": lambda: error(fit(SINE_10_LONG, sizes=WIDE)) / error(fit(SINE_10)),
    "sine-10-wide-better-equal-time": lambda: error(fit(SINE_10_LONG, sizes=WIDE)) / error(fit(SINE_10_LONG)),
    "transfer-freezes": lambda: frozen(EXP_ONCE, EXP_NEG, "exp_neg", 0.0),
    "transfer-leaky-learns": lambda: frozen(EXP_ONCE, EXP_NEG, "exp_neg", 0.01),
    "step-learnt": lambda: 1 - r2(fit(STEP), "step"),
    "step-moves": lambda: 1 - r2(fit(STEP + MOVED_STEP), "shifted_step"),
}


@pytest.mark.parametrize("name", TRANSCRIBED)
def test_value(name):
    """Catches: a claim that asks another experiment, stage or function, or a network that was not fresh."""
    (claim,) = [c for c in CLAIMS if c.name == name]
    assert claim.value(trained) == pytest.approx(TRANSCRIBED[name](), rel=1e-6, abs=1e-9)


def test_values_of_where_breakpoints_come_from():
    """Catches: ends compared that are far apart, a network on the samples' side only, another place than 5."""
    net, count = START, 0
    for _ in range(8):
        after = fit([("exp", 1, 0.01, FIVE, 10_000)], net=net)
        count += crossings(net, after, 5)
        net = after
    (claim,) = [c for c in CLAIMS if c.name == "exp-calls-from-right"]
    assert claim.value(trained) == count != 0


def test_values_of_the_sine_further_on():
    """Catches: what was learnt measured where it was not, or after both."""
    (claim,) = [c for c in CLAIMS if c.name == "sine-shift-destroys"]
    before = fit(SINE_10_LONG, sizes=WIDE)
    after = fit([("sine", 3, 0.01, (5, 15), 10_000)] * 6, net=before)
    expected = r2(after, "sine", (-10, 5)) / r2(before, "sine", (-10, 5))
    assert claim.value(trained) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_values_of_the_alternating_steps():
    """Catches: turns mixed up, or the two activations."""
    claim = {c.name: c for c in CLAIMS}
    turns, histories = {}, {}
    for slope in (0.0, 0.01):
        net, losses, ends = MLP([1, 10, 10, 10, 1], negative_slope=slope, seed=1), [], []
        for _ in range(4):
            for function in ("step", "shifted_step"):
                losses += train(net, sample(function), 20, shuffle=False).losses.tolist()
                ends.append(net.copy())
        turns[slope], histories[slope] = ends, losses
    *_, at_0, at_2 = turns[0.0]
    worse = max(1 - r2(at_0, "step"), 1 - r2(at_2, "shifted_step"))
    assert claim["alternation-survived"].value(trained) == pytest.approx(worse, rel=1e-6)

    def steep(net, a, b):
        edges = [a, *(x for x in extract_segments(net).breakpoints if a < x < b), b]
        y = net.astype(np.float64)(np.array(edges))
        return np.abs(np.diff(y) / np.diff(edges)).max()

    ratio = steep(at_2, 1, 3) / steep(at_0, -1, 1)
    assert claim["alternation-less-steep"].value(trained) == pytest.approx(ratio, rel=1e-6)
    relu, leaky = (np.mean([b > a for a, b in pairwise(h)]) for h in histories.values())
    assert claim["leaky-jitters"].value(trained) == pytest.approx(leaky - relu)
    assert leaky != relu


def test_a_network_that_did_not_survive_is_not_less_steep():
    """Catches: a dead network, flat everywhere, whose step at 2 is the gentlest of all."""
    alive = trained(EXPERIMENT["step-alternate"])
    assert less_steep(alive) < 1
    dead = alive.net.copy()
    dead.params[:] = 0
    stages = [*alive.stages[:-1], replace(alive.stages[-1], net=dead)]
    assert less_steep(replace(alive, stages=stages)) == 1


def test_claims_differ_and_say_what_they_are():
    """Catches: two claims of one name, a claim without words."""
    names = [c.name for c in CLAIMS]
    assert len(set(names)) == len(names)
    assert all(c.article.endswith(".") and not c.measure.endswith(".") for c in CLAIMS)


def test_bounds():
    """Catches: a bound that moved, or turned round; written from the article's claims, not from the code."""
    above = {"start-near-0": 1, "exp-calls-right": 0, "exp-calls-from-right": 0, "sine-10-exhausts": 0.1}
    above |= {"transfer-leaky-learns": 0.5, "leaky-jitters": 0}
    below = dict.fromkeys(["sine-5-learnt", "step-learnt", "step-moves", "alternation-survived"], 0.1)
    below |= dict.fromkeys(["inverse-freezes", "inverse-stays-frozen", "transfer-freezes", "sine-shift-destroys"], 0.5)
    below |= dict.fromkeys(["inverse-freezes-leaky", "inverse-stays-frozen-leaky"], 0.5)
    below |= dict.fromkeys(["sine-10-wide-better", "sine-10-wide-better-equal-time", "alternation-less-steep"], 1)
    assert {c.name for c in CLAIMS} == {*above, *below}
    for c in CLAIMS:
        bound = (above | below)[c.name]
        agrees = [c.agrees(bound + step) for step in (-0.01, 0, 0.01)]
        assert agrees == ([False, False, True] if c.name in above else [True, False, False]), c.name
