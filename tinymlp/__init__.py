"""tinymlp: a microscope for small ReLU networks.

Train a small network on a function of one variable, and see exactly how it spends its straight segments. The way of the
data is the way to read the code, and imports point one way along it. A folder's own docstring maps its modules.

    arguments   numbers, seeds and choices, checked
    functions   what to learn: the target functions by name
    system      files, memory, threads, signals and processes
    interval    on what x: (start, stop)
    csv_files   columns of numbers from text files
    data        samples: Dataset, sample()
    devices     NumPy or CuPy
    network     what a network is: MLP, Line, Ensemble, and weights from elsewhere
    gpu         the same arithmetic as CUDA kernels
    segments    extract_segments(): the exact straight segments, proven
    training    train(), by samples or by segments
    detector    the article's detector, predicted and explained
    plot        pictures (loads matplotlib, and only when asked for)
    testing     check_gradient()
    runs        sweep(): one function, many settings and seeds, on many machines
    article     the article's experiments and claims
    cli         the command

>>> import tinymlp
>>> hat = tinymlp.MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])
>>> f = tinymlp.extract_segments(hat)
>>> f.breakpoints.tolist(), f.jumps.tolist()
([-1.0, 0.0, 1.0], [1.0, -2.0, 1.0])
"""

from .system.signals import end_at_ctrl_c, is_the_command

if is_the_command():  # until it can say so in words, Ctrl-C ends it without any
    end_at_ctrl_c()

from . import functions, testing
from .data import Dataset, sample
from .detector.crosscheck import assert_counts_agree, crosscheck
from .detector.detect import Detection, detect_segments
from .detector.explanation import CrossCheck
from .network.ensemble import Ensemble
from .network.line import Line
from .network.mlp import MLP
from .runs.sweep import sweep
from .runs.table import write_table
from .segments.argmax import argmax_changes, argmin_changes, sign_changes
from .segments.dead import DeadUnits, dead_units
from .segments.extract import EnsembleSegments, extract_outputs, extract_segments
from .segments.find_regions import Regions, find_regions
from .segments.piecewise import Boundary, PiecewiseLinear, Segment
from .training.history import History, TrainingDiverged, TrainingInterrupted
from .training.moments import Moments
from .training.optim import SGD, Adam
from .training.train import train

__version__ = "0.2.0.dev0"

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "Boundary",
    "CrossCheck",
    "Dataset",
    "DeadUnits",
    "Detection",
    "Ensemble",
    "EnsembleSegments",
    "History",
    "Line",
    "Moments",
    "PiecewiseLinear",
    "Regions",
    "Segment",
    "TrainingDiverged",
    "TrainingInterrupted",
    "__version__",
    "argmax_changes",
    "argmin_changes",
    "assert_counts_agree",
    "crosscheck",
    "dead_units",
    "detect_segments",
    "extract_outputs",
    "extract_segments",
    "find_regions",
    "functions",
    "plot",
    "sample",
    "sign_changes",
    "sweep",
    "testing",
    "train",
    "write_table",
]


def __getattr__(name: str) -> object:
    """Load ``tinymlp.plot``, and with it matplotlib, at its first use."""
    if name == "plot":
        from importlib import import_module

        return import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
