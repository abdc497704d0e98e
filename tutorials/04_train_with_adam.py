# %% [markdown]
# # 4. Train with Adam
#
# **You will** write gradient descent and Adam, train on a sine with each, and get the very numbers that tinymlp gets.
#
# **You will learn** why a step as long as the gradient is a bad step, and what Adam does about it.
#
# **You need** lesson 3.

# %%
import numpy as np

from tinymlp import MLP, SGD, Adam, plot, sample, train
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward

data = sample("sine", (-5, 5), n=1000)
x, y = data.columns(np.float64)  # (1, n) each

# %% [markdown]
# ## Downhill
#
# All parameters are one vector, `net.params`, and so is the gradient. The simplest step goes against it:
#
#     params -= lr * g
#
# How far is right? A parameter that hardly matters has a small gradient, so it hardly moves; one that matters much
# moves far, maybe too far. One `lr` cannot suit both.
#
# ## Adam
#
# Adam keeps two running means for every parameter, of the gradient and of its square:
#
#     m = b1 m + (1 - b1) g          v = b2 v + (1 - b2) g^2          b1 = 0.9, b2 = 0.999
#
# and divides one by the root of the other, so that each parameter moves by about `lr`, however large its gradient is.
# Both means start at 0, so they are too small at first, by 1 - b^t after t steps; Adam divides that out.


# %%
class MyAdam:
    """Kingma and Ba's algorithm 1, line by line."""

    def __init__(self, lr):
        self.lr, self.t, self.m, self.v = lr, 0, 0.0, 0.0

    def step(self, params, g):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        m_hat = self.m / (1 - 0.9**self.t)
        v_hat = self.v / (1 - 0.999**self.t)
        params -= self.lr * m_hat / (np.sqrt(v_hat) + 1e-8)


# %% [markdown]
# ## The loop
#
# Forward, backward, step; over and over. Here every step sees all the samples.


# %%
def my_train(net, optimizer, steps):
    """The loss before each step."""
    memory, g, losses = Memory(net, x.shape[1]), np.empty_like(net.params), []
    for _ in range(steps):
        forward(net, x, memory)
        losses.append(backward(net, y, memory, layer_views(g, net.sizes)))
        optimizer.step(net.params, g)
    return losses


mine, theirs = (MLP([1, 10, 10, 10, 1], dtype=np.float64) for _ in range(2))
my_losses = my_train(mine, MyAdam(lr=0.01), 300)
history = train(theirs, data, 300, batch_size=len(data), shuffle=False, optimizer=Adam(lr=0.01))
print(f"after 300 steps: my loss {my_losses[-1]:.6f}, tinymlp's {history.losses[-1]:.6f}")
assert np.allclose(my_losses[:50], history.losses[:50], rtol=1e-9)

# %% [markdown]
# (Only the first 50 are compared to nine digits: the two round differently, and training amplifies what is different.)
#
# ## Side by side
#
# Gradient descent with the longest steps that do not blow up, and Adam; then Adam on batches of 100 samples, ten steps
# for each look at the data. `train` calls that an epoch.

# %%
runs = {}
for name, optimizer, batch_size in [
    ("gradient descent, lr 0.1", SGD(lr=0.1), len(data)),
    ("Adam, lr 0.01", Adam(lr=0.01), len(data)),
    ("Adam, lr 0.01, batches of 100", Adam(lr=0.01), 100),
]:
    runs[name] = train(MLP([1, 10, 10, 10, 1]), data, 200, batch_size=batch_size, optimizer=optimizer)
    print(f"{name:32} {runs[name].losses[-1]:.5f}")

ax = None
for name, history in runs.items():
    ax = plot.losses(history, ax=ax)
    ax.lines[-1].set_label(name)
ax.legend()
ax.figure.savefig("04_losses.png")

losses = [history.losses[-1] for history in runs.values()]
assert losses[0] > losses[1] > losses[2]

# %% [markdown]
# ## Exercises
#
# 1. Leave out the correction by 1 - b^t. How long is the first step then, measured in lr?
# 2. Train on three points of your own, `Dataset([...], [...])`. How small does the loss get?
# 3. `train` twice for 100 epochs is not the same as once for 200. Why not, and what do you hand over to make it so?
#
# Solutions: `solutions/04_train_with_adam.py`.
