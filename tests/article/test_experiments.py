"""The article's experiments, as data."""

import re

import numpy as np
import pytest

from tinymlp.article.experiment import run
from tinymlp.article.experiments import EXPERIMENTS, find_experiments


def test_the_first_experiment_has_wide_views():
    """Catches: other wide pictures than the article's."""
    assert [v.interval for v in EXPERIMENTS[0].wide_views] == [(-10, 10), (-20, 20)]


def test_the_articles_settings():
    """Catches: a slip in any experiment; this table was written from the article's settings, not from the code."""
    ten, wide = (1, 10, 10, 10, 1), (1, 30, 30, 30, 1)
    five, near, far = (-5, 5), (-10, 10), (5, 15)
    pole = [("shifted_inverse", 15, 0.01)] * 3 + [("shifted_inverse", 100, 0.003)] * 3
    step = [("step", 30, 0.01)] * 6 + [("shifted_step", 15, 0.01)] * 3 + [("shifted_step", 100, 0.003)] * 3
    turns = [("step", 200, 0.01), ("shifted_step", 200, 0.01)] * 4
    transfer = [("exp", 180, 0.01)] + [("exp_neg", 30, 0.01)] * 6
    table = {
        "exp": ([("exp", 30, 0.01)] * 4 + [("exp", 60, 0.001)] * 3, ten, five, 10_000, (-2, 5), 0, None),
        "snapping": ([("exp", 5, 0.01)] * 8, ten, five, 10_000, (-2, 7), 0, None),
        "inverse": ([("inverse", 30, 0.01)] * 6, ten, five, 10_001, five, 0, None),
        "shifted-inverse": (pole, ten, five, 10_001, (-3, 7), 0, "inverse"),
        "sine-5": ([("sine", 15, 0.01)] * 6, ten, five, 10_000, five, 0, None),
        "sine-10": ([("sine", 15, 0.01)] * 6, ten, near, 10_000, near, 0, None),
        "sine-10-wide": ([("sine", 30, 0.01)] * 6, wide, near, 10_000, near, 0, None),
        "sine-shift": ([("sine", 30, 0.01)] * 6, wide, far, 10_000, near, 0, "sine-10-wide"),
        "transfer": (transfer, ten, five, 10_000, five, 0, None),
        "transfer-leaky": (transfer, ten, five, 10_000, five, 0.01, None),
        "inverse-leaky": ([("inverse", 30, 0.01)] * 6, ten, five, 10_001, five, 0.01, None),
        "shifted-inverse-leaky": (pole, ten, five, 10_001, (-3, 7), 0.01, "inverse-leaky"),
        "step": (step, ten, five, 10_000, five, 0, None),
        "step-alternate": (turns, ten, five, 10_000, five, 0, None),
        "step-alternate-leaky": (turns, ten, five, 10_000, five, 0.01, None),
    }
    assert [e.name for e in EXPERIMENTS] == list(table)
    for e in EXPERIMENTS:
        (intervals,), (counts,) = {r.interval for r in e.rounds}, {r.n for r in e.rounds}
        rounds = [(r.function, r.epochs, r.lr) for r in e.rounds]
        before = e.continues and e.continues.name
        assert (rounds, e.sizes, intervals, counts, e.view.interval, e.negative_slope, before) == table[e.name], e.name
        assert (e.batch_size, e.shuffle) == (1280, False)
        assert {v.points for v in e.wide_views} <= {600 if e.name == "snapping" else 300}
        assert e.view.points == 300
        moved = e.name == "step"  # seen on (-5, 5) until it moves
        assert [r.view and r.view.interval for r in e.rounds] == [
            (-3, 7) if moved and r.function == "shifted_step" else None for r in e.rounds
        ]


def test_chosen():
    """Catches: a mistyped name passed over in silence."""
    assert [e.name for e in find_experiments("transfer, exp")] == ["exp", "transfer"]
    assert find_experiments(None) == list(EXPERIMENTS)
    with pytest.raises(ValueError, match="there is no experiment cosine, tan: give some of exp, snapping"):
        find_experiments("exp,tan,cosine")


def test_experiment_names_can_be_files():
    """Catches: two experiments that overwrite each other's pictures."""
    names = [e.name for e in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_experiment_runs(experiment):
    """Catches: an experiment that is written down but cannot be run."""
    trained = run(experiment)
    assert len(trained.stages) == len(experiment.rounds) + 1
    assert len(trained.history) == sum(r.epochs for r in experiment.rounds)
    assert np.isfinite(trained.history.losses).all()
