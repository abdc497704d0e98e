# %% [markdown]
# # 1. Bend a line
#
# **You will** build a network of one hidden unit by hand, find its breakpoint with a pencil, and check it against
# tinymlp.
#
# **You will learn** where a ReLU unit bends a straight line, and by how much.
#
# **You need** Python, NumPy, and the straight line y = a x + b.

# %%
import numpy as np

from tinymlp import MLP, extract_segments, plot

# %% [markdown]
# ## A unit that is on or off
#
# A hidden unit takes the input x, stretches and shifts it to z = w x + b, and passes on max(z, 0). Where z > 0 we say
# it is *on*, else *off*. Write it:


# %%
def relu(z):
    """z where z > 0, else 0."""
    return np.maximum(z, 0)


assert relu(np.array([-2.0, 0.0, 3.0])).tolist() == [0, 0, 3]

# %% [markdown]
# ## A network of one hidden unit
#
# The output is a straight function of what the unit passes on: y = v max(w x + b, 0) + c. Four numbers, and that is
# all.


# %%
def one_unit(x, w, b, v, c):
    """The network 1 -> 1 -> 1."""
    return v * relu(w * x + b) + c


w, b, v, c = 2.0, -1.0, 1.5, 0.5
x = np.linspace(-2, 3, 11)
net = MLP.from_weights([[[w]], [[v]]], [[b], [c]])  # a matrix (out, in) and a bias (out,) for each layer
assert np.allclose(net(x), one_unit(x, w, b, v, c))

# %% [markdown]
# ## Where does it bend?
#
# The unit switches where w x + b = 0, so at x = -b/w. On the side where it is off, y = c: a flat line. On the other
# side y = v (w x + b) + c: a line of slope v w. An x at which the slope of the output changes is a *breakpoint*. With
# w > 0 the unit is on to the right of it, with w < 0 to the left. Seen from left to right the slope changes by v w in
# the first case, and by 0 - v w in the second: in both by v |w|.


# %%
def by_pencil(w, b, v):
    """Where the slope of the network changes, and by how much, from left to right."""
    return -b / w, v * abs(w)


# %% [markdown]
# tinymlp finds the same from the weights. `f.boundaries` lists every x at which a unit switches on or off, in order of
# x. Each boundary has a `jump`, by how much the slope changes there, and `owners`, the hidden units (layer, unit) that
# switch there. Those whose slope changes are the breakpoints; `f.breakpoints` and `f.jumps` are arrays of them alone.

# %%
f = extract_segments(net)
first = f.boundaries[0]
assert (first.x, first.jump) == by_pencil(w, b, v)
assert first.owners == [(0, 0)]

rng = np.random.default_rng(0)
for w, b, v, c in rng.normal(size=(100, 4)):
    f = extract_segments(MLP.from_weights([[[w]], [[v]]], [[b], [c]]))
    assert np.allclose((f.breakpoints[0], f.jumps[0]), by_pencil(w, b, v))
    assert len(f) == 2  # one breakpoint, two straight segments

# %% [markdown]
# ## Units add up
#
# Several units in one layer are summed: each brings a breakpoint of its own, and between them everything is straight.
# Three of them make a hat: up at -1, down twice as steeply at 0, level again at 1.

# %%
hat = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])
f = extract_segments(hat)
assert f.breakpoints.tolist() == [-1, 0, 1]
assert f.slopes.tolist() == [0, 1, -1, 0]

ax = plot.segments(hat, (-2, 2))
ax.set_title("three units, three breakpoints, four segments")
ax.legend()
ax.figure.savefig("01_hat.png")

# %% [markdown]
# ## Exercises
#
# 1. Choose w, b, v, c so that y = 1 for x < 3 and the slope is -2 for x > 3.
# 2. Build |x - 1| from two hidden units. How many boundaries has it, and who owns them?
# 3. Build a step that rises from 0 to 1 between x = 2 and x = 2.01, from two units. Why can't it be steeper and steeper
#    until it is vertical?
#
# Solutions: `solutions/01_bend_a_line.py`.
