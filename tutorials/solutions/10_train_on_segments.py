"""Solutions of 10_train_on_segments.py."""

import numpy as np

from tinymlp import MLP, Moments, extract_segments, sample, train
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward
from tinymlp.training.segment_gradient import segment_gradient


def by_segments(net, moments):
    """The loss and its gradient, layer by layer, from tinymlp: for it one network is the ensemble of one."""
    layers = [layer[None].astype(float) for layer in net.layers]
    grads = [np.empty_like(layer) for layer in layers]
    (loss,) = segment_gradient(moments, layers, grads, net.negative_slope)
    return loss, [grad[0] for grad in grads]


# 1. Two equations for p and q. Over (-1, 1) the integrals of 1, x, x^2, y and x y are 2, 0, 2/3, e - 1/e and 2/e.
p, q = np.linalg.solve([[2 / 3, 0], [0, 2]], [2 / np.e, np.e - 1 / np.e])
line = MLP([1, 1], dtype=np.float64)
train(line, Moments.of_function("exp", (-1, 1)), 2000)
print(f"1. by hand {p:.6f} x + {q:.6f}, trained {line.weights[0].item():.6f} x + {line.biases[0].item():.6f}")
assert np.allclose([p, q], line.params, atol=1e-6)

# 2. In a region every unit is a line, p x + q, and so is what backpropagation multiplies d by: dL/dW_l sums, over the
# samples, d times a number that does not depend on x times (p x + q). That needs the sums of d and of d x, no more. Two
# points have as many d of their own; so they can have these two sums.
data = sample("sine", (-5, 5), 1_000_000)
net = MLP([1, 10, 10, 1], seed=1, dtype=np.float64)
regions = extract_segments(net, (-5, 5)).regions
terms = np.stack([np.ones_like(data.x), data.x, data.x**2, data.y, data.x * data.y], axis=1)
table = np.concatenate([np.zeros((1, 5)), np.cumsum(terms, axis=0)])
n, Sx, Sxx, Sy, Sxy = np.diff(table[np.searchsorted(data.x, regions.edges)], axis=0).T
p, q = regions.slopes[0], regions.intercepts[0]
dq, dp = 2 / len(data) * (p * Sx + q * n - Sy), 2 / len(data) * (p * Sxx + q * Sx - Sxy)
x1, x2 = (regions.edges[:-1] * a + regions.edges[1:] * (1 - a) for a in (0.75, 0.25))
d2 = (dp - dq * x1) / (x2 - x1)
x, d = np.concatenate([x1, x2])[None], np.concatenate([dq - d2, d2])[None]
memory, grads = Memory(net, x.size), layer_views(np.empty_like(net.params), net.sizes)
z = forward(net, x, memory)
backward(net, z - d * x.size / 2, memory, grads)
for mine, theirs in zip(grads, by_segments(net, Moments.of(data))[1]):
    assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())
print(f"2. {x.size} points stand for {len(data):,} samples")

# 3. Between twelve samples the network does as it likes. On the sine itself there is no between.
sine = Moments.of_function("sine", (-5, 5))
for name, moments in (("12 samples", Moments.of(sample("sine", (-5, 5), 12))), ("the sine", sine)):
    net = MLP([1, 10, 10, 10, 1], seed=1, dtype=np.float64)
    loss = train(net, moments, 3000).losses[-1]
    print(f"3. trained on {name}: its loss {loss:.2e}, the true distance {by_segments(net, sine)[0]:.2e}")
