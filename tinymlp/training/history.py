"""History: the losses and snapshots of a training run, even of one that had to stop; and Recorder, which writes it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..devices import array_module, move
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .fused import FusedTraining
from .step_by_step import StepByStep

__all__ = ["History", "Recorder", "TrainingDiverged", "TrainingInterrupted"]


@dataclass(frozen=True, eq=False)
class History:
    """The losses and snapshots of a training run; ``first + second`` is the history of both, one after the other.

    Attributes
    ----------
    losses : array, (epochs,), for an ensemble (epochs, K)
        The loss, in general the mean squared error, over the samples, or over the interval of a function, each batch
        measured just before its step. Float64, unit of y squared.
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

    def to_dict(self) -> dict:
        """All of it in lists and numbers, for JSON; of a snapshot its "epoch" and its "params".

        >>> import numpy as np
        >>> History(np.array([0.5, 0.25]), np.array([4.0, 2.0]), {0: np.array([1, 2, 3])}).to_dict()
        {'losses': [0.5, 0.25], 'article_losses': [4.0, 2.0], 'snapshots': [{'epoch': 0, 'params': [1, 2, 3]}]}
        """
        return {
            "losses": self.losses.tolist(),
            "article_losses": self.article_losses.tolist(),
            "snapshots": [{"epoch": epoch, "params": params.tolist()} for epoch, params in self.snapshots.items()],
        }


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


class Recorder:
    """Writes the `History` of a run: collects losses and snapshots, and stops the run at the first NaN.

    What the epochs of a run give stays on the device, unread, until somebody asks for it: on a GPU to read is to wait.

    Parameters
    ----------
    net : MLP or Ensemble
    training : StepByStep or FusedTraining
        Whose epochs are recorded.
    snapshots : collection of int
        After how many epochs to keep a copy of the parameters.
    batch_size : int or None
        What the article's losses are divided by; None for the number of samples.

    Attributes
    ----------
    epoch : int
        How many epochs are recorded.
    """

    def __init__(
        self,
        net: MLP | Ensemble,
        training: StepByStep | FusedTraining,
        snapshots: Collection[int],
        batch_size: int | None,
    ):
        self._net, self._training, self._wanted, self._batch_size = net, training, snapshots, batch_size
        self._xp = array_module(net.device)
        self._unread: list[NDArray] = []  # of some epochs each: (epochs, batches + 1, K), on the device
        self._rows: list[NDArray] = []  # of each epoch: its loss and the article's, (2, K)
        self._snapshots: dict[int, NDArray] = {}  # on the device
        self.epoch = 0
        self._keep_snapshot()

    def add(self, losses: NDArray) -> None:
        """Record the epochs just trained, and a snapshot where one is wanted.

        Raises
        ------
        TrainingDiverged
            If the training says that it saw a NaN. On a GPU nobody looks before `latest_loss` or `history`.
        """
        self._unread.append(losses)
        self.epoch += len(losses)
        if self._training.stuck:
            self._read()
        self._keep_snapshot()

    def latest_loss(self) -> float | NDArray:
        """The loss in the last epoch; of an ensemble (K,). Raises as `history`."""
        self._read()
        losses = self._rows[-1][0]
        return losses if isinstance(self._net, Ensemble) else float(losses[0])

    def history(self) -> History:
        """All that was recorded.

        Raises
        ------
        TrainingDiverged
            If a loss or a parameter is NaN or infinite; the network goes back to the epoch before.
        """
        self._read()
        table = np.reshape(self._rows, (-1, 2, 1 if isinstance(self._net, MLP) else len(self._net)))
        if isinstance(self._net, MLP):
            table = table[:, :, 0]
        kept = {epoch: params for epoch, params in self._snapshots.items() if epoch <= len(table)}
        arrays = move(self._xp.stack(list(kept.values())), "cpu") if kept else ()
        return History(table[:, 0], table[:, 1], dict(zip(kept, arrays, strict=True)))

    def interrupted(self) -> TrainingInterrupted:
        """What to raise after Ctrl-C."""
        try:
            return TrainingInterrupted(self.history())
        except TrainingDiverged as diverged:  # a NaN that nobody had read yet
            return TrainingInterrupted(diverged.history)

    def _keep_snapshot(self) -> None:
        if self.epoch in self._wanted:
            self._snapshots[self.epoch] = self._net.params.copy()

    def _read(self) -> None:
        """Fetch what is unread, and take means over each epoch's samples. At a NaN, go back to before its epoch."""
        if not self._unread:
            return
        table = move(self._xp.concatenate(self._unread), "cpu").astype(np.float64)
        self._unread.clear()
        losses, nan = table[:, :-1], table[:, -1]  # (epochs, batches, K), (epochs, K)
        sizes = np.array(self._training.sizes)  # (batches,)
        totals = np.cumsum(losses * sizes[:, None], axis=1)[:, -1] + nan
        article_totals = np.cumsum(losses, axis=1)[:, -1]
        whole = sum(self._training.sizes)
        rows = np.stack([totals / whole, article_totals / (self._batch_size or whole)], axis=1)  # (epochs, 2, K)
        finite = np.isfinite(rows).all(axis=(1, 2))
        good = len(rows) if finite.all() else int(finite.argmin())
        self._rows.extend(rows[:good])
        if good < len(rows):
            self._training.rewind(len(self._rows))
            lost = np.flatnonzero(~np.isfinite(rows[good, 0])).tolist()
            which = f" of network {', '.join(map(str, lost))}" if rows.shape[2] > 1 and lost else ""
            message = f"the loss{which} became NaN or infinite in epoch {len(self._rows) + 1}: try a smaller lr"
            raise TrainingDiverged(message, self.history(), lost)
