"""Draw segments.png, the picture in the README: e^x learnt, by the article's detector and by exact segments.

All of it is float64, the detector, too: so the picture and its counts are the same on every machine, to rounding.
"""

from pathlib import Path

import numpy as np

from tinymlp import MLP, detect_segments, extract_segments, plot, sample, train

INTERVAL = (-2, 5)


def main():
    net = MLP([1, 10, 10, 10, 1], dtype=np.float64)
    data = sample("exp")
    train(net, data, epochs=120, shuffle=False)
    f = extract_segments(net, INTERVAL)
    seen = detect_segments(net, INTERVAL, dtype=np.float64)
    hidden = len(f.boundaries) - len(f.breakpoints)
    print(f"{len(seen)} segments detected; {len(f)} exactly, {len(f.boundaries)} boundaries, {hidden} no breakpoints")

    fig, (left, right) = plot.figure(columns=2)
    plot.segments(f, INTERVAL, target="exp", ax=right).legend(fontsize="small")
    right.set_title(f"exactly: {len(f)} segments, {len(f.boundaries)} boundaries")
    plot._draw_detection(seen, left)  # plot.segments(..., style="article") would detect in float32
    left.plot(data.x, data.y, color="0.75", lw=3, zorder=0)
    left.set(xlim=right.get_xlim(), ylim=right.get_ylim(), xlabel="x", ylabel="y")
    left.set_title(f"finite differences on {len(seen.x)} points: {len(seen)} segments")
    fig.savefig(Path(__file__).with_name("segments.png"))


if __name__ == "__main__":
    main()
