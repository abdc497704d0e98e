"""What the pictures show, read from their artists."""

import matplotlib as mpl
import numpy as np
import pytest
from support.networks import hat

mpl.use("Agg")

from matplotlib.colors import to_hex

from tinymlp import MLP, Ensemble, History, detect_segments, extract_segments, plot, sample, train

NET = MLP([1, 10, 10, 10, 1], seed=1)


@pytest.fixture
def ax():
    _, (ax,) = plot.figure()
    return ax


def lines_by_label(ax):
    return {line.get_label(): line for line in ax.lines}


def test_exact_draws_every_breakpoint(ax):
    """Catches: a line through grid points instead of breakpoints, breakpoints left out, an unclipped interval."""
    assert plot.segments(hat(), (-2, 0.5), ax=ax) is ax
    lines = lines_by_label(ax)
    assert lines["3 segments"].get_xydata().tolist() == [[-2, 0], [-1, 0], [0, 1], [0.5, 0.5]]
    assert lines["layer 0"].get_xydata().tolist() == [[-1, 0], [0, 1]]
    assert ax.get_xlim() == (-2, 0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_exact_colours_by_layer(ax):
    """Catches: breakpoints given to another layer than their owner's."""
    f = extract_segments(NET, (-3, 3))
    plot.segments(f, (-3, 3), ax=ax)
    for layer in range(3):
        line = lines_by_label(ax)[f"layer {layer}"]
        own = [b.x for b in f.boundaries if b.owners[0][0] == layer]
        assert len(f.breakpoints) == len(f.boundaries)
        assert line.get_xdata().tolist() == own
        assert line.get_color() == plot.LAYER_COLORS[layer]


def test_a_breakpoint_of_several_owners_has_the_first_ones_colour(ax):
    """Catches: the last owner taken."""
    net = MLP.from_weights([[[1]], [[1]], [[1]]], [[0], [0], [0]])  # relu(relu(x))
    plot.segments(net, (-1, 1), ax=ax)
    assert "layer 0" in lines_by_label(ax)
    assert "layer 1" not in lines_by_label(ax)


def test_exact_without_colours(ax):
    """Catches: by_layer ignored."""
    plot.segments(NET, (-3, 3), ax=ax, by_layer=False)
    f = extract_segments(NET, (-3, 3))
    assert lines_by_label(ax)["breakpoints"].get_xdata().tolist() == f.breakpoints.tolist()


def test_boundaries_that_are_no_breakpoints_are_hollow(ax):
    """Catches: a boundary where the slope does not change drawn as a breakpoint, or not at all."""
    net = MLP.from_weights([[[1], [1], [1]], [[1, -1, 1]]], [[0, 0, -2], [0]])
    plot.segments(net, (-1, 3), ax=ax)
    hollow = lines_by_label(ax)["no breakpoint"]
    assert hollow.get_xydata().tolist() == [[0, 0]]
    assert hollow.get_markerfacecolor() == "none"
    assert lines_by_label(ax)["layer 0"].get_xdata().tolist() == [2]


def test_detection(ax):
    """Catches: other colours, another order, bold at another place, gaps, points in two segments or in none."""
    seen = detect_segments(NET, (-2, 5))
    assert plot.detection(seen, ax=ax) is ax
    assert len(ax.lines) == len(seen) > 6
    expected = [to_hex(color) for color in "rgbck"]
    for k, line in enumerate(ax.lines):
        assert to_hex(line.get_color()) == expected[k % 5]
        assert (line.get_linewidth() == 4) == (k % 5 == 1)
    drawn = np.concatenate([line.get_xydata()[k > 0 :] for k, line in enumerate(ax.lines)])
    assert (drawn == np.column_stack([seen.x, seen.y])).all()
    for i, line in zip(seen.transitions, ax.lines[1:], strict=True):
        assert line.get_xdata()[0] == seen.x[i - 1]
    assert ax.lines[-1].get_xdata()[-1] == 5  # the last segment ends at the stop, as in the article
    assert ax.get_xlim() == (-2, 5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def segments_of(net, interval, **options):
    return plot.segments(net, interval, **options)


def detection_of(net, interval, **options):
    return plot.detection(detect_segments(net, interval), **options)


@pytest.mark.parametrize("draw", [segments_of, detection_of])
def test_target_does_not_squash_the_network(ax, draw):
    """Catches: e^20 that flattens everything else; a target that is missing."""
    draw(hat(), (-20, 20), target="exp", ax=ax)
    target = lines_by_label(ax)["target"]
    assert target.get_ydata()[-1] == pytest.approx(np.exp(20))
    assert ax.get_ylim()[1] < 1.2
    assert draw(hat(), (-2, 2), target=np.cos).lines[-1].get_label() == "target"


def test_a_pole_breaks_the_target(ax):
    """Catches: a grey wall at the pole, which is no part of 1/x; a gap in a function that has none."""
    plot.segments(hat(), (-2, 2), target="inverse", ax=ax)
    x, y = lines_by_label(ax)["target"].get_data()
    (gap,) = np.flatnonzero(np.isnan(y))
    assert x[gap - 1] < 0 < x[gap + 1]
    assert y[gap - 1] < -10 < 10 < y[gap + 1]
    assert np.isfinite(plot.segments(hat(), (-2, 2), target="exp").lines[-1].get_ydata()).all()


def test_one_segment_is_no_plural(ax):
    """Catches: "1 segments"."""
    plot.segments(MLP.from_weights([[[2]]], [[1]]), (0, 1), ax=ax)
    assert ax.lines[0].get_label() == "1 segment"


def test_a_constant_network_has_height(ax):
    """Catches: identical limits, which matplotlib warns of."""
    net = MLP([1, 2, 1])
    net.params[:] = 0
    low, high = plot.segments(net, (0, 1), ax=ax).get_ylim()
    assert low < 0 < high


def test_losses(ax):
    """Catches: a shifted epoch axis, a linear scale for losses that fall, a logarithmic one for flat ones."""
    losses = np.array([5.0, 3.0, 2.0, 1.0, 0.8, 0.7])
    history = History(losses, losses)
    assert plot.losses(history, ax=ax) is ax
    assert ax.lines[0].get_xydata().tolist() == [[k + 1, v] for k, v in enumerate(history.losses)]
    assert ax.get_yscale() == "log"
    assert plot.losses(history, begin=1, end=4).get_yscale() == "linear"
    part = plot.losses(history, begin=2, end=5)
    assert part.lines[0].get_xdata().tolist() == [3, 4, 5]
    assert part.lines[0].get_ydata().tolist() == history.losses[2:5].tolist()
    assert plot.losses(history, begin=-2).lines[0].get_xdata().tolist() == [5, 6]


def test_losses_of_an_ensemble(ax):
    """Catches: one line for many networks."""
    history = train(Ensemble([1, 4, 1], range(3)), sample("sine", n=100), 2)
    assert len(plot.losses(history, ax=ax).lines) == 3


def test_bad_input(ax):
    """Catches: an empty picture, or one of another interval, where an error is due."""
    with pytest.raises(ValueError, match="interval is"):
        plot.segments(hat(), (1, 0), ax=ax)
    with pytest.raises(ValueError, match="nothing is left of 1 epochs"):
        plot.losses(train(MLP([1, 1]), sample("sine", n=10), 1), begin=1)
    assert not ax.lines
