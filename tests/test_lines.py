"""Lines through larger networks, several outputs, the winner among them, and networks from other libraries."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from oracle import assert_agrees, exact

from tinymlp import MLP, argmax_changes, extract_outputs, extract_segments

INF = np.inf


def one_output(net, k):
    """The network with the k-th output only."""
    return MLP.from_weights(
        [*net.weights[:-1], net.weights[-1][k : k + 1]],
        [*net.biases[:-1], net.biases[-1][k : k + 1]],
        net.negative_slope,
    )


def test_along_is_the_network_on_the_line():
    """Catches: origin and direction mixed up, a bias forgotten, a leak lost."""
    rng = np.random.default_rng(0)
    net = MLP([5, 8, 8, 3], negative_slope=0.1, seed=1)
    a, b = rng.normal(size=(2, 5))
    line = net.along(a, b - a)
    t = np.linspace(-1, 2, 50)
    assert line.sizes == (1, 8, 8, 3)
    assert line.dtype == np.float64
    assert line(t) == pytest.approx(net.astype(np.float64)(a + t[:, None] * (b - a)), rel=1e-12, abs=1e-13)


def test_along_refuses_what_is_no_line():
    """Catches: broadcasting where a point is due."""
    net = MLP([3, 4, 1])
    for origin, direction, match in [
        ([1, 2], [1, 2, 3], r"origin has shape \(2,\): give 3 finite"),
        ([1, 2, 3], 1.0, r"direction has shape \(\)"),
        ([1, 2, np.nan], [1, 2, 3], "origin"),
        ([1, 2, 3], [0, 0, 0], "direction is zero"),
    ]:
        with pytest.raises(ValueError, match=match):
            net.along(origin, direction)


@pytest.mark.parametrize("seed", range(8))
def test_each_output_has_segments_of_its_own(seed):
    """Catches: outputs mixed up; labels of one output given to another."""
    net = MLP([1, 6, 6, 3], (0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
    net.weights[-1][1, :3] = 0  # the second output hears half of the last layer
    for arithmetic in ("auto", "exact"):
        outputs = extract_outputs(net, -10, 10, arithmetic)
        assert len(outputs) == 3
        for k, f in enumerate(outputs):
            assert_agrees(f, exact(one_output(net, k), -10, 10))
    if not net.negative_slope:
        assert any((a.labels != b.labels).any() for a, b in pairwise(outputs))


def test_a_jump_that_cancels_in_one_output_only():
    """Catches: the rational slopes of another output."""
    net = MLP.from_weights([[[1], [1]], [[1, -1], [1, 1], [0, 0]]], [[0, 0], [0, 0, 0]])
    for arithmetic in ("auto", "exact", "float"):
        labels = [f.labels.tolist() for f in extract_outputs(net, arithmetic=arithmetic)]
        assert labels == [["cancelled"], ["visible"], ["unheard"]]


def test_one_output_is_extract_segments():
    """Catches: two ways that differ."""
    net = MLP([1, 10, 10, 1], seed=3)
    (f,), g = extract_outputs(net), extract_segments(net)
    assert f.breakpoints.tolist() == g.breakpoints.tolist()
    assert f.slopes.tolist() == g.slopes.tolist()


def winners(net, start, stop):
    """The truth about who wins between start and stop: every region of the oracle, every crossing of two outputs."""
    truths = [exact(one_output(net, k), start, stop) for k in range(net.sizes[-1])]
    cuts = {Fraction(start), Fraction(stop), *(x for truth in truths for x in truth.boundaries)}
    weights = [[[Fraction(float(v)) for v in row] for row in W] for W in net.weights]
    biases = [[Fraction(float(v)) for v in b] for b in net.biases]

    def outputs(x):
        a = [x]
        for l, (W, b) in enumerate(zip(weights, biases, strict=True)):
            a = [sum((w * v for w, v in zip(row, a, strict=True)), c) for row, c in zip(W, b, strict=True)]
            if l < len(weights) - 1:
                a = [v if v > 0 else Fraction(net.negative_slope) * v for v in a]
        return a

    edges = sorted(cuts)
    for left, right in pairwise(edges):
        y0, y1 = outputs(left), outputs(right)
        for i in range(len(y0)):
            for j in range(i):
                d0, d1 = y0[i] - y0[j], y1[i] - y1[j]
                if d0 * d1 < 0:
                    cuts.add(left + d0 / (d0 - d1) * (right - left))
    edges = sorted(cuts)
    found, before = [], None
    for left, right in pairwise(edges):
        y = outputs((left + right) / 2)
        after = y.index(max(y))
        if before is not None and after != before:
            found.append((left, before, after))
        before = after
    return found


@pytest.mark.parametrize("seed", range(30))
def test_argmax_changes_against_rationals(seed):
    """Catches: a change that is missed, invented, misplaced, or between others; ties that rounding breaks."""
    rng = np.random.default_rng(seed)
    net = MLP([1, 5, 5, 4], (0.0, 0.1)[seed % 2], seed=seed, dtype=np.float64)
    net.weights[-1][:] *= 3
    if seed % 3 == 1:  # dense coincidences: equal outputs, changes on boundaries and on the ends
        net.params[:] = rng.integers(-2, 3, net.params.shape)
    if seed % 3 == 2:  # two outputs that are equal but for the order of summation
        net.layers[-1][3] = net.layers[-1][1]
    truth, changes = winners(net, -4, 4), argmax_changes(net, -4, 4)
    assert [(c.before, c.after) for c in changes] == [(before, after) for _, before, after in truth]
    assert [c.x for c in changes] == [float(x) for x, _, _ in truth]


def test_outputs_that_differ_by_less_than_rounding():
    """Catches: a winner that float64's rounding chose. On (1, 2) one output is larger, or they are equal, by 2^-54."""
    rng = np.random.default_rng(0)
    fooled = 0
    for _ in range(200):
        v = rng.normal(size=3)
        outputs = [[*v, 0], [v[0] + v[1], v[2], 0, 0]]  # the sum rounded here, there not
        net = MLP.from_weights([np.ones((4, 1)), outputs], [np.zeros(4), [0, 0]])
        truth = [sum(map(Fraction, row)) for row in outputs]
        assert argmax_changes(net, 1, 2) == []
        (change,) = argmax_changes(net, -1, 2) or [None] if truth[1] > truth[0] else [None]
        assert change is None or change == (0.0, 0, 1)
        assert (change is not None) == (truth[1] > truth[0])
        seen = net(1.5)[0]
        fooled += (seen[1] > seen[0]) != (truth[1] > truth[0])
    assert fooled > 10


