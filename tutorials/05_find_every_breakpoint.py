# %% [markdown]
# # 5. Find every breakpoint
#
# **You will** write the heart of tinymlp, in fifteen lines: all segments of a network from its weights, without a grid.
#
# **You will learn** that between two boundaries everything in a network is a straight line, so its breakpoints can be
# computed.
#
# **You need** lessons 1 and 2.

# %%
import numpy as np

from tinymlp import MLP, extract_segments, plot, sample, train

net = MLP([1, 10, 10, 10, 1])
train(net, sample("sine", (-5, 5)), epochs=30)
interval = (-5, 5)

# %% [markdown]
# ## First layer: by pencil
#
# Unit i is on where w_i x + b_i > 0. It switches at -b_i / w_i, as in lesson 1: a *boundary*. Boundaries cut the
# interval into *regions*; inside each, every unit of the layer is on or off, and what it passes on is a straight line
# p x + q, or zero.
#
# ## Next layer: the same, region by region
#
# A unit of the next layer adds up straight lines, so inside a region its z is a straight line p x + q again, with
#
#     p = W p_before        q = W q_before + b
#
# It crosses zero at -q/p, *if that lies inside the region*. Cut there, and go on. (Lines come as arrays: one row
# per unit, one column per region. `edges` has the ends of all regions.)


# %%
def next_layer(W, b, p, q, edges):
    """Push lines through W, b; cut the regions where a unit crosses zero; units that are off pass on 0."""
    p, q = W @ p, W @ q + b[:, None]
    crossings = -q / p
    inside = (crossings > edges[:-1]) & (crossings < edges[1:])
    new_edges = np.unique(np.concatenate([edges, crossings[inside]]))
    middle = (new_edges[:-1] + new_edges[1:]) / 2
    parent = np.searchsorted(edges, middle) - 1  # the old region around each new one
    p, q = p[:, parent], q[:, parent]
    on = p * middle + q > 0
    return p * on, q * on, new_edges


# %% [markdown]
# ## The whole network
#
# Start with one region and the line x itself, 1 x + 0. After the last hidden layer one more product gives the output.
# The first layer is nothing special: it is the same step.


# %%
def all_lines(net, interval):
    """Slope and intercept of the output in every region, and the edges of the regions."""
    p, q, edges = np.array([[1.0]]), np.array([[0.0]]), np.array(interval, float)
    weights, biases = [W.astype(float) for W in net.weights], [b.astype(float) for b in net.biases]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        p, q, edges = next_layer(W, b, p, q, edges)
    return (weights[-1] @ p)[0], (weights[-1] @ q + biases[-1][:, None])[0], edges


with np.errstate(divide="ignore", invalid="ignore"):  # a line that is flat crosses nowhere
    slopes, intercepts, edges = all_lines(net, interval)
print(f"{len(slopes)} regions, so {len(edges) - 2} boundaries")

# %% [markdown]
# ## Check it against the network
#
# On each region the network must be this very line. And tinymlp must find the same boundaries.

# %%
x = np.random.default_rng(0).uniform(*interval, 10_000)
region = np.searchsorted(edges, x) - 1
assert np.allclose(slopes[region] * x + intercepts[region], net.astype(np.float64)(x))

f = extract_segments(net, interval)
assert np.allclose([b.x for b in f.boundaries], edges[1:-1])
print(f"tinymlp: {f}")
for b in f.boundaries:
    print(f"x = {b.x:7.4f}: {b.owners} switch, the slope changes by {b.jump:+.3f}: {b.label}")

ax = plot.segments(f, interval, target="sine")
ax.legend()
ax.figure.savefig("05_segments.png")

# %% [markdown]
# ## What tinymlp adds
#
# - The interval may be the whole real line, where a region has no middle. tinymlp looks at the edges only: a unit
#   switches in a region if it has one sign at the left edge and the other at the right one, and infinity has a sign.
# - A boundary is where a *unit* switches. The slope of the *output* changes there only if somebody listens: the label
#   of each boundary says whether it is visible (a breakpoint), cancelled or unheard.
# - Float64 rounds, and two boundaries that coincide may come out different in the last digit. tinymlp bounds every
#   rounding error, and where a bound leaves a doubt it computes with more digits, in the end with whole numbers of any
#   length, as Python has them.
#   Then the count, the order and the labels are proven: `f.certified`.
# - It remembers who switched: the owners of each boundary.
#
# Read `tinymlp/segments/walk.py` now: your function, with edges instead of middles.
#
# ## Exercises
#
# 1. Make your function work for leaky ReLU, and check it.
# 2. Use `f.boundaries` to count the breakpoints that each layer makes, before training and after.
# 3. Build a network with a boundary that is no breakpoint, by two units that cancel each other.
#
# Solutions: `solutions/05_find_every_breakpoint.py`.
