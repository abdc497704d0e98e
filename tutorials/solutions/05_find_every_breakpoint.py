"""Solutions of 05_find_every_breakpoint.py."""

from collections import Counter

import numpy as np

from tinymlp import MLP, extract_segments, sample, train


# 1. Units that are off pass on negative_slope times their line, instead of nothing. One line changes.
def all_lines(net, interval):
    p, q, edges = np.array([[1.0]]), np.array([[0.0]]), np.array(interval, float)
    weights, biases = [W.astype(float) for W in net.weights], [b.astype(float) for b in net.biases]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        p, q = W @ p, W @ q + b[:, None]
        crossings = -q / p
        inside = (crossings > edges[:-1]) & (crossings < edges[1:])
        new_edges = np.unique(np.concatenate([edges, crossings[inside]]))
        middle = (new_edges[:-1] + new_edges[1:]) / 2
        parent = np.searchsorted(edges, middle) - 1
        p, q, edges = p[:, parent], q[:, parent], new_edges
        gain = np.where(p * middle + q > 0, 1, net.negative_slope)  # here
        p, q = p * gain, q * gain
    return (weights[-1] @ p)[0], (weights[-1] @ q + biases[-1][:, None])[0], edges


leaky = MLP([1, 10, 10, 1], negative_slope=0.1)
slopes, intercepts, edges = all_lines(leaky, (-5, 5))
x = np.linspace(-4.99, 4.99, 1000)
region = np.searchsorted(edges, x) - 1
assert np.allclose(slopes[region] * x + intercepts[region], leaky.astype(np.float64)(x))


# 2. The first owner's layer, for each boundary that is a breakpoint.
def by_layer(net):
    f = extract_segments(net, (-5, 5))
    return Counter(b.owners[0][0] for b in f.boundaries if b.label == "visible")


net = MLP([1, 10, 10, 10, 1])
print("2. before training:", dict(by_layer(net)))
assert by_layer(net).total() == len(extract_segments(net, (-5, 5))) - 1
train(net, sample("sine"), epochs=60)
print("   after training: ", dict(by_layer(net)))

# 3. relu(x) - relu(x): both switch at 0, and the output is 0 everywhere. A third unit makes a breakpoint one can see.
f = extract_segments(MLP.from_weights([[[1], [1], [1]], [[1, -1, 1]]], [[0, 0, -2], [0]]))
assert [b.x for b in f.boundaries] == [0, 2]
assert f.breakpoints.tolist() == [2]
