"""What a training leaves: losses, snapshots, and what is kept where it stops early."""

import json
import pickle

import numpy as np
import pytest

from tinymlp import MLP, SGD, Dataset, Ensemble, TrainingDiverged, TrainingInterrupted, sample, train

DATA = sample("sine", n=300)


def test_losses_are_means_over_samples():
    """Catches: batches that count alike although the last one is smaller."""
    net = MLP([1, 5, 1], dtype=np.float64)
    before = np.mean((net(DATA.x) - DATA.y) ** 2)
    history = train(net, DATA, 2, batch_size=128, optimizer=SGD(lr=1e-300))
    assert history.losses == pytest.approx([before, before], rel=1e-13)


def test_article_losses():
    """Catches: the article's figure taken for a mean: it sums batch losses and divides by the batch size."""
    net = MLP([1, 5, 1], dtype=np.float64)
    squares = (net(DATA.x) - DATA.y) ** 2
    expected = (squares[:128].mean() + squares[128:256].mean() + squares[256:].mean()) / 128
    history = train(net, DATA, 1, batch_size=128, shuffle=False, optimizer=SGD(lr=1e-300))
    assert history.article_losses == pytest.approx([expected], rel=1e-13)


def test_snapshots():
    """Catches: snapshots that are views, or off by one epoch."""
    net, other = MLP([1, 4, 1]), MLP([1, 4, 1])
    start = net.params.copy()
    history = train(net, DATA, 5, snapshots=[0, 2, 5], shuffle=False)
    train(other, DATA, 2, shuffle=False)
    assert sorted(history.snapshots) == [0, 2, 5]
    assert (history.snapshots[0] == start).all()
    assert (history.snapshots[2] == other.params).all()
    assert (history.snapshots[5] == net.params).all()
    assert history.snapshots[5] is not net.params


def test_histories_join():
    """Catches: snapshots of the second part that keep their old epochs."""
    net = MLP([1, 4, 1])
    first = train(net, DATA, 3, snapshots=[0])
    second = train(net, DATA, 2, snapshots=[1, 2])
    both = first + second
    assert len(both) == 5
    assert both.losses.tolist() == [*first.losses, *second.losses]
    assert both.article_losses.tolist() == [*first.article_losses, *second.article_losses]
    assert sorted(both.snapshots) == [0, 4, 5]
    assert (both.snapshots[5] == net.params).all()


def test_divergence_stops_and_keeps_what_was():
    """Catches: NaN weights left behind, a lost history, a wrong epoch, a flood of warnings."""
    net = MLP([1, 10, 10, 1])
    with pytest.raises(TrainingDiverged, match=r"in epoch \d+: try a smaller lr") as caught:
        train(net, DATA, 50, optimizer=SGD(lr=10.0), batch_size=100)
    history = caught.value.history
    assert f"epoch {len(history) + 1}:" in str(caught.value)
    assert 0 < len(history) < 50
    assert np.isfinite(history.losses).all()
    assert np.isfinite(net.params).all()


def test_divergence_in_the_last_step():
    """Catches: parameters that became infinite after the last loss was measured."""
    net = MLP([1, 10, 10, 1])
    data = Dataset(DATA.x, 1e3 * DATA.y)
    with pytest.raises(TrainingDiverged, match="in epoch 1"):
        train(net, data, 1, batch_size=300, optimizer=SGD(lr=1e38))
    assert (net.params == MLP([1, 10, 10, 1]).params).all()


def test_losses_whose_sum_is_too_large_are_no_divergence():
    """Catches: an epoch of finite losses, whose sum exceeds float32, after which the last good parameters are lost."""
    net, kept = MLP([1, 1]), []

    def spoil_the_fourth(epoch, net, loss):
        kept.append(net.params.copy())
        if epoch == 3:
            net.params[:] = np.nan

    data = Dataset([-1.0, 1.0], [1.6e19, 1.6e19])
    with pytest.raises(TrainingDiverged, match="in epoch 4"):
        train(net, data, 5, batch_size=1, callback=spoil_the_fourth, optimizer=SGD(lr=1e-22))
    assert (net.params == kept[2]).all()


def test_divergence_of_one_network_is_named():
    """Catches: one bad network of many that nobody can find."""
    nets = Ensemble([1, 4, 1], range(3))
    nets[1].params[:] = 1e30
    with pytest.raises(TrainingDiverged, match="of network 1 became NaN or infinite in epoch 1"):
        train(nets, DATA, 5)


def test_interruption_keeps_what_was_learnt():
    """Catches: a history lost at Ctrl-C, or an interrupt that does not stop the script."""
    net, other = MLP([1, 5, 1]), MLP([1, 5, 1])

    def press_ctrl_c(epoch, *_):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="after 3 epochs") as caught:
        train(net, DATA, 10, callback=press_ctrl_c, snapshots=[2, 9])
    alone = train(other, DATA, 3)
    assert (net.params == other.params).all()
    assert (caught.value.history.losses == alone.losses).all()
    assert list(caught.value.history.snapshots) == [2]


def test_errors_travel_between_processes():
    """Catches: an exception that cannot be unpickled, which hides what happened in a worker."""
    history = train(MLP([1, 1]), DATA, 2)
    for error in (TrainingDiverged("too far", history), TrainingInterrupted(history)):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), len(back.history)) == (type(error), str(error), 2)


@pytest.mark.parametrize("make", [MLP, Ensemble])
def test_to_dict_is_json(make):
    """Catches: arrays or keys that JSON cannot hold, a snapshot under another epoch."""
    net = MLP([1, 3, 1]) if make is MLP else Ensemble([1, 3, 1], range(2))
    before = net.params.copy()
    history = train(net, sample("sine", n=50), 3, snapshots=[0, 3])
    whole = json.loads(json.dumps(history.to_dict(), allow_nan=False))
    assert whole == history.to_dict()
    assert np.array_equal(whole["losses"], history.losses)
    assert np.array_equal(whole["article_losses"], history.article_losses)
    assert [snapshot["epoch"] for snapshot in whole["snapshots"]] == [0, 3]
    assert np.array_equal(np.float32(whole["snapshots"][0]["params"]), before)
    assert np.array_equal(np.float32(whole["snapshots"][1]["params"]), net.params)
