"""extract_segments(): the straight segments of a network, or of many at once."""

from typing import overload

from ..interval import Interval, takes_interval
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .ensemble_segments import EnsembleSegments, extract_ensemble
from .find_regions import find_regions
from .labels import label_boundaries
from .piecewise import PiecewiseLinear

__all__ = ["extract_outputs", "extract_segments"]


@overload
def extract_segments(net: MLP, interval: Interval | None = None, *, rational: bool = False) -> PiecewiseLinear: ...
@overload
def extract_segments(
    net: Ensemble, interval: Interval | None = None, *, rational: bool = False
) -> EnsembleSegments: ...
@takes_interval
def extract_segments(
    net: MLP | Ensemble, interval: Interval | None = None, *, rational: bool = False
) -> PiecewiseLinear | EnsembleSegments:
    """The exact straight segments of a network with one input and one output, from its weights alone.

    Every answer is proven: float64 with a bound on every rounding error, and rational numbers where a bound leaves a
    doubt.

    Parameters
    ----------
    net : MLP or Ensemble
        ReLU or leaky ReLU, weights of any float dtype. Networks of an ensemble are done together, on its device: three
        hidden layers of 10 six to ten times faster than one by one, of 30 twice to three times, of 100 hardly.
    interval : (start, stop), optional
        In units of x; may be infinite; the whole real line if not given.
    rational : bool
        Do everything in rational numbers: slower, but every boundary comes as a fraction, too, and every number in the
        answer is the float64 nearest to the true one.

    Returns
    -------
    PiecewiseLinear, or EnsembleSegments of an ensemble

    Raises
    ------
    TypeError
        If the interval is given as two numbers.
    ValueError
        If the network has several inputs (`MLP.along` draws a line through them) or several outputs
        (`extract_outputs`), its weights are not finite, or start >= stop.
    OverflowError
        If a slope, an intercept or a boundary exceeds float64.

    See Also
    --------
    detect_segments : what the article's detector sees of them.

    Examples
    --------
    >>> from tinymlp import MLP, extract_segments
    >>> hat = MLP.from_weights([[[1], [1], [1]], [[1, -2, 1]]], [[1, 0, -1], [0]])
    >>> extract_segments(hat, (-0.5, 5))
    PiecewiseLinear(3 segments, 2 boundaries on (-0.5, 5))
    >>> extract_segments(hat, (-0.5, 5), rational=True).boundaries[1].fraction
    Fraction(1, 1)
    """
    outputs = (net.nets[0] if isinstance(net, Ensemble) else net).sizes[-1]
    if outputs != 1:
        raise ValueError(f"net has {outputs} outputs: segments need exactly one; extract_outputs takes several")
    if isinstance(net, Ensemble):
        return extract_ensemble(net, interval, rational)
    return extract_outputs(net, interval, rational=rational)[0]


@takes_interval
def extract_outputs(net: MLP, interval: Interval | None = None, *, rational: bool = False) -> list[PiecewiseLinear]:
    """The straight segments of each output of a network with one input; otherwise like `extract_segments`.

    All have the same boundaries. What is visible in one output may be cancelled or unheard in another.
    """
    regions, net = find_regions(net, interval, rational=rational), net.to("cpu")
    return [label_boundaries(net, regions, output, rational) for output in range(net.sizes[-1])]
