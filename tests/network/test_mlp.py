"""MLP: parameters, output, files, lines through it."""

import copy
import pickle
import re

import numpy as np
import pytest

from tinymlp import MLP, Ensemble


def scalar_forward(net, x):
    """One sample, unit by unit, in Python numbers."""
    a = [float(v) for v in np.atleast_1d(x)]
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        z = [sum(float(w) * v for w, v in zip(row, a, strict=True)) + float(c) for row, c in zip(W, b, strict=True)]
        a = [v if v > 0 or l == len(net.layers) - 1 else net.negative_slope * v for v in z]
    return a


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("sizes", [[1, 1], [1, 4, 1], [1, 3, 2, 5, 2], [3, 4, 4, 2]])
def test_output_unit_by_unit(sizes, slope):
    """Catches: a ReLU after the last layer, a slope on the wrong side, a transposed weight."""
    net = MLP(sizes, negative_slope=slope, dtype=np.float64, seed=3)
    x = np.random.default_rng(0).normal(size=(7, sizes[0]))
    assert net(x) == pytest.approx(np.array([scalar_forward(net, v) for v in x]), rel=1e-12)


def test_shapes_in_and_out():
    """Catches: a (n,) input that comes back as (n, 1), or an (n, 2) as (2, n)."""
    one, two, wide = MLP([1, 3, 1]), MLP([1, 3, 2]), MLP([4, 3, 1])
    assert one(0.5).shape == ()
    assert one([1, 2, 3]).shape == (3,)
    assert one(np.zeros((3, 1))).shape == (3, 1)
    assert two([1, 2, 3]).shape == (3, 2)
    assert wide(np.zeros((5, 4))).shape == (5, 1)
    assert one([]).shape == (0,)
    for bad in (np.zeros((4, 5)), np.zeros(4), 1.0, np.zeros((2, 2, 4))):
        with pytest.raises(ValueError, match=r"give \(n, 4\)"):
            wide(bad)
    with pytest.raises(ValueError, match=r"give \(n, 1\), or \(n,\)"):
        one(np.zeros((3, 2)))


def test_first_weights_are_pytorchs():
    """Catches: He or Xavier bounds, biases at zero, one bound for all layers."""
    net = MLP([4, 2000, 3], dtype=np.float64)
    for layer, bound in zip(net.layers, (1 / 2, 1 / np.sqrt(2000)), strict=True):
        assert np.abs(layer).max() <= bound
        assert np.abs(layer).max() > 0.99 * bound
        assert layer.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    assert net.biases[0].std() == pytest.approx(1 / 2 / np.sqrt(3), rel=0.05)


def test_seeds():
    """Catches: global random state; a start that depends on the dtype beyond rounding."""
    assert (MLP([1, 5, 1], seed=1).params == MLP([1, 5, 1], seed=1).params).all()
    assert (MLP([1, 5, 1], seed=1).params != MLP([1, 5, 1], seed=2).params).any()
    assert (MLP([1, 5, 1]).params == MLP([1, 5, 1], dtype=np.float64).params.astype(np.float32)).all()


def test_parameters_are_one_vector():
    """Catches: weights that are copies, a bias in the wrong column, a wrong count."""
    net = MLP([1, 10, 10, 10, 1])
    assert net.params.shape == (251,)  # 20 + 110 + 110 + 11
    net.params[:] = 0
    net.weights[1][2, 3] = 5
    net.biases[-1][0] = 7
    assert np.flatnonzero(net.params).tolist() == [20 + 2 * 11 + 3, 250]
    assert net(np.array([1.0, 2.0])).tolist() == [7, 7]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_from_weights_keeps_dtype_and_copies(dtype):
    """Catches: a silent cast, a view of the caller's arrays."""
    W, b = [np.array([[1], [-2]], dtype), np.array([[3, 4]], dtype)], [np.array([5, 6], dtype), np.array([7], dtype)]
    net = MLP.from_weights(W, b, negative_slope=0.25)
    assert net.dtype == dtype
    assert net.sizes == (1, 2, 1)
    assert net(np.array([10.0])) == 3 * 15 + 4 * 0.25 * -14 + 7
    W[0][0] = 99
    assert net.weights[0][0, 0] == 1


