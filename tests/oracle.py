"""An independent, slow and exact account of a network with one input: vertices in rational arithmetic.

Where the package pushes straight lines (slope, intercept) through the layers, this pushes the values at vertices, and
finds zeros by interpolating between them. It shares no formula with ``regions.py`` and no rounding with anything.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np


@dataclass
class Truth:
    boundaries: list  # Fractions
    owners: list  # of lists of (layer, unit)
    is_breakpoint: list  # of bools
    slopes: list  # Fractions, one a region


def exact(net, start, stop):
    """The truth about a network on a finite interval, its weights taken as the rational numbers they are."""
    weights = [[[Fraction(float(v)) for v in row] for row in W] for W in net.weights]
    biases = [[Fraction(float(v)) for v in b] for b in net.biases]
    leak = Fraction(net.negative_slope)
    xs = [Fraction(start), Fraction(stop)]
    values = [[x] for x in xs]  # at each vertex, the activations of the layer before
    signs = []  # of each hidden layer, its vertices and the values there before the ReLU
    for depth, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = [
            [sum((w * a for w, a in zip(row, v, strict=True)), c) for row, c in zip(W, b, strict=True)] for v in values
        ]
        if depth == len(weights) - 1:
            break
        new_xs, new_z = [xs[0]], [z[0]]
        for k in range(1, len(xs)):
            cuts = set()
            for left, right in zip(z[k - 1], z[k], strict=True):
                if left * right < 0:
                    cuts.add(left / (left - right))
            for t in sorted(cuts):
                new_xs.append(xs[k - 1] + t * (xs[k] - xs[k - 1]))
                new_z.append([a + t * (c - a) for a, c in zip(z[k - 1], z[k], strict=True)])
            new_xs.append(xs[k])
            new_z.append(z[k])
        xs = new_xs
        signs.append((xs, new_z))
        values = [[v if v > 0 else leak * v for v in row] for row in new_z]

    def is_on(layer, unit, x0, x1):
        """Whether the unit is on between two neighbouring final vertices; its sign cannot change there."""
        layer_xs, layer_z = signs[layer]
        k = max(i for i, v in enumerate(layer_xs) if v <= x0)
        (a, c), (u, w) = (layer_z[k][unit], layer_z[k + 1][unit]), (layer_xs[k], layer_xs[k + 1])
        return a + ((x0 + x1) / 2 - u) / (w - u) * (c - a) > 0

    units = [(layer, unit) for layer in range(len(signs)) for unit in range(len(signs[layer][1][0]))]
    cells = list(pairwise(xs))
    patterns = [[is_on(layer, unit, *cell) for layer, unit in units] for cell in cells]
    slopes = [(z[k + 1][0] - z[k][0]) / (cells[k][1] - cells[k][0]) for k in range(len(cells))]
    truth = Truth([], [], [], slopes[:1])
    for k in range(1, len(cells)):
        owners = [unit for unit, was, is_ in zip(units, patterns[k - 1], patterns[k], strict=True) if was != is_]
        if not owners:
            assert slopes[k] == slopes[k - 1]
            continue
        truth.boundaries.append(xs[k])
        truth.owners.append(owners)
        truth.is_breakpoint.append(slopes[k] != slopes[k - 1])
        truth.slopes.append(slopes[k])
    return truth


def assert_agrees(f, truth, tolerance=1e-12):
    """Counts, owners and labels equal; positions within tolerance * max(1, |x|); returns the largest such error."""
    assert len(f.boundaries) == len(truth.boundaries)
    assert f.owners == truth.owners
    assert f.is_breakpoint.tolist() == truth.is_breakpoint
    errors = [abs(Fraction(float(x)) - t) / max(1, abs(t)) for x, t in zip(f.boundaries, truth.boundaries, strict=True)]
    worst = float(max(errors, default=0))
    assert worst <= tolerance
    return worst


def sawtooth(depth):
    """A network with 2^depth pieces on [0, 1]: t -> 2 relu(t) - 4 relu(t - 1/2), depth times, exact in binary."""
    from tinymlp import MLP

    first = np.array([[1.0], [1.0]])
    tent = np.array([[2.0, -4.0], [2.0, -4.0]])
    weights = [first, *[tent] * (depth - 1), tent[:1]]
    biases = [np.array([0.0, -0.5])] * depth + [np.zeros(1)]
    return MLP.from_weights(weights, biases)
