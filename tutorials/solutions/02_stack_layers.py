"""Solutions of 02_stack_layers.py."""

import numpy as np

from tinymlp import MLP, extract_segments


# 1. Where a tooth stays below 1/2, or a valley above it, the next fold finds nothing to fold.
def low_sawtooth(layers, height):
    up, down = 2 * height, -4 * height
    weights = [[[1], [1]]] + (layers - 1) * [[[up, down], [up, down]]] + [[[up, down]]]
    biases = layers * [[0, -0.5]] + [[0]]
    return MLP.from_weights(weights, biases)


assert len(extract_segments(low_sawtooth(6, 1), (0, 1))) == 64
assert len(extract_segments(low_sawtooth(6, 0.9), (0, 1))) == 56

x = y = np.linspace(0, 1, 100_001)  # the same by folding numbers: count the turns
for _ in range(6):
    y = 0.9 * np.minimum(2 * y, 2 - 2 * y)
rises = np.diff(y) > 0
assert np.sum(rises[1:] != rises[:-1]) + 1 == 56

# 2. Eight segments have seven breakpoints, and in one hidden layer each needs a unit of its own: seven units at least.
#    (Here an eighth, on everywhere, makes the first slope; a zig-zag of slopes +1, -1, +1, ...)
places = np.arange(1, 8) / 8
jumps = [2 * (-1) ** k for k in range(1, 8)]
zigzag = MLP.from_weights(
    [np.ones((8, 1)), [[1, *jumps]]], [[0, *-places], [0]]
)  # the first unit is on all over (0, 1)
f = extract_segments(zigzag, (0, 1))
assert f.breakpoints.tolist() == places.tolist()
assert f.slopes.tolist() == [1, -1] * 4

# 3. Every unit still switches, but nothing bends: max(z, 1 z) = z. Boundaries are about units, segments about the
#    output.
g = extract_segments(MLP([1, 10, 10, 10, 1], negative_slope=1.0))
print(f"3. {len(g.boundaries)} boundaries, {len(g)} segment")
assert len(g.boundaries) > 20
assert len(g) == 1
