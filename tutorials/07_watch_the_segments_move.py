# %% [markdown]
# # 7. Watch the segments move
#
# **You will** follow every breakpoint of a network through training, draw their paths, and make a film of it.
#
# **You will learn** that breakpoints have owners, so one can tell where they come from; and that looking is not
# counting.
#
# **You need** lesson 5.

# %%
from collections import Counter
from itertools import pairwise

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

from tinymlp import MLP, extract_segments, plot, sample, train
from tinymlp.article.measures import carried_in

# %% [markdown]
# ## Keep a copy after every epoch
#
# `train` keeps copies of the parameters if you ask for `snapshots`. Each copy is a network, and has exact segments.
# We learn e^x as the article does: 40 epochs, batches in order of x.

# %%
net = MLP([1, 10, 10, 10, 1], seed=0)
history = train(net, sample("exp", (-5, 5)), epochs=40, shuffle=False, snapshots=range(41))
nets = [net.with_params(params) for _, params in sorted(history.snapshots.items())]
films = [extract_segments(n) for n in nets]  # on the whole real line
breakpoints = [[b for b in f.boundaries if b.label == "visible"] for f in films]

# %% [markdown]
# ## The first layer: paths you can compute
#
# Unit k of the first layer switches at -b_k / w_k, wherever that goes. Such a breakpoint is never born and never dies,
# unless it leaves through infinity, or nobody downstream listens.

# %%
for found, n in zip(breakpoints, nets):
    w, bias = n.weights[0].astype(float)[:, 0], n.biases[0].astype(float)
    for b in found:
        for layer, k in b.owners:
            assert layer != 0 or np.isclose(b.x, -bias[k] / w[k])

# %% [markdown]
# ## All layers: a dot for each breakpoint
#
# A deeper unit may switch at several places, and gain and lose breakpoints. Draw x to the right and time upwards.

# %%
_, (paths,) = plot.figure(size=(7, 5))
for epoch, found in enumerate(breakpoints):
    for b in found:
        layer = min(b.owners)[0]
        paths.plot(b.x, epoch, ".", ms=3, color=plot.LAYER_COLORS[layer])
paths.set(xlim=(-6, 8), xlabel="x", ylabel="epoch", title="breakpoints, coloured by layer")
paths.axvline(5, color="0.7", lw=1)  # no samples right of here
paths.figure.savefig("07_paths.png")

# %% [markdown]
# ## The film
#
# A frame is a picture. matplotlib draws one after the other, and Pillow, which came with it, writes them as a GIF.

# %%
fig, (ax,) = plot.figure(size=(5, 3.5))


def frame(epoch):
    ax.clear()
    plot.segments(films[epoch], (-6, 8), target="exp", ax=ax)
    ax.set(ylim=(-20, 160), title=f"after {epoch} epochs")


FuncAnimation(fig, frame, frames=len(films)).save("07_segments.gif", PillowWriter(fps=8), dpi=60)

# %% [markdown]
# ## Do they come in from the right?
#
# The article watched such pictures and concluded that training calls segments in from the right. Count! From epoch to
# epoch, a unit has carried a breakpoint in across x = 5 if it has one less on the right and one more on the left.


# %%
def on_each_side(found, at):
    """How many breakpoints each unit has left of a place, and right of it."""
    left, right = Counter(), Counter()
    for b in found:
        for unit in b.owners:
            (right if b.x > at else left)[unit] += 1
    return left, right


def came_in(before, after, at):
    """Breakpoints that units carried in across that place, less those they carried out."""
    (left0, right0), (left1, right1) = on_each_side(before, at), on_each_side(after, at)
    count = 0
    for unit in set(left0) | set(right0) | set(left1) | set(right1):
        gained, lost = left1[unit] - left0[unit], right0[unit] - right1[unit]
        if gained * lost > 0:
            count += np.sign(gained) * min(abs(gained), abs(lost))
    return count


count = sum(came_in(before, after, 5) for before, after in pairwise(breakpoints))
assert count == sum(carried_in(n, m, 5) for n, m in pairwise(nets))
print(f"carried in from the right of 5, less those carried out: {count}")
assert count < 0

# %% [markdown]
# ## Exercises
#
# 1. Which unit of the first layer has moved its breakpoint farthest, and from where to where?
# 2. Is it an accident of seed 0? Do it for 8 seeds, with the batches in order of x and shuffled.
# 3. For each layer, draw how many breakpoints it owns on (-5, 5) against the epoch.
#
# Solutions: `solutions/07_watch_the_segments_move.py`.
