"""Solutions of 03_derive_backpropagation.py."""

import numpy as np

from tinymlp import MLP
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (1, 50))
y = np.sin(x)


def loss_and_gradient(net):
    memory, gradient = Memory(net, x.shape[1]), np.empty_like(net.params)
    forward(net, x, memory)
    return backward(net, y, memory, layer_views(gradient, net.sizes)), gradient


# 1. The leaky ReLU on the way forward, and its slope on the way back.
leaky = MLP([1, 8, 8, 1], negative_slope=0.1, dtype=np.float64)
a, given = x, []
for W, b in zip(leaky.weights, leaky.biases, strict=True):
    given.append(a)
    z = W @ a + b[:, None]
    a = np.maximum(z, 0.1 * z)  # here
d, dWs = 2 * (z - y) / x.size, []
for W, a in zip(reversed(leaky.weights), reversed(given), strict=True):
    dWs.insert(0, d @ a.T)
    d = (W.T @ d) * np.where(a > 0, 1, 0.1)  # and here
_, gradient = loss_and_gradient(leaky)
for ours, theirs in zip(dWs, layer_views(gradient, leaky.sizes), strict=True):
    assert np.allclose(ours, theirs[:, :-1])

# 2. Its gradient is exactly zero, in every weight that leads to it and from it: nothing moves it any more, as long as
#    the layers before do not bring it samples on which it is on. This is how networks freeze.
net = MLP([1, 8, 8, 1], dtype=np.float64)
net.biases[0][3] = -100
_, gradient = loss_and_gradient(net)
first, second, _ = layer_views(gradient, net.sizes)
assert (first[3] == 0).all()
assert (second[:, 3] == 0).all()

# 3. Wide steps are wrong by the curvature, like h^2 (and some samples pass a boundary); narrow ones lose digits:
#    rounding over h.
net = MLP([1, 8, 8, 1], dtype=np.float64)
_, gradient = loss_and_gradient(net)
direction = rng.normal(size=net.params.shape)
errors = {}
for k in range(1, 13):
    h = 10.0**-k
    right, left = (loss_and_gradient(net.with_params(net.params + s * h * direction))[0] for s in (1, -1))
    errors[k] = abs((right - left) / (2 * h) - gradient @ direction)
    print(f"3. h = 1e-{k:02}: error {errors[k]:.1e}")
best = min(errors, key=errors.get)
assert 3 < best < 9
assert errors[1] > 100 * errors[best] < errors[12]
