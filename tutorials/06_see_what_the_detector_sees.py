# %% [markdown]
# # 6. See what the detector sees
#
# **You will** write the article's detector of segments, run it on networks whose breakpoints you know, and find out
# when it counts too many and when too few.
#
# **You will learn** what a grid can know about a function between its points, and what float32 does to differences.
#
# **You need** lesson 5.

# %%
import numpy as np

from tinymlp import MLP, assert_counts_agree, crosscheck, detect_segments, extract_segments, plot, sample, train

# %% [markdown]
# ## The rule
#
# Take 300 points on an interval, its ends among them. Between neighbours, in one *cell* of this grid, the slope is
# g[i] = (y[i] - y[i-1]) / (x[i] - x[i-1]). Where it changes by more than 0.001 from one cell to the next, the detector
# fires; there, it says, a new segment begins.


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
seen = detect_segments(net, (-2, 5), dtype=np.float64)
assert transitions(seen.x, seen.y) == seen.transitions.tolist()

f = extract_segments(net, (-2, 5))
print(f"the detector counts {len(seen)} segments, there are {len(f)}")

# %% [markdown]
# ## Too many: one breakpoint, two transitions
#
# A breakpoint on a grid point separates two cells, and the slope changes once. A breakpoint *inside* a cell gives that
# cell a slope between the other two: it changes twice.

# %%
hinge = MLP.from_weights([[[1]], [[1]]], [[-0.5], [0]])  # its breakpoint is 0.5
on_a_point = detect_segments(hinge, (0, 1), points=11, dtype=np.float64)  # 0, 0.1, 0.2, ..., 1
inside = detect_segments(hinge, (0, 1), points=10, dtype=np.float64)  # 0, 0.1111, 0.2222, ..., 1
assert (len(on_a_point), len(inside)) == (2, 3)

# %% [markdown]
# ## Too few: breakpoints that merge, jumps that hide
#
# Two breakpoints in one cell are one change of slope to the grid, or none at all if they undo each other. And a
# breakpoint whose jump is less than 0.001 is below the threshold, though it is as real as any.

# %%
bump = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[-0.501, -0.502, -0.503], [0]])
assert len(extract_segments(bump, (0, 1))) == 4
assert len(detect_segments(bump, (0, 1), points=10, dtype=np.float64)) == 1

faint = MLP.from_weights([[[1]], [[0.0009]]], [[-0.5], [0]])
assert len(extract_segments(faint, (0, 1))) == 2
assert len(detect_segments(faint, (0, 1), dtype=np.float64)) == 1

# %% [markdown]
# ## Out of nothing: rounding
#
# float32 has seven digits. Where y is about 100, its last digit is about 0.00001; divided by a cell of width 7/299,
# rounding makes slopes wrong by 0.0003 and more. On a steep network the detector fires at that.

# %%
line = MLP.from_weights([[[1]], [[100]]], [[10], [0.1]]).astype(np.float32)  # no breakpoint on (-2, 5)
assert len(extract_segments(line, (-2, 5))) == 1
print(f"a straight line, float64: {len(detect_segments(line, (-2, 5), dtype=np.float64))} segment")
print(f"a straight line, float32: {len(detect_segments(line, (-2, 5), dtype=np.float32))} segments")
assert len(detect_segments(line, (-2, 5), dtype=np.float32)) > 10

# %% [markdown]
# ## What it would have to say
#
# Without rounding all of this can be predicted: put the *exact* segments on the same grid, and apply the same rule.
# `crosscheck` does so, and says what became of each breakpoint (`plot.crosscheck` draws it). In your tests, let
# `assert_counts_agree` hold the detector against the exact segments: two counts that differ may both be right.

# %%
predicted = transitions(seen.x, f(seen.x))
assert predicted == seen.transitions.tolist()
check = crosscheck(net, (-2, 5))
print(check)
assert_counts_agree(check)

_, (left, right) = plot.figure(columns=2)
plot.detection(check.detection, target="exp", ax=left).set_title(f"{len(check.detection)} detected")
plot.segments(f, (-2, 5), target="exp", ax=right).set_title(f"{len(f)} exactly")
right.figure.savefig("06_detected_and_exact.png")

# %% [markdown]
# ## Exercises
#
# 1. Double the points to 600, 1200, ... 19200 in float64. Where does the count of the detector settle, and why there?
# 2. Do the same in float32. What happens?
# 3. Choose epsilon so that the detector's count is right for this network. Is it right for another seed, too?
#
# Solutions: `solutions/06_see_what_the_detector_sees.py`.
