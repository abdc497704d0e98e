"""The gradient from the segments against backpropagation, against differences, and against integrals done otherwise."""

from functools import cache

import numpy as np
import pytest

from tinymlp import MLP, Adam, Dataset, Ensemble, Moments, extract_segments, sample
from tinymlp.article.experiment import run
from tinymlp.article.experiments import EXPERIMENTS
from tinymlp.functions import FUNCTIONS
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleGradients, SegmentGradients
from tinymlp.training.segment_gradient import segment_gradient


def by_segments(net, moments):
    grad = np.full_like(net.params, np.nan)
    return segment_gradient(moments, net, layer_views(grad, net.sizes)), grad


def by_samples(net, data):
    net = net.astype(np.float64)
    memory, grad = Memory(net, len(data)), np.full_like(net.params, np.nan)
    x, y = data.columns(np.float64)
    forward(net, x, memory)
    return backward(net, y, memory, layer_views(grad, net.sizes)), grad


def assert_agree(net, data, tolerance=1e-13):
    (loss, grad), (expected_loss, expected) = by_segments(net, Moments.of(data)), by_samples(net, data)
    assert loss == pytest.approx(expected_loss, rel=tolerance)
    assert np.abs(grad - expected).max() <= tolerance * np.abs(expected).max()


def random_data(seed, outputs=1, n=500):
    rng = np.random.default_rng(seed)
    return Dataset(rng.uniform(-5, 5, n), rng.normal(size=(n, outputs)))


@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("sizes", [[1, 1], [1, 7, 1], [1, 10, 10, 10, 1], [1, 3, 20, 5, 3], [1, 2, 2, 2, 2, 2, 2]])
def test_it_is_the_gradient_over_the_samples(sizes, slope):
    """Catches: a wrong transpose, factor, mask or sum over parts; and scattered, unsorted samples."""
    for seed in range(10):
        net = MLP(sizes, negative_slope=slope, seed=seed, dtype=np.float64)
        net.params *= 1.5
        assert_agree(net, random_data(seed, sizes[-1]))


def test_wide_networks():
    """Catches: what only hundreds of regions show."""
    for width in (30, 100):
        assert_agree(MLP([1, width, width, width, 1], seed=1, dtype=np.float64), random_data(1, n=20_000))


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_degenerate_networks(slope):
    """Catches: regions of no width, units that coincide, are always off, or switch outside."""
    rng = np.random.default_rng(0)
    tried = 0
    for seed in range(80):
        net = MLP([1, 5, 5, 5, 1], negative_slope=slope, seed=seed, dtype=np.float64)
        kind = seed % 4
        if kind == 0:  # duplicated units
            for layer in net.layers[:-1]:
                layer[3:] = layer[:2] * rng.choice([1.0, 2.0, -1.0], (2, 1))
        elif kind == 1:
            net.params[:] = rng.integers(-2, 3, net.params.shape)
        elif kind == 2:
            net.params[rng.random(net.params.shape) < 0.6] = 0
        else:
            net.biases[seed % 3][:] -= 5
        x = rng.uniform(-3, 3, 300)
        data = Dataset(x, np.sin(x))
        zeros = extract_segments(net, (-3, 3)).regions.zeros()  # there rounding decides whether 0 is on or off
        if by_samples(net, data)[1].any() and not zeros:
            assert_agree(net, data)
            tried += 1
    assert tried > 40


def test_difference_quotients_of_the_loss():
    """Catches: a loss and a gradient that are wrong together with backpropagation's."""
    rng = np.random.default_rng(1)
    data = random_data(3, n=2000)
    moments = Moments.of(data)
    net = MLP([1, 8, 8, 1], negative_slope=0.02, seed=3, dtype=np.float64)
    loss, grad = by_segments(net, moments)
    assert loss == pytest.approx(np.mean((net(data.x) - data.y[:, 0]) ** 2), rel=1e-13)
    h = 1e-7
    for _ in range(10):
        direction = rng.normal(size=net.params.shape)
        after, before = (by_segments(net.with_params(net.params + s * h * direction), moments)[0] for s in (1, -1))
        assert grad @ direction == pytest.approx((after - before) / (2 * h), rel=1e-5)


def squared_distance(net, function, interval):
    """Of the network from a function, over the length, by Simpson's rule on a hundredth of each segment."""
    f = extract_segments(net, interval)
    total = 0.0
    for segment in f:
        x = np.linspace(segment.start, segment.stop, 201)
        squares = (segment.slope * x + segment.intercept - function(x)) ** 2
        weights = np.ones(201)
        weights[1:-1:2], weights[2:-1:2] = 4, 2
        total += weights @ squares * (segment.stop - segment.start) / 600
    return total / (interval[1] - interval[0])


