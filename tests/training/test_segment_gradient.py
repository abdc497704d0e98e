"""The gradient from the segments against backpropagation, against differences, and against integrals done otherwise."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from tinymlp import MLP, Adam, Dataset, Ensemble, Moments, extract_segments
from tinymlp.article.experiment import run
from tinymlp.article.experiments import EXPERIMENTS
from tinymlp.functions import FUNCTIONS
from tinymlp.network.parameters import layer_views, stacked_layers
from tinymlp.segments.walk import INPUT, NUMBERS, Float64, walk
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.gradients import SampleGradients, SegmentGradients
from tinymlp.training.segment_gradient import segment_gradient


def by_segments(net, moments):
    grad = np.full_like(net.params, np.nan)
    layers, grads = (stacked_layers(flat[None], net.sizes) for flat in (net.params, grad))
    (loss,) = segment_gradient(moments, layers, grads, net.negative_slope)
    return loss, grad


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


@pytest.mark.parametrize("where", ["first", "between", "last"])
def test_samples_on_boundaries_that_are_rounded(where):
    """Catches: a first or last sample that counts otherwise than one between; a rule that `train` does not state.

    On Moments a sample is right of every boundary whose float64 is not greater; on a Dataset a unit is on above 0.
    """
    rng, seen = np.random.default_rng(5), set()
    for _ in range(500):
        w, x = round(rng.normal() * 3, 2), round(rng.normal() * 2, 1)
        if not w or not x:
            continue
        net = MLP.from_weights([[[w]], [[1.0]]], [[-w * x], [0.0]])
        boundary = -net.biases[0][0] / w
        xs = np.array({"first": [x, x + 1], "between": [x - 1, x, x + 1], "last": [x - 1, x]}[where])
        data = Dataset(xs, np.full(len(xs), 5.0))
        on_right = xs >= boundary
        for by, on in ((by_segments, on_right == (w > 0)), (by_samples, w * xs + net.biases[0] > 0)):
            errors = np.maximum(w * xs + net.biases[0], 0) - 5
            loss, gradient = by(net, Moments.of(data) if by is by_segments else data)
            expected = 2 / len(xs) * np.array([(errors * xs)[on].sum(), errors[on].sum()])
            assert gradient[:2] == pytest.approx(expected, rel=1e-12, abs=1e-12)
            assert loss == pytest.approx(np.mean(errors**2), rel=1e-12)
        truth = Fraction(w) * Fraction(x) + Fraction(float(net.biases[0][0]))
        seen.add((truth > 0) - (truth < 0) if w > 0 else (truth < 0) - (truth > 0))
    assert seen == {-1, 0, 1}  # boundaries just right of the sample, on it, and just left of it


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
    adam, losses, grad = Adam(lr), [], np.empty_like(net.params)
    while len(losses) < 50:
        for _, gradient in gradients.epoch():
            losses.append(gradient(net, grad))
            adam.step(net.params, grad)
    return np.array(losses[:50])  # (50, K)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_same_trajectories_as_sample_by_sample(experiment, shuffle):
    """Catches: batches with other ends or in another order, another network's batch, errors that training makes grow.

    The article's batches, 50 steps; three networks, each with an order of its own, and each of them alone.
    """
    e = experiment
    start = network_after(e.continues) if e.continues else MLP(e.sizes, negative_slope=e.negative_slope)
    data, lr = e.rounds[0].sample(), e.rounds[0].lr
    moments = Moments.of(data)

    def ensemble():
        nets = Ensemble(e.sizes, range(3), negative_slope=e.negative_slope, dtype=np.float64)
        nets.params[0] = start.params
        return nets

    def rngs(*seeds):
        return [np.random.default_rng(seed) for seed in seeds]

    one, other = ensemble(), ensemble()
    by_samples = fifty_losses(one, SampleGradients(one, data, e.batch_size, shuffle, rngs(0, 1, 2)), lr)
    by_segments = fifty_losses(other, SegmentGradients(other, moments, e.batch_size, shuffle, rngs(0, 1, 2)), lr)
    assert np.abs(by_samples / by_segments - 1).max() < 1e-9
    for k, net in enumerate(ensemble().nets):
        alone = fifty_losses(net, SegmentGradients(net, moments, e.batch_size, shuffle, rngs(k)), lr)
        assert np.abs(alone[:, 0] / by_segments[:, k] - 1).max() < 1e-9


def by_two_points(net, moments):
    """The gradient by backpropagation over two points in each region, which stand for all samples there."""
    layers = [layer[None] for layer in net.layers]
    a = Float64(INPUT, moments.interval, net.negative_slope)
    walk(a, layers)
    _, d = moments.loss(a.edges, a.lines, a.last)
    wide = np.flatnonzero(np.diff(a.edges) > 0)
    left, right = a.edges[wide], a.edges[wide + 1]
    x1, x2 = left + (right - left) / 4, right - (right - left) / 4
    # d1 + d2 = dL/dq and d1 x1 + d2 x2 = dL/dp
    d2 = (d.real[:, wide] - d.imag[:, wide] * x1) / (x2 - x1)
    d1 = d.imag[:, wide] - d2
    x, d = np.concatenate([x1, x2])[None], np.concatenate([d1, d2], axis=1)
    memory, grad = Memory(net, x.shape[1]), np.full_like(net.params, np.nan)
    z = forward(net, x, memory)
    backward(net, z - d * d.size / 2, memory, layer_views(grad, net.sizes))  # the y with 2 (z - y) / size = d
    return grad


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("sizes", [[1, 10, 10, 10, 1], [1, 3, 20, 5, 3], [1, 40, 40, 1]])
def test_two_points_for_all_samples_of_a_region(sizes, slope):
    """Catches: a transpose, a mask or a sum over parts that is wrong, by a way back that knows nothing of lines."""
    for seed in range(5):
        net = MLP(sizes, negative_slope=slope, seed=seed, dtype=np.float64)
        moments = Moments.of(random_data(seed, sizes[-1], n=5000))
        expected = by_two_points(net, moments)
        assert np.abs(by_segments(net, moments)[1] - expected).max() < 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_networks_of_an_ensemble(slope, dtype, monkeypatch):
    """Catches: gradients that land in another network's row, in one chunk or in several; fill that counts."""
    moments = Moments.of(random_data(7, 2))
    for numbers in (2**17, 500):  # all networks at a time, or 8
        monkeypatch.setitem(NUMBERS, "cpu", numbers)
        nets = Ensemble([1, 5, 5, 2], range(30), negative_slope=slope, dtype=dtype)
        nets.params[3] = 0  # one region
        grads = np.full_like(nets.params, np.nan)
        gradients = SegmentGradients(nets, moments, None, True, [np.random.default_rng(0)])
        ((size, gradient),) = gradients.epoch()
        losses = gradient(nets, grads)
        assert size == 500
        assert losses.shape == (30,)
        for k, net in enumerate(nets.nets):
            loss, expected = by_segments(net, moments)
            assert losses[k] == pytest.approx(loss, rel=1e-13)
            assert np.abs(grads[k] - expected).max() <= max(1e-12, np.finfo(dtype).eps) * np.abs(expected).max()


