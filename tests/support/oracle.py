"""An independent, slow and exact account of a network on a line: vertices in rational arithmetic.

Where the package pushes straight lines (slope, intercept) through the layers, this pushes the values at vertices, and
finds zeros by interpolating between them. It shares no formula with ``segments/walk.py`` and no rounding with anything.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from tinymlp import Line


@dataclass
class Truth:
    boundaries: list  # Fractions
    owners: list  # of lists of (layer, unit)
    labels: list  # "visible", "cancelled" or "unheard"
    slopes: list  # Fractions, one for each region
    zeros: list  # of (layer, unit, start, stop): exactly zero from start to stop, Fractions


def exact(net, interval):
    """The truth about a network of one input, or a line, on a finite interval; numbers as the rationals they are."""
    start, stop = interval
    origin, direction = [0], [1]
    if isinstance(net, Line):
        net, origin, direction = net.net, net.origin, net.direction
    weights = [[[Fraction(float(v)) for v in row] for row in W] for W in net.weights]
    biases = [[Fraction(float(v)) for v in b] for b in net.biases]
    leak = Fraction(net.negative_slope)
    xs = [Fraction(start), Fraction(stop)]
    line = [(Fraction(float(a)), Fraction(float(d))) for a, d in zip(origin, direction, strict=True)]
    values = [[a + d * x for a, d in line] for x in xs]  # at each vertex, the activations of the layer before
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

    def ends(layer, unit, x0, x1):
        """The unit's values before its ReLU at two neighbouring final vertices; it is straight between them."""
        layer_xs, layer_z = signs[layer]
        k = max(i for i, v in enumerate(layer_xs) if v <= x0)
        (a, c), (u, w) = (layer_z[k][unit], layer_z[k + 1][unit]), (layer_xs[k], layer_xs[k + 1])
        return [a + (x - u) / (w - u) * (c - a) for x in (x0, x1)]

    def is_heard(layer, unit, state):
        """Whether some path from the unit to the output has no zero weight and passes only units that are active."""
        if layer == len(signs) - 1:
            return weights[-1][0][unit] != 0
        followers = range(len(weights[layer + 1]))
        return any(
            weights[layer + 1][v][unit] != 0
            and (state[layer + 1, v] > 0 or leak != 0)
            and is_heard(layer + 1, v, state)
            for v in followers
        )

    units = [(layer, unit) for layer in range(len(signs)) for unit in range(len(signs[layer][1][0]))]
    cells = list(pairwise(xs))
    states = []
    for cell in cells:
        both = {unit: ends(*unit, *cell) for unit in units}
        states.append({unit: (max(v) > 0) - (min(v) < 0) for unit, v in both.items()})
    slopes = [(z[k + 1][0] - z[k][0]) / (cells[k][1] - cells[k][0]) for k in range(len(cells))]
    truth = Truth([], [], [], slopes[:1], [])
    for k in range(1, len(cells)):
        was, is_ = states[k - 1], states[k]
        owners = [unit for unit in units if (was[unit] > 0) != (is_[unit] > 0)]
        if not owners:
            assert slopes[k] == slopes[k - 1]
            continue
        truth.boundaries.append(xs[k])
        truth.owners.append(owners)
        heard = any(is_heard(*unit, was) or is_heard(*unit, is_) for unit in owners)
        jumps = slopes[k] != slopes[k - 1]
        truth.labels.append("visible" if jumps else "cancelled" if heard else "unheard")
        truth.slopes.append(slopes[k])
    for unit in units:
        for k, cell in enumerate(cells):
            if states[k][unit] == 0:
                if k and states[k - 1][unit] == 0:
                    truth.zeros[-1] = (*truth.zeros[-1][:3], cell[1])
                else:
                    truth.zeros.append((*unit, *cell))
    return truth


def assert_agrees(f, truth, tolerance=1e-12):
    """Counts, owners, labels and zeros equal; positions within the stated errors, and tolerance * max(1, |x|).

    Returns the largest error of a position, over max(1, |x|).
    """
    assert len(f.boundaries) == len(truth.boundaries)
    assert [b.owners for b in f.boundaries] == truth.owners
    assert [b.label for b in f.boundaries] == truth.labels
    zeros = f.regions.zeros()
    assert [zero[:2] for zero in zeros] == [zero[:2] for zero in truth.zeros]
    for zero, true in zip(zeros, truth.zeros, strict=True):
        assert all(abs(Fraction(x) - t) <= tolerance * max(1, abs(t)) for x, t in zip(zero[2:], true[2:], strict=True))
    errors = [abs(Fraction(b.x) - t) for b, t in zip(f.boundaries, truth.boundaries, strict=True)]
    if f.certified:
        assert all(error <= Fraction(b.error) for error, b in zip(errors, f.boundaries, strict=True))
    worst = float(max((error / max(1, abs(t)) for error, t in zip(errors, truth.boundaries, strict=True)), default=0))
    assert worst <= tolerance
    return worst


def column(f, name):
    """One attribute of all boundaries of a `PiecewiseLinear`."""
    return [getattr(boundary, name) for boundary in f.boundaries]
