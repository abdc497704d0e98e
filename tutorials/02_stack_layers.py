# %% [markdown]
# # 2. Stack layers
#
# **You will** fold a line onto itself, again and again, and count the pieces; then see what networks do that nobody
# built.
#
# **You will learn** why depth can make exponentially many segments, and that networks with random weights do not.
#
# **You need** lesson 1.

# %%
import numpy as np

from tinymlp import MLP, extract_segments, plot

# %% [markdown]
# ## A fold
#
# The tent t(x) = 2 relu(x) - 4 relu(x - 1/2) goes up from 0 at x = 0 to 1 at x = 1/2, and down to 0 at x = 1: it folds
# the interval [0, 1] in the middle and stretches it to its old length. Write it as one hidden layer:


# %%
def relu(z):
    return np.maximum(z, 0)


def tent(x):
    return 2 * relu(x) - 4 * relu(x - 0.5)


assert tent(np.array([0, 0.25, 0.5, 0.75, 1])).tolist() == [0, 0.5, 1, 0.5, 0]

# %% [markdown]
# ## Fold what is folded
#
# Apply the tent to the tent: the two halves of [0, 1] each go up and down once, so there are four pieces. With every
# further fold they double. As a network, each fold is one hidden layer of two units, so L layers have 2 L units.
#
# A layer of the network maps the two units of the layer before, (relu(t), relu(t - 1/2)), straight to its own
# pre-activations. The tent of them is (2, -4); both new units need it, the second one shifted by -1/2.


# %%
def sawtooth(layers):
    """The tent, `layers` times, as a network 1 - 2 - ... - 2 - 1."""
    weights = [[[1], [1]]] + (layers - 1) * [[[2, -4], [2, -4]]] + [[[2, -4]]]
    biases = layers * [[0, -0.5]] + [[0]]
    return MLP.from_weights(weights, biases)


x = np.linspace(0, 1, 1001)
assert np.allclose(sawtooth(3)(x), tent(tent(tent(x))))

for layers in range(1, 11):
    f = extract_segments(sawtooth(layers), (0, 1))
    print(f"{2 * layers:2} units in {layers:2} layers: {len(f):4} segments")
    assert len(f) == 2**layers

# %% [markdown]
# ## Width adds, depth multiplies
#
# One layer of n units has at most n breakpoints, so n + 1 segments. Twenty units side by side: 21. The same twenty
# units in ten layers: 1024. The units of a layer cross zero on *every* piece that the layers before it have made.

# %%
wide = MLP([1, 20, 1], dtype=np.float64)
assert len(extract_segments(wide)) == 21

ax = plot.segments(sawtooth(4), (0, 1), by_layer=True)
ax.set_title("four folds: 16 segments from 8 units")
ax.legend(loc="center", ncols=5, framealpha=1)
ax.figure.savefig("02_sawtooth.png")

# %% [markdown]
# ## What random networks do
#
# Somebody had to choose those weights. A network with random weights does not fold: each unit crosses zero about once
# along the whole line, wherever it sits. So the number of regions is close to the number of units plus one, deep or
# not.

# %%
for layers in (1, 2, 3, 5):
    units = 60
    sizes = [1, *layers * [units // layers], 1]
    regions = [len(extract_segments(MLP(sizes, seed=seed)).boundaries) + 1 for seed in range(50)]
    print(f"{units} units in {layers} layers: {np.mean(regions):.1f} regions on average")
    assert 0.8 < np.mean(regions) / (units + 1) < 1.2

# %% [markdown]
# Capacity that could be used and capacity that is used are far apart. The next lessons train networks, and watch how
# much of it they find.
#
# ## Exercises
#
# 1. Make every fold only 0.9 high: 0.9 tent(x). How many of the 64 segments do six of them leave? Why are there fewer?
# 2. Make a network with 8 segments on (0, 1) from one hidden layer only. How many units does it need at least?
# 3. With `negative_slope=1` a leaky ReLU bends nothing. How many boundaries and how many segments has a network of
#    three layers of 10 then, and why do these differ?
#
# Solutions: `solutions/02_stack_layers.py`.
