"""Networks made by hand, whose segments are known."""

import numpy as np

from tinymlp import MLP


def relu_of(*units, out=None, bias=0.0, slope=0.0):
    """One hidden layer of units (w, b), summed up with the weights out."""
    w, b = np.array(units, float).T
    return MLP.from_weights([w[:, None], [out or [1] * len(units)]], [b, [bias]], negative_slope=slope)


def stack(*layers, slope=0.0):
    """A network from layers (W, b)."""
    return MLP.from_weights([W for W, _ in layers], [b for _, b in layers], negative_slope=slope)


def hat():
    """0 outside of (-1, 1), 1 at 0: relu(x+1) - 2 relu(x) + relu(x-1)."""
    return MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])


def with_jumps(*pairs):
    """x plus a breakpoint for each pair (x, jump); float64."""
    x, jumps = np.array(pairs, float).T
    first = np.ones((len(x) + 1, 1))
    return MLP.from_weights([first, [[1, *jumps]]], [[100, *-x], [0]])


def sawtooth(depth):
    """A network with 2^depth pieces on [0, 1]: t -> 2 relu(t) - 4 relu(t - 1/2), depth times, exact in binary."""
    first = np.array([[1.0], [1.0]])
    tent = np.array([[2.0, -4.0], [2.0, -4.0]])
    weights = [first, *[tent] * (depth - 1), tent[:1]]
    biases = [np.array([0.0, -0.5])] * depth + [np.zeros(1)]
    return MLP.from_weights(weights, biases)


def one_output(net, k):
    """The network with the k-th output only."""
    return MLP.from_weights(
        [*net.weights[:-1], net.weights[-1][k : k + 1]],
        [*net.biases[:-1], net.biases[-1][k : k + 1]],
        negative_slope=net.negative_slope,
    )
