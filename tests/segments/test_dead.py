"""dead_units, against networks made by hand and dense samples."""

import numpy as np
import pytest

from tinymlp import MLP, dead_units, extract_segments


def test_which_layer_kills_the_output():
    """Catches: the wrong layer or reason; a network that changes called constant."""
    dead = MLP.from_weights([[[1], [2]], [[-1, -1], [-2, 0]], [[3, 4]]], [[0, 1], [-0.5, 0], [7]])
    found = dead_units(dead, (0, 1))
    assert (found.units, found.constant, found.cause, found.layer) == ([(1, 0), (1, 1)], True, "dead layer", 1)
    half = MLP.from_weights([[[1], [2]], [[-1, -1], [-2, 0]], [[3, 4]]], [[0, 1], [2.5, 0], [7]])
    assert not dead_units(half, (-3, 1)).constant
    assert dead_units(half, (-3, 1)).units == [(1, 1)]
    path = MLP.from_weights([[[1], [1]], [[0, 1]], [[1]]], [[0, -5], [1], [0]])  # only unit 1 is heard, and it is off
    found = dead_units(path, (0, 1))
    assert (found.units, found.cause, found.layer) == ([(0, 1)], "no path", 1)
    cancels = MLP.from_weights([[[1], [1]], [[1, -1]]], [[0, 0], [2]])
    found = dead_units(cancels, (-1, 1))
    assert (found.units, found.cause, found.layer) == ([], "cancelled", None)
    mute = MLP.from_weights([[[1]], [[0]]], [[0], [2]])
    assert dead_units(mute).cause == "no path"
    assert "layer 1" in str(dead_units(mute))
    assert dead_units(MLP.from_weights([[[1]], [[1]]], [[0], [0]])).cause is None


def test_lines_leaks_and_several_outputs():
    """Catches: a leaky unit that is off taken for silence; an output of several that changes forgotten."""
    leaky = MLP.from_weights([[[1]], [[1]]], [[-9], [0]], negative_slope=0.1)
    found = dead_units(leaky, (0, 1))
    assert (found.units, found.constant) == ([(0, 0)], False)
    two = MLP.from_weights([[[1], [1]], [[1, 0], [0, 1]]], [[0, -9], [0, 0]])
    assert not dead_units(two, (0, 1)).constant
    net = MLP.from_weights([[[1, 0]], [[1]]], [[1], [0]])
    assert dead_units(net.along([0, 0], [0, 1])).cause == "no path"  # the direction meets a weight 0


@pytest.mark.parametrize("interval", [None, (-50, 50)])
@pytest.mark.parametrize("seed", range(10))
def test_what_cancels_cancels_exactly(seed, interval):
    """Catches: a slope of 1e-17, which rounding left of equal units with opposite weights, taken for a change."""
    rng = np.random.default_rng(seed)
    W = np.tile([[0.3, -0.7, 0.2, 0.9]], (6, 1))
    v = rng.permutation([0.1, 0.7, 0.3, -0.1, -0.7, -0.3])
    net = MLP.from_weights([W, [v]], [np.full(6, 0.25), [0.5]])
    line = net.along(*rng.normal(size=(2, 4)))
    assert dead_units(line, interval).cause == "cancelled"
    assert extract_segments(line, interval).is_constant()
    net.params[-2] *= 1 + 2.0**-52
    assert not dead_units(line, interval).constant


@pytest.mark.parametrize("seed", range(20))
def test_against_samples(seed):
    """Catches: a unit that is on somewhere called dead."""
    net = MLP([1, 8, 8, 1], seed=seed, dtype=np.float64)
    x = np.linspace(-1, 1, 20001)[1:-1]
    a, units = x[None], []
    for l, (W, b) in enumerate(zip(net.weights[:-1], net.biases[:-1], strict=True)):
        z = W @ a + b[:, None]
        units += [(l, int(u)) for u in np.flatnonzero((z <= 0).all(axis=1))]
        a = np.maximum(z, 0)
    assert dead_units(net, (-1, 1)).units == units