@pytest.mark.parametrize("seeds", [[5], range(30)], ids=["one order", "an order for each"])
def test_shuffled_batches_of_an_ensemble(seeds, monkeypatch):
    """Catches: the batch of another network, also in a later chunk; the samples of a batch that another epoch had."""
    monkeypatch.setitem(NUMBERS, "cpu", 500)  # 8 networks at a time
    data, nets = random_data(7, 2), Ensemble([1, 5, 5, 2], range(30), dtype=np.float64)
    grads, rngs = np.empty_like(nets.params), [np.random.default_rng(seed) for seed in seeds]
    gradients, again = SegmentGradients(nets, Moments.of(data), 128, True, rngs), [*map(np.random.default_rng, seeds)]
    for _ in range(2):
        orders = [rng.permutation(500) for rng in again]
        for i, (size, gradient) in enumerate(gradients.epoch()):
            losses = gradient(nets, grads)
            for k, net in enumerate(nets.nets):
                rows = orders[k % len(orders)][128 * i : 128 * (i + 1)]
                loss, expected = by_samples(net, Dataset(data.x[rows], data.y[rows]))
                assert size == len(rows)
                assert losses[k] == pytest.approx(loss, rel=1e-13)
                assert np.abs(grads[k] - expected).max() <= 1e-12 * np.abs(expected).max()


def test_a_network_that_is_lost_harms_no_other():
    """Catches: a NaN that sums over all networks carry into the next one's gradient."""
    moments, nets = Moments.of(random_data(2)), Ensemble([1, 6, 6, 1], range(3), dtype=np.float64)
    nets.params[1] = np.nan
    grads = np.empty_like(nets.params)
    layers, views = (stacked_layers(flat, nets.sizes) for flat in (nets.params, grads))
    losses = segment_gradient(moments, layers, views, 0.0)
    assert np.isfinite(losses).tolist() == np.isfinite(grads).all(axis=1).tolist() == [True, False, True]


def test_samples_on_boundaries():
    """Catches: what `train` says of samples exactly on boundaries: a unit at 0, a sample there, first or last."""
    for x in ([0.0, 1.0], [-1.0, 0.0]):
        y = np.array([5.0, 5.0])
        net = MLP.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
        _, grad = by_segments(net, Moments.of(Dataset(x, y)))
        on = np.array(x) >= 0  # the unit, at each sample
        residuals = np.maximum(x, 0) - y
        assert grad[:2].tolist() == pytest.approx([np.mean(2 * residuals * on * x), np.mean(2 * residuals * on)])
