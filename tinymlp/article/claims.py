"""What the article concludes, as data: every claim with a number by which any network agrees with it or not.

To add one, write it down in ``CLAIMS``. `study` asks many networks, and judges.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from ..data import Dataset, sample
from .experiment import Experiment, Run
from .experiments import (
    EXP,
    INVERSE,
    SHIFTED_INVERSE,
    SINE_5,
    SINE_10,
    SINE_10_WIDE,
    SINE_SHIFT,
    SNAPPING,
    STEP,
    STEP_ALTERNATE,
    TRANSFER,
    leaky,
)
from .measures import carried_in, count_breakpoints, explained_of, jitter, quotient, steepest, unexplained_variance

__all__ = ["CLAIMS", "Claim", "Trained"]

Trained = Callable[[Experiment], Run]  # how one network went through an experiment


@dataclass(frozen=True)
class Claim:
    """A conclusion of the article. A network agrees if its value lies on the right side of the bound."""

    name: str
    article: str  # what it says, in our words
    measure: str  # what the value is, in words
    value: Callable[[Trained], float]
    side: Literal["above", "below"]
    bound: float

    def agrees(self, value: float) -> bool:
        """Whether the value is on the claim's side of the bound."""
        return value > self.bound if self.side == "above" else value < self.bound


# What the article did not train, but its claims need: fresh networks on the second of two functions, and equal times.
FRESH_SHIFTED_INVERSE = replace(SHIFTED_INVERSE, name="shifted-inverse-fresh", continues=None)
FRESH_TRANSFER = replace(TRANSFER, name="transfer-fresh", rounds=TRANSFER.rounds[1:])
SINE_AFTER_INVERSE = replace(SINE_5, name="sine-after-inverse", continues=INVERSE)
SINE_10_LONG = replace(SINE_10, name="sine-10-long", rounds=SINE_10_WIDE.rounds)


LEARNT = 0.1  # unexplained, at most
FROZEN = 0.5  # of what a fresh network explains, at most


def unlearnt(trained: Run, stage: int = -1) -> float:
    """What the network of a stage leaves unexplained of the samples it has just learnt."""
    at = trained.stages[stage]
    return unexplained_variance(at.net, at.round.sample())


def of_fresh(second: Run, fresh: Run, data: Dataset | None = None) -> float:
    """What a network explains of its second function, as a share of what a fresh one does after the same rounds."""
    return explained_of(second.net, fresh.net, data or second.data)


def off_the_pole() -> Dataset:
    """The samples of 1/(x - 2) without the hundred next to the pole, which make 99.7 % of the variance."""
    data = SHIFTED_INVERSE.rounds[-1].sample()
    far = np.abs(data.x - 2) > 0.05
    return Dataset(data.x[far], data.y[far])


def less_steep(alternated: Run) -> float:
    """How steep the last step at 2 is, relative to the step at 0 a turn earlier; 1 if the network did not learn it."""
    at_0, at_2 = alternated.stages[-2].net, alternated.stages[-1].net
    return quotient(steepest(at_2, (1, 3)), steepest(at_0, (-1, 1))) if unlearnt(alternated) < LEARNT else 1.0


UNLEARNT = "variance of the samples that is left unexplained"
OF_FRESH = "explained variance of {}, as a share of what a fresh network explains after equally many epochs"
SINE = OF_FRESH.format("the sine on (-5, 5), learnt after 1/x")
POLE = OF_FRESH.format("1/(x - 2) off the hundred samples next to 2, learnt after 1/x")

CLAIMS = (
    Claim(
        "start-near-0",
        "At the start the segments gather around 0.",
        "untrained, breakpoints per unit of x on (-1, 1) relative to those on (-5, 5)",
        lambda t: quotient(
            count_breakpoints(t(EXP).stages[0].net, (-1, 1)) / 2, count_breakpoints(t(EXP).stages[0].net, (-5, 5)) / 10
        ),
        "above",
        1,
    ),
    Claim(
        "exp-calls-right",
        "Training on e^x calls segments to the right, where it is steep.",
        "breakpoints on (2, 5) after 300 epochs, less those before",
        lambda t: count_breakpoints(t(EXP).net, (2, 5)) - count_breakpoints(t(EXP).stages[0].net, (2, 5)),
        "above",
        0,
    ),
    Claim(
        "exp-calls-from-right",
        "They come in from the right, from where there are no samples.",
        "breakpoints that hidden units carried in across x = 5, less those they carried out, over eight times 5 epochs",
        lambda t: sum(carried_in(a.net, b.net, 5) for a, b in pairwise(t(SNAPPING).stages)),
        "above",
        0,
    ),
    Claim(
        "inverse-freezes",
        "1/x freezes the network.",
        SINE,
        lambda t: of_fresh(t(SINE_AFTER_INVERSE), t(SINE_5)),
        "below",
        FROZEN,
    ),
    Claim(
        "inverse-stays-frozen",
        "It stays frozen when the pole moves to 2.",
        POLE,
        lambda t: of_fresh(t(SHIFTED_INVERSE), t(FRESH_SHIFTED_INVERSE), off_the_pole()),
        "below",
        FROZEN,
    ),
    Claim(
        "inverse-freezes-leaky",
        "1/x freezes a network with leaky ReLU, too.",
        SINE,
        lambda t: of_fresh(t(leaky(SINE_AFTER_INVERSE)), t(leaky(SINE_5))),
        "below",
        FROZEN,
    ),
    Claim(
        "inverse-stays-frozen-leaky",
        "It, too, stays frozen when the pole moves to 2.",
        POLE,
        lambda t: of_fresh(t(leaky(SHIFTED_INVERSE)), t(leaky(FRESH_SHIFTED_INVERSE)), off_the_pole()),
        "below",
        FROZEN,
    ),
    Claim("sine-5-learnt", "The sine on (-5, 5) is learnt.", UNLEARNT, lambda t: unlearnt(t(SINE_5)), "below", LEARNT),
    Claim(
        "sine-10-exhausts",
        "The sine on (-10, 10) is not learnt at width 10.",
        UNLEARNT,
        lambda t: unlearnt(t(SINE_10)),
        "above",
        LEARNT,
    ),
    Claim(
        "sine-10-wide-better",
        "With width 30 it is learnt better.",
        "mean squared error relative to that of width 10; the article trained width 30 twice as long",
        lambda t: quotient(unlearnt(t(SINE_10_WIDE)), unlearnt(t(SINE_10))),
        "below",
        1,
    ),
    Claim(
        "sine-10-wide-better-equal-time",
        "(Not in the article.) It is also better after equally many epochs.",
        "mean squared error relative to that of width 10 after equally many epochs",
        lambda t: quotient(unlearnt(t(SINE_10_WIDE)), unlearnt(t(SINE_10_LONG))),
        "below",
        1,
    ),
    Claim(
        "sine-shift-destroys",
        "Going on with (5, 15) destroys what was learnt.",
        "explained variance of the sine on (-10, 5) afterwards, as a share of that before",
        lambda t: explained_of(t(SINE_SHIFT).net, t(SINE_10_WIDE).net, sample("sine", (-10, 5))),
        "below",
        0.5,
    ),
    Claim(
        "transfer-freezes",
        "After e^x a network with ReLU is frozen for e^-x.",
        OF_FRESH.format("e^-x, learnt after e^x"),
        lambda t: of_fresh(t(TRANSFER), t(FRESH_TRANSFER)),
        "below",
        FROZEN,
    ),
    Claim(
        "transfer-leaky-learns",
        "With leaky ReLU it is not.",
        OF_FRESH.format("e^-x, learnt after e^x"),
        lambda t: of_fresh(t(leaky(TRANSFER)), t(leaky(FRESH_TRANSFER))),
        "above",
        FROZEN,
    ),
    Claim(
        "step-learnt",
        "The step is easy.",
        UNLEARNT + " after 180 epochs",
        lambda t: unlearnt(t(STEP), 6),
        "below",
        LEARNT,
    ),
    Claim("step-moves", "The step can be moved.", UNLEARNT, lambda t: unlearnt(t(STEP)), "below", LEARNT),
    Claim(
        "alternation-survived",
        "A network with ReLU survives four turns of steps at 0 and at 2.",
        UNLEARNT + " at the ends of the last two turns, the larger",
        lambda t: max(unlearnt(t(STEP_ALTERNATE), stage) for stage in (-2, -1)),
        "below",
        LEARNT,
    ),
    Claim(
        "alternation-less-steep",
        "But its step at 2 is less steep.",
        "steepest slope on (1, 3) at the end, relative to that on (-1, 1) a turn earlier; 1 if it did not survive",
        lambda t: less_steep(t(STEP_ALTERNATE)),
        "below",
        1,
    ),
    Claim(
        "leaky-jitters",
        "Leaky ReLU jitters more.",
        "share of epochs of the alternating steps in which the loss rises, less that share with ReLU",
        lambda t: jitter(t(leaky(STEP_ALTERNATE)).history) - jitter(t(STEP_ALTERNATE).history),
        "above",
        0,
    ),
)
