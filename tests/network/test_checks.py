"""Weights from lists: dtypes, the way round, and known values."""

import numpy as np
import pytest

from tinymlp import MLP
from tinymlp.network.arrays import as_array
from tinymlp.network.checks import agrees


def test_pairs_and_transpose():
    """Catches: pairs unpacked the wrong way, kernels (in, out) not turned, a message without the way out."""
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(1, 8)), rng.normal(size=8)), (rng.normal(size=(8, 3)), rng.normal(size=3))]
    x = rng.normal(size=(5, 1))
    truth = np.maximum(x @ pairs[0][0] + pairs[0][1], 0) @ pairs[1][0] + pairs[1][1]
    assert MLP.from_weights(pairs, transpose=True)(x) == pytest.approx(truth)
    with pytest.raises(ValueError, match=r"transpose=True\)"):
        MLP.from_weights(pairs)
    with pytest.raises(ValueError, match=r"no pairs \(W, b\)"):
        MLP.from_weights([pairs[0][0], pairs[1][0]])
    bare = MLP.from_weights([(W, None) for W, _ in pairs], transpose=True)
    assert bare(x) == pytest.approx(np.maximum(x @ pairs[0][0], 0) @ pairs[1][0])
    with pytest.raises(ValueError, match="transpose is 'yes'"):
        MLP.from_weights(pairs, transpose="yes")


def test_square_matrices_need_a_value():
    """Catches: square matrices the other way round, against a value that a person knows."""
    W, b = [np.arange(9.0).reshape(3, 3), np.eye(3)], [np.zeros(3)] * 2
    check = ([1, 0, 0], [0, 3, 6])
    assert MLP.from_weights(W, b, check=check).sizes == (3, 3, 3)
    with pytest.raises(ValueError, match=r"x = \[1\.0, 0\.0, 0\.0\] .* gives \[0\.0, 1\.0, 2\.0\].*transpose"):
        MLP.from_weights(W, b, transpose=True, check=check)
    with pytest.raises(ValueError, match="has 3 inputs, 3 outputs"):
        MLP.from_weights(W, b, check=([1, 0], [0, 3, 6]))
    with pytest.raises(ValueError, match="check is no pair"):
        MLP.from_weights(W, b, check=3)
    assert MLP.from_weights([[[2.0]]], [[1.0]], check=(1, 3.0001)).sizes == (1, 1)
    with pytest.raises(ValueError, match=r"gives \[inf\], not \[1\.0\]"):  # to which anything was near enough
        MLP.from_weights([[[1e300]]], [[0.0]], check=(1e300, 1))


def test_arrays_of_other_makers():
    """Catches: bfloat16 refused or read as bytes; quantised numbers read as weights."""

    class Bfloat16:  # as torch has it: NumPy cannot take it before float()
        dtype, values = "torch.bfloat16", [1.5, -2.0]

        def detach(self):
            return self

        cpu = detach

        def float(self):
            return np.array(self.values, np.float32)

    assert as_array(Bfloat16()).tolist() == [1.5, -2.0]
    with pytest.raises(ValueError, match=r"does not say what its bytes mean.*bfloat16"):
        as_array(np.zeros(3, "V2"))
    with pytest.raises(ValueError, match="quantised"):
        as_array(type("T", (), {"dtype": "torch.qint8"})())
    with pytest.raises(ValueError, match="masked"):
        MLP.from_weights([np.ma.masked_array([[1.0, -999.0]], [[0, 1]])], [[0.0]])
    assert as_array([1, 2]).dtype.kind == "i"


def test_rounding_is_no_difference():
    """Catches: values that cancelled in a layer before the last, in float32, taken for another network's."""
    net = MLP.from_weights([[[1e6], [1e6]], [[1.0, -1.0]], [[1.0]]], [[0, 1e-3], [1], [0]])
    x, eps = np.array([[3.0]]), float(np.finfo(np.float32).eps)
    assert agrees(net, x, net(x) + 0.2, 1e-3, eps=eps)
    assert not agrees(net, x, net(x) + 0.2, 1e-3)
    assert not agrees(net, -x, net(-x) + 0.2, 1e-3, eps=eps)  # nothing is large there
