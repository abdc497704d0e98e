# %% [markdown]
# # 3. Derive backpropagation
#
# **You will** derive the gradient of the loss by every weight, write it in eight lines, and check it three times.
#
# **You will learn** that backpropagation is the chain rule, taken in the order that computes nothing twice.
#
# **You need** lesson 2, derivatives, and matrix products.

# %%
import numpy as np

from tinymlp import MLP
from tinymlp.network.parameters import layer_views
from tinymlp.testing import check_gradient
from tinymlp.training.backprop import Memory, backward, forward

# %% [markdown]
# ## The way forward
#
# One column per sample: x is (inputs, n). Each layer l has a matrix W_l (out, in) and a bias b_l (out,):
#
#     z_l = W_l a_l + b_l,    a_{l+1} = max(z_l, 0),    a_0 = x
#
# and the last z is the output. Keep every a: the way back needs them.


# %%
def way_forward(weights, biases, x):
    """The output (outputs, n), and the activations that each layer was given."""
    a, given = x, []
    for W, b in zip(weights, biases, strict=True):
        given.append(a)
        z = W @ a + b[:, None]
        a = np.maximum(z, 0)
    return z, given


# %% [markdown]
# ## The loss
#
# The mean squared error of n samples, L = mean((z - y)^2). How much does it change with the output? Call that d:
#
#     d = dL/dz = 2 (z - y) / n
#
# ## The way back
#
# Say we know d_l = dL/dz_l for some layer. The chain rule gives the rest:
#
# - W_l multiplies a_l, so a weight W[i, j] feels every sample: dL/dW_l = d_l a_l^T. (Check the shapes: (out, n) (n,
#   in).)
# - b_l is added to every sample: dL/db_l = the sum of d_l over the samples.
# - a_l reaches L through every unit of z_l: dL/da_l = W_l^T d_l. And a_l = max(z_{l-1}, 0), whose slope is 1 where the
#   unit was on and 0 where it was off: d_{l-1} = (W_l^T d_l) * [a_l > 0].


# %%
def way_back(weights, given, d):
    """dL/dW and dL/db of every layer, first layer first, from d = dL/dz of the last."""
    dWs, dbs = [], []
    for W, a in zip(reversed(weights), reversed(given), strict=True):
        dWs.insert(0, d @ a.T)
        dbs.insert(0, d.sum(axis=1))
        d = (W.T @ d) * (a > 0)
    return dWs, dbs


# %% [markdown]
# ## Check it against differences
#
# Move all parameters a little way h along a random direction, and back: (L(+h) - L(-h)) / 2h must be the gradient
# times the direction. This shares nothing with the derivation, and one direction checks all parameters at once.

# %%
net = MLP([1, 8, 8, 1], dtype=np.float64)
rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (1, 50))
y = np.sin(x)


def loss(params):
    moved = net.with_params(params)
    z, _ = way_forward(moved.weights, moved.biases, x)
    return np.mean((z - y) ** 2)


z, given = way_forward(net.weights, net.biases, x)
dWs, dbs = way_back(net.weights, given, 2 * (z - y) / x.size)
gradient = np.concatenate(
    [np.column_stack(pair).ravel() for pair in zip(dWs, dbs, strict=True)]
)  # [W | b], layer by layer

h = 1e-6
for _ in range(5):
    direction = rng.normal(size=net.params.shape)
    difference = (loss(net.params + h * direction) - loss(net.params - h * direction)) / (2 * h)
    print(f"by differences {difference:+.9f}   by the chain rule {gradient @ direction:+.9f}")
    assert np.isclose(difference, gradient @ direction, rtol=1e-6)

# %% [markdown]
# ## Check it against tinymlp
#
# `tinymlp.training.backprop` does the same, in arrays that it uses again and with the bias as one more column of W. And
# `check_gradient` is your loop of differences, for any loss of any parameters; it says nothing if all is well.

# %%
memory, theirs = Memory(net, x.shape[1]), np.empty_like(net.params)
forward(net, x, memory)
assert np.isclose(backward(net, y, memory, layer_views(theirs, net.sizes)), loss(net.params))
assert np.allclose(gradient, theirs, rtol=1e-12)
check_gradient(loss, net.params, gradient)

# %% [markdown]
# ## Exercises
#
# 1. Make it leaky: max(z, 0.1 z). Which two lines change?
# 2. A unit that is off for every sample is *dead*. What is its gradient, and can gradient descent bring it back?
# 3. Try h from 1e-1 to 1e-12 in the differences. Where is the error smallest, and why does it grow on both sides?
#
# Solutions: `solutions/03_derive_backpropagation.py`.