def test_from_weights_of_integers():
    """Catches: integer parameters that cannot be trained."""
    assert MLP.from_weights([[[2]]], [[1]]).dtype == np.float64


@pytest.mark.parametrize("slope", [-0.1, 1.1, float("nan")])
def test_bad_slope(slope):
    """Catches: slopes outside [0, 1], for which max(z, slope * z) is no leaky ReLU."""
    with pytest.raises(ValueError, match="negative_slope is"):
        MLP([1, 2, 1], negative_slope=slope)
    with pytest.raises(ValueError, match="negative_slope is"):
        MLP.from_weights([[[1]]], [[1]], negative_slope=slope)


def test_bad_dropout_and_dtype():
    """Catches: dropout of everything; integer parameters."""
    with pytest.raises(ValueError, match="dropout is 1"):
        MLP([1, 2, 1], dropout=1.0)
    with pytest.raises(ValueError, match="dtype is int64"):
        MLP([1, 2, 1], dtype=np.int64)
    with pytest.raises(ValueError, match=r"need \(4,\) floats"):
        MLP.from_params([1, 1, 1], np.arange(4))
    with pytest.raises(ValueError, match=r"params is \(3,\) float64: sizes \[1, 2, 1\] need \(7,\) floats"):
        MLP.from_params([1, 2, 1], np.zeros(3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "seed is -1: give an integer >= 0, or a Generator"),
        ({"seed": "x"}, "seed is 'x': give an integer >= 0"),
        ({"seed": None}, "seed is None: give an integer >= 0"),
        ({"seed": 1.5}, r"seed is 1\.5: give an integer >= 0"),
        ({"negative_slope": "0"}, r"negative_slope is '0': give a number in \[0, 1\]"),
        ({"dtype": "x"}, "dtype is 'x': give a float dtype"),
        ({"dtype": None}, "dtype is None: give a float dtype"),
        ({"negative_slope": "a"}, r"negative_slope is 'a': give a number in \[0, 1\]"),
        ({"dropout": None}, r"dropout is None: give a number in \[0, 1\)"),
    ],
)
def test_errors_name_the_argument(options, words):
    """Catches: a message from NumPy or Python that does not say which argument it is about."""
    with pytest.raises(ValueError, match=words):
        MLP([1, 2, 1], **options)


def test_parameters_must_be_an_array():
    """Catches: an AttributeError, or a network on integers, for a list of numbers."""
    net = MLP([1, 1])
    for make in (net.with_params, lambda params: MLP.from_params([1, 1], params)):
        with pytest.raises(TypeError, match=r"params is \[1, 2\.5\]: give an array of 2 floats, such as a snapshot"):
            make([1, 2.5])
        with pytest.raises(ValueError, match=r"params is \(3,\) float64: sizes \[1, 1\] need \(2,\) floats"):
            make(np.zeros(3))
        with pytest.raises(ValueError, match=r"params is \(2,\) int64: .* need \(2,\) floats"):
            make(np.zeros(2, np.int64))


def test_copy_is_independent():
    """Catches: a copy that shares parameters, or loses the slope."""
    net = MLP([1, 3, 1], negative_slope=0.1, dropout=0.2)
    twin = net.copy()
    net.params[:] = 0
    assert twin.params.any()
    assert (twin.negative_slope, twin.dropout, twin.sizes) == (0.1, 0.2, (1, 3, 1))
    other = net.with_params(twin.params)
    assert other(1.0) == twin(1.0)
    assert (other.negative_slope, other.dropout) == (0.1, 0.2)
    other.params[:] = 0
    assert twin.params.any()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_pickled_networks_can_be_trained(again):
    """Catches: views that are cut off from the parameters on the way to another process."""
    net = again(MLP([1, 3, 1], negative_slope=0.1, dropout=0.2))
    nets = again(Ensemble([1, 3, 1], seeds=[5, 6], negative_slope=0.1))
    assert (net.negative_slope, net.dropout) == (0.1, 0.2)
    assert nets.seeds == (5, 6)
    assert (nets[1].params == MLP([1, 3, 1], seed=6).params).all()
    net.params[:] = 0
    nets.params[1] = 0
    assert net(1.0) == nets[1](1.0) == 0
    assert nets[0].params.any()


