"""Networks with rewritten activations stay networks of that kind when they learn."""

import pickle
import warnings

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, Moments, train
from tinymlp.network.activations import clip, leaky
from tinymlp.network.graph import inputs
from tinymlp.network.rewrite import as_network

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, 200)
Y = np.sin(2 * X)
KINDS = {
    "prelu": leaky([0.2, -1.0, 0.0, 1.5]),
    "abs": leaky(-1.0),
    "relu6": clip(0.0, 0.6),
    "hardtanh": clip(-0.5, 0.8),
    "at most": clip(-np.inf, 0.3),
    "at least": clip(-0.4, np.inf),
}


def originals(inputs_=1):
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(o, i)), rng.normal(size=o)) for i, o in ((inputs_, 4), (4, 4), (4, 1))]


def rewritten(layers, activation, last=None):
    """As a reader makes it of these layers."""
    vector = inputs(layers[0][0].shape[1])
    for W, b in layers[:-1]:
        vector = vector.linear(W, b).activate(activation)
    vector = vector.linear(*layers[-1])
    return as_network(MLP, vector if last is None else vector.activate(last))


def slope_of(activation, z):
    h = 1e-7
    return (activation(z + h) - activation(z - h)) / (2 * h)


def descend(layers, activation, lr, steps):
    """Gradient descent on the original network, by the textbook."""
    for _ in range(steps):
        a, z = [X[None]], []
        for l, (W, b) in enumerate(layers):
            z.append(W @ a[-1] + b[:, None])
            a.append(activation(z[-1].T).T if l < len(layers) - 1 else z[-1])
        d, new = 2 / len(X) * (a[-1] - Y), []
        for l in range(len(layers) - 1, -1, -1):
            W, b = layers[l]
            new.insert(0, (W - lr * d @ a[l].T, b - lr * d.sum(axis=1)))
            if l:
                d = (W.T @ d) * slope_of(activation, z[l - 1].T).T
        layers = new
    return layers


@pytest.mark.parametrize("kind", ["prelu", "abs", "relu6"])
@pytest.mark.parametrize("by", [lambda data: data, Moments.of], ids=["samples", "segments"])
def test_steps_are_those_of_the_original(kind, by):
    """Catches: the two ReLUs of a PReLU that learn apart; a sign, gain or threshold left out of the gradient."""
    activation = KINDS[kind]
    net = rewritten(originals(), activation)
    train(net, by(Dataset(X, Y)), 20, optimizer=SGD(0.01), batch_size=200)
    truth = rewritten(descend(originals(), activation, 0.01, 20), activation)
    assert net.params == pytest.approx(truth.params, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("make", [lambda: Adam(0.01, weight_decay=0.1), lambda: SGD(0.01, momentum=0.9)])
@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_of_its_kind(kind, make):
    """Catches: ties that one optimizer breaks; a constant of a clip that the next bias does not absorb."""
    activation = KINDS[kind]
    net = rewritten(originals(), activation)
    start = net.copy()
    history = train(net, Dataset(X, Y), 30, optimizer=make(), batch_size=50)
    assert history.losses[-1] < history.losses[0]
    assert (net.params != start.params).any()
    values = X[:, None].T  # through the original: every unit's weights are those of its first ReLU
    sizes = net.sizes[1:-1]
    ends = np.cumsum(sizes)[:-1]
    for W, b, ties in zip(net.weights[:-1], net.biases[:-1], np.split(net.ties, ends, axis=1), strict=True):
        z = W @ values + b[:, None]
        unit, sign, threshold, _ = ties
        for k in range(len(unit)):
            first = np.flatnonzero(unit == unit[k])[0]
            assert sign[k] * (z[k] + threshold[k]) == pytest.approx(sign[first] * (z[first] + threshold[first]))
        values = np.maximum(z, 0)


def test_ties_are_kept_and_held_to_a_mask(tmp_path):
    """Catches: ties lost by a copy, a file, JSON or pickle, and the network then trained into another kind."""
    net = rewritten(originals(), KINDS["prelu"])
    net.save(tmp_path / "net.npz")
    copies = [net.copy(), MLP.load(tmp_path / "net.npz"), MLP.from_json(net.to_json()), pickle.loads(pickle.dumps(net))]
    for copy in copies:
        train(copy, Dataset(X, Y), 3)
    train(net, Dataset(X, Y), 3)
    assert all((copy.params == net.params).all() for copy in copies)
    before, mask = net.params.copy(), np.ones(net.params.shape)
    twice = np.flatnonzero(net.ties[0, : net.sizes[1]] == 1)  # the two ReLUs of unit 1 in the first layer
    mask[2 * twice[1]] = 0  # the weight of the second
    train(net, Dataset(X, Y), 3, mask=mask)
    still = np.flatnonzero(net.params[: 2 * net.sizes[1]] == before[: 2 * net.sizes[1]]).tolist()
    assert still == (2 * twice).tolist()
    with pytest.raises(ValueError, match=r"ties has shape \(4, 3\): give \(4, 4\)"):
        MLP.from_params([1, 4, 1], np.zeros(13), ties=np.zeros((4, 3)))
    assert MLP([1, 3, 1]).ties is None


def test_what_cannot_be_held_is_told():
    """Catches: a network with skip connections, or one that somebody changed, that becomes another kind unsaid."""
    x = inputs(1)
    (W, b), (V, c), (U, d) = originals()
    h = x.linear(W, b).activate(leaky(0.0))
    skip = as_network(MLP, h.add(h.linear(V, c).activate(leaky(0.0))).linear(U, d))
    changed = rewritten(originals(), KINDS["abs"])
    changed.params[0] += 1
    last = rewritten(originals(), leaky(0.0), leaky(0.0))
    for net in (skip, changed, last):
        with pytest.warns(UserWarning, match="make another kind of network"):
            train(net, Dataset(X, Y), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = rewritten(originals(), leaky(0.0))
        assert plain.ties is None
        train(plain, Dataset(X, Y), 1)
