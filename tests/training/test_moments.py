"""Moments against the sums that they stand for, in rational numbers."""

from fractions import Fraction

import numpy as np
import pytest

from tinymlp import Dataset, Moments, sample


def exact_loss(x, y, edges, lines):
    """The mean squared error and its gradient by the lines, sample by sample, in rational numbers; y (n, outputs)."""
    size = y.size
    loss, gradient = Fraction(0), np.full(lines.shape, Fraction(0), object)
    region = np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(edges) - 2)
    for xi, yi, r in zip(map(Fraction, x.tolist()), y.tolist(), region.tolist(), strict=True):
        for k, target in enumerate(yi):
            p, q = map(Fraction, lines[:, r, k].tolist())
            residual = p * xi + q - Fraction(target)
            loss += residual**2 / size
            gradient[0, r, k] += 2 * residual * xi / size
            gradient[1, r, k] += 2 * residual / size
    return float(loss), gradient.astype(float)


def loss_of(moments, edges, lines):
    """`Moments.loss` of lines (2, R, outputs), the gradient in that shape; the stop gets a line that must not count."""
    p, q = lines.swapaxes(1, 2)  # (outputs, R)
    columns = np.concatenate([p + 1j * q, np.full((len(p), 1), 1e9 + 1e9j)], axis=1)
    (loss,), gradient = moments.loss(np.append(edges[:-1], moments.interval[1]), columns, np.array([len(edges) - 1]))
    assert (gradient[:, -1] == 0).all()
    return loss, np.array([gradient.real.T[:-1], gradient.imag.T[:-1]])


def random_case(rng, n, regions, outputs=1, low=-5.0, high=5.0):
    x = rng.uniform(low, high, n)
    y = rng.normal(size=(n, outputs))
    edges = np.array([x.min(), *np.sort(rng.uniform(low, high, regions - 1)), x.max()])
    return x, y, edges, rng.normal(size=(2, regions, outputs))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_loss_and_gradient(seed, outputs):
    """Catches: a wrong term or factor, samples that were not sorted, the mean over samples alone, a lost centre."""
    x, y, edges, lines = random_case(np.random.default_rng(seed), 200, 12, outputs)
    loss, gradient = loss_of(Moments.of(Dataset(x, y if outputs > 1 else y[:, 0])), edges, lines)
    expected_loss, expected = exact_loss(x, y, edges, lines)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    assert gradient == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_gradient_is_the_derivative_of_the_loss():
    """Catches: a gradient that belongs to another loss; the loss is a quadratic, so central differences are exact."""
    x, y, edges, lines = random_case(np.random.default_rng(1), 100, 6)
    moments = Moments.of(Dataset(x, y[:, 0]))
    _, gradient = loss_of(moments, edges, lines)
    for place in np.ndindex(lines.shape):
        step = np.zeros_like(lines)
        step[place] = 0.5
        difference = loss_of(moments, edges, lines + step)[0] - loss_of(moments, edges, lines - step)[0]
        assert gradient[place] == pytest.approx(difference, abs=1e-13)


def test_far_from_the_origin():
    """Catches: sums that are not centred: x^2 would leave 4 digits of a spread of 1 at a million, y^2 likewise."""
    x, y, edges, lines = random_case(np.random.default_rng(2), 300, 5, low=1e6, high=1e6 + 1)
    y += 1e6
    lines[1] += 1e6 - lines[0] * 1e6
    loss, gradient = loss_of(Moments.of(Dataset(x, y[:, 0])), edges, lines)
    expected_loss, expected = exact_loss(x, y, edges, lines)
    assert loss == pytest.approx(expected_loss, rel=1e-9)  # lines of height 1e6 are themselves no better than 1e-10
    assert gradient == pytest.approx(expected, rel=1e-9)


def test_an_outlier_far_away():
    """Catches: a centre that one sample drags along, and with it all digits."""
    rng = np.random.default_rng(8)
    x = np.append(rng.uniform(-5, 5, 200), -1e9)
    y = np.append(np.sin(x[:-1]), 0.0)
    edges, lines = np.array([-1e9, -5, 1, x.max()]), np.array([[[0.0], [0.3], [-0.2]], [[1.0], [0], [0.5]]])
    loss, gradient = loss_of(Moments.of(Dataset(x, y)), edges, lines)
    expected_loss, expected = exact_loss(x, y[:, None], edges, lines)
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    assert gradient == pytest.approx(expected, rel=1e-12)


def test_a_line_that_is_not_a_number():
    """Catches: a limit at 0 that turns NaN into a perfect fit."""
    assert np.isnan(loss_of(Moments.of(sample("exp", n=9)), np.array([-5.0, 4]), np.full((2, 1, 1), np.nan))[0])


