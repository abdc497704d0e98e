"""The verdicts on many networks against those of `Rounding`, region by region, on each."""

import numpy as np
import pytest

from tinymlp import MLP
from tinymlp.segments.ensemble_pass import ensemble_regions
from tinymlp.segments.float_pass import float_regions

INF = np.inf


def nearly_degenerate(slope):
    """Networks 1-4-4-1 that a change of ever fewer bits, 2^-20 to 2^-60 of a number, keeps from being degenerate."""
    rng = np.random.default_rng(0)
    for bits in np.linspace(20, 60, 161):
        for kind in ("boundaries", "boundaries of two layers", "touching", "small weights", "flat ends", "wide"):
            net = MLP([1, 4, 4, 1], negative_slope=slope, dtype=np.float64)
            net.params[:] = rng.normal(size=net.params.shape)
            first, second, _ = net.layers
            if kind == "boundaries":
                first[1] = 2 * first[0]
                first[1, 1] *= 1 + 2.0**-bits
            elif kind == "boundaries of two layers":
                second[0] = [1, 0, 0, 0, -(2.0**-bits)]
            elif kind == "touching":
                second[0] = [1, 0, 0, 0, 2.0**-bits]
            elif kind == "small weights":
                second[:, :-1] *= 2.0 ** -(bits / 2)
                second[1] = [1, -1, 0, 0, 2.0**-bits]
                first[1] = first[0]
            elif kind == "flat ends":
                first[:2] = [[1, 0], [1, 1]]
                first[2:, 0] = np.abs(first[2:, 0])
                second[0] = [1, -1 + 2.0**-bits, 0, 0, 3]
            else:
                first[:, 1] *= 2.0**bits
            yield net


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("interval", [(-3, 3), (-INF, INF), (-1e12, 2), (-INF, 1), (0, INF)])
def test_verdicts(slope, interval):
    """Catches: a term of a bound that is left out or put twice, at an edge, a crossing or an end at infinity."""
    nets = list(nearly_degenerate(slope))
    params = np.stack([net.params for net in nets])
    found = ensemble_regions(params, nets[0].sizes, slope, interval)
    singles = [float_regions(net, interval) for net in nets]
    expected = [bool(single.doubtful.any()) for single in singles]
    assert found.doubtful.tolist() == expected
    assert 0.05 < np.mean(expected) < 0.95
    assert found.slope_errors == pytest.approx([single.output_errors[0, 0] for single in singles], rel=1e-12)
