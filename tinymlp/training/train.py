"""train(): epochs over batches."""

import warnings
from collections.abc import Callable, Iterable, Sequence, Sized
from contextlib import nullcontext
from math import inf
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import devices
from ..arguments import check_flag, check_number, generator
from ..data import Dataset
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from ..system.memory import check_memory
from ..system.progress import progress_bar
from ..system.threads import blas_threads
from .fused import FusedTraining, why_not_fused
from .gradients import SampleGradients, SegmentGradients
from .history import History, Recorder
from .hold_fixed import HoldFixed, find_fixed
from .hold_ties import HoldTies, find_ties
from .moments import Moments
from .optim import Adam, Optimizer
from .step_by_step import StepByStep

__all__ = ["LOSSES", "train"]

LR, BATCH_SIZE = 0.01, 1280  # the article's
LOSSES = ("mse", "huber")
DELTA = 1.0  # PyTorch's


def train(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    epochs: int,
    *,
    lr: float | Sequence[float] | None = None,
    batch_size: int | None = None,
    shuffle: bool = True,
    loss: Literal["mse", "huber"] = "mse",
    delta: float | None = None,
    optimizer: Optimizer | None = None,
    seed: int | np.random.Generator | None = None,
    seeds: Sequence[int] | Sequence[np.random.Generator] | None = None,
    snapshots: Iterable[int] | None = None,
    callback: Callable[[int, MLP | Ensemble, Any], object] | None = None,
    progress: bool = False,
    fused: bool | None = None,
    mask: ArrayLike | None = None,
) -> History:
    r"""Train a network, or every network of an ensemble, in place.

    The data choose how gradients are found. With a `Dataset` it is backpropagation over every sample of a batch, in the
    network's dtype. `Moments` sum the samples up once; then a step over a million samples takes as long as one over a
    thousand (`segment_gradient`), in float64, and the networks of an ensemble take it together. Given the same seeds,
    both ways take the same steps.

    Parameters
    ----------
    net : MLP or Ensemble
        On either device. On a GPU, nothing comes back to the CPU before the end, a snapshot or a callback; so a loss
        that is not finite is noticed only then.
    data : Dataset or Moments
        `Moments.of(data)`, or a function itself without samples, `Moments.of_function`, are for networks of one input
        without dropout.
    epochs : int
        How many times to go through the data.
    lr : float or sequence of float
        Learning rate of the `Adam` made for this call, 0.01 if not given; for an ensemble also a list, one for each
        network. An ``optimizer`` of yours has its own.
    batch_size : int
        Samples in a step; the last batch of an epoch may be smaller. If not given, 1280 of a Dataset, as in the
        article, and all of Moments.
    shuffle : bool
        Draw a new order of the samples every epoch. Without it each batch is the same slice of the data each time; on
        samples in order of x, as in the article, that changes what a network can learn. Without it, batches of Moments
        are slices of the x axis, whatever the order of the data.
    loss : "mse" or "huber"
        The mean squared error, or Huber's loss, which outliers do not dominate: with r the output less y, the mean over
        samples and outputs of r^2 / 2 where \|r\| <= delta, and of delta (\|r\| - delta / 2) elsewhere (as PyTorch's
        HuberLoss). Of Moments, only those of a function with a name can have it (`Huber`).
    delta : float
        Up to which distance Huber's loss is quadratic, in units of y; 1 if not given.
    optimizer : Adam or SGD
        Keeps its moments, so handing the same one to the next call goes on where it stopped.
    seed : int or Generator
        Of the shuffling and of dropout; 0 if not given. A second call with the same integer repeats the orders of the
        first; a Generator goes on where the first call left it. The networks of an ensemble see the same batches; each
        learns what it would learn alone: sample by sample bit for bit (but with dropout each draws units of its own),
        by segments to rounding, 1e-12 of a gradient.
    seeds : sequence of int or of Generator
        One for each network of an ensemble, instead of ``seed``: then each has batches of its own.
    snapshots : iterable of int
        After how many epochs to keep a copy of the parameters, from 0 to ``epochs``.
    callback : callable
        Called as ``callback(epoch, net, loss)`` after every epoch, counted from 1.
    progress : bool
        Show a progress bar.
    fused : bool
        Whether one CUDA kernel trains every network side by side, all epochs in one launch. It is for networks on a
        GPU, float32, one input and output, up to 4 hidden layers of up to 64 units, with Adam, "mse" and no dropout. It
        sums in another order, so its digits are not those of ``fused=False``; its own are the same in every run. If
        not given, it is used where it can be; True insists on it.
    mask : array_like, (P,)
        Which parameters learn, in the order of ``net.params``: those where it is 0 or False are held fixed, bit for
        bit. Of an ensemble one for all networks, or (K, P). The kernel of ``fused`` knows none.

    Returns
    -------
    History

    Notes
    -----
    At a sample exactly on a boundary of the network the loss has no gradient, only one from either side. On a Dataset a
    unit counts as on where W a + b, in the network's dtype, is greater than 0; so it is off on its boundary, whichever
    side that is. On Moments a sample counts as right of every boundary whose position, rounded to float64, is not
    greater than it: so one on a boundary sees its right side, the last of all as well, and one that a boundary is
    rounded past counts on the other side than it should. The loss is the same in all cases, and each sample counts
    once; but steps differ, and so do the networks that the two ways arrive at.

    A network that was read from elsewhere, with activations that were rewritten as ReLUs (`MLP.ties`), stays one of
    that kind: the ReLUs of one unit learn as one, and slopes and ends stay. It takes the steps that the original would,
    except after clips whose lower end is not 0, which is a part of the next bias here. Where the kind cannot be held,
    as with skip connections, a warning says so.

    Raises
    ------
    ValueError
        If an argument is out of range or the data do not fit the network, before anything is changed.
    TypeError
        If net is no network or data are no data, optimizer cannot step, or callback cannot be called.
    TrainingDiverged
        If a loss or a parameter becomes NaN or infinite; says at which epoch, and has the history so far.
    TrainingInterrupted
        At Ctrl-C; a KeyboardInterrupt that has the history so far.

    Examples
    --------
    >>> from tinymlp import MLP, Ensemble, Moments, sample, train
    >>> train(MLP([1, 10, 1]), sample("sine"), 3).losses.shape
    (3,)
    >>> train(MLP([1, 10, 1]), Moments.of_function("sine", (-5, 5)), 3).losses.shape
    (3,)
    >>> million = Moments.of(sample("sine", n=1_000_000))
    >>> train(Ensemble([1, 10, 1], range(64)), million, 3, lr=[0.01] * 32 + [0.001] * 32).losses.shape
    (3, 64)
    """
    _check(net, data, epochs, lr, batch_size, optimizer, seed, seeds, callback)
    delta = _check_loss(loss, delta)
    shuffle, progress = check_flag("shuffle", shuffle), check_flag("progress", progress)
    fused = None if fused is None else check_flag("fused", fused)
    wanted = _check_snapshots(snapshots, epochs, net.params.size * net.dtype.itemsize)
    fixed = None if mask is None else find_fixed(mask, net)
    if batch_size is None and isinstance(data, Dataset):
        batch_size = BATCH_SIZE
    if seeds is None:
        rngs = [generator("seed", 0 if seed is None else seed)]  # of all networks
    else:
        rngs = [generator(f"seeds[{k}]", one) for k, one in enumerate(seeds)]
    chosen = _hold(net, optimizer or _adam(net, lr), fixed)
    training = _choose(net, data, chosen, batch_size, shuffle, loss, delta, rngs, fused)

    recorder = Recorder(net, training, wanted, batch_size)
    stops = sorted({*wanted, epochs})
    try:
        with progress_bar(total=epochs, unit="epoch") if progress else nullcontext() as bar:
            while recorder.epoch < epochs:
                with blas_threads(max(net.sizes)) as turn, np.errstate(all="ignore"):
                    going = True
                    while going:  # until a callback may look, or a network that needs other threads waits
                        stop = recorder.epoch + 1 if callback else next(s for s in stops if s > recorder.epoch)
                        count = min(stop - recorder.epoch, training.most)
                        recorder.add(training.epochs(count))
                        if bar is not None:
                            bar.update(count)
                        going = recorder.epoch < epochs and callback is None and not turn.others_wait
                if callback is not None:
                    callback(recorder.epoch, net, recorder.latest_loss())
            return recorder.history()
    except KeyboardInterrupt:
        raise recorder.interrupted() from None