def test_assigning_parameters_copies_them_in():
    """Catches: a new vector beside layers that still look at the old one."""
    net, other = MLP([1, 3, 1]), MLP([1, 3, 1], seed=1)
    net.params = other.params
    assert net(2.0) == other(2.0)
    other.params[:] = 0
    assert net(2.0) != other(2.0)
    nets = Ensemble([1, 3, 1], seeds=[0, 1])
    nets.params = nets.params[::-1].copy()
    assert nets[1](2.0) == MLP([1, 3, 1], seed=0)(2.0)


def test_infinite_input():
    """Catches: 0 times infinity where a unit is on."""
    assert MLP.from_weights([[[1]], [[1]]], [[0], [0]])(np.inf) == np.inf


def test_numbers_beyond_the_dtype():
    """Catches: NumPy's warnings; parameters that become infinite without a word."""
    net = MLP.from_weights([[[1e30]]], [[0.0]])
    assert net(1e300) == np.inf
    assert net.astype(np.float32)([1e39, -1e20]).tolist() == [np.inf, -np.inf]
    with pytest.raises(ValueError, match="parameters too large for float16"):
        net.astype(np.float16)
    with pytest.raises(ValueError, match="dtype is int64: give a float dtype"):
        net.astype(int)
    net.params[0] = np.inf
    assert net.astype(np.float16).params[0] == np.inf


def test_save_and_load(tmp_path):
    """Catches: a dtype, slope or suffix that changes on the way through a file."""
    for name in ("net.npz", "net"):
        net = MLP([2, 3, 2], negative_slope=0.1, dropout=0.2, dtype=np.float64)
        net.save(tmp_path / name)
        back = MLP.load(tmp_path / name)
        assert (back.params == net.params).all()
        assert back.dtype == net.dtype
        assert (back.sizes, back.negative_slope, back.dropout) == (net.sizes, 0.1, 0.2)


def test_load_something_else(tmp_path):
    """Catches: a KeyError or UnpicklingError for a file that is no network."""
    np.savez(tmp_path / "other.npz", a=1)
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("not a network")
    (tmp_path / "empty.npz").write_text("")
    MLP([1, 3, 1]).save(tmp_path / "half.npz")
    whole = (tmp_path / "half.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("half.npz", "other.npz", "array.npy", "text.npz", "empty.npz"):
        with pytest.raises(ValueError, match=f"{name} is not a network"):
            MLP.load(tmp_path / name)
    parts = {"sizes": np.array((1, 3, 1)), "params": np.zeros(10), "negative_slope": 0.0, "dropout": 0.0}
    for k, wrong in enumerate(
        ({"negative_slope": np.zeros(3)}, {"dropout": 1j}, {"sizes": np.zeros((2, 2)), "ties": 3})
    ):
        np.savez(tmp_path / f"wrong{k}.npz", **{**parts, **wrong})
        with pytest.raises(ValueError, match=f"wrong{k}.npz is not a network"):
            MLP.load(tmp_path / f"wrong{k}.npz")
    for place, value in ((6, 1), (8, 97), (4, 71)):  # encrypted, an unknown compression, a version to come
        broken = bytearray(whole)
        for magic, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
            for found in re.finditer(re.escape(magic), whole):
                broken[found.start() + place + shift] = value
        (tmp_path / "broken.npz").write_bytes(broken)
        with pytest.raises(ValueError, match=r"broken\.npz is not a network"):
            MLP.load(tmp_path / "broken.npz")
    with pytest.raises(FileNotFoundError):
        MLP.load(tmp_path / "missing.npz")
