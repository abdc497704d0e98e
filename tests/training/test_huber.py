"""Huber's loss of functions against quadrature that looks where r passes delta, and of samples against the formula."""

import numpy as np
import pytest

from tinymlp import MLP, SGD, Dataset, Ensemble, Moments, sample, train
from tinymlp.functions import FUNCTIONS
from tinymlp.network.parameters import layer_views, stacked_layers
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.huber import SHAPES, Huber
from tinymlp.training.segment_gradient import segment_gradient

INTERVALS = dict.fromkeys(FUNCTIONS, (-9.0, 9.0)) | {
    "exp": (-5.0, 3.0),
    "log": (0.01, 9.0),
    "inverse": (-6.0, -0.01),
    "shifted_inverse": (2.01, 9.0),
}
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


def h(r, delta):
    """The loss of one distance, as PyTorch defines it."""
    return np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))


def quadrature(f, a, b, p, q, delta):
    """The integrals of h(r), h'(r) x and h'(r): panels are halved as long as r is within delta on a part of them."""
    edges = np.unique([*np.linspace(a, b, 1000), *(x for x in (0, 2) if a < x < b)])
    left, width, found, size = edges[:-1], np.diff(edges), np.zeros(3), 0.0
    for again in [True] * 45 + [False]:
        x = left[:, None] + width[:, None] * (np.array([1e-9, *(NODES + 1) / 2, 1 - 1e-9]))
        r = p * x + q - f(x)
        place = (r > delta).astype(int) - (r < -delta)
        mixed = (np.ptp(place, axis=1) > 0) & again
        x, r, w = (values[~mixed] for values in (x[:, 1:-1], r[:, 1:-1], WEIGHTS / 2 * width[:, None]))
        c = np.clip(r, -delta, delta)
        found += [(w * h(r, delta)).sum(), (w * x * c).sum(), (w * c).sum()]
        size += (w * np.minimum(np.abs(r), delta)).sum()
        half = width[mixed] / 2
        left, width = np.concatenate([left[mixed], left[mixed] + half]), np.concatenate([half, half])
        if not len(left):
            break
    return found, np.array([found[0], size * max(abs(a), abs(b)), size])


def lines_across(f, interval, rng):
    """Regions with lines that cross f twice (chords), touch it, cross it somewhere, miss it, and as they come."""
    for _ in range(8):
        a, b = np.sort(rng.uniform(*interval, 2))
        ya, yb = f(np.array([a, b]))
        chord = (yb - ya) / (b - a)
        q = ya - chord * a
        for line in [(chord, q), (chord, q + 0.3), (0.0, ya), rng.normal(size=2), (1.0, 50.0)]:
            yield *np.sort([a, b] if rng.random() < 0.5 else interval), *line


