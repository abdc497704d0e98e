"""extract_segments(): the straight segments of a network, or of many at once."""

from typing import overload

import numpy as np

from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .ensemble_segments import EnsembleSegments, extract_ensemble
from .find_regions import Arithmetic, find_regions
from .labels import label_boundaries
from .piecewise import PiecewiseLinear


@overload
def extract_segments(
    net: MLP, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> PiecewiseLinear: ...
@overload
def extract_segments(
    net: Ensemble, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> EnsembleSegments: ...
def extract_segments(
    net: MLP | Ensemble, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> PiecewiseLinear | EnsembleSegments:
    """The exact straight segments of a network with one input and one output, from its weights alone.

    Parameters
    ----------
    net : MLP or Ensemble
        ReLU or leaky ReLU, weights of any float dtype. Networks of an ensemble are done together, on its device: three
        hidden layers of 10 six to ten times faster than one by one, of 30 twice to three times, of 100 hardly.
    start, stop : float
        In units of x; the whole real line by default.
    arithmetic : "auto", "float" or "exact"
        "auto" proves its answer: float64 with a bound on every rounding error, and rational numbers where a bound
        leaves a doubt. "float" is float64 without the proof: faster, and right where no two kinks coincide and no two
        jumps cancel but for rounding. "exact" does all in rational numbers: slower, and every number in the answer is
        the float64 nearest to the true one.

    Returns
    -------
    PiecewiseLinear, or EnsembleSegments of an ensemble
        With ``certified`` False only if ``arithmetic="float"``.

    Raises
    ------
    ValueError
        If the network has several inputs (`MLP.along` draws a line through them) or several outputs
        (`extract_outputs`), its weights are not finite, or start >= stop.
    OverflowError
        If a slope, an intercept or a boundary exceeds float64.
    """
    outputs = (net.nets[0] if isinstance(net, Ensemble) else net).sizes[-1]
    if outputs != 1:
        raise ValueError(f"net has {outputs} outputs: segments need exactly one; extract_outputs takes several")
    if isinstance(net, Ensemble):
        return extract_ensemble(net, start, stop, arithmetic)
    return extract_outputs(net, start, stop, arithmetic)[0]


def extract_outputs(
    net: MLP, start: float = -np.inf, stop: float = np.inf, arithmetic: Arithmetic = "auto"
) -> list[PiecewiseLinear]:
    """The straight segments of each output of a network with one input; otherwise like `extract_segments`.

    All have the same boundaries. What is visible in one output may be cancelled or unheard in another.
    """
    regions, net = find_regions(net, start, stop, arithmetic), net.to("cpu")
    return [label_boundaries(net, regions, output, arithmetic) for output in range(net.sizes[-1])]