def _hold(net: MLP | Ensemble, optimizer: Optimizer, fixed: NDArray | None) -> Optimizer:
    """The optimizer, held to what is fixed, and to ties between parameters."""
    ties = None
    if isinstance(net, MLP) and net.ties is not None:
        ties = find_ties(net)
        if ties is None:
            warnings.warn(
                "net has layers or ReLUs that were added when activations or skip connections were rewritten; these "
                "learn, too, and make another kind of network of it: train it where it comes from, or give mask=",
                UserWarning,
                stacklevel=3,
            )
    if fixed is not None:
        if ties is not None:
            fixed = devices.move(ties.spread(devices.move(fixed, "cpu")), net.device)
        optimizer = HoldFixed(optimizer, fixed)
    return optimizer if ties is None else HoldTies(optimizer, ties)


def _adam(net: MLP | Ensemble, lr: float | Sequence[float] | None) -> Adam:
    """With one rate for all networks, or one for each."""
    if lr is None:
        return Adam(LR)
    return Adam(np.asarray(lr, object).item() if isinstance(net, MLP) else lr)


def _choose(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    optimizer: Optimizer,
    batch_size: int | None,
    shuffle: bool,
    loss: str,
    delta: float | None,
    rngs: list[np.random.Generator],
    fused: bool | None,
) -> StepByStep | FusedTraining:
    """How the data, the network and ``fused`` say that it is to be trained."""
    reason = why_not_fused(net, data, loss, optimizer)
    if fused and reason:
        raise ValueError(f"fused is True, but the kernel {reason}; or leave fused out")
    if isinstance(data, Moments):
        return StepByStep(net, SegmentGradients(net, data, batch_size, shuffle, rngs, delta), optimizer)
    assert batch_size is not None
    if isinstance(optimizer, Adam) and reason is None and fused is not False:
        return FusedTraining(net, data, batch_size, shuffle, rngs, optimizer)
    return StepByStep(net, SampleGradients(net, data, batch_size, shuffle, rngs, delta), optimizer)


