"""Backpropagation against differences, which share nothing with it but the loss."""

import numpy as np
import pytest

from tinymlp import MLP
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward


def loss_and_gradient(net, x, y, dropout_seed=None):
    memory, grad = Memory(net, x.shape[1]), np.full_like(net.params, np.nan)
    forward(net, x, memory, None if dropout_seed is None else np.random.default_rng(dropout_seed))
    return backward(net, y, memory, layer_views(grad, net.sizes)), grad


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("sizes", [[1, 1], [1, 10, 10, 10, 1], [3, 5, 4, 2], [2, 7, 3]])
def test_gradient_in_random_directions(sizes, slope, dropout):
    """Catches: any wrong factor, transpose, mask or bias in backward, and dropout that differs on the way back."""
    rng = np.random.default_rng(1)
    net = MLP(sizes, negative_slope=slope, dropout=dropout, seed=2, dtype=np.float64)
    x, y = rng.normal(size=(sizes[0], 50)), rng.normal(size=(sizes[-1], 50))
    _, grad = loss_and_gradient(net, x, y, dropout_seed=5)
    h = 1e-6
    for _ in range(10):
        direction = rng.normal(size=net.params.shape)
        after, before = (
            loss_and_gradient(net.with_params(net.params + s * h * direction), x, y, dropout_seed=5)[0] for s in (1, -1)
        )
        assert grad @ direction == pytest.approx((after - before) / (2 * h), rel=1e-6, abs=1e-8)


def test_loss_is_the_mean_over_samples_and_outputs():
    """Catches: a sum for a mean, or a mean over samples only."""
    net = MLP([1, 4, 3], dtype=np.float64)
    x, y = np.linspace(-1, 1, 5), np.arange(15.0).reshape(5, 3)
    loss, _ = loss_and_gradient(net, x[None], y.T)
    assert loss == pytest.approx(((net(x) - y) ** 2).mean(), rel=1e-14)


def test_forward_is_the_network():
    """Catches: a training pass that computes another function than net(x)."""
    for slope in (0.0, 0.2):
        net = MLP([2, 6, 5, 3], negative_slope=slope, dtype=np.float64)
        x = np.random.default_rng(0).normal(size=(9, 2))
        assert pytest.approx(net(x), rel=1e-13) == forward(net, x.T, Memory(net, 9)).T


def test_memory_is_reused_without_traces():
    """Catches: a second batch that sees something of the first (a stale mask, an overwritten row of ones)."""
    rng = np.random.default_rng(0)
    for slope in (0.0, 0.1):
        net = MLP([1, 8, 8, 1], negative_slope=slope, dropout=0.2, dtype=np.float64)
        memory, grad = Memory(net, 20), np.empty_like(net.params)
        for _ in range(3):
            x, y = rng.normal(size=(2, 1, 20))
            forward(net, x, memory, np.random.default_rng(9))
            loss = backward(net, y, memory, layer_views(grad, net.sizes))
            fresh_loss, fresh_grad = loss_and_gradient(net, x, y, dropout_seed=9)
            assert loss == fresh_loss
            assert (grad == fresh_grad).all()


def test_dropout_keeps_the_mean_and_is_off_without_rng():
    """Catches: dropout that is not scaled up, or that stays on outside of training."""
    net = MLP.from_weights([np.ones((1, 1)), np.ones((1, 1))], [np.zeros(1), np.zeros(1)])
    net.dropout = 0.25
    x = np.ones((1, 40_000))
    memory = Memory(net, x.shape[1])
    out = forward(net, x, memory, np.random.default_rng(0))
    assert sorted(set(out[0].tolist())) == [0, 1 / 0.75]
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert (forward(net, x, memory) == 1).all()


def test_nan_is_not_hidden():
    """Catches: a ReLU that turns NaN into 0."""
    net = MLP([1, 4, 1], dtype=np.float64)
    net.params[0] = np.nan
    loss, grad = loss_and_gradient(net, np.ones((1, 3)), np.ones((1, 3)))
    assert np.isnan(loss)
    assert np.isnan(grad).any()


def test_gradient_without_dropout_of_a_network_that_has_it():
    """Catches: a mask that nobody drew, or that is left from another pass."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1, 20))
    net, plain = (MLP([1, 8, 8, 1], dropout=p, dtype=np.float64) for p in (0.5, 0.0))
    memory, grad = Memory(net, 20), np.empty_like(net.params)
    forward(net, x, memory, rng)
    forward(net, x, memory)
    backward(net, y, memory, layer_views(grad, net.sizes))
    assert (grad == loss_and_gradient(plain, x, y)[1]).all()


def test_every_unit_and_sample_drops_out_by_itself():
    """Catches: one mask for all units, or for all batches."""
    net = MLP([1, 50, 1], dropout=0.5)
    net.biases[0][:] = 10
    memory, rng = Memory(net, 40), np.random.default_rng(0)
    masks = []
    for _ in range(2):
        forward(net, np.zeros((1, 40)), memory, rng)
        masks.append(memory.keep[0] > 0)
    assert len({tuple(row) for row in masks[0]}) == 50
    assert (masks[0] != masks[1]).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_stays_in_the_networks_dtype(dtype):
    """Catches: a stray float64 scalar that upcasts."""
    net = MLP([1, 4, 1], negative_slope=0.1, dropout=0.1, dtype=dtype)
    x = np.ones((1, 3), dtype)
    loss, grad = loss_and_gradient(net, x, x, dropout_seed=0)
    assert loss.dtype == grad.dtype == dtype