@pytest.mark.parametrize("delta", [1e-6, 0.01, 0.5, 3.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_line_against_any_function(name, delta):
    """Catches: a crossing that is missed or of the wrong sign, a run that is not cut, a step's other side."""
    f, interval = FUNCTIONS[name], INTERVALS[name]
    cases = list(lines_across(f, interval, np.random.default_rng(0)))
    found = np.array(Huber(Moments.of_function(name, interval), delta).of_regions(*np.array(cases).T)).T
    for case, got in zip(cases, found * (interval[1] - interval[0]), strict=True):
        expected, size = quadrature(f, *case, delta)
        assert (np.abs(got - expected) <= 2e-12 * size + 1e-13).all(), case


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_large_delta_is_half_the_squared_error(name):
    """Catches: crossings where there are none; the factor of two between the two losses."""
    moments, rng = Moments.of_function(name, INTERVALS[name]), np.random.default_rng(1)
    start, stop = INTERVALS[name]
    edges = np.array([start, *np.sort(rng.uniform(start, stop, 6)), stop])
    lines = rng.normal(size=(1, 8)) + 1j * rng.normal(size=(1, 8))
    loss, gradient = Huber(moments, 1e5).loss(edges, lines, np.array([7]))
    expected, by_lines = moments.loss(edges, lines, np.array([7]))
    assert loss == pytest.approx(expected / 2, rel=1e-12)
    assert gradient == pytest.approx(by_lines / 2, rel=1e-11, abs=1e-12)


def test_at_a_pole_and_at_the_edge_of_log():
    """Catches: Newton's steps from an infinite end; 0 times infinity in regions of no width."""
    huber = Huber(Moments.of_function("log", (0, 1)), 0.5)
    loss, by_p, by_q = huber.of_regions(*np.array([[0.0, 0, 0, 0], [0, 1, 0, 0]]).T)
    # |log x| passes 1/2 at s = e^-1/2: the integrals of 1/2 (-log x - 1/4) until there, of log(x)^2 / 2 from there
    s = np.exp(-0.5)
    beyond = 0.5 * (s * 1.5 - s / 4)
    within = (2 - s * (0.25 + 1 + 2)) / 2
    assert loss == pytest.approx([0, beyond + within], rel=1e-13)
    assert by_q == pytest.approx([0, s / 2 + (1 - 1.5 * s)], rel=1e-13)
    assert by_p == pytest.approx([0, s * s / 4 + (0.25 - s * s / 2)], rel=1e-12)
    inverse = Huber(Moments.of_function("inverse", (1e-9, 1)), 1.0)
    (loss,), _, (by_q,) = inverse.of_regions(*np.array([[1e-9, 1, 0, 3]]).T)
    # 1/x is 3 - (-1) = 4 at 1/4 and 2 at 1/2: below by more than 1 until 1/4, above by more than 1 from 1/2
    assert by_q == pytest.approx(-0.25 + (0.75 - np.log(2)) + 0.5, rel=1e-8)
    expected = (np.log(0.25e9) - 3.5 * 0.25) + (9 * 0.25 - 6 * np.log(2) + 2) / 2 + (2.5 * 0.5 - np.log(2))
    assert loss == pytest.approx(expected, rel=1e-8)  # the interval is 1e-9 short of 1


def test_far_away():
    """Catches: distances from 0 in place of those from the origin."""
    start, stop = 1e6, 1e6 + 1
    huber = Huber(Moments.of_function("log", (start, stop)), 1e-8)
    (loss,), _, (by_q,) = huber.of_regions(*np.array([[start, stop, 0, np.log(1e6 + 0.5)]]).T)
    u = np.linspace(-0.5, 0.5, 2_000_001)[1::2]
    r = -np.log1p(u / (1e6 + 0.5))
    assert loss == pytest.approx(h(r, 1e-8).mean(), rel=1e-6)
    assert by_q == pytest.approx(np.clip(r, -1e-8, 1e-8).mean(), abs=1e-15)


def test_a_line_that_is_not_a_number():
    """Catches: a search that never ends, or a loss that hides a NaN."""
    huber = Huber(Moments.of_function("sine", (-5, 5)), 1.0)
    assert np.isnan(huber.loss(np.array([-5.0, 5]), np.full((1, 2), np.nan + 0j), np.array([1]))[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_of_a_network(name):
    """Catches: a gradient by the lines that does not fit the loss, in its factor or its layout."""
    net = MLP([1, 8, 8, 1], negative_slope=0.1, seed=3, dtype=np.float64)
    huber = Huber(Moments.of_function(name, (2.5, 7)), 0.4)
    grad, scratch = np.full((2, 1, len(net.params)), np.nan)

    def loss(params, into):
        (loss,) = segment_gradient(
            huber, stacked_layers(params[None], net.sizes), stacked_layers(into, net.sizes), net.negative_slope
        )
        return loss

    loss(net.params, grad)
    rng, step = np.random.default_rng(0), 1e-6
    for _ in range(5):
        d = rng.normal(size=net.params.shape)
        after, before = (loss(net.params + s * d, scratch) for s in (step, -step))
        assert grad[0] @ d == pytest.approx((after - before) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("new", [lambda: MLP([1, 10, 10, 1]), lambda: Ensemble([1, 6, 1], [1, 2])])
def test_a_function_is_the_limit_of_its_samples(new):
    """Catches: training on another loss than that of samples, or on another network of an ensemble."""
    nets, others = new(), new()
    ways = Moments.of_function("sine", (-5, 5)), sample("sine", (-5, 5), 200_000)
    options = {"loss": "huber", "delta": 0.3, "lr": 0.01, "batch_size": None}
    one = train(nets, ways[0], 5, **options)
    other = train(others, ways[1], 5, **options | {"batch_size": 200_000})
    assert one.losses == pytest.approx(other.losses, rel=1e-3)
    assert nets.params == pytest.approx(others.params, abs=1e-3)


def test_every_function_has_a_shape():
    """Catches: a new function with a closed form, and no account of where it is convex."""
    assert set(SHAPES) == set(FUNCTIONS.values())


def loss_of_samples(net, x, y, delta):
    memory, grad = Memory(net, x.shape[1]), np.full_like(net.params, np.nan)
    forward(net, x, memory)
    return backward(net, y, memory, layer_views(grad, net.sizes), delta=delta), grad


def test_samples_by_hand():
    """Catches: PyTorch's SmoothL1Loss, which divides by delta; a mean over samples alone. The network gives x."""
    net = MLP.from_weights([np.ones((1, 1))], [np.zeros(1)])
    x, y = np.array([[1.0, 2, 3, -4]]), np.array([[0.5, 2, 0, 1]])  # r = 0.5, 0, 3, -5
    loss, grad = loss_of_samples(net, x, y, 2.0)
    assert loss == (0.125 + 0 + 2 * (3 - 1) + 2 * (5 - 1)) / 4
    assert grad.tolist() == [(0.5 * 1 + 0 + 2 * 3 + -2 * -4) / 4, (0.5 + 0 + 2 - 2) / 4]
    two = MLP.from_weights([np.ones((2, 1))], [np.zeros(2)])
    assert loss_of_samples(two, x, np.concatenate([y, x]), 2.0)[0] == loss / 2


@pytest.mark.parametrize("delta", [0.1, 1.0, 50.0])
def test_the_gradient_of_samples(delta):
    """Catches: a gradient that is not that of the loss, through layers and several outputs."""
    rng, step = np.random.default_rng(1), 1e-6
    net = MLP([2, 7, 5, 3], negative_slope=0.01, seed=2, dtype=np.float64)
    x, y = rng.normal(size=(2, 60)), rng.normal(size=(3, 60))
    loss, grad = loss_of_samples(net, x, y, delta)
    assert loss == pytest.approx(h(net(x.T).T - y, delta).mean(), rel=1e-13)
    for _ in range(10):
        d = rng.normal(size=grad.shape)
        after, before = (loss_of_samples(net.with_params(net.params + s * d), x, y, delta)[0] for s in (step, -step))
        assert grad @ d == pytest.approx((after - before) / (2 * step), rel=1e-6, abs=1e-8)


def test_outliers_do_not_dominate():
    """Catches: train that forgets the loss on its way, or in batches that are done in pieces."""
    data = sample("linear", (-1, 1), 3000)
    y = data.y.copy()
    y[::20] += 100
    slopes = []
    for options in ({}, {"loss": "huber"}, {"loss": "huber", "delta": 1}):
        net = MLP([1, 1], dtype=np.float64)
        train(net, Dataset(data.x, y), 400, lr=0.1, batch_size=3000, **options)
        slopes.append((net(np.array([0.0]))[0], net.params.copy()))
    assert slopes[0][0] == pytest.approx(13, abs=0.1)  # the mean is 5 too high
    assert slopes[1][0] == pytest.approx(8, abs=0.1)
    assert (slopes[1][1] == slopes[2][1]).all()


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (sample("sine"), {"loss": "mae"}, "loss is 'mae': give 'mse' or 'huber'"),
        (sample("sine"), {"loss": ["huber"]}, r"loss is \['huber'\]: give 'mse' or 'huber'"),
        (sample("sine"), {"delta": 1.0}, "delta is 1.0, and loss is 'mse', which has none"),
        (sample("sine"), {"loss": "huber", "delta": 0}, "delta is 0: give a number > 0"),
        (sample("sine"), {"loss": "huber", "delta": np.inf}, "delta is inf: give a number > 0"),
        (sample("sine"), {"loss": "huber", "delta": "1"}, "delta is '1': give a number > 0"),
        (Moments.of(sample("sine")), {"loss": "huber"}, "Moments of samples: sums of squares do not tell which"),
        (
            Moments.of_function(np.tanh, (0, 1)),
            {"loss": "huber"},
            "nobody knows where it is convex: give",
        ),
        (Moments.of_function("sine", (0, 1)), {"loss": "huber", "batch_size": 9}, "batch_size is 9, but a function"),
    ],
)
def test_what_is_refused(data, options, message):
    """Catches: bad input that fails late, or trains on something else."""
    net = MLP([1, 4, 1])
    before = net.params.copy()
    with pytest.raises(ValueError, match=message):
        train(net, data, 2, optimizer=SGD(0.1), **options)
    assert (net.params == before).all()


def test_each_network_of_an_ensemble_has_its_own_loss():
    """Catches: regions of one network counted for the next; the gap between two networks taken for a region."""
    nets = Ensemble([1, 6, 6, 1], range(5), dtype=np.float64)
    huber = Huber(Moments.of_function("sine", (-4, 6)), 0.2)
    grads = np.full((6, *nets.params.shape), np.nan)
    losses = segment_gradient(huber, stacked_layers(nets.params, nets.sizes), stacked_layers(grads[5], nets.sizes), 0.0)
    for k in range(5):
        one = nets.params[k : k + 1]
        alone = segment_gradient(huber, stacked_layers(one, nets.sizes), stacked_layers(grads[k, :1], nets.sizes), 0.0)
        assert alone == pytest.approx(losses[k : k + 1], rel=1e-13)
        assert grads[k, 0] == pytest.approx(grads[5, k], rel=1e-11, abs=1e-13)
