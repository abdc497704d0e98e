# %% [markdown]
# # 10. Train on segments
#
# **You will** compute the gradient over a million samples from 21 straight lines and a table, then without samples.
#
# **You will learn** that a network of straight pieces sees of its data only six sums for each piece.
#
# **You need** lessons 3 and 5.

# %%
from time import perf_counter

import numpy as np

from tinymlp import MLP, Ensemble, Moments, plot, sample, train
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward

# %% [markdown]
# ## On paper: one piece
#
# On one region the network is p x + q, and its part of the loss is L = 1/N sum (p x + q - y)^2, over the samples
# there, of N all in all. Multiplied out, it needs only six sums over the samples; its slopes need five of them:
#
#     dL/dq = 2/N E0,   E0 = sum (p x + q - y)   = p Sx  + q n  - Sy
#     dL/dp = 2/N E1,   E1 = sum (p x + q - y) x = p Sxx + q Sx - Sxy
#
# ## On paper: one hidden layer
#
# The network v . max(w x + b, 0) + c has p = sum of v_k w_k and q = c + sum of v_k b_k over the units k that are on. So
# dp/dw_k = v_k, dp/dv_k = w_k, and so on: by the chain rule, summed over the regions in which unit k is on,
#
#     dL/dw_k = v_k dL/dp     dL/db_k = v_k dL/dq     dL/dv_k = w_k dL/dp + b_k dL/dq     dL/dc = dL/dq (all regions)
#
# The breakpoints move, too, when w and b do. But there both pieces have the same value: if one moves by h, the few
# samples that it passes over change their errors by no more than about h, and L by about h^2.
#
# ## The table: sums between two breakpoints are differences of prefix sums; sum once, look up ever after


# %%
def prefix_sums(x, y):
    """Row i: the sums of 1, x, x^2, y and x y over the first i samples; x is sorted."""
    terms = np.stack([np.ones_like(x), x, x * x, y, x * y], axis=1)
    return np.concatenate([np.zeros((1, 5)), np.cumsum(terms, axis=0)])


def my_gradient(net, x, table):
    """By [w b] and by [v c]."""
    (w, b), (v, c) = net.layers[0].T, (net.layers[1][0, :-1], net.layers[1][0, -1])
    places = np.sort(-b / w)  # of the breakpoints
    edges = np.concatenate([[-np.inf], places, [np.inf]])
    middles = np.concatenate([[places[0] - 1], (places[1:] + places[:-1]) / 2, [places[-1] + 1]])
    on = np.outer(w, middles) + b[:, None] > 0  # (units, regions)
    p, q = (v * w) @ on, (v * b) @ on + c

    n, Sx, Sxx, Sy, Sxy = np.diff(table[np.searchsorted(x, edges)], axis=0).T
    dq = 2 / len(x) * (p * Sx + q * n - Sy)
    dp = 2 / len(x) * (p * Sxx + q * Sx - Sxy)
    dw, db, dv = v * (on @ dp), v * (on @ dq), w * (on @ dp) + b * (on @ dq)
    return np.stack([dw, db], axis=1), np.append(dv, dq.sum())[None]


# %% [markdown]
# ## Check it, and look at the clock (the table is made before, once)

# %%
net = MLP([1, 20, 1], dtype=np.float64)
for n in (1_000, 1_000_000):
    data = sample("exp", (-5, 5), n)
    table = prefix_sums(data.x, data.y)
    memory, grads = Memory(net, n), layer_views(np.empty_like(net.params), net.sizes)
    start = perf_counter()
    mine = my_gradient(net, data.x, table)
    middle = perf_counter()
    forward(net, data.x[None], memory)
    backward(net, data.y[None], memory, grads)
    stop = perf_counter()
    for my_part, part in zip(mine, grads):
        assert np.allclose(my_part, part, rtol=1e-9, atol=1e-9 * np.abs(part).max())
    print(f"{n:9,} samples: {1e3 * (middle - start):.2f} ms from the table, {1e3 * (stop - middle):.2f} ms one by one")

# %% [markdown]
# ## More layers, many networks
#
# A deeper layer is handed lines, (p, q) in each region. It pushes them through W and b, splits regions where a unit
# switches, and sets units that are off to 0. Three linear steps; the way back is their transposes: `segments/walk.py`,
# `training/segment_gradient.py`. 64 networks are only more columns: each costs a fifth of what it costs alone, or less.

# %%
million = Moments.of(sample("sine", (-5, 5), 1_000_000))  # the table, for networks of any depth
for nets in (MLP([1, 10, 10, 10, 1]), Ensemble([1, 10, 10, 10, 1], range(64))):
    start = perf_counter()
    least = train(nets, million, 300).losses.min()
    print(f"300 steps over a million samples: {perf_counter() - start:.1f} s, least loss {least:.5f}; {nets}")

# %% [markdown]
# ## Drop the samples
#
# Let n go to infinity: a sum over n becomes an integral over the length. Those of sin x, x sin x and sin^2 x are known.

# %%
sine = Moments.of_function("sine", (-5, 5))
net = MLP([1, 10, 10, 10, 1], seed=1)
train(net, sine, 1000)
by_samples = np.mean((net(x := np.linspace(-5, 5, 100_001)) - np.sin(x)) ** 2)
by_integrals = train(net, sine, 1).losses[0]  # measured before its step
print(f"mean squared error over 100,001 samples {by_samples:.7f}, over the sine itself {by_integrals:.7f}")
plot.segments(net, (-5, 5), target="sine").figure.savefig("10_no_samples.png")

# %% [markdown]
# ## Exercises
#
# 1. Without hidden units L is least where E0 = E1 = 0. Find the best line for e^x on (-1, 1), and let `train` find it.
# 2. Two points can stand for all samples of a region, if d = dL/dz is such that d1 + d2 = dL/dq, d1 x1 + d2 x2 = dL/dp.
#    Show it for two hidden layers, by lesson 3's backpropagation. (`backward` wants y: that is z - d N / 2, N points.)
# 3. Train on 12 samples of the sine and on the sine itself. How far from the sine is each, truly?
#
# Solutions: `solutions/10_train_on_segments.py`.
