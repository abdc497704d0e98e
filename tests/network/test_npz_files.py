"""MLP.load: damaged files, and files that are made to do harm."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from support.damage import with_a_byte_flipped

from tinymlp import MLP

WHOLE = {
    "sizes": np.array((1, 3, 1)),
    "params": np.arange(10.0),
    "negative_slope": np.array(0.25),
    "dropout": np.array(0.5),
}


def damaged(path, byte, value):
    """Change a byte of each entry in a zip file's two lists of its members, after their magic numbers."""
    blob = bytearray(path.read_bytes())
    for magic, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        i = -1
        while (i := blob.find(magic, i + 1)) >= 0:
            blob[i + byte + shift] = value
    path.write_bytes(blob)


def with_params(path, member, method=zipfile.ZIP_STORED, **change):
    """A file whose params are these very bytes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in (WHOLE | change).items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{name}.npy", member if name == "params" else file.getvalue())


def npy_header(shape, dtype="<f8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def test_a_whole_file_is_read(tmp_path):
    """Catches: a check that refuses what is right, so that all tests below are in vain; numbers of other byte order."""
    path = tmp_path / "net.npz"
    np.savez(path, **WHOLE)
    net = MLP.load(path)
    assert (net.params == WHOLE["params"]).all()
    assert (net.sizes, net.negative_slope, net.dropout) == ((1, 3, 1), 0.25, 0.5)
    np.savez(path, **WHOLE | {"params": np.arange(10, dtype=">f4")})
    assert (MLP.load(str(path)).params == np.arange(10)).all()
    assert MLP.load(path).dtype == np.dtype(np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"negative_slope": np.zeros(3)}, r"its array negative_slope is \(3,\) float64"),
        ({"negative_slope": np.array(1j)}, r"its array negative_slope is \(\) complex128"),
        ({"negative_slope": np.array("0")}, r"its array negative_slope is \(\) <U1"),
        ({"negative_slope": np.array(2.0)}, r"negative_slope is 2\.0: give a number in \[0, 1\]"),
        ({"dropout": np.array(np.nan)}, "dropout is nan"),
        ({"sizes": np.array([1.0, 3, 1])}, r"its array sizes is \(3,\) float64, and not one row of integers"),
        ({"sizes": np.array([[1, 3, 1]])}, r"its array sizes is \(1, 3\)"),
        ({"sizes": np.array([1, -3, 1])}, r"sizes is \[1, -3, 1\]"),
        (
            {"sizes": np.array([1, 10**12, 1])},
            r"its array params is \(10,\) float64, and not \(3000000000001,\) floats",
        ),
        ({"params": np.arange(10)}, r"its array params is \(10,\) int64"),
        ({"params": np.zeros(9)}, r"its array params is \(9,\) float64"),
        ({"params": np.zeros((1, 10))}, r"its array params is \(1, 10\)"),
        ({"params": np.array(list("0123456789"))}, r"its array params is \(10,\) <U1"),
        ({"params": np.full(10, print)}, r"its array params is \(10,\) object"),
        ({"sizes": np.array([1, None, 1])}, r"its array sizes is \(3,\) object"),
    ],
)
def test_wrong_members(tmp_path, change, words):
    """Catches: a TypeError, an UnpicklingError; text that float() takes for a slope; a message that names no file."""
    np.savez(tmp_path / "net.npz", **WHOLE | change)
    with pytest.raises(ValueError, match=rf"net\.npz is not a network that MLP\.save wrote: {words}"):
        MLP.load(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: with_params(p, b"\x93NUMPY\x01\x00\x10\x00{'descr':__import__"), "the header of its array params"),
        (lambda p: with_params(p, b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535), "the header of its array params"),
        (lambda p: with_params(p, b"\x93NUMPY\x03\x00" + bytes(90)), "the header of its array params"),
        (lambda p: with_params(p, npy_header((10**12,))), r"its array params is \(1000000000000,\)"),
        (
            lambda p: with_params(p, npy_header((2 * 10**12 + 1 + 10**12,)), sizes=np.array([1, 10**12, 1])),
            "its array params has 0 bytes",
        ),
        (lambda p: with_params(p, npy_header((-1,))), r"its array params is \(-1,\)"),
        (lambda p: with_params(p, npy_header((10,)) + bytes(79)), "its array params has 79 bytes"),
        (lambda p: with_params(p, npy_header((10,)) + bytes(81)), "its array params has 81 bytes"),
        (lambda p: (MLP([1, 3, 1]).save(p), damaged(p, 6, 1)), "its array sizes is compressed or encrypted"),
        (lambda p: (MLP([1, 3, 1]).save(p), damaged(p, 8, 97)), "its array sizes is compressed or encrypted"),
        (lambda p: (MLP([1, 3, 1]).save(p), damaged(p, 4, 71)), r"zip file version 7\.1"),
        (lambda p: np.savez(p, sizes=WHOLE["sizes"]), "it has no params"),
        (lambda p: np.savez_compressed(p, **WHOLE), "its array sizes is compressed"),
        (lambda p: p.write_bytes(bytes(1000)), "File is not a zip file"),
    ],
)
def test_damaged_files(tmp_path, make, words):
    """Catches: TokenError, MemoryError, RuntimeError, NotImplementedError, zlib.error and their kin."""
    make(tmp_path / "net.npz")
    with pytest.raises(ValueError, match=rf"net\.npz is not a network that MLP\.save wrote: {words}"):
        MLP.load(tmp_path / "net.npz")


@pytest.mark.parametrize("sizes", [[1, 3, 1], [999, 5000]])
def test_a_bomb_does_not_go_off(tmp_path, sizes):
    """Catches: 40 MB of zeros, packed to 40 kB, that are unpacked, whether or not the sizes say that they are there."""
    path = tmp_path / "bomb.npz"
    with_params(path, npy_header((5_000_000,)) + bytes(40_000_000), zipfile.ZIP_DEFLATED, sizes=np.array(sizes))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="compressed"):
        MLP.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_six_thousand_bytes_flipped(tmp_path):
    """Catches: any other exception, a message that does not name the file, and another network, without a word."""
    net, path, refused = MLP([1, 3, 1], negative_slope=0.25, seed=3), tmp_path / "net.npz", []
    net.save(path)
    for _ in with_a_byte_flipped(path, 6000):
        try:
            back = MLP.load(path)
        except ValueError as error:
            refused.append(str(error))
        else:  # a date, or what else nobody reads
            assert (back.params == net.params).all()
            assert repr(back) == repr(net)
            assert back.dropout == 0
    assert 4000 < len(refused) < 6000
    assert all(words.startswith(f"{path} is not a network that MLP.save wrote: ") for words in refused)
    assert max(map(len, refused)) < len(str(path)) + 250


def test_a_file_that_ends_anywhere(tmp_path):
    """Catches: a part of a network for a whole one."""
    path = tmp_path / "net.npz"
    MLP([1, 3, 1]).save(path)
    blob = path.read_bytes()
    for length in range(0, len(blob), 7):
        path.write_bytes(blob[:length])
        with pytest.raises(ValueError, match=r"net\.npz is not a network"):
            MLP.load(path)


def test_what_is_no_path(tmp_path):
    """Catches: an integer that open() takes for a file of somebody else's."""
    with pytest.raises(TypeError):
        MLP.load(0)
    with pytest.raises(OSError, match="missing"):
        MLP.load(tmp_path / "missing.npz")
