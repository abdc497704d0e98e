"""Advisories along a turn: python examples/advisories.py

ACAS Xu, a system against collisions of aircraft, asks a network for the scores of five advisories, of which the lowest
is given. Here a small network learns the scores of a toy of that kind: an intruder at distance rho and bearing theta
(x ahead, y to the left), and the advice to turn away from it, the harder the nearer it is. Then the intruder goes once
round us in a full turn, along the sides of a square, and on each side the places where the advice changes are exact.
"""

import argparse
from itertools import pairwise

import numpy as np

from tinymlp import MLP, Dataset, argmin_changes, plot, train

ADVICE = ("clear of conflict", "weak left", "weak right", "strong left", "strong right")


def scores(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each advisory costs, (n, 5), with the intruder at (x, y); the least is the advice."""
    near = np.exp(-(x**2 + y**2))
    return np.stack([2.5 * near, 0.4 + 0.8 * near + y, 0.4 + 0.8 * near - y, 1 + 1.5 * y, 1 - 1.5 * y], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", default="advisories.png")
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    places = rng.uniform(-1.5, 1.5, (4000, 2))
    net = MLP([2, 24, 24, 5], seed=0, dtype=np.float64)
    history = train(net, Dataset(places, scores(*places.T)), 100, batch_size=100)
    print(f"mean squared error of the scores: {history.losses[-1]:.2g}")

    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]])
    fig, (ax,) = plot.figure(size=(8, 4.5))
    for side, (a, b) in enumerate(pairwise(corners)):
        line = net.along(a, b - a)
        advice = int(line(0.0).argmin())
        changes = argmin_changes(line, (0, 1))
        print(f"from {a.tolist()} to {b.tolist()}: {ADVICE[advice]}")
        for change in changes:
            x, y = a + change.x * (b - a)
            print(f"  at ({x:.6f}, {y:.6f}): {ADVICE[change.after]}")
        ends = [0.0, *(change.x for change in changes), 1.0]
        given = [advice, *(change.after for change in changes)]
        for start, stop, one in zip(ends[:-1], ends[1:], given, strict=True):
            ax.plot([side + start, side + stop], [one, one], lw=3, color=f"C{one}")
    ax.set_yticks(range(len(ADVICE)), ADVICE)
    ax.set_xlabel("side of the square, once round")
    plot.save(fig, args.picture)
    print(f"saved the picture in {args.picture}")


if __name__ == "__main__":
    main()
