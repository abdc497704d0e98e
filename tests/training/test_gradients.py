"""Batches, and gradients over samples in pieces."""

import numpy as np
import pytest

from tinymlp import MLP, Dataset
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleGradients, batches, piece_size


def test_batches_cover_every_sample_once():
    """Catches: a dropped last batch, x and y shuffled apart, the same order every epoch."""
    x = np.arange(10.0)[None]
    rng = np.random.default_rng(0)
    seen = [[(b.shape[1], b, c) for b, c in batches(x, x + 100, 4, rng.permutation(10))] for _ in range(2)]
    for epoch in seen:
        assert [n for n, *_ in epoch] == [4, 4, 2]
        bx, by = (np.concatenate([b[i] for b in epoch], axis=1) for i in (1, 2))
        assert sorted(bx[0]) == list(range(10))
        assert (by == bx + 100).all()
    assert (seen[0][0][1] != seen[1][0][1]).any()


def test_batches_without_rng_are_slices():
    """Catches: shuffling where the article has none."""
    x = np.arange(5.0)[None]
    assert [b[0].tolist() for b, _ in batches(x, x, 2)] == [[0, 1], [2, 3], [4]]


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
    gradients = SampleGradients(net, data, n, False, rng)
    ((samples, gradient),) = gradients.epoch()
    assert samples == n
    assert gradient(net, layer_views(pieces, sizes)) == pytest.approx(loss, rel=1e-13)
    assert np.abs(pieces - whole).max() < 1e-13 * np.abs(whole).max()
    assert max(gradients._memories) <= piece_size(sizes)


@pytest.mark.parametrize(("width", "size"), [(10, 2048), (30, 1075), (43, 528), (44, 2048), (300, 2048)])
def test_piece_sizes(width, size):
    """Catches: pieces so small that calls cost more than products."""
    assert piece_size([1, width, width, 1]) == size