@pytest.mark.parametrize(
    ("name", "start", "stop"), [("sine", -5, 5), ("exp", -2, 2), ("inverse", 0.5, 4), ("log", 1, 9)]
)
def test_distance_from_a_function(name, start, stop):
    """Catches: a loss that is not the integral of the squared difference, or a gradient that is not its slope."""
    moments = Moments.of_function(name, (start, stop))
    net = MLP([1, 6, 6, 1], seed=2, dtype=np.float64)
    loss, grad = by_segments(net, moments)
    assert loss == pytest.approx(squared_distance(net, FUNCTIONS[name], (start, stop)), rel=1e-8)
    rng, h = np.random.default_rng(2), 1e-6
    for _ in range(5):
        direction = rng.normal(size=net.params.shape)
        after, before = (by_segments(net.with_params(net.params + s * h * direction), moments)[0] for s in (1, -1))
        assert grad @ direction == pytest.approx((after - before) / (2 * h), rel=1e-6, abs=1e-8)
    by_quadrature = by_segments(net, Moments.of_function(lambda x: FUNCTIONS[name](x), (start, stop)))
    assert by_quadrature[0] == pytest.approx(loss, rel=1e-12)
    assert np.abs(by_quadrature[1] - grad).max() < 1e-13 * np.abs(grad).max()


def test_a_sample_on_a_boundary_sees_the_right():
    """Catches: the stated side; a loss has no gradient there."""
    net = MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])  # relu(x)
    _, grad = by_segments(net, Moments.of(Dataset([-1.0, 0.0, 1.0], [0.0, -3.0, 1.0])))
    assert grad.tolist() == [0, 2, 0, 2]  # of w, b, v and c: the sample at 0 counts in b
    _, left = by_samples(net, Dataset([-1.0, 0.0, 1.0], [0.0, -3.0, 1.0]))
    assert left.tolist() == [0, 0, 0, 2]


def test_a_float32_network_is_computed_in_float64():
    """Catches: sums rounded to the network's dtype before they are used."""
    net = MLP([1, 10, 10, 1], seed=4)
    data = random_data(4)
    loss, grad = by_segments(net, Moments.of(data))
    expected_loss, expected = by_samples(net, data)
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    assert grad.dtype == np.float32
    assert np.abs(grad - expected).max() <= 6e-8 * np.abs(expected).max()


@cache
def network_after(experiment):
    """The network that the experiment leaves, for one that goes on with it."""
    return run(experiment, 0, start=experiment.continues and network_after(experiment.continues)).net


def fifty_losses(net, gradients, lr):
    """The losses of 50 steps of Adam, each before its step."""
    net, adam, losses = net.astype(np.float64), Adam(lr), []
    grad = np.empty_like(net.params)
    while len(losses) < 50:
        for _, gradient in gradients.epoch():
            losses.append(gradient(net, layer_views(grad, net.sizes)))
            adam.step(net.params, grad)
    return np.array(losses[:50])


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_same_trajectories_as_sample_by_sample(experiment):
    """Catches: batches with other ends, and errors that training makes grow. The article's batches, 50 steps."""
    e = experiment
    start = network_after(e.continues) if e.continues else MLP(e.sizes, negative_slope=e.negative_slope)
    data, lr = e.rounds[0].sample(), e.rounds[0].lr
    rng, like = np.random.default_rng(0), start.astype(np.float64)
    samples = SampleGradients(like, data, e.batch_size, False, rng)
    segments = SegmentGradients(like, Moments.of(data), e.batch_size, False)
    one, other = (fifty_losses(like, gradients, lr) for gradients in (samples, segments))
    assert np.abs(one / other - 1).max() < 1e-9


def test_all_networks_of_an_ensemble():
    """Catches: gradients that land in another network's row."""
    nets, moments = Ensemble([1, 5, 5, 1], range(3), dtype=np.float64), Moments.of(sample("sine", n=400))
    grads = np.empty_like(nets.params)
    for net, row in zip(nets.nets, grads, strict=True):
        segment_gradient(moments, net, layer_views(row, net.sizes))
    for k, net in enumerate(nets.nets):
        assert (grads[k] == by_segments(net.copy(), moments)[1]).all()


def test_samples_on_boundaries():
    """Catches: what `train` says of samples exactly on boundaries. One unit at 0, one sample there, or the last one."""
    for x, on_the_right in [([0.0, 1.0], True), ([-1.0, 0.0], False)]:
        y = np.array([5.0, 5.0])
        net = MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
        grads = [np.empty_like(layer) for layer in net.layers]
        segment_gradient(Moments.of(Dataset(x, y)), net, grads)
        on = np.array(x) > 0  # the unit, at each sample; at 0 as the side says
        on |= (np.array(x) == 0) & on_the_right
        residuals = np.maximum(x, 0) - y
        assert grads[0][0].tolist() == pytest.approx([np.mean(2 * residuals * on * x), np.mean(2 * residuals * on)])
