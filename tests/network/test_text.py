"""JSON, PyTorch's names, safetensors."""

import json
import math
import struct
from importlib.util import find_spec

import numpy as np
import pytest
from support.damage import with_a_byte_flipped

from tinymlp import MLP


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_json_is_exact(dtype):
    """Catches: digits, dtype, slope or dropout lost on the way."""
    net = MLP([2, 3, 2], negative_slope=0.1, dropout=0.2, seed=3).astype(dtype)
    back = MLP.from_json(net.to_json())
    assert (back.params == net.params).all()
    assert (back.dtype, back.negative_slope, back.dropout, back.sizes) == (net.dtype, 0.1, 0.2, net.sizes)
    assert json.loads(net.to_json())["weights"][0] == net.weights[0].tolist()


def test_json_of_something_else():
    """Catches: a KeyError; NaN, which is no JSON."""
    for text in ("", "[]", "{}", '{"dtype": "float32", "sizes": [1, 1], "weights": [[1]], "biases": [[1]]}'):
        with pytest.raises(ValueError, match="not a network that to_json wrote"):
            MLP.from_json(text)
    one = MLP([1, 1]).to_json()
    for change in (
        ("float32", "int32"),
        ("[[[", "[[[1e99, "),
        ("[[[", '[[["a", '),
        ('"negative_slope": 0.0', '"negative_slope": 2'),
    ):
        with pytest.raises(ValueError, match="not a network that to_json wrote"):
            MLP.from_json(one.replace(*change))
    large = MLP([1, 1], dtype=np.float64)
    large.params[:] = 1e99
    with pytest.raises(ValueError, match="too large for float32"):
        MLP.from_json(large.to_json().replace("float64", "float32"))
    whole = json.loads(MLP([1, 3, 1]).to_json())
    for change, words in [
        ({"dtype": "object"}, "its dtype is 'object': give one of float16"),
        ({"dtype": [["a", "f4"]]}, "its dtype is"),
        ({"weights": [[["1"], ["2"], ["3"]], [[1, 1, 1]]]}, "one of its weights has dtype <U1"),
        ({"weights": [[[None], [2], [3]], [[1, 1, 1]]]}, "one of its weights has dtype object"),
        ({"weights": [[[10**400], [2], [3]], [[1, 1, 1]]]}, "one of its weights has dtype object"),
        ({"biases": [[1e39, 2, 3], [1]]}, "one of its biases is too large for float32"),
        ({"biases": [[math.nan, 2, 3], [1]]}, "it has NaN, which is no number of JSON"),
        ({"biases": 5}, "not iterable"),
        ({"sizes": [1, 4, 1]}, r"sizes are \[1, 4, 1\], but"),
        ({"negative_slope": "0"}, "negative_slope is '0'"),
        ({"dropout": [0]}, r"dropout is \[0\]"),
    ]:
        with pytest.raises(ValueError, match=f"text is not a network that to_json wrote: .*{words}"):
            MLP.from_json(json.dumps(whole | change))
    for deep in ("[" * 100_000, '{"sizes":' * 100_000):
        with pytest.raises(ValueError, match="recursion"):
            MLP.from_json(deep)
    net = MLP([1, 1])
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        net.to_json()


def test_torch_names():
    """Catches: a bias under the wrong name; views that change with the network."""
    net = MLP([2, 3, 1], seed=2)
    state = net.to_torch_state()
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert (MLP.from_torch(state).params == net.params).all()
    net.params[:] = 0
    assert state["2.weight"].any()


def write_safetensors(path, tensors):
    """By the format's description: the length of a header, the header, the bytes of the arrays."""
    header, data = {}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


def test_safetensors(tmp_path, need, request):
    """Catches: layers in the order of text, bfloat16 read as something else, integers read as weights."""
    need(request, "--require-formats", find_spec("safetensors") is not None, "no safetensors")
    rng = np.random.default_rng(0)
    W = [rng.normal(size=(4, 4)).astype("<f4") for _ in range(12)]
    for kind in ("F32", "BF16"):
        if kind == "BF16":
            W = [(w.view("<u4") & 0xFFFF0000).view("<f4") for w in W]
        raw = [w.tobytes() if kind == "F32" else (w.view("<u4") >> 16).astype("<u2").tobytes() for w in W]
        write_safetensors(tmp_path / "net", {f"{k}.weight": (kind, [4, 4], r) for k, r in enumerate(raw)})
        net = MLP.from_safetensors(tmp_path / "net")
        assert all((a == b).all() for a, b in zip(net.weights, W, strict=True))
    write_safetensors(tmp_path / "net", {"0.weight": ("I8", [1, 2], b"ab")})
    with pytest.raises(ValueError, match=r"net: 0\.weight has dtype I8"):
        MLP.from_safetensors(tmp_path / "net")
    (tmp_path / "net").write_text("not a network")
    with pytest.raises(ValueError, match="is no safetensors file"):
        MLP.from_safetensors(tmp_path / "net")
    state = MLP([2, 3, 1]).to_torch_state()
    write_safetensors(tmp_path / "net", {name: ("F32", list(a.shape), a.tobytes()) for name, a in state.items()})
    for _ in with_a_byte_flipped(tmp_path / "net", 1000):
        try:
            MLP.from_safetensors(tmp_path / "net")
        except ValueError as error:
            assert str(tmp_path / "net") in str(error)  # noqa: PT017
        except UserWarning:  # of an order that could be another
            pass
