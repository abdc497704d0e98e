"""Pictures of segments and losses; the only module that imports matplotlib.

Every function takes ``ax=None`` and returns the axes it drew on. Nothing calls ``show()``.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .detector.detect import Detection
from .detector.explanation import CrossCheck
from .functions import Function, find_function
from .interval import Interval, check_interval, takes_interval
from .network.line import Line
from .network.mlp import MLP
from .segments.extract import extract_segments
from .segments.piecewise import PiecewiseLinear
from .system.files import writing
from .training.history import History

__all__ = ["crosscheck", "detection", "figure", "losses", "save", "segments"]

ARTICLE_COLORS = "rgbck"
LAYER_COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind

# of the verdicts of a cross-check
BREAKPOINT_COLORS = {
    "found once": "#009e73",
    "found twice": "#0072b2",
    "merged": "#e69f00",
    "hidden": "#d55e00",
    "outside": "0.6",
}
TRANSITION_COLORS = {"explained": "0.6", "undecided": "#e69f00", "rounding": "#d40000", "unexplained": "#cc00cc"}


@takes_interval
def segments(
    net_or_f: MLP | Line | PiecewiseLinear,
    interval: Interval,
    *,
    target: str | Function | None = None,
    ax: Axes | None = None,
    by_layer: bool = True,
) -> Axes:
    """Draw a network's straight segments on an interval, exactly.

    A line by `extract_segments`, with a dot on each breakpoint and a hollow one on each boundary that is no breakpoint.

    Parameters
    ----------
    net_or_f : MLP, Line or PiecewiseLinear
    interval : (start, stop)
        In units of x.
    target : str or callable
        A function to draw in grey, under the network. The picture's height is the network's, so it may leave the
        picture; where it comes back from the other side, as at a pole, the line is broken.
    ax : matplotlib Axes
        A new figure's if not given.
    by_layer : bool
        Colour each breakpoint by the layer of its (first) owner.

    Returns
    -------
    Axes
    """
    interval, ax = check_interval(interval), _axes(ax)
    f = net_or_f.clip(interval) if isinstance(net_or_f, PiecewiseLinear) else extract_segments(net_or_f, interval)
    y = _draw_line(f, ax, f"{len(f)} segment{'s' * (len(f) > 1)}")
    dots: dict[int, list[float]] = {}  # the breakpoints of each layer, of all if they are not told apart
    for b in f.boundaries:
        if b.label == "visible":
            dots.setdefault(min(b.owners)[0] if by_layer else 0, []).append(b.x)
    for layer, x in sorted(dots.items()):
        label = f"layer {layer}" if by_layer else "breakpoints"
        _draw_dots(f, np.array(x), LAYER_COLORS[layer % len(LAYER_COLORS)], label, ax)
    hollow = np.array([b.x for b in f.boundaries if b.label != "visible"])
    if len(hollow):
        ax.plot(hollow, f(hollow), "o", ms=5, mfc="none", mec="0.5", label="no breakpoint", zorder=2.5)
    return _frame(interval, y, target, ax)


def detection(seen: Detection, *, target: str | Function | None = None, ax: Axes | None = None) -> Axes:
    """Draw what the article's detector takes for segments, as the article did: five colours in turn, green bold.

    Parameters
    ----------
    seen : Detection
        As `detect_segments` gives it.
    target, ax
        As for `segments`.

    Returns
    -------
    Axes
    """
    ax = _axes(ax)
    _draw_detection(seen, ax)
    return _frame((float(seen.x[0]), float(seen.x[-1])), seen.y, target, ax)


def _frame(interval: Interval, y: np.ndarray, target: str | Function | None, ax: Axes) -> Axes:
    """Give a picture the interval and the height of what was drawn, the target, and its labels."""
    ax.set_xlim(*interval)
    low, high = float(np.min(y)), float(np.max(y))
    margin = 0.06 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)
    if target is not None:
        _draw_target(find_function(target), ax)
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    return ax


def _draw_line(f: PiecewiseLinear, ax: Axes, label: str | None = None) -> np.ndarray:
    """The polyline through all breakpoints; returns its heights."""
    start, stop = f.interval
    x = np.array([start, *f.breakpoints, stop])
    ax.plot(x, f(x), color="0.15", lw=1.2, label=label)
    return f(x)


def _draw_dots(f: PiecewiseLinear, x: np.ndarray, color: str, label: str, ax: Axes) -> None:
    """Dots on it."""
    ax.plot(x, f(x), "o", ms=5, color=color, mec="white", mew=0.6, label=label, zorder=3)


def _draw_detection(seen: Detection, ax: Axes) -> None:
    """One line for each detected segment, in the article's colours; the last ends at the stop."""
    # a transition at i says that the cell from i-1 to i has another slope than the one before, so the line turns at i-1
    turns = [0, *(seen.transitions - 1), len(seen.x) - 1]
    for k, (a, b) in enumerate(pairwise(turns)):
        place = k % len(ARTICLE_COLORS)
        bold = place == 1
        ax.plot(seen.x[a : b + 1], seen.y[a : b + 1], color=ARTICLE_COLORS[place], lw=4 if bold else 1.5)


