"""Draw segments.png, the picture in the README: e^x learnt, by the article's detector and by exact segments.

All of it is float64, the detector, too: so the picture and its counts are the same on every machine, to rounding.
"""

from pathlib import Path

import numpy as np

from tinymlp import MLP, detect_segments, extract_segments, plot, sample, train

INTERVAL = (-2, 5)


def learn():
    """What a network that learnt e^x is, and what the detector sees of it."""
    net = MLP([1, 10, 10, 10, 1], dtype=np.float64)
    train(net, sample("exp"), epochs=120, shuffle=False)
    return extract_segments(net, INTERVAL), detect_segments(net, INTERVAL, dtype=np.float64)


def main():
    f, seen = learn()
    others = len(f.boundaries) - len(f.breakpoints)
    print(f"{len(seen)} segments detected; {len(f)} exactly, {len(f.boundaries)} boundaries, {others} no breakpoints")

    fig, (left, right) = plot.figure(columns=2)
    plot.segments(f, INTERVAL, target="exp", ax=right).legend(fontsize="small")
    right.set_title(f"exactly: {len(f)} segments, {len(f.boundaries)} boundaries")
    plot.detection(seen, target="exp", ax=left)
    left.set_title(f"finite differences on {len(seen.x)} points: {len(seen)} segments")
    fig.savefig(Path(__file__).with_name("segments.png"))


if __name__ == "__main__":
    main()
