"""The article's experiments, as data. To add one, write it down in ``EXPERIMENTS``."""

from dataclasses import replace

from .experiment import Experiment, Round, View

__all__ = [
    "EXP",
    "EXPERIMENTS",
    "INVERSE",
    "SHIFTED_INVERSE",
    "SINE_5",
    "SINE_10",
    "SINE_10_WIDE",
    "SINE_SHIFT",
    "SNAPPING",
    "STEP",
    "STEP_ALTERNATE",
    "TRANSFER",
    "find_experiments",
    "leaky",
]

EXP = Experiment(
    name="exp",
    title="The exponential",
    question="An untrained network has most of its breakpoints near 0. While it learns e^x on (-5, 5), which is almost "
    "flat on the left and steep on the right, where do its segments go, and does it make new ones?",
    rounds=4 * (Round("exp", epochs=30),) + 3 * (Round("exp", epochs=60, lr=0.001),),
    view=View((-2, 5)),
    wide_views=(View((-10, 10)), View((-20, 20))),
)
SNAPPING = Experiment(
    name="snapping",
    title="Where new segments come from",
    question="The same, looked at more often. Do breakpoints wander in from the right, where the function is steep?",
    rounds=8 * (Round("exp", epochs=5),),
    view=View((-2, 7)),
    wide_views=(View((-10, 10), points=600), View((-20, 20), points=600)),
)
INVERSE = Experiment(
    name="inverse",
    title="A pole",
    question="1/x shoots off to both sides of 0, where most breakpoints are. Does the network use them?",
    rounds=6 * (Round("inverse", epochs=30, n=10_001),),  # so many that no sample falls on 0
    view=View((-5, 5)),
)
SHIFTED_INVERSE = Experiment(
    name="shifted-inverse",
    title="The pole moves",
    question="The same network now meets 1/(x - 2). Can it follow, or has the pole at 0 frozen it?",
    rounds=3 * (Round("shifted_inverse", epochs=15, n=10_001),)
    + 3 * (Round("shifted_inverse", epochs=100, lr=0.003, n=10_001),),
    view=View((-3, 7)),
    continues=INVERSE,
)
SINE_5 = Experiment(
    name="sine-5",
    title="A wave and a half",
    question="Are ten units a layer enough for the sine on (-5, 5)?",
    rounds=6 * (Round("sine", epochs=15),),
    view=View((-5, 5)),
)
SINE_10 = Experiment(
    name="sine-10",
    title="Three waves",
    question="And on (-10, 10), twice as long? Is this where the network is exhausted?",
    rounds=6 * (Round("sine", epochs=15, interval=(-10, 10)),),
    view=View((-10, 10)),
)
SINE_10_WIDE = Experiment(
    name="sine-10-wide",
    title="Three waves, three times the width",
    question="Do thirty units a layer learn what ten did not?",
    rounds=6 * (Round("sine", epochs=30, interval=(-10, 10)),),
    view=View((-10, 10)),
    sizes=(1, 30, 30, 30, 1),
)
SINE_SHIFT = Experiment(
    name="sine-shift",
    title="The same wave, further on",
    question="That network goes on with the sine on (5, 15). What becomes of the waves on (-10, 5) that it knew?",
    rounds=6 * (Round("sine", epochs=30, interval=(5, 15)),),
    view=View((-10, 10)),
    sizes=SINE_10_WIDE.sizes,
    continues=SINE_10_WIDE,
)
TRANSFER = Experiment(
    name="transfer",
    title="From e^x to its mirror image",
    question="Trained on e^x, then on e^-x: what was useless on the left is needed there now. Can it be called back?",
    rounds=(Round("exp", epochs=180), *6 * (Round("exp_neg", epochs=30),)),
    view=View((-5, 5)),
)
STEP = Experiment(
    name="step",
    title="A step that moves",
    question="A step needs two breakpoints close together. Is it learnt, and can it be moved from 0 to 2?",
    rounds=6 * (Round("step", epochs=30),)
    + 3 * (Round("shifted_step", epochs=15, view=View((-3, 7))),)
    + 3 * (Round("shifted_step", epochs=100, lr=0.003, view=View((-3, 7))),),
    view=View((-5, 5)),
)
STEP_ALTERNATE = Experiment(
    name="step-alternate",
    title="A step to and fro",
    question="The step at 0 and the step at 2 in turn, four times each. Does the network wear out?",
    rounds=4 * (Round("step", epochs=200), Round("shifted_step", epochs=200)),
    view=View((-5, 5)),
)


def leaky(experiment: Experiment) -> Experiment:
    """The same experiment with leaky ReLU, all the way back to the network it goes on with."""
    return replace(
        experiment,
        name=f"{experiment.name}-leaky",
        title=f"{experiment.title}, with leaky ReLU",
        negative_slope=0.01,
        continues=experiment.continues and leaky(experiment.continues),
    )


EXPERIMENTS = (
    EXP,
    SNAPPING,
    INVERSE,
    SHIFTED_INVERSE,
    SINE_5,
    SINE_10,
    SINE_10_WIDE,
    SINE_SHIFT,
    TRANSFER,
    leaky(TRANSFER),
    leaky(INVERSE),
    leaky(SHIFTED_INVERSE),
    STEP,
    STEP_ALTERNATE,
    leaky(STEP_ALTERNATE),
)


def find_experiments(names: str | None) -> list[Experiment]:
    """The experiments of these names, commas between, in the article's order; all for None.

    Raises
    ------
    ValueError
        If a name is none of an experiment; the message lists those that are.
    """
    known = {e.name for e in EXPERIMENTS}
    wanted = known if names is None else {name.strip() for name in names.split(",")}
    if not wanted <= known:
        raise ValueError(
            f"there is no experiment {', '.join(sorted(wanted - known))}: give some of "
            + ", ".join(e.name for e in EXPERIMENTS)
        )
    return [e for e in EXPERIMENTS if e.name in wanted]