def crosscheck(check: CrossCheck, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw exact and detected segments one above the other.

    Above the exact segments, a dot on each breakpoint in the colour of what became of it; below the article's picture,
    a tick at each transition, grey if breakpoints made it and red if rounding did.

    Parameters
    ----------
    check : CrossCheck
    axes : two matplotlib Axes
        A new figure's if not given.

    Returns
    -------
    list of Axes
        The two.
    """
    if axes is None:
        axes = plt.subplots(2, 1, sharex=True, sharey=True, figsize=(7, 7), layout="constrained")[1]
    exact, article = axes
    f, seen = check.segments, check.detection
    _draw_line(f, exact)
    for verdict, color in BREAKPOINT_COLORS.items():
        at = np.array([row.x for row in check.table if row.verdict == verdict and row.what == "breakpoint"])
        if len(at):
            _draw_dots(f, at, color, f"{len(at)} {verdict}", exact)
    exact.set_title(f"exact: {len(f)} segments", fontsize=10)
    _draw_detection(seen, article)
    bottom = article.get_xaxis_transform()
    for verdict, color in TRANSITION_COLORS.items():
        rows = [row for row in check.table if row.verdict == verdict and row.what == "transition"]
        ticks = [row.x for row in rows if row.indices[0] in check.detected]
        if ticks:
            label = f"{len(ticks)} by breakpoints" if verdict == "explained" else f"{len(ticks)} {verdict}"
            article.plot(ticks, np.full(len(ticks), 0.02), "|", ms=8, color=color, label=label, transform=bottom)
    article.set_title(f"detected: {len(seen)} segments", fontsize=10)
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=8)
        ax.set_ylabel("y")
    article.set_xlabel("x")
    return [exact, article]


def _draw_target(target: Function, ax: Axes) -> None:
    """A grey line, with a gap wherever it leaves the picture on one side and comes back from the other."""
    (bottom, top), x = ax.get_ylim(), np.linspace(*ax.get_xlim(), 2000)
    with np.errstate(all="ignore"):
        y = np.asarray(target(x), np.float64)
    side = (y > top) * 1 - (y < bottom) * 1
    gaps = np.flatnonzero(side[1:] * side[:-1] < 0) + 1
    ax.plot(np.insert(x, gaps, x[gaps]), np.insert(y, gaps, np.nan), color="0.75", lw=3, zorder=0, label="target")


def losses(history: History, *, begin: int = 0, end: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the loss of each epoch from begin to end (excluded), one line for each network.

    The scale is logarithmic if some loss is more than three times another, linear if they are closer.

    Parameters
    ----------
    history : History
    begin, end : int
        As in a slice of ``history.losses``.
    ax : matplotlib Axes
        A new figure's if not given.
    """
    chosen = np.arange(len(history))[begin:end]
    if not len(chosen):
        raise ValueError(f"begin, end are {begin}, {end}: nothing is left of {len(history)} epochs")
    ax = _axes(ax)
    ax.plot(chosen + 1, history.losses[begin:end], lw=1.2 if history.losses.ndim == 1 else 0.5)
    if np.max(history.losses[begin:end]) > 3 * np.min(history.losses[begin:end]):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    return ax


def figure(columns: int = 1, size: tuple[float, float] = (5.5, 3.6)) -> tuple[Figure, list[Axes]]:
    """A figure to be saved, with axes side by side, each of that size in inches; pyplot does not hear of it."""
    fig = Figure(figsize=(columns * size[0], size[1]), dpi=100, layout="constrained")
    return fig, list(fig.subplots(1, columns, squeeze=False)[0])


def save(fig: Figure, path: str | Path) -> None:
    """Save a figure in the format that the name ends with: the whole picture, or the file stays as it was."""
    with writing(path) as file:
        fig.savefig(file, format=Path(path).suffix[1:].lower())


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax
