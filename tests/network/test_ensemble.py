"""Ensemble: many networks, one matrix."""

import pickle

import numpy as np
import pytest

from tinymlp import MLP, Ensemble


def test_ensemble_rows_are_the_networks():
    """Catches: rows that are copies, or that start unlike the single network of that seed."""
    nets = Ensemble([1, 4, 2], seeds=[7, 3], negative_slope=0.1)
    assert nets.params.shape == (2, 18)
    assert len(nets) == 2
    for k, seed in enumerate([7, 3]):
        assert (nets[k].params == MLP([1, 4, 2], seed=seed).params).all()
        assert nets[k].negative_slope == 0.1
        assert nets[k] is nets.nets[k]
    nets[1].params[:] = 0
    assert not nets.params[1].any()
    assert nets([1.0, 2.0, 3.0]).shape == (2, 3, 2)


def test_settings_are_those_of_the_networks():
    """Catches: a setting that the ensemble does not know, or has from elsewhere than its networks."""
    nets = Ensemble([1, 4, 2], seeds=[7, 3], negative_slope=0.1, dropout=0.2, dtype=np.float64)
    for same in (nets, pickle.loads(pickle.dumps(nets))):
        assert (same.sizes, same.negative_slope, same.dropout) == ((1, 4, 2), 0.1, 0.2)
        assert (same.dtype, same.device) == (np.float64, "cpu")


def test_ensemble_of_none():
    """Catches: an ensemble without networks; NumPy's own error for a dtype."""
    with pytest.raises(ValueError, match=r"seeds is 10: .* range\(10\)"):
        Ensemble([1, 1], seeds=10)
    with pytest.raises(ValueError, match="dtype is 'x': give a float dtype"):
        Ensemble([1, 4, 1], seeds=range(2), dtype="x")
    with pytest.raises(ValueError, match="seeds is empty"):
        Ensemble([1, 1], seeds=[])
    with pytest.raises(ValueError, match=r"seeds\[1\] is -1: give an integer >= 0, or a Generator"):
        Ensemble([1, 1], seeds=[0, -1])
