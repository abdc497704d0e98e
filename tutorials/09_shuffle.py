# %% [markdown]
# # 9. Shuffle, and learn the sine
#
# **You will** train a network twice on the same samples, in order of x and shuffled, and see in the gradients why it
# learns only once.
#
# **You will learn** that a network that fails need not be exhausted, and how to find the variable nobody looked at.
#
# **You need** lesson 4.

# %%
import numpy as np

from tinymlp import MLP, SGD, Ensemble, extract_segments, plot, sample, train
from tinymlp.article.measures import mean_squared_error
from tinymlp.network.parameters import layer_views
from tinymlp.training.backprop import Memory, backward, forward

data = sample("sine", (-10, 10))
SIZES, EPOCHS = [1, 10, 10, 10, 1], 90

# %% [markdown]
# ## A network that seems to be exhausted
#
# The article trains three layers of ten on the sine on (-10, 10), sees it fail, and concludes that its segments are
# used up. Its batches are slices of the x axis, always in the same order. Change only that.

# %%
ordered, shuffled = MLP(SIZES), MLP(SIZES)
train(ordered, data, EPOCHS, shuffle=False)
train(shuffled, data, EPOCHS, shuffle=True)

_, axes = plot.figure(columns=2)
for net, ax, title in zip((ordered, shuffled), axes, ("in order of x", "shuffled")):
    f = extract_segments(net, (-10, 10))
    plot.segments(f, (-10, 10), target="sine", ax=ax).set_title(f"{title}: {len(f)} segments")
    print(f"{title}: error {mean_squared_error(net, data):.4f}, {len(f)} segments")
axes[0].figure.savefig("09_ordered_and_shuffled.png")

# %% [markdown]
# ## What each batch wants
#
# Both have segments enough. A step goes against the gradient of its batch: compute it for the network that failed and
# each of its eight batches, once as slices of the x axis, once as random samples. You know how from lesson 3.


# %%
def batch_gradients(net, order, batch_size=1280):
    """The gradient of each batch of the samples in that order, one row per batch: (batches, P)."""
    x, y = data.columns(net.dtype)  # (1, n) each
    rows = []
    for i in range(0, len(order), batch_size):
        batch = order[i : i + batch_size]
        memory, gradient = Memory(net, len(batch)), np.zeros_like(net.params)
        forward(net, x[:, batch], memory)
        backward(net, y[:, batch], memory, layer_views(gradient, net.sizes))
        rows.append(gradient)
    return np.array(rows)


orders = {"slices": np.arange(len(data)), "shuffled": np.random.default_rng(0).permutation(len(data))}
gradients = {name: batch_gradients(ordered, order) for name, order in orders.items()}

after = ordered.copy()  # is that what train does? One epoch of plain gradient descent, with hardly a step
train(after, data, epochs=1, shuffle=False, optimizer=SGD(lr=1e-4))
assert np.allclose(after.params - ordered.params, -1e-4 * gradients["slices"].sum(axis=0), atol=1e-5)

# %% [markdown]
# Two batches agree if their gradients point the same way: a cosine of 1. At -1, each undoes what the other did.
# Shuffled, all batches agree where to go from here: there is much left to learn. The slices do not.

# %%
_, axes = plot.figure(columns=2, size=(4.5, 3.6))
for ax, (name, g) in zip(axes, gradients.items()):
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    image = ax.imshow(unit @ unit.T, cmap="RdBu", vmin=-1, vmax=1)
    ax.set(title=f"{name}: do two batches agree?", xlabel="batch", ylabel="batch")
    ax.figure.colorbar(image)
axes[0].figure.savefig("09_do_batches_agree.png")

# %% [markdown]
# ## What Adam makes of it
#
# Adam divides the mean of the gradients by the root of their mean square (lesson 4). If they agree, that is 1, and each
# parameter moves by `lr` a step. If they contradict each other, the mean is small but the root is not: a shorter move.

# %%
early = MLP(SIZES)
train(early, data, epochs=10, shuffle=False)
for net, epochs in ((early, 10), (ordered, EPOCHS)):
    for name, order in orders.items():
        g = batch_gradients(net, order)
        g = g[:, g.any(axis=0)]  # without parameters of dead units
        speed = np.abs(g.mean(axis=0)) / np.sqrt((g**2).mean(axis=0))
        print(f"after {epochs} epochs, {name}: Adam moves at {np.median(speed):.0%} of its speed")

# %% [markdown]
# ## Not an accident
#
# So the network is not exhausted: it is pulled to and fro, and slow. Take 24, and say that one has learnt the sine if
# its error is below 0.05, a tenth of the variance.

# %%
learnt = []
for shuffle in (False, True):
    nets = Ensemble(SIZES, range(24))
    train(nets, data, EPOCHS, shuffle=shuffle)
    found = [mean_squared_error(net, data) for net in nets.nets]
    learnt.append(sum(error < 0.05 for error in found))
    print(f"shuffle={shuffle}: {learnt[-1]} of 24 learn it, errors from {min(found):.4f} to {max(found):.4f}")
assert learnt[1] > learnt[0]

# %% [markdown]
# ## Exercises
#
# 1. Shuffle the samples once, before training, and keep those batches. Does that suffice?
# 2. Keep the order, but let each step see all samples (`batch_size=len(data)`), for as many steps. What do you expect?
# 3. Give the ordered networks eight times the epochs. Do they get there?
#
# Solutions: `solutions/09_shuffle.py`.
