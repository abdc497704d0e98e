"""History: what a training run left behind, also where it could not go on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class History:
    """What a training run left behind; ``first + second`` is the history of both, one after the other.

    Attributes
    ----------
    losses : array, (epochs,), for an ensemble (epochs, K)
        The mean squared error over the samples, or over the interval of a function, each batch measured just before its
        step. Float64, unit of y squared.
    article_losses : array of the same shape
        The figure the article prints instead: the sum of the batches' losses, divided by the batch size (1, for a
        function, which has no samples).
    snapshots : dict from int to array
        A copy of ``params`` after so many epochs, 0 being before the first.

    All are NumPy arrays, wherever the network is.
    """

    losses: NDArray
    article_losses: NDArray
    snapshots: dict[int, NDArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.losses)

    def __add__(self, later: "History") -> "History":
        return History(
            np.concatenate([self.losses, later.losses]),
            np.concatenate([self.article_losses, later.article_losses]),
            self.snapshots | {len(self) + epoch: params for epoch, params in later.snapshots.items()},
        )


class TrainingDiverged(ArithmeticError):
    """The loss or a parameter became NaN or infinite.

    ``history`` holds the epochs before, and the network is as it was after them. The optimizer is not: make a new one.
    ``networks`` says of which networks of an ensemble, (0,) for a single one.
    """

    def __init__(self, message: str, history: History, networks: Sequence[int] = (0,)):
        super().__init__(message)
        self.history, self.networks = history, tuple(networks)

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.history, self.networks)


class TrainingInterrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C. ``history`` holds the whole epochs before; the network is as after its last step."""

    def __init__(self, history: History):
        super().__init__(f"training was interrupted after {len(history)} epochs")
        self.history = history

    def __reduce__(self) -> tuple:
        return type(self), (self.history,)
