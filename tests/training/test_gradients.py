"""Batches, and gradients over samples in pieces."""

import numpy as np
import pytest

from tinymlp import MLP, Dataset, Ensemble, Moments, train
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleGradients, SegmentGradients, draw_orders, piece_size


@pytest.mark.parametrize("seeds", [[3], [3, 4, 5]])
def test_epochs_cover_every_sample_once(seeds, monkeypatch):
    """Catches: a dropped last batch, x and y shuffled apart, the same order every epoch or for every network."""
    x, nets, seen = np.arange(10.0), Ensemble([1, 1], range(3)), []
    data, rngs = Dataset(x, x + 100), [np.random.default_rng(seed) for seed in seeds]
    gradients = SampleGradients(nets, data, 4, True, rngs)
    monkeypatch.setattr(gradients, "_gradient", lambda x, y, rng, net, grads: seen.append((x[0], y[0])) or 0.0)
    for _ in range(2):
        epoch = list(gradients.epoch())
        assert [size for size, _ in epoch] == [4, 4, 2]
        for _, gradient in epoch:
            assert gradient(nets, nets.params).shape == (3,)
    assert all((y == x + 100).all() for x, y in seen)
    orders = [np.concatenate([x for x, _ in seen[k::3]]) for k in range(3)]  # of each network in both epochs
    for order in orders:
        assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
        assert (order[:10] != order[10:]).any()
    assert (orders[0] != orders[1]).any() == (len(seeds) > 1)


def test_batches_without_shuffling_are_slices(monkeypatch):
    """Catches: shuffling where the article has none."""
    x, net, seen = np.arange(5.0), MLP([1, 1]), []
    gradients = SampleGradients(net, Dataset(x, x), 2, False, [np.random.default_rng(0)])
    monkeypatch.setattr(gradients, "_gradient", lambda x, *_: seen.append(x[0].tolist()) or 0.0)
    for _, gradient in gradients.epoch():
        gradient(net, net.params)
    assert seen == [[0, 1], [2, 3], [4]]


def test_orders_are_those_of_the_generators():
    """Catches: another order than the one that a seed has always given; row numbers that a small dtype cuts off."""
    orders = draw_orders([np.random.default_rng(seed) for seed in (5, 6)], 70_000)
    for order, seed in zip(orders, (5, 6), strict=True):
        assert (order == np.random.default_rng(seed).permutation(70_000)).all()


def test_each_network_drops_units_of_its_own_seed():
    """Catches: dropout drawn from another network's generator."""
    x = np.random.default_rng(0).normal(size=64)
    data, nets = Dataset(x, x * x), Ensemble([1, 8, 1], range(3), dropout=0.5, dtype=np.float64)
    together = train(nets, data, 2, batch_size=16, seeds=[5, 6, 7])
    for k, seed in enumerate([5, 6, 7]):
        alone = MLP([1, 8, 1], seed=k, dropout=0.5, dtype=np.float64)
        assert (train(alone, data, 2, batch_size=16, seed=seed).losses == together.losses[:, k]).all()


@pytest.mark.parametrize("way", ["samples", "segments"])
def test_gradients_go_where_they_are_asked_for(way):
    """Catches: a gradient of the network before, or written where the one before was."""
    x = np.random.default_rng(0).normal(size=64)
    data, rngs = Dataset(x, x * x), [np.random.default_rng(0)]
    one, other = (Ensemble([1, 4, 1], seeds, dtype=np.float64) for seeds in ([1, 2], [3, 4]))
    gradients = (
        SampleGradients(one, data, 64, False, rngs)
        if way == "samples"
        else SegmentGradients(one, Moments.of(data), None, False, rngs)
    )
    ((_, gradient),) = gradients.epoch()
    found = [np.full_like(one.params, np.nan) for _ in range(4)]
    losses = [gradient(net, grad) for net, grad in zip((one, other, one, one), found, strict=True)]
    assert gradient(other, found[3]) == pytest.approx(losses[1])
    assert (losses[0] != losses[1]).all()
    assert (found[0] == found[2]).all()
    assert (found[1] == found[3]).all()
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize(("sizes", "n"), [([1, 30, 30, 2], 1280), ([3, 5, 1], 5000), ([1, 10, 1], 2049)])
def test_large_batches_are_done_in_pieces(sizes, n):
    """Catches: samples between two pieces that are lost, pieces of different sizes that weigh alike."""
    rng = np.random.default_rng(0)
    data = Dataset(rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[-1])))
    assert n > piece_size(sizes)
    net = MLP(sizes, dtype=np.float64)
    whole, pieces = (np.full_like(net.params, np.nan) for _ in range(2))
    memory = Memory(net, n)
    forward(net, data.x.T, memory)
    loss = backward(net, data.y.T, memory, layer_views(whole, sizes))
    gradients = SampleGradients(net, data, n, False, [rng])
    ((samples, gradient),) = gradients.epoch()
    assert samples == n
    assert gradient(net, pieces) == pytest.approx([loss], rel=1e-13)
    assert np.abs(pieces - whole).max() < 1e-13 * np.abs(whole).max()
    assert max(gradients._memories) <= piece_size(sizes)


@pytest.mark.parametrize(("width", "size"), [(10, 2048), (30, 1075), (43, 528), (44, 2048), (300, 2048)])
def test_piece_sizes(width, size):
    """Catches: pieces so small that calls cost more than products."""
    assert piece_size([1, width, width, 1]) == size
