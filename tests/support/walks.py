"""One rung of the ladder alone: the regions that an arithmetic finds, doubts and all."""

import numpy as np

from tinymlp.network.line import on_line
from tinymlp.segments.find_regions import Regions, exact_layers
from tinymlp.segments.rounding import RunningBounds
from tinymlp.segments.walk import walk


def walked(net, interval, arithmetic=RunningBounds, **options):
    """The arithmetic after the walk through a network or a line, and the hidden layers."""
    line = on_line(net)
    a = arithmetic(line.start, interval, line.net.negative_slope)
    return a, walk(a, exact_layers(line.net), **options)


def regions_by(net, interval, arithmetic=RunningBounds):
    """What it found, as `Regions`."""
    a, passed = walked(net, interval, arithmetic)
    return Regions.read(a.rounded(), passed, np.append(np.flatnonzero(a.wide()), -1))