def _check(
    net: MLP | Ensemble,
    data: Dataset | Moments,
    epochs: int,
    lr: Any,
    batch_size: int | None,
    optimizer: Optimizer | None,
    seed: Any,
    seeds: Any,
    callback: object,
) -> None:
    """ValueError or TypeError for arguments that cannot be meant."""
    if not isinstance(net, MLP | Ensemble):
        raise TypeError(f"net is a {type(net).__name__}: give an MLP or an Ensemble")
    if not isinstance(data, Dataset | Moments):
        raise TypeError(f"data is a {type(data).__name__}: give a Dataset, as in Dataset(x, y), or sample a function")
    inputs, outputs = net.sizes[0], net.sizes[-1]
    if (data.inputs, data.outputs) != (inputs, outputs):
        raise ValueError(
            f"data has {data.inputs} inputs and {data.outputs} outputs, but the network {inputs} and {outputs}"
        )
    for name, value, least in (("epochs", epochs, 0), ("batch_size", 1 if batch_size is None else batch_size, 1)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} is {value!r}: give an integer >= {least}")
    if optimizer is not None:
        if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
            raise TypeError(f"optimizer is {optimizer!r}: give an object that can step, such as Adam(lr=0.01)")
        if lr is not None:
            raise ValueError(f"lr is {lr}, and optimizer has an lr of its own: give one of the two")
    networks = 1 if isinstance(net, MLP) else len(net)
    rates = optimizer.lr if isinstance(optimizer, Adam) else lr
    if np.asarray(rates, object).shape not in ((), (networks,)):
        raise ValueError(f"lr is {rates!r}: give one number, or one for each of the {networks} networks")
    if seeds is not None:
        if isinstance(net, MLP):
            raise ValueError(f"seeds is {seeds!r}, and net is one network: give seed, or an Ensemble")
        if seed is not None:
            raise ValueError(f"seed is {seed!r}, and seeds are given, too: give one of the two")
        if np.asarray(seeds, object).shape != (networks,):
            raise ValueError(f"seeds is {seeds!r}: give one for each of the {networks} networks")
        generators = [id(s) for s in seeds if isinstance(s, np.random.Generator)]
        if len(set(generators)) < len(generators):
            raise ValueError("seeds has the same Generator twice: give each network one of its own")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}: give a function of (epoch, net, loss)")


def _check_loss(loss: str, delta: Any) -> float | None:
    """Huber's delta; None for the mean squared error."""
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}: give 'mse' or 'huber'")
    if loss == "mse":
        if delta is not None:
            raise ValueError(f"delta is {delta!r}, and loss is 'mse', which has none: give loss='huber' with it")
        return None
    return check_number("delta", DELTA if delta is None else delta, lambda number: 0 < number < inf, "a number > 0")


def _check_snapshots(snapshots: Iterable[int] | None, epochs: int, size: int) -> set[int]:
    """The epochs to keep, each with so many bytes of parameters."""
    if snapshots is None:
        return set()
    if not isinstance(snapshots, Iterable) or isinstance(snapshots, str):
        raise ValueError(f"snapshots is {snapshots!r}: give a list of epochs")
    if isinstance(snapshots, Sized):
        check_memory("snapshots", snapshots, len(snapshots) * size)
    wanted = list(snapshots)
    bad = [epoch for epoch in wanted if not isinstance(epoch, Integral) or not 0 <= epoch <= epochs]
    if bad:
        raise ValueError(f"snapshots has {bad}: give epochs from 0 to {epochs}, each an integer")
    return set(map(int, wanted))
