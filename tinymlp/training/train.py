"""train(): epochs over batches."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from numbers import Integral
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..data import Dataset
from ..devices import array_module, blas_threads, move
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .fused import Launches, why_not_fused
from .gradients import ENGINES, Engine
from .history import History, TrainingDiverged, TrainingInterrupted
from .moments import Moments
from .optim import Adam, Optimizer
from .step_by_step import Steps

Runner = Steps | Launches


def runner(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    lr: float | Sequence[float],
    batch_size: int | None,
    shuffle: bool,
    optimizer: Optimizer | None,
    rngs: Sequence[np.random.Generator],
    engine: str,
) -> Runner:
    """The runner for what `train` is asked; parameters are its, ``rngs`` made from its seeds."""
    first = net if isinstance(net, MLP) else net.nets[0]
    networks = 1 if isinstance(net, MLP) else len(net)
    adams = [Adam(rate) for rate in np.atleast_1d(lr).tolist()]  # one, or one for each network; each checks its lr
    if engine in ("fused", "auto"):
        reason = why_not_fused(net, data, optimizer or adams[0])
        if reason is None:
            assert isinstance(data, Dataset)
            adam = optimizer if isinstance(optimizer, Adam) else adams[0]
            rates = [adam.lr] * networks if optimizer or len(adams) == 1 else [one.lr for one in adams]
            return Launches(net, data, batch_size, shuffle, rngs, adam, rates)
        if engine == "fused":
            raise ValueError(f"engine='fused' {reason}")
        engine = "samples"
    sources = [ENGINES[engine](first, data, batch_size, shuffle, rng) for rng in rngs]
    return Steps(net, sources, [optimizer] if optimizer else adams)


def train(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    epochs: int,
    lr: float | Sequence[float] = 0.01,
    batch_size: int | None = 1280,
    shuffle: bool = True,
    optimizer: Optimizer | None = None,
    seed: int | np.random.Generator | Sequence[int] | Sequence[np.random.Generator] = 0,
    snapshots: Iterable[int] | None = None,
    callback: Callable[[int, MLP | Ensemble, float | NDArray], object] | None = None,
    progress: bool = False,
    engine: Engine = "samples",
) -> History:
    """Train a network, or every network of an ensemble, in place, on the mean squared error.

    Parameters
    ----------
    net : MLP or Ensemble
        On either device. On a GPU, nothing comes back to the CPU before the end, a snapshot or a callback; so a loss
        that is not finite is noticed only then.
    data : Dataset or Moments
        A Dataset for either engine. Moments for ``engine="segments"``: `Moments.of(data)`, which saves summing the same
        data up for every call, or `Moments.of_function`, a function itself without samples.
    epochs : int
        How many times to go through the data.
    lr : float or sequence of float
        Learning rate of the `Adam` made for this call; for an ensemble also a list, one for each network. An
        ``optimizer`` of yours has its own and ignores this.
    batch_size : int
        Samples a step; the last batch of an epoch may be smaller. None for all of them.
    shuffle : bool
        Draw a new order of the samples every epoch. Without it each batch is the same slice of the data each time (of
        the x axis, with ``engine="segments"``); on samples in order of x, as in the article, that changes what a
        network can learn.
    optimizer : Adam or SGD
        Keeps its moments, so handing the same one to the next call goes on where it stopped.
    seed : int or Generator, or a sequence of either
        Of the shuffling and of dropout. A second call with the same integer repeats the orders of the first; a
        Generator goes on where the first call left it. The networks of an ensemble see the same batches, or with a
        list, one for each, batches of their own; either way each learns what it would learn alone, bit for bit (but
        with dropout and one seed, each draws units of its own).
    snapshots : iterable of int
        After how many epochs to keep a copy of the parameters, from 0 to ``epochs``.
    callback : callable
        Called as ``callback(epoch, net, loss)`` after every epoch, counted from 1.
    progress : bool
        Show a progress bar.
    engine : "samples", "segments", "fused" or "auto"
        How gradients are found. "samples" is backpropagation over every sample of the batch. "segments" needs the
        samples only once, to sum them up; then a step takes as long for a million as for a thousand
        (`segment_gradient`). It is for networks of one input without dropout, with ``batch_size=None`` or
        ``shuffle=False``; its batches are slices of the samples in order of x, and it computes in float64.
        "fused" is "samples" with all steps in one CUDA kernel that trains every network of an ensemble side by side:
        for networks on a GPU, float32, one input and output, up to 4 hidden layers of up to 64 units, with Adam and
        without dropout. It sums in another order, so its digits are not those of "samples"; its own are the same in
        every run. "auto" is "fused" where that can be, else "samples".

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If an argument is out of range or the data do not fit the network, before anything is changed.
    TypeError
        If data is neither a Dataset nor Moments, or Moments for ``engine="samples"``; if optimizer cannot step, or
        callback cannot be called.
    TrainingDiverged
        If a loss or a parameter becomes NaN or infinite; says at which epoch, and has the history so far.
    TrainingInterrupted
        At Ctrl-C; a KeyboardInterrupt that has the history so far.
    """
    wanted = _check(net, data, epochs, lr, batch_size, optimizer, seed, snapshots, callback, engine)
    seeds: list[Any] = list(seed) if isinstance(seed, Sequence | np.ndarray) else [seed]  # of each network, or of all
    networks = 1 if isinstance(net, MLP) else len(net)
    sizes = net.sizes if isinstance(net, MLP) else net.nets[0].sizes
    run = runner(net, data, lr, batch_size, shuffle, optimizer, [np.random.default_rng(s) for s in seeds], engine)
    xp = array_module(net.device)

    unread: list[NDArray] = []  # what epochs gave, (epochs, batches + 1, K), still on the device
    rows: list[NDArray] = []  # of each epoch, the losses and the article's, (2, K)
    kept = {0: net.params.copy()} if 0 in wanted else {}  # likewise

    def read() -> None:
        """Fetch the losses of the epochs since the last time. At a NaN, go back to before that epoch."""
        if not unread:
            return
        table = move(xp.concatenate(unread), "cpu").astype(np.float64)
        unread.clear()
        losses, nan = table[:, :-1], table[:, -1]
        totals = np.cumsum(losses * np.array(run.sizes)[:, None], axis=1)[:, -1] + nan
        article_totals = np.cumsum(losses, axis=1)[:, -1]
        whole = sum(run.sizes)
        fresh = np.stack([totals / whole, article_totals / (batch_size or whole)], axis=1)  # (epochs, 2, K)
        finite = np.isfinite(fresh).all(axis=(1, 2))
        fine = len(fresh) if finite.all() else int(finite.argmin())
        rows.extend(fresh[:fine])
        if fine < len(fresh):
            run.rewind(len(rows))
            lost = np.flatnonzero(~np.isfinite(fresh[fine, 0])).tolist()
            raise TrainingDiverged(_diverged(len(rows) + 1, lost if networks > 1 else []), history(), lost)

    def history() -> History:
        table = np.reshape(rows, (-1, 2, networks))
        if isinstance(net, MLP):
            table = table[:, :, 0]
        fine = [epoch for epoch in kept if epoch <= len(rows)]
        snapshots = move(xp.stack([kept[epoch] for epoch in fine]), "cpu") if fine else ()
        return History(table[:, 0], table[:, 1], dict(zip(fine, snapshots, strict=True)))

    epoch, stops = 0, wanted | {epochs}
    try:
        with blas_threads(max(sizes)), tqdm(total=epochs, unit="epoch") if progress else nullcontext() as bar:
            while epoch < epochs:
                next_stop = epoch + 1 if callback else min(stop for stop in stops if stop > epoch)
                count = min(next_stop - epoch, run.most)
                with np.errstate(all="ignore"):
                    unread.append(run.epochs(count))
                epoch += count
                if run.stuck or callback is not None or epoch == epochs:
                    read()
                if bar is not None:
                    bar.update(count)
                if epoch in wanted:
                    kept[epoch] = net.params.copy()
                if callback is not None:
                    row = rows[-1][0]
                    callback(epoch, net, row if isinstance(net, Ensemble) else float(row[0]))
    except KeyboardInterrupt:
        read()
        raise TrainingInterrupted(history()) from None
    return history()


def _diverged(epoch: int, networks: list[int]) -> str:
    which = f" of network {', '.join(map(str, networks))}" if networks else ""
    return f"the loss{which} became NaN or infinite in epoch {epoch}: try a smaller lr"


def _check(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    epochs: int,
    lr: object,
    batch_size: int | None,
    optimizer: Optimizer | None,
    seed: object,
    snapshots: Iterable[int] | None,
    callback: object,
    engine: str,
) -> set[int]:
    """The epochs to keep; ValueError or TypeError for arguments that cannot be meant."""
    if engine not in get_args(Engine):
        raise ValueError(f"engine is {engine!r}: give one of {', '.join(get_args(Engine))}")
    for name, values in (("lr", lr), ("seed", seed)):
        if np.ndim(values) and len(values) != (1 if isinstance(net, MLP) else len(net)):  # type: ignore[arg-type]
            raise ValueError(f"{name} has {len(values)} numbers: give one, or one for each network")  # type: ignore[arg-type]
    generators = [id(s) for s in seed if isinstance(s, np.random.Generator)] if isinstance(seed, Sequence) else []
    if len(set(generators)) < len(generators):
        raise ValueError("seed has the same Generator twice: give each network one of its own, or all one")
    if not isinstance(data, Dataset | Moments):
        raise TypeError(f"data is a {type(data).__name__}: give a Dataset, as in Dataset(x, y), or sample a function")
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        raise TypeError(f"optimizer is {optimizer!r}: give an object that can step, such as Adam(lr=0.01)")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}: give a function of (epoch, net, loss)")
    for name, value, least in (("epochs", epochs, 0), ("batch_size", 1 if batch_size is None else batch_size, 1)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} is {value!r}: give an integer >= {least}")
    if snapshots is not None and not isinstance(snapshots, Iterable):
        raise ValueError(f"snapshots is {snapshots!r}: give a list of epochs")
    wanted = set() if snapshots is None else set(snapshots)
    if not wanted <= set(range(epochs + 1)):
        raise ValueError(f"snapshots has {sorted(wanted - set(range(epochs + 1)))}: give epochs from 0 to {epochs}")
    sizes = net.sizes if isinstance(net, MLP) else net.nets[0].sizes
    if (data.inputs, data.outputs) != (sizes[0], sizes[-1]):
        raise ValueError(
            f"data has {data.inputs} inputs and {data.outputs} outputs, but the network {sizes[0]} and {sizes[-1]}"
        )
    return wanted
