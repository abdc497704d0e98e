"""Keras models, by stand-ins with the attributes that the real ones have; the real ones were seen by hand (3.15)."""

import numpy as np
import pytest

from tinymlp import MLP


def layer(kind, *weights, **attributes):
    return type(kind, (), {"get_weights": lambda self: list(weights), "name": kind.lower(), **attributes})()


def dense(rng, inputs, outputs, activation="linear"):
    function = type("function", (), {"__name__": activation})()
    return layer("Dense", rng.normal(size=(inputs, outputs)), rng.normal(size=outputs), activation=function)


def model(*layers, forward=None):
    attributes = {"layers": list(layers), "input_shape": (None, 2)}
    if forward:
        attributes["__call__"] = lambda self, x: forward(x)
    return type("Sequential", (), attributes)()


def apply(dense, x):
    kernel, bias = dense.get_weights()
    return x @ kernel + bias


def test_weights_alone():
    """Catches: kernels (in, out) taken for (out, in); a model without biases; a batch norm taken for biases."""
    rng = np.random.default_rng(0)
    k = [rng.normal(size=(2, 4)), rng.normal(size=4), rng.normal(size=(4, 3))]
    x = rng.normal(size=(6, 2))
    truth = np.maximum(x @ k[0] + k[1], 0) @ k[2]
    assert MLP.from_keras(k)(x) == pytest.approx(truth)
    assert MLP.from_keras(k, negative_slope=0.5).negative_slope == 0.5
    with pytest.raises(ValueError, match=r"array 2 of the list has shape \(4,\): .* BatchNormalization"):
        MLP.from_keras([k[0], k[1], k[1], k[1], k[1]])
    with pytest.raises(ValueError, match="give a Keras model or"):
        MLP.from_keras("model.keras")


def test_layers():
    """Catches: an option of ReLU dropped, a norm folded on the wrong side, a nested model left out."""
    rng = np.random.default_rng(1)
    a, b, c = dense(rng, 2, 4), dense(rng, 4, 3, "relu6"), dense(rng, 3, 1)
    relu = layer("ReLU", max_value=2.0, negative_slope=0.1, threshold=0.0)
    gamma, beta, mean, var = rng.normal(size=(4, 4)) ** 2
    norm = layer("BatchNormalization", gamma, beta, mean, var, epsilon=1e-3, scale=True, center=True)
    scale = layer("Normalization", mean=np.array([[1.0, 2.0]]), variance=np.array([[4.0, 9.0]]), invert=False)
    net = MLP.from_keras(model(layer("InputLayer"), scale, model(a, norm, relu, layer("Dropout")), b, c))
    x = rng.normal(size=(50, 2)) * 5
    h = (apply(a, (x - [1, 2]) / [2, 3]) - mean) / np.sqrt(var + 1e-3) * gamma + beta
    h = np.minimum(np.where(h > 0, h, 0.1 * h), 2)
    truth = apply(c, np.clip(apply(b, h), 0, 6))
    assert net(x) == pytest.approx(truth)


def test_values_are_compared_and_words_help():
    """Catches: a functional model with a skip connection; gelu; a ReLU that jumps; softmax without a word."""
    rng = np.random.default_rng(2)
    a, b = dense(rng, 2, 4, "relu"), dense(rng, 4, 1)

    def forward(x):
        return apply(b, np.maximum(apply(a, x), 0))

    assert MLP.from_keras(model(a, b, forward=forward)).sizes == (2, 4, 1)
    coarse = model(a, b, forward=lambda x: 1.005 * forward(x))
    with pytest.raises(ValueError, match="other values"):
        MLP.from_keras(coarse)
    coarse.compute_dtype = "bfloat16"
    assert MLP.from_keras(coarse).sizes == (2, 4, 1)
    with pytest.raises(ValueError, match="other values"):
        MLP.from_keras(model(a, b, forward=lambda x: forward(x) + x[:, :1]))
    for layers, match in [
        ((dense(rng, 2, 4, "gelu"), b), "Dense 'dense': its activation is gelu: .* no segments"),
        ((dense(rng, 2, 4, "tanh"), b), "tanh stands before it"),
        ((a, layer("ReLU", threshold=1.0), b), "threshold=1.0 it jumps"),
        ((a, layer("Conv2D"), b), "model holds Conv2D 'conv2d': give Dense"),
        ((), "no layer with weights"),
    ]:
        with pytest.raises(ValueError, match=match):
            MLP.from_keras(model(*layers))
    with pytest.warns(UserWarning, match="before softmax"):
        MLP.from_keras(model(a, dense(rng, 4, 3, "softmax")))


def test_layers_as_activations_and_odd_weights():
    """Catches: Dense(4, LeakyReLU(0.3)) refused; a list of scales; LoRA's matrices; kernels of int8."""
    rng = np.random.default_rng(3)
    a, b = dense(rng, 2, 4), dense(rng, 4, 1)
    x = rng.normal(size=(20, 2))
    truth = apply(a, x * [0.5, 2] + 1)
    truth = apply(b, np.where(truth > 0, truth, 0.3 * truth))
    a.activation = layer("LeakyReLU", negative_slope=0.3)
    net = MLP.from_keras(model(layer("Rescaling", scale=[0.5, 2.0], offset=1.0), a, b))
    assert net(x) == pytest.approx(truth)
    k, v = b.get_weights()
    for weights in ((k, v, k, k), (k.astype(np.int8), v)):
        odd = layer("Dense", *weights, activation=b.activation)
        with pytest.raises(ValueError, match=r"quantised.*LoRA"):
            MLP.from_keras(model(a, odd))
