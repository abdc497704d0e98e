"""An experiment: what a network is trained on, for how long, and which pictures are taken; and how it goes.

`run` trains one network, `run_ensemble` many, which learn side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset, sample
from ..devices import move
from ..functions import Function
from ..interval import Interval
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from ..training.history import History
from ..training.moments import Moments
from ..training.train import train

__all__ = ["EnsembleRun", "Experiment", "Round", "Run", "Stage", "View", "run", "run_ensemble"]


@dataclass(frozen=True)
class View:
    """The interval that a picture shows, and the points of the detector's grid on it."""

    interval: Interval
    points: int = 300


@dataclass(frozen=True)
class Round:
    """One call of train: the function and its samples, and how long and fast to learn. Adam starts afresh."""

    function: str | Function
    epochs: int
    lr: float = 0.01
    interval: Interval = (-5, 5)
    n: int = 10_000
    view: View | None = None  # of the picture after it, if it is not the experiment's

    def sample(self) -> Dataset:
        """The round's samples."""
        return sample(self.function, self.interval, self.n)


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
    continues: "Experiment | None" = None  # goes on with the network that this one leaves

    @property
    def generation(self) -> int:
        """How many experiments its network has been through before."""
        return self.continues.generation + 1 if self.continues else 0


@dataclass(frozen=True, eq=False)
class Stage:
    """The network at the moment of a picture: after so many epochs, with the round just learnt (or the first)."""

    epoch: int
    round: Round
    net: MLP
    view: View


@dataclass(frozen=True, eq=False)
class Run:
    """An experiment as it went: the network at every stage, on the CPU, and the losses of all rounds."""

    experiment: Experiment
    seed: int
    stages: list[Stage]
    history: History

    @property
    def net(self) -> MLP:
        """The network at the end."""
        return self.stages[-1].net

    @property
    def view(self) -> View:
        """The last picture."""
        return self.stages[-1].view

    @property
    def data(self) -> Dataset:
        """The samples of the last round."""
        return self.stages[-1].round.sample()


@dataclass(frozen=True, eq=False)
class EnsembleRun:
    """An experiment as it went with many networks; ``[k]`` is the `Run` of the network of ``seeds[k]``.

    Attributes
    ----------
    stages : list of array, (K, P)
        The parameters before the first round and after each.
    history : History
        Losses (epochs, K).
    """

    experiment: Experiment
    seeds: Sequence[int]
    stages: list[NDArray]
    history: History

    def __getitem__(self, k: int) -> Run:
        e = self.experiment
        epochs = np.cumsum([0, *(r.epochs for r in e.rounds)]).tolist()
        rounds = (e.rounds[0], *e.rounds)
        stages = [
            Stage(
                epoch, r, MLP.from_params(e.sizes, params[k].copy(), negative_slope=e.negative_slope), r.view or e.view
            )
            for epoch, r, params in zip(epochs, rounds, self.stages, strict=True)
        ]
        history = History(self.history.losses[:, k], self.history.article_losses[:, k])
        return Run(e, self.seeds[k], stages, history)


def run(
    experiment: Experiment,
    seed: int = 0,
    *,
    start: MLP | None = None,
    after_round: Callable[[int], object] | None = None,
    device: str = "cpu",
) -> Run:
    """Train one network through all rounds of an experiment; `run_ensemble` for one seed."""
    params = None if start is None else move(start.params, "cpu")[None]
    return run_ensemble(experiment, [seed], start=params, after_round=after_round, device=device)[0]


def run_ensemble(
    experiment: Experiment,
    seeds: Sequence[int],
    *,
    start: NDArray | None = None,
    after_round: Callable[[int], object] | None = None,
    device: str = "cpu",
    by_segments: bool = False,
) -> EnsembleRun:
    """Train a network of every seed through all rounds of an experiment. Each learns what it would learn alone.

    Parameters
    ----------
    experiment : Experiment
    seeds : sequence of int
        Of the first weights and, where the experiment shuffles, of the order of the samples.
    start : array, (K, P)
        The parameters to start from. If not given: where the experiment continues another, those that end that one
        (which is run again: same seed, same network); else fresh ones.
    after_round : callable
        Told after every round how many epochs it took.
    device : "cpu", "gpu" or "auto"
        Where to train; what comes back is on the CPU. On a GPU the digits are others (``fused`` of `train`).
    by_segments : bool
        Find the gradients segment by segment, which for several networks on a CPU is faster; the same to rounding.
    """
    nets = Ensemble(experiment.sizes, seeds, negative_slope=experiment.negative_slope)
    if start is not None:
        nets.params = start
    elif experiment.continues:
        before = run_ensemble(experiment.continues, seeds, device=device, by_segments=by_segments)
        nets.params = before.stages[-1]
    nets = nets.to(device)
    # for all rounds, or each would repeat the last
    orders = [np.random.default_rng([seed, experiment.generation]) for seed in seeds]
    stages, histories = [move(nets.params, "cpu").copy()], []
    for r in experiment.rounds:
        size, shuffle = experiment.batch_size, experiment.shuffle
        data = Moments.of(r.sample()) if by_segments else r.sample()
        histories.append(train(nets, data, r.epochs, lr=r.lr, batch_size=size, shuffle=shuffle, seeds=orders))
        stages.append(move(nets.params, "cpu").copy())
        if after_round is not None:
            after_round(r.epochs)
    return EnsembleRun(experiment, tuple(seeds), stages, sum(histories[1:], histories[0]))
