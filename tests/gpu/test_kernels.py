"""Every CUDA kernel against its NumPy twin."""

import numpy as np
import pytest

from tinymlp import Adam
from tinymlp.gpu import kernels
from tinymlp.training.backprop import leaky_relu, leaky_relu_backward, mean_squared_error

SIZES = [1, 255, 256, 257, 100_003]
DTYPES = ["float32", "float64"]
every_size = pytest.mark.parametrize("n", SIZES)
both_types = pytest.mark.parametrize("dtype", DTYPES)


def draw(n, dtype, seed):
    return np.random.default_rng(seed).normal(size=n).astype(dtype)


def same(got, want):
    """Whether a CuPy array has the digits of a NumPy array, and NaN where it has."""
    return got.dtype == want.dtype and np.array_equal(got.get(), want, equal_nan=True)


@every_size
@both_types
@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0])
def test_leaky_relu(cupy, n, dtype, slope):
    """Catches: fmax, which drops NaN; 0 * infinity; elements past the last stride that are left or done twice."""
    z = draw(n, dtype, 1)
    z[: min(n, 5)] = [np.nan, np.inf, -np.inf, 0.0, -0.0][: min(n, 5)]
    on_gpu = cupy.asarray(z)
    leaky_relu(on_gpu, slope, None)
    leaky_relu(z, slope, np.zeros_like(z))
    assert same(on_gpu, z)
    assert np.isnan(z[0])


@every_size
@both_types
@pytest.mark.parametrize("slope", [0.0, 0.01])
def test_leaky_relu_backward(cupy, n, dtype, slope):
    """Catches: a unit at zero that counts as on, NaN that a unit which is off turns into 0."""
    d, a = draw(n, dtype, 1), draw(n, dtype, 2)
    a[n // 2 :: 7] = 0
    d[0], a[0] = np.nan, -1
    on_gpu = cupy.asarray(d)
    leaky_relu_backward(on_gpu, cupy.asarray(a), slope, None)
    leaky_relu_backward(d, a, slope, np.empty(n, bool))
    assert same(on_gpu, d)
    assert np.isnan(d[0])


@every_size
@both_types
def test_mean_squared_error(cupy, n, dtype):
    """Catches: a block's sum that misses threads, a race that makes reruns differ, a gradient of another loss."""
    z, y = draw(n, dtype, 1), draw(n, dtype, 2)
    losses = []
    for _ in range(2):
        on_gpu = cupy.asarray(z)
        losses.append(mean_squared_error(on_gpu, cupy.asarray(y), 3 * n).get())
    exact = np.sum((z.astype(np.longdouble) - y) ** 2) / (3 * n)
    assert losses[0] == losses[1]
    assert losses[0].dtype == dtype
    assert losses[0].shape == ()
    assert float(losses[0]) == pytest.approx(float(exact), rel=10 * float(np.finfo(dtype).eps))
    mean_squared_error(z, y, 3 * n)
    assert same(on_gpu, z)


@every_size
@both_types
def test_a_loss_of_nan_is_nan(cupy, n, dtype):
    """Catches: a NaN that gets lost in the sum, or spreads to other samples' gradients."""
    z, y = draw(n, dtype, 1), draw(n, dtype, 2)
    z[n - 1] = np.nan
    on_gpu = cupy.asarray(z)
    assert np.isnan(mean_squared_error(on_gpu, cupy.asarray(y), n).get())
    assert np.isnan(on_gpu.get()).tolist() == [*[False] * (n - 1), True]


@every_size
@both_types
@pytest.mark.parametrize("steps", [1, 1000])
def test_adam(cupy, n, dtype, steps):
    """Catches: another rounding, M and V that overlap, a scalar cast to another type, a step count that is not kept."""
    params, grads = draw(n, dtype, 1), [draw(n, dtype, k) for k in range(2, 5)]
    on_gpu = cupy.asarray(params)
    adams = Adam(0.01), Adam(0.01)
    grads_on_gpu = [cupy.asarray(g) for g in grads]
    for step in range(steps):
        adams[0].step(params, grads[step % 3])
        adams[1].step(on_gpu, grads_on_gpu[step % 3])
    assert same(on_gpu, params)
    assert same(adams[1]._sums, adams[0]._sums)
    assert same(grads_on_gpu[0], draw(n, dtype, 2))


@both_types
def test_few_threads_for_many_elements(cupy, dtype, monkeypatch):
    """Catches: elements past the first stride that are left out or done twice."""
    monkeypatch.setattr(kernels, "BLOCKS", 3)
    test_leaky_relu(cupy, 10_003, dtype, 0.01)
    test_leaky_relu_backward(cupy, 10_003, dtype, 0.01)
    test_mean_squared_error(cupy, 10_003, dtype)
    test_adam(cupy, 10_003, dtype, 2)


@both_types
def test_adam_is_adam(cupy, dtype):
    """Catches: a mistake that both twins share. m, v and params as the paper has them, in float64."""
    n, b1, b2, lr, decay = 1000, 0.8, 0.99, 0.02, 0.1
    p = draw(n, np.float64, 1)
    m, v = np.zeros(n), np.zeros(n)
    adam, on_gpu = Adam(lr, betas=(b1, b2), eps=1e-6, weight_decay=decay), cupy.asarray(p.astype(dtype))
    for t in range(1, 11):
        g = draw(n, dtype, t)
        adam.step(on_gpu, cupy.asarray(g))
        g = g + decay * p
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-6)
    tolerance = 100 * float(np.finfo(dtype).eps)
    M, V = adam._sums.get()
    assert np.abs(M * (1 - b1) - m).max() < tolerance
    assert np.abs(V * (1 - b2) - v).max() < tolerance
    assert np.abs(on_gpu.get() - p).max() < tolerance


@both_types
def test_adam_keeps_nan(cupy, dtype):
    """Catches: a NaN in the gradient that some branch hides, in params, M or V; or that spreads."""
    n = 300
    params, grad = cupy.asarray(draw(n, dtype, 1)), draw(n, dtype, 2)
    grad[7] = np.nan
    adam = Adam(0.01)
    for _ in range(3):
        adam.step(params, cupy.asarray(grad))
    for array in (params, adam._sums[0], adam._sums[1]):
        assert np.flatnonzero(np.isnan(array.get())).tolist() == [7]


def test_wrong_arguments_are_refused_in_words(cupy):
    """Catches: a launch that would read other bytes than it was given, or past the end."""
    x = cupy.asarray(np.ones((4, 6)))
    refused = [
        (TypeError, "z is a numpy.ndarray: give a CuPy array", lambda: kernels.leaky_relu(np.ones(3), 0.1)),
        (TypeError, "z is a builtins.list: give a CuPy array", lambda: kernels.leaky_relu([1.0], 0.1)),
        (TypeError, "z has dtype int64: give float32", lambda: kernels.leaky_relu(x.astype(np.int64), 0.1)),
        (TypeError, "leaky_relu got '0.1', a str", lambda: kernels.leaky_relu(x, "0.1")),
        (TypeError, "leaky_relu got .*: give a number", lambda: kernels.leaky_relu(x, x[0, 0])),
        (TypeError, "a has dtype float32 and d", lambda: kernels.leaky_relu_backward(x, x.astype(np.float32), 0.1)),
        (ValueError, r"a has shape \(3, 6\) and d", lambda: kernels.leaky_relu_backward(x, x[:3], 0.1)),
        (ValueError, "z has gaps", lambda: kernels.leaky_relu(x[:, :3], 0.1)),
        (ValueError, "y has gaps", lambda: kernels.mean_squared_error(x[:3, :3].copy(), x[:3, :3], 9)),
        (ValueError, r"z is empty, shape \(0, 6\)", lambda: kernels.leaky_relu(x[:0], 0.1)),
        (ValueError, r"sums is \(4, 6\) .* need two arrays", lambda: kernels.adam(x, x, x, (0.9, 0.9), 0.1, 0.1, 0.0)),
    ]
    for error, words, call in refused:
        with pytest.raises(error, match=words):
            call()
    assert (x.get() == 1).all()
