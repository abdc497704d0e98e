"""Solutions of 01_bend_a_line.py."""

import numpy as np

from tinymlp import MLP, extract_segments

# 1. The breakpoint is at -b/w = 3, so b = -3 w. Flat on the left: the unit is on to the right, w > 0. Take w = 1; then
#    v = -2, c = 1.
f = extract_segments(MLP.from_weights([[[1]], [[-2]]], [[-3], [1]]))
assert f.breakpoints.tolist() == [3]
assert f.slopes.tolist() == [0, -2]
assert f(0) == 1

# 2. |z| = max(z, 0) + max(-z, 0) with z = x - 1. Both units switch at 1: one boundary with two owners.
g = extract_segments(MLP.from_weights([[[1], [-1]], [[1, 1]]], [[-1, 1], [0]]))
assert np.allclose(g([-1, 1, 4]), [2, 0, 3])
(boundary,) = g.boundaries
assert boundary.x == 1
assert boundary.owners == [(0, 0), (0, 1)]

# 3. Up with slope 100 at 2, and level again at 2.01. A vertical step would need an infinite weight: the network is
#    continuous.
h = extract_segments(MLP.from_weights([[[1], [1]], [[100, -100]]], [[-2, -2.01], [0]]))
assert np.allclose(h([0, 2, 2.005, 2.01, 9]), [0, 0, 0.5, 1, 1])
assert np.allclose(h.jumps, [100, -100])
