# %% [markdown]
# # 8. Freeze a network, and measure it
#
# **You will** train networks on e^x, then on e^-x, see some of them stop learning, measure it, and find out why.
#
# **You will learn** how units die, why leaky ReLU helps, and why "it stopped learning" needs a fresh network beside it.
#
# **You need** lessons 3 and 4.

# %%
import numpy as np

from tinymlp import Ensemble, find_regions, plot, sample, train
from tinymlp.article.measures import explained_of
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward

rising, falling = sample("exp", (-5, 5)), sample("exp_neg", (-5, 5))
EPOCHS = 180

# %% [markdown]
# ## Is it the function, or the network?
#
# If a network that knew e^x does badly on e^-x, that alone says nothing: maybe e^-x is hard, with batches from left to
# right. Compare it with a *fresh* one that is trained as long. How much of the samples' variance does each explain? We
# call a network frozen if it explains less than half of what the fresh one does. One is an anecdote; take eight.
# (Eight are few, too, and these are unlucky: of 72 in float64, seeds 0 to 39 and 100 to 131, 17 froze.)


# %%
def explained(net, data):
    """1 for a perfect fit, 0 for the best constant, and for anything worse."""
    return max(0, 1 - np.mean((net(data.x) - data.y) ** 2) / np.var(data.y))


def freeze(negative_slope):
    """Eight networks after e^x and then e^-x, and the history of e^-x; prints what each explains beside a fresh one."""
    old, fresh = (Ensemble([1, 10, 10, 10, 1], range(8), negative_slope=negative_slope) for _ in range(2))
    train(old, rising, EPOCHS, shuffle=False)  # in order of x, as in the article
    history = train(old, falling, EPOCHS, shuffle=False, snapshots=range(EPOCHS + 1))
    train(fresh, falling, EPOCHS, shuffle=False)
    shares = [explained(a, falling) / explained(b, falling) for a, b in zip(old.nets, fresh.nets)]
    assert np.allclose(shares, [explained_of(a, b, falling) for a, b in zip(old.nets, fresh.nets)], atol=1e-6)
    print(f"negative slope {negative_slope}: shares {np.round(shares, 2)}, {sum(s < 0.5 for s in shares)} frozen")
    return old, history


nets, history = freeze(negative_slope=0)

# %% [markdown]
# ## Why: dead units
#
# A unit that is off for a sample passes nothing on. One that is off for all is *dead*. Go through the layers and count.


# %%
def count_off(net, x):
    """For each hidden layer, how many units are off for every x."""
    a, counts = x[None, :], []  # (units, n)
    for W, b in zip(net.weights[:-1], net.biases[:-1]):
        a = np.maximum(W @ a + b[:, None], 0)
        counts.append(int((a == 0).all(axis=1).sum()))
    return counts


x = falling.x
before = [net.with_params(params) for net, params in zip(nets, history.snapshots[0])]
print("off left of -2, of 10 in each layer, before e^-x:", [count_off(net, x[x < -2]) for net in before])
print("off everywhere, so dead, after e^-x:", [count_off(net, x) for net in nets])

# %% [markdown]
# On the left e^x is flat, and a cheap way to be flat is to switch a layer off. Where that has happened, the network is
# a constant on the left, just where e^-x is large: samples there can move only what comes after that layer. Not
# all such networks freeze, but most that freeze are such. Watch one go, and compare with all of (-5, 5).

# %%
k = next(k for k in range(8) if 10 in count_off(nets[k], x))
layer = count_off(nets[k], x).index(10)
exactly = [int((states <= 0).all(axis=1).sum()) for states in find_regions(nets[k], (-5, 5)).states]
print(f"network {k}: {count_off(nets[k], x)} for the samples, {exactly} exactly")  # one may be on where no sample is

_, (ax,) = plot.figure()
by_epoch = [count_off(nets[k].with_params(params[k]), x) for _, params in sorted(history.snapshots.items())]
for l, line in enumerate(zip(*by_epoch)):
    ax.plot(line, color=plot.LAYER_COLORS[l], drawstyle="steps-post", label=f"layer {l}")
ax.set(xscale="symlog", xlim=(0, EPOCHS), xlabel="epoch of e^-x", ylabel="dead units of 10")
ax.legend()
ax.figure.savefig("08_dead_units.png")

# %% [markdown]
# ## Why it cannot come back
#
# A unit that is off for every sample gets no gradient, and what is before it gets none through it (lesson 3: the
# sensitivity is multiplied by "on"). If a whole layer is dead, neither it nor any layer before it learns any more.

# %%
rows, targets = falling.columns(np.float32)  # (1, n) each
memory, gradient = Memory(nets[k], len(falling)), np.zeros_like(nets[k].params)
forward(nets[k], rows, memory)
backward(nets[k], targets, memory, layer_views(gradient, nets[k].sizes))
largest = [float(np.abs(g).max()) for g in layer_views(gradient, nets[k].sizes)]
print("largest entry of the gradient, layer by layer:", [f"{g:.3g}" for g in largest])
assert largest[: layer + 1] == [0.0] * (layer + 1)  # not small: zero

# %% [markdown]
# ## Leaky ReLU lets a hundredth through
#
# So a unit that is off still passes something on, and the gradient always finds a way.

# %%
freeze(negative_slope=0.01)

# %% [markdown]
# ## Exercises
#
# 1. Bring a frozen network back: change as few of its parameters as you can, and train on.
# 2. Frozen, or only slow? Train the frozen ones on for as long again. Which of them still learn?
# 3. Take 24 other seeds. Does a layer that is off on the left before e^-x foretell what a network explains after?
#
# Solutions: `solutions/08_freeze_a_network.py`.
