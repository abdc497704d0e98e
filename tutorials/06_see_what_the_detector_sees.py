# %% [markdown]
# # 6. See what the detector sees
#
# **You will** write the article's detector of segments, run it on networks whose corners you know, and find out when it
# counts too many and when too few.
#
# **You will learn** what a grid can know about a function between its points, and what float32 does to differences.
#
# **You need** lesson 5.

# %%
import numpy as np

from tinymlp import MLP, crosscheck, detect_segments, extract_segments, plot, sample, train

# %% [markdown]
# ## The rule
#
# Take 300 points on an interval. Between neighbours the slope is g[i] = (y[i] - y[i-1]) / (x[i] - x[i-1]). Where it
# changes by more than 0.001 from one cell to the next, the detector fires; there, it says, a new segment begins.


# %%
def transitions(x, y, epsilon=1e-3):
    """Every index i >= 2 with |g[i] - g[i-1]| > epsilon."""
    fired = []
    for i in range(2, len(x)):
        before = (y[i - 1] - y[i - 2]) / (x[i - 1] - x[i - 2])
        here = (y[i] - y[i - 1]) / (x[i] - x[i - 1])
        if abs(here - before) > epsilon:
            fired.append(i)
    return fired


net = MLP([1, 10, 10, 10, 1])
train(net, sample("exp"), epochs=60, shuffle=False)
seen = detect_segments(net, -2, 5, dtype=np.float64)
assert transitions(seen.x, seen.y) == seen.transitions.tolist()

f = extract_segments(net, -2, 5)
print(f"the detector counts {seen.count} segments, there are {len(f)}")

# %% [markdown]
# ## Too many: one corner, two transitions
#
# A corner on a grid point separates two cells, and the slope changes once. A corner *inside* a cell gives that cell a
# slope between the other two: it changes twice.

# %%
hinge = MLP.from_weights([[[1]], [[1]]], [[-0.5], [0]])  # bends at 0.5
on_a_point = detect_segments(hinge, 0, 1, points=10, dtype=np.float64)  # 0, 0.1, 0.2, ...
inside = detect_segments(hinge, 0, 1, points=11, dtype=np.float64)  # 0, 0.0909, 0.1818, ...
assert (on_a_point.count, inside.count) == (2, 3)

# %% [markdown]
# ## Too few: corners that merge, jumps that hide
#
# Two corners in one cell are one change of slope to the grid, or none at all if they undo each other. And a corner
# whose slope jumps by less than 0.001 is below the threshold, though it is as real as any.

# %%
bump = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[-0.501, -0.502, -0.503], [0]])
assert len(extract_segments(bump, 0, 1)) == 4
assert detect_segments(bump, 0, 1, points=10, dtype=np.float64).count == 1

faint = MLP.from_weights([[[1]], [[0.0009]]], [[-0.5], [0]])
assert len(extract_segments(faint, 0, 1)) == 2
assert detect_segments(faint, 0, 1, dtype=np.float64).count == 1

# %% [markdown]
# ## Out of nothing: rounding
#
# float32 has seven digits. Where y is about 100, its last digit is about 0.00001; divided by a cell of width 7/300,
# rounding makes slopes wrong by 0.0003 and more. On a steep network the detector fires at that.

# %%
line = MLP.from_weights([[[1]], [[100]]], [[10], [0.1]]).astype(np.float32)  # on (-2, 5) there is no corner at all
assert len(extract_segments(line, -2, 5)) == 1
print(f"a straight line, float64: {detect_segments(line, -2, 5, dtype=np.float64).count} segment")
print(f"a straight line, float32: {detect_segments(line, -2, 5, dtype=np.float32).count} segments")
assert detect_segments(line, -2, 5, dtype=np.float32).count > 10

# %% [markdown]
# ## What it would have to say
#
# Without rounding all of this can be predicted: put the *exact* segments on the same grid, and apply the same rule.

# %%
predicted = transitions(seen.x, f(seen.x))
assert predicted == seen.transitions.tolist()
print(crosscheck(net, -2, 5))  # the same, and what became of each breakpoint; plot.crosscheck draws it

_, (left, right) = plot.figure(columns=2)
plot.segments(net, (-2, 5), "exp", left, style="article").set_title(f"{detect_segments(net, -2, 5).count} detected")
plot.segments(f, (-2, 5), "exp", right).set_title(f"{len(f)} exactly")
right.figure.savefig("06_detected_and_exact.png")

# %% [markdown]
# ## Exercises
#
# 1. Double the points to 600, 1200, ... 19200 in float64. Where does the count of the detector settle, and why there?
# 2. Do the same in float32. What happens?
# 3. Choose epsilon so that the detector's count is right for this network. Is it right for another seed, too?
#
# Solutions: `solutions/06_see_what_the_detector_sees.py`.