@pytest.mark.parametrize("batch_size", [1, 3, 50, 64, 1000, None])
def test_batches_are_runs_of_sorted_samples(batch_size):
    """Catches: batches that overlap, lose samples, or take samples of a neighbour with the same x."""
    rng = np.random.default_rng(4)
    x, y = np.round(rng.uniform(-3, 3, 200), 1), rng.normal(size=200)
    order = np.argsort(x, kind="stable")
    size = batch_size or 200
    batches = Moments.of(Dataset(x, y)).batches(batch_size)
    assert len(batches) == -(-200 // size)
    for k, batch in enumerate(batches):
        chosen = order[k * size : (k + 1) * size]
        start, stop = batch.interval
        assert batch.weight == len(chosen)
        assert x[chosen[0]] - 1e-8 < start < x[chosen[0]]
        assert x[chosen[-1]] < stop < x[chosen[-1]] + 1e-8
        edges, lines = np.array([start, (start + stop) / 2, stop]), rng.normal(size=(2, 2, 1))
        loss, gradient = loss_of(batch, edges, lines)
        expected_loss, expected = exact_loss(x[chosen], y[chosen, None], edges, lines)
        assert loss == pytest.approx(expected_loss, rel=1e-13)
        assert gradient == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("in_order", [True, False])
def test_any_batch(in_order, outputs):
    """Catches: row numbers that are taken for places in order of x, rows that are not sorted, ties, empty regions."""
    rng = np.random.default_rng(6)
    x, y = np.round(rng.uniform(-3, 3, 200), 1), rng.normal(size=(200, outputs))
    x = np.sort(x) if in_order else x
    moments = Moments.of(Dataset(x, y))
    for size in (1, 7, 64, 200):
        chosen = rng.permutation(200)[:size].astype(np.int32)
        edges, lines = np.array([x.min(), -1.5, -1.5, 0.3, 0.31, x.max()]), rng.normal(size=(2, 5, outputs))
        expected_loss, expected = exact_loss(x[chosen], y[chosen], edges, lines)
        for batch in (moments.batch(chosen), moments.batch(chosen[None])):
            loss, gradient = loss_of(batch, edges, lines)
            assert batch.weight == size
            assert loss == pytest.approx(expected_loss, rel=1e-13)
            assert gradient == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("kind", ["all", "neighbours", "one batch", "a batch for each", "function"])
def test_several_networks(kind):
    """Catches: samples in another network's column, a last region that reaches into the next row, fill that counts."""
    rng = np.random.default_rng(9)
    x, y = rng.uniform(-3, 3, 300), rng.normal(size=300)
    moments = Moments.of_function("sine", (-3, 3)) if kind == "function" else Moments.of(Dataset(x, y))
    rows = np.stack([rng.permutation(300)[:50] for _ in range(3)])
    alone = [moments] * 3
    if kind == "neighbours":
        moments = moments.batches(120)[1]
        alone = [moments] * 3
    elif kind == "one batch":
        moments = moments.batch(rows[0])
        alone = [moments] * 3
    elif kind == "a batch for each":
        alone = [moments.batch(row) for row in rows]
        moments = moments.batch(rows)
    start, stop = moments.interval
    edges = np.sort(rng.uniform(start, stop, (3, 6)), axis=1)
    edges[:, 0], edges[:, -1] = start, stop
    edges[1, 3:] = stop  # a shorter row, filled
    lines = rng.normal(size=(1, 18)) + 1j * rng.normal(size=(1, 18))
    losses, gradient = moments.loss(edges.reshape(-1), lines, np.array([5, 11, 17]))
    for k, one in enumerate(alone):
        (loss,), expected = one.loss(edges[k], lines[:, 6 * k : 6 * k + 6], np.array([5]))
        assert losses[k] == pytest.approx(loss, rel=1e-13)
        assert gradient[:, 6 * k : 6 * k + 6] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert (gradient[0, [5, 9, 10, 11, 17]] == 0).all()


def test_a_perfect_fit_has_no_negative_loss():
    """Catches: rounding that makes a mean of squares negative (without a limit at 0, in 7 of these 40)."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        x, p, q = rng.uniform(-5, 5, 50), rng.normal(), rng.normal()
        moments = Moments.of(Dataset(x, p * x + q))
        start, stop = moments.interval
        loss, gradient = loss_of(moments, np.array([start, 1.0, stop]), np.array([[[p], [p]], [[q], [q]]]))
        assert 0 <= loss < 1e-13
        assert np.abs(gradient).max() < 1e-13


@pytest.mark.parametrize("name", ["linear", "exp", "exp_neg", "sine", "step", "shifted_step"])
def test_a_function_is_the_limit_of_its_samples(name):
    """Catches: integrals of another function, or not divided by the length; the difference falls as 1 / n."""
    rng = np.random.default_rng(5)
    edges, lines = np.array([-3.0, -1, 0.7, 4]), rng.normal(size=(2, 3, 1))
    loss, gradient = loss_of(Moments.of_function(name, (-3, 4)), edges, lines)
    errors = []
    for n in (1000, 8000):
        loss_n, gradient_n = loss_of(Moments.of(sample(name, (-3, 4), n)), edges, lines)
        errors.append([abs(loss_n - loss), np.abs(gradient_n - gradient).max()])
    size = np.array([loss, np.abs(gradient).max()])
    assert (np.array(errors[0]) < 0.02 * size).all()
    assert (np.array(errors[1]) < 0.25 * np.array(errors[0]) + 1e-12).all()


def test_what_is_refused():
    """Catches: bad input that fails late, or not at all."""
    with pytest.raises(TypeError, match=r"data is a ndarray: give a Dataset"):
        Moments.of(np.zeros(3))
    with pytest.raises(ValueError, match=r"data has 2 inputs: Moments need one"):
        Moments.of(Dataset(np.zeros((5, 2)), np.zeros(5)))
    with pytest.raises(ValueError, match="too large for float64"):
        Moments.of(Dataset([0.0, 1e200], [0.0, 1]))
    with pytest.raises(ValueError, match=r"batch_size is 10, but a function has no samples"):
        Moments.of_function("sine", (0, 1)).batches(10)
    moments = Moments.of(Dataset(np.arange(9.0), np.zeros(9)))
    for batch in (moments.batches(5)[0], moments.batch(np.arange(5)), moments.batch(np.arange(5)[None])):
        assert batch.batches(None) == [batch]
        with pytest.raises(ValueError, match="batch_size is 2, but this is a batch already"):
            batch.batches(2)
    for start, stop in [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)]:
        with pytest.raises(ValueError, match="interval"):
            Moments.of_function("sine", (start, stop))
