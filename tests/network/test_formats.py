"""Weights from PyTorch and scikit-learn, by stand-ins with the attributes that the real ones have."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinymlp import MLP

# Stand-ins with the attributes that torch and scikit-learn have. That the real ones are read alike was seen by hand
# with torch 2.13 and scikit-learn 1.9.1: outputs equal to 2e-7 in float32.


class Tensor:
    """What of torch.Tensor is used."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values


def module(kind, *children, **attributes):
    """An object of a class of that name, with the modules it holds."""
    return type(kind, (), {"_modules": dict(enumerate(children)), **attributes})()


def linear(rng, inputs, outputs, bias=True):
    weight, b = rng.normal(size=(outputs, inputs)).astype(np.float32), rng.normal(size=outputs).astype(np.float32)
    return module("Linear", weight=Tensor(weight), bias=Tensor(b) if bias else None)


def test_from_torch_module():
    """Catches: a transposed weight, a lost bias or slope, nested modules out of order."""
    rng = np.random.default_rng(0)
    a, b, c = linear(rng, 3, 4), linear(rng, 4, 5, bias=False), linear(rng, 5, 2)
    leaky = module("LeakyReLU", negative_slope=0.2)
    inner = module("Sequential", leaky, module("Dropout"), b, leaky)
    net = MLP.from_torch(module("Model", module("Flatten"), a, inner, c))
    assert (net.sizes, net.negative_slope, net.dtype) == ((3, 4, 5, 2), 0.2, np.float32)
    assert (net.weights[1] == b.weight.values).all()
    assert (net.biases[1] == 0).all()
    assert (net.biases[2] == c.bias.values).all()
    relu = module("ReLU")
    assert MLP.from_torch(module("Sequential", a, relu, linear(rng, 4, 1))).negative_slope == 0


def test_from_torch_state_dict():
    """Catches: pairs of weight and bias mixed up; a state dict that holds more than such pairs read all the same."""
    rng = np.random.default_rng(1)
    W, b = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], [rng.normal(size=4), rng.normal(size=2)]
    state = {"f.weight": Tensor(W[0]), "f.bias": Tensor(b[0]), "g.weight": W[1], "g.bias": b[1]}
    net = MLP.from_torch(state, negative_slope=0.01)
    assert net.negative_slope == 0.01
    assert [(w == v).all() for w, v in zip(net.weights + net.biases, W + b, strict=True)] == [True] * 4
    with pytest.raises(ValueError, match="running_mean"):
        MLP.from_torch({**state, "n.running_mean": np.zeros(3)})
    with pytest.raises(ValueError, match="pairs of"):
        MLP.from_torch({})


def test_from_torch_refuses_what_is_no_such_network():
    """Catches: an activation or layer that is silently left out."""
    rng = np.random.default_rng(2)
    a, b, c, relu = linear(rng, 1, 3), linear(rng, 3, 3), linear(rng, 3, 1), module("ReLU")
    for parts, match in [
        ((a, b), "no activation module stands between Linear 0 and 1.*state_dict"),
        ((a, module("Tanh"), b), "after 1 Linear layers"),
        ((a, relu, c, relu), "ends with an activation"),
        ((), "after 0 Linear layers"),
        ((relu, a), "after 0 Linear layers"),
        ((a, relu, relu, c), "after 1 Linear layers"),
        ((a, relu, b, module("LeakyReLU", negative_slope=0.1), c), "must be one"),
    ]:
        with pytest.raises(ValueError, match=match):
            MLP.from_torch(module("Sequential", *parts))
    with pytest.raises(ValueError, match="must be one"):
        MLP.from_torch(module("Sequential", a, relu, c), negative_slope=0.5)
    with pytest.raises(ValueError, match="source is a int"):
        MLP.from_torch(3)


def test_from_sklearn():
    """Catches: scikit-learn's (in, out) weights taken for (out, in); other activations taken for ReLU."""
    rng = np.random.default_rng(3)
    coefs, intercepts = [rng.normal(size=(2, 4)), rng.normal(size=(4, 3))], [rng.normal(size=4), rng.normal(size=3)]
    model = SimpleNamespace(coefs_=coefs, intercepts_=intercepts, activation="relu")
    x = rng.normal(size=(5, 2))
    expected = np.maximum(x @ coefs[0] + intercepts[0], 0) @ coefs[1] + intercepts[1]
    assert MLP.from_sklearn(model)(x) == pytest.approx(expected)
    model.activation = "tanh"
    with pytest.raises(ValueError, match="activation 'tanh'"):
        MLP.from_sklearn(model)
    with pytest.raises(ValueError, match="fitted"):
        MLP.from_sklearn(SimpleNamespace(activation="relu"))
