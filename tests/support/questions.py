"""A small experiment on a function of one's own, and a question to its networks, where processes can import them."""

import numpy as np

from tinymlp import extract_segments
from tinymlp.article.experiment import Experiment, Round, View


def wave(x):
    return np.sin(3 * x)


def first_breakpoint(run):
    """Where the first one of the last network is."""
    return extract_segments(run.net, run.view.interval).breakpoints[0]


TINY = Experiment(
    name="tiny",
    title="Tiny",
    question="Does it work?",
    rounds=(Round(wave, epochs=2, interval=(0, 2), n=300),),
    view=View((-1, 3)),
    sizes=(1, 4, 1),
    batch_size=100,
)
