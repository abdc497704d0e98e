"""The article's experiments, as data: what is trained on what, for how long, and which pictures are taken.

To add one, write it down in ``EXPERIMENTS``. ``run`` does any of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .data import sample
from .functions import Function
from .network import MLP
from .train import History, train


@dataclass(frozen=True)
class Round:
    """One call of train: the function and its samples, and how long and fast to learn. Adam starts afresh."""

    function: str | Function
    epochs: int
    lr: float = 0.01
    interval: tuple[float, float] = (-5, 5)
    n: int = 10_000


@dataclass(frozen=True)
class View:
    """The interval that a picture shows, and the points of the detector's grid on it."""

    interval: tuple[float, float]
    points: int = 300


@dataclass(frozen=True)
class Experiment:
    """Rounds of training one network, with a picture before each and at the end, and wide ones at the end."""

    name: str
    title: str
    question: str
    rounds: tuple[Round, ...]
    view: View
    wide_views: tuple[View, ...] = ()
    sizes: tuple[int, ...] = (1, 10, 10, 10, 1)  # the article's "hidden_layers=2" means three
    negative_slope: float = 0.0
    batch_size: int = 1280
    shuffle: bool = False  # the article's batches are slices of the x axis


EXPERIMENTS = (
    Experiment(
        name="exp",
        title="The exponential",
        question="An untrained network has most of its corners near 0. While it learns e^x on (-5, 5), which is almost "
        "flat on the left and steep on the right, where do its segments go, and does it make new ones?",
        rounds=4 * (Round("exp", epochs=30),) + 3 * (Round("exp", epochs=60, lr=0.001),),
        view=View((-2, 5)),
        wide_views=(View((-10, 10)), View((-20, 20))),
    ),
)


@dataclass(frozen=True, eq=False)
class Stage:
    """The network at the moment of a picture: after so many epochs, with the round that comes next (or came last)."""

    epoch: int
    round: Round
    net: MLP


@dataclass(frozen=True, eq=False)
class Run:
    """An experiment as it went: the network at every stage, and the losses of all rounds."""

    experiment: Experiment
    seed: int
    stages: list[Stage]
    history: History


def run(experiment: Experiment, seed: int = 0, after_round: Callable[[int], object] | None = None) -> Run:
    """Train one network through all rounds of an experiment; ``after_round`` is told how many epochs each one took."""
    net = MLP(experiment.sizes, experiment.negative_slope, seed=seed)
    stages, histories = [], []
    epoch = 0
    for round in experiment.rounds:
        stages.append(Stage(epoch, round, net.copy()))
        data = sample(round.function, round.interval, round.n)
        histories.append(train(net, data, round.epochs, round.lr, experiment.batch_size, experiment.shuffle, seed=seed))
        epoch += round.epochs
        if after_round is not None:
            after_round(round.epochs)
    stages.append(Stage(epoch, experiment.rounds[-1], net))
    return Run(experiment, seed, stages, sum(histories[1:], histories[0]))
