"""Draw one walk through a small network as an SVG, from the walk itself: python docs/draw_walk.py

Each row is a hidden layer: the lines of its units over x, before the ReLU, with the regions that came in as columns;
below it the columns into which the layer cut them. The last row is the output.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from tinymlp import MLP
from tinymlp.network.line import on_line
from tinymlp.segments.find_regions import exact_layers
from tinymlp.segments.walk import Float64, walk

WIDTH, HEIGHT, BAR, LEFT, TOP = 640, 110, 20, 130, 34
COLORS = ("#0072b2", "#d55e00", "#009e73")
START, STOP = -2.0, 2.0


class Recorded(Float64):
    """Keeps the edges and lines of every layer."""

    def push(self, layer: np.ndarray) -> None:
        """Push and keep."""
        super().push(layer)
        self.record = [*getattr(self, "record", []), (self.edges, self.lines)]


def across(x: float) -> float:
    return LEFT + (x - START) / (STOP - START) * WIDTH


def draw(net: MLP) -> str:
    line = on_line(net)
    a = Recorded(line.start, (START, STOP), net.negative_slope)
    passed = walk(a, exact_layers(net))
    y, parts = TOP, []

    def text(x: float, y: float, words: str, anchor: str = "start", color: str = "#444") -> None:
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{color}">{words}</text>')

    def bar(edges: np.ndarray, y: float, parents: np.ndarray) -> None:
        """Regions as columns, shaded by the region of which each is a part."""
        for r, (left, right) in enumerate(pairwise(edges)):
            shade = "#dcdcdc" if parents[r] % 2 else "#f0f0f0"
            width = across(right) - across(left)
            parts.append(
                f'<rect x="{across(left):.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{shade}" '
                'stroke="#777"/>'
            )
            text((across(left) + across(right)) / 2, y + 14, str(r), "middle", "#777")

    for l, (edges, lines) in enumerate(a.record):
        hidden = l < len(passed)
        values = lines.real * edges + lines.imag
        values[:, -1] = lines[:, -2].real * edges[-1] + lines[:, -2].imag
        size = np.abs(values).max()
        middle = y + HEIGHT / 2
        text(8, middle - 6, f"layer {l}" if hidden else "output")
        text(8, middle + 12, "1 push, 2 signs" if hidden else "1 push")
        for x in edges:
            parts.append(f'<line x1="{across(x):.1f}" y1="{y}" x2="{across(x):.1f}" y2="{y + HEIGHT}" stroke="#ccc"/>')
        parts.append(f'<line x1="{LEFT}" y1="{middle}" x2="{LEFT + WIDTH}" y2="{middle}" stroke="#777"/>')
        for u, row in enumerate(values):
            points = " ".join(
                f"{across(x):.1f},{middle - v / size * (HEIGHT / 2 - 6):.1f}" for x, v in zip(edges, row, strict=True)
            )
            color = COLORS[u] if hidden else "#222"
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        if not hidden:
            break
        after = a.record[l + 1][0]
        for place in passed[l].place:
            (unit,) = np.flatnonzero(passed[l].on[:, place] != passed[l].on[:, place - 1])[:1]
            parts.append(
                f'<circle cx="{across(after[place]):.1f}" cy="{middle}" r="4" fill="white" stroke="{COLORS[unit]}" '
                'stroke-width="2"/>'
            )
        y += HEIGHT + 8
        bar(after, y, passed[l].parent)
        text(8, y + 14, "3 cut")
        y += BAR + 6
        for u, states in enumerate(passed[l].on):
            for r, on in enumerate(states[:-1]):
                x1, x2 = across(after[r]), across(after[r + 1])
                parts.append(
                    f'<line x1="{x1 + 2:.1f}" y1="{y + 7 * u + 3}" x2="{x2 - 2:.1f}" y2="{y + 7 * u + 3}" '
                    f'stroke="{COLORS[u]}" stroke-width="4" stroke-opacity="{1 if on else 0.15}"/>'
                )
        text(8, y + 12, "4 bend: on, off")
        y += 7 * len(passed[l].on) + 22
    y += HEIGHT + 10
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 10} {y}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{LEFT}" y="20" fill="#222">One walk from x = {START:g} to {STOP:g}: '
        "columns are regions, lines are units</text>\n"
        f"{body}\n</svg>\n"
    )


if __name__ == "__main__":
    weights = [[[1.0], [-1.0]], [[1.0, 0.7], [-1.0, 1.2]], [[1.0, -0.8]]]
    net = MLP.from_weights(weights, [[0.4, 0.9], [-1.15, -0.4], [0.2]])
    Path(__file__).with_name("one_walk.svg").write_text(draw(net))
