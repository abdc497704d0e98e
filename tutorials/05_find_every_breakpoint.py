# %% [markdown]
# # 5. Find every breakpoint
#
# **You will** write the heart of tinymlp, in fifteen lines: all segments of a network from its weights, without a grid.
#
# **You will learn** that between two switches everything in a network is a straight line, so its corners can be
# computed.
#
# **You need** lessons 1 and 2.

# %%
import numpy as np

from tinymlp import MLP, extract_segments, plot, sample, train

net = MLP([1, 10, 10, 10, 1])
train(net, sample("sine", (-5, 5)), epochs=30)
start, stop = -5.0, 5.0

# %% [markdown]
# ## First layer: by pencil
#
# Unit i is on where w_i x + b_i > 0. It switches at -b_i / w_i, as in lesson 1. The interval falls into *regions*;
# inside each, every unit of the layer is on or off, and what it passes on is a straight line p x + q, or zero.
#
# ## Next layer: the same, region by region
#
# A unit of the next layer adds up straight lines, so inside a region its z is a straight line p x + q again, with
#
#     p = W p_before        q = W q_before + b
#
# It crosses zero at -q/p, *if that lies inside the region*. Cut there, and go on. (Lines come as arrays: a row a unit,
# a column a region. `edges` has the ends of all regions.)


# %%
def next_layer(W, b, p, q, edges):
    """Push lines through W, b; cut the regions where a unit crosses zero; silence the units that are off."""
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
def all_lines(net, start, stop):
    """Slope and intercept of the output in every region, and the edges of the regions."""
    p, q, edges = np.array([[1.0]]), np.array([[0.0]]), np.array([start, stop])
    weights, biases = [W.astype(float) for W in net.weights], [b.astype(float) for b in net.biases]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        p, q, edges = next_layer(W, b, p, q, edges)
    return (weights[-1] @ p)[0], (weights[-1] @ q + biases[-1][:, None])[0], edges


with np.errstate(divide="ignore", invalid="ignore"):  # a line that is flat crosses nowhere
    slopes, intercepts, edges = all_lines(net, start, stop)
print(f"{len(slopes)} regions, so {len(edges) - 2} boundaries")

# %% [markdown]
# ## Check it against the network
#
# On each region the network must be this very line. And tinymlp must find the same boundaries.

# %%
x = np.random.default_rng(0).uniform(start, stop, 10_000)
region = np.searchsorted(edges, x) - 1
assert np.allclose(slopes[region] * x + intercepts[region], net.astype(np.float64)(x))

f = extract_segments(net, start, stop)
assert np.allclose(f.boundaries, edges[1:-1])
print(f"tinymlp: {f}")

ax = plot.segments(f, (start, stop), target="sine")
ax.legend()
ax.figure.savefig("05_segments.png")

# %% [markdown]
# ## What tinymlp adds
#
# - The interval may be the whole real line, where a region has no middle. tinymlp looks at the edges only: a unit
#   switches in a region if it has one sign at the left edge and the other at the right one, and infinity has a sign.
# - A boundary is where a *unit* switches. The *output* bends there only if somebody listens: `f.labels` says which
#   boundaries are visible, which cancelled and which unheard.
# - Float64 rounds, and two kinks that coincide may come out an ulp apart. tinymlp bounds every rounding error, and
#   where a bound leaves a doubt it computes with whole numbers of any length, as Python has them: `f.certified`.
# - It remembers who switched: `f.owners` of each boundary, `f.breakpoint_owners` of each breakpoint.
#
# Read `tinymlp/segments/float_pass.py` now: your function, with lines instead of middles.
#
# ## Exercises
#
# 1. Make your function work for leaky ReLU, and check it.
# 2. Use `f.breakpoint_owners` to count the breakpoints that each layer makes, before training and after.
# 3. Build a network with a boundary that is no breakpoint, by two units that cancel each other.
#
# Solutions: `solutions/05_find_every_breakpoint.py`.
