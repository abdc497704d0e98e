"""How an experiment goes: stages, seeds, orders, what it goes on with."""

from dataclasses import replace

import numpy as np
import pytest
from support.experiment import SHORT

from tinymlp import MLP, sample, train
from tinymlp.article.experiment import Round, run, run_ensemble


def test_leaky_batch_size_and_seed_reach_the_training():
    """Catches: a leaky experiment that is not leaky, and settings that stay on paper."""
    odd = replace(SHORT, negative_slope=0.3, batch_size=700, shuffle=True)
    net = MLP([1, 5, 1], negative_slope=0.3, seed=3)
    train(net, sample("exp"), 2, batch_size=700, seed=np.random.default_rng([3, 0]))
    assert (run(odd, seed=3).stages[1].net.params == net.params).all()
    assert run(odd).stages[0].net.negative_slope == 0.3


def test_run_from_a_given_network():
    """Catches: a start that is ignored, changed, or that loses to the experiment this one continues."""
    start = MLP([1, 5, 1], seed=9)
    kept = start.copy()
    trained = run(replace(SHORT, continues=SHORT), 3, start=start)
    assert (start.params == kept.params).all()
    assert (trained.stages[0].net.params == kept.params).all()
    train(kept, sample("exp"), 2, shuffle=False)
    assert (trained.stages[1].net.params == kept.params).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_network_of_an_ensemble_goes_its_own_way(shuffle):
    """Catches: one network's order, start or losses given to another; a generation's order used twice."""
    first = replace(SHORT, shuffle=shuffle)
    second = replace(first, continues=first)
    together = run_ensemble(second, (3, 8))
    assert [stage.shape for stage in together.stages] == 3 * [(2, 16)]
    for k, seed in enumerate((3, 8)):
        alone, one = run(second, seed), together[k]
        assert (one.experiment, one.seed) == (second, seed)
        for a, b in zip(alone.stages, one.stages, strict=True):
            assert (a.epoch, a.round) == (b.epoch, b.round)
            assert (a.net.params == b.net.params).all()
        assert (one.history.losses == alone.history.losses).all()
        assert (one.history.article_losses == alone.history.article_losses).all()
    assert (together[0].net.params != together[1].net.params).any()


def test_progress_is_told_round_by_round():
    """Catches: a bar that runs past its end, by totals told for epochs."""
    told = []
    run(SHORT, after_round=told.append)
    assert told == [2, 3]


def test_shuffled_rounds_have_orders_of_their_own():
    """Catches: every round in the order of the first."""
    twice = replace(SHORT, rounds=(Round("exp", 1), Round("exp", 1)), shuffle=True)
    net = MLP(SHORT.sizes, seed=3)
    for generation in range(2):
        orders = np.random.default_rng([3, generation])  # an experiment that continues another has its own, too
        for _ in range(2):
            train(net, sample("exp"), 1, seed=orders)
        after = run(twice if generation == 0 else replace(twice, continues=twice), 3).net
        assert (after.params == net.params).all()


def test_last_samples():
    """Catches: the samples of the first round taken for those of the last."""
    trained = run(SHORT)
    assert len(trained.data) == 500
    assert (trained.data.y == np.sin(trained.data.x)).all()
    assert trained.net is trained.stages[-1].net


def test_an_experiment_goes_on_with_the_network_of_another():
    """Catches: a fresh network where the article went on, or another seed's."""
    first = replace(SHORT, name="first")
    second = replace(SHORT, name="second", continues=first)
    assert (run(second, seed=3).stages[0].net.params == run(first, seed=3).stages[-1].net.params).all()


def test_run_is_training_round_by_round():
    """Catches: stages that share parameters, a round left out, an Adam that outlives its round, shuffling."""
    trained = run(SHORT, seed=3)
    net = MLP([1, 5, 1], seed=3)
    assert [stage.epoch for stage in trained.stages] == [0, 2, 5]
    assert [stage.round.function for stage in trained.stages] == ["exp", "exp", "sine"]
    assert (trained.stages[0].net.params == net.params).all()
    first = train(net, sample("exp"), 2, lr=0.01, shuffle=False)
    assert (trained.stages[1].net.params == net.params).all()
    second = train(net, sample("sine", n=500), 3, lr=0.001, shuffle=False)
    assert (trained.stages[2].net.params == net.params).all()
    assert (trained.history.losses == np.concatenate([first.losses, second.losses])).all()