def test_argmax_changes_on_the_whole_line():
    """Catches: infinity taken for a number; changes in the outermost regions missed."""
    net = MLP.from_weights([[[1], [-1]], [[1, 0], [0, 2], [0, 0]]], [[0, 0], [0, 0, 6]])  # x+, 2 x-, 6
    assert argmax_changes(net) == [(-3.0, 1, 2), (6.0, 2, 0)]
    straight = MLP.from_weights([[[1], [-1], [0]]], [[0, 0, 0]])  # x, -x, 0: no hidden layer; all meet at 0
    assert argmax_changes(straight) == [(0.0, 1, 0)]
    assert argmax_changes(straight, 0, 5) == argmax_changes(straight, -5, 0) == []  # they meet at the end
    parallel = MLP.from_weights([[[-1], [-1], [0]]], [[0, 1, 0]])  # towards minus infinity the intercept decides
    assert argmax_changes(parallel) == [(1.0, 1, 2)]
    same = MLP.from_weights([[[1], [1]]], [[2, 2]])
    assert argmax_changes(same) == []


def test_argmax_needs_rivals():
    """Catches: an empty list for a network that has no decision to make."""
    with pytest.raises(ValueError, match="net has 1 output"):
        argmax_changes(MLP([1, 3, 1]))
    with pytest.raises(ValueError, match=r"net has 4 inputs.*along"):
        argmax_changes(MLP([4, 3, 2]))


def test_argmax_is_what_numpy_sees():
    """Catches: any difference from evaluating the network."""
    net = MLP([20, 30, 30, 10], seed=2)
    rng = np.random.default_rng(2)
    for W in net.weights:
        W *= 3
    line = net.along(rng.normal(size=20), rng.normal(size=20))
    changes = argmax_changes(line, -20, 20)
    assert len(changes) > 3
    t = np.linspace(-20, 20, 2001)
    seen = line(t).argmax(axis=1)
    for a, b, first, last in zip(t[:-1], t[1:], seen[:-1], seen[1:], strict=True):
        inside = [c for c in changes if a < c.x <= b]
        assert (inside[0].before, inside[-1].after) == (first, last) if inside else first == last


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
