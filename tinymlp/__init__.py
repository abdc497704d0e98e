"""tinymlp: a microscope for small ReLU networks.

Train a small network on a function of one variable, and see exactly how it spends its straight segments. The way of the
data is the way to read the code:

    functions   the target functions by name
    data        Dataset, sample, batches
    interop     weights from elsewhere: lists, PyTorch, scikit-learn
    network     MLP: the parameters, and what a network computes
    ensemble    Ensemble: many networks at once
    backprop    forward and backward, by hand
    kernels     the same on a GPU, in CUDA, where each number is treated by itself; kernels.on_cpu runs them without one
                (kernels.fused is training as a whole)
    optim       Adam, SGD
    regions     the heart: the on/off pattern of every hidden unit along x; rounding bounds its errors
    ensemble_regions   the regions of many networks at once; ensemble_rounding bounds their errors
    moments     Moments: what the squared error needs of samples, or of a function by its integrals
    segment_gradient   backpropagation whose samples are lines
    engines     from data to gradients, sample by sample or by segments
    runners     through the epochs: step by step, or many networks in one launch
    train       train() and, in history, what it leaves behind
    rational    the same in rational numbers, with nothing rounded
    exact       find_regions(): the regions proven, by rational numbers where float64 leaves a doubt
    piecewise   PiecewiseLinear: the network as a function object
    labels      which switch bends the output
    segments    extract_segments(): its straight segments; ensemble_segments has those of many networks
    decisions   argmax_changes(): where another output wins
    detector    detect_segments(): the article's finite differences
    prediction  what the detector must see of the exact segments
    crosscheck  crosscheck(): what it does report, explained line by line
    plot        pictures (loads matplotlib, and only when asked for)
    experiment  what networks are trained on, and how it goes; article has the article's, as data
    measures    numbers that sum a trained network up
    claims      the article's conclusions, as data; study judges them on many networks
    report      runs and draws the experiments; page is the page about them, cli is the command

>>> import tinymlp
>>> hat = tinymlp.MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])
>>> f = tinymlp.extract_segments(hat)
>>> f.breakpoints.tolist(), f.jumps.tolist()
([-1.0, 0.0, 1.0], [1.0, -2.0, 1.0])
"""

from . import functions
from .crosscheck import CrossCheck, assert_counts_agree, crosscheck
from .data import Dataset, sample
from .decisions import argmax_changes
from .detector import Detection, detect_segments
from .ensemble import Ensemble
from .ensemble_segments import EnsembleSegments
from .exact import find_regions
from .history import History, TrainingDiverged, TrainingInterrupted
from .moments import Moments
from .network import MLP
from .optim import SGD, Adam
from .piecewise import Boundary, PiecewiseLinear, Segment
from .regions import Regions
from .segments import extract_outputs, extract_segments
from .train import train

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "Boundary",
    "CrossCheck",
    "Dataset",
    "Detection",
    "Ensemble",
    "EnsembleSegments",
    "History",
    "Moments",
    "PiecewiseLinear",
    "Regions",
    "Segment",
    "TrainingDiverged",
    "TrainingInterrupted",
    "argmax_changes",
    "assert_counts_agree",
    "crosscheck",
    "detect_segments",
    "extract_outputs",
    "extract_segments",
    "find_regions",
    "functions",
    "plot",
    "sample",
    "train",
]


def __getattr__(name: str) -> object:
    """Load ``tinymlp.plot``, and with it matplotlib, at its first use."""
    if name == "plot":
        from importlib import import_module

        return import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
