"""ONNX: graphs by hand, without the package onnx; files, and onnxruntime, where they are."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from support.damage import with_a_byte_flipped

from tinymlp import MLP
from tinymlp.network.activations import leaky
from tinymlp.network.onnx_graph import Node, read_graph
from tinymlp.network.rewrite import as_network


def node(kind, inputs, output, **attributes):
    return Node(kind, f"/{output}", inputs.split(), [output], attributes)


def network(nodes, constants, shape=(None, 2), outputs=("y",), output=None, **options):
    return as_network(MLP, read_graph(nodes, constants, {"x": shape}, outputs, output, **options)[0])


RNG = np.random.default_rng(0)
A, B, C = (RNG.normal(size=s).astype(np.float32) for s in ((4, 2), (4, 4), (1, 4)))
a, b, c = (RNG.normal(size=s).astype(np.float32) for s in (4, 4, 1))
X = RNG.normal(size=(100, 2)) * 3


def relu(z):
    return np.where(z > 0, z, 0)


def test_layers_of_every_spelling():
    """Catches: transB, alpha or beta ignored; MatMul the wrong way round; a bias added twice; a float32 net widened."""
    truth = relu(relu(X @ A.T + a) @ B.T + b) @ C.T + c
    spelled = [
        node("Flatten", "x", "f"),
        node("MatMul", "f At", "m"),
        node("Add", "a m", "z"),
        node("Clip", "z zero", "h"),
        node("Gemm", "h Bt b", "g"),
        node("Relu", "g", "r"),
        node("Gemm", "r C2 c2", "y", transB=1, alpha=0.5, beta=2.0),
    ]
    arrays = {"At": A.T, "a": a, "zero": np.float32(0), "Bt": B.T, "b": b, "C2": 2 * C, "c2": c / 2}
    net = network(spelled, arrays)
    assert net(X) == pytest.approx(truth, rel=1e-5, abs=1e-5)
    assert net.sizes == (2, 4, 4, 1)
    plain = network([*spelled[:-1], node("Gemm", "r C c", "y", transB=1)], {**arrays, "C": C, "c": c})
    assert plain.dtype == np.float32
    assert (plain.weights[0] == A).all()


def test_normalisation_is_folded():
    """Catches: Sub the wrong way round, a broadcast over another dimension, constants computed from constants."""
    mean, size = RNG.normal(size=(1, 3, 1)), RNG.random((1, 3, 1)) + 0.5
    W = RNG.normal(size=(1, 6))
    nodes = [
        node("Constant", "", "two", value=np.array(2.0)),
        node("Mul", "size two", "size2"),
        node("Sub", "x mean", "s"),
        node("Div", "s size2", "d"),
        node("Sub", "two d", "n"),
        node("Flatten", "n", "f"),
        node("MatMul", "f W", "y"),
    ]
    nodes = [n._replace(inputs=[i for i in n.inputs if i]) for n in nodes]
    net = network(nodes, {"mean": mean, "size": size, "W": W.T}, shape=(None, 3, 2))
    x = RNG.normal(size=(10, 3, 2))
    truth = (2 - (x - mean) / (2 * size)).reshape(10, 6) @ W.T
    assert net(x.reshape(10, 6)) == pytest.approx(truth)


def test_activations():
    """Catches: an end of a clip, an old clip's attributes or a slope of a unit mixed up."""
    slope = np.array([0.5, -1, 0, 2])
    first = [node("Gemm", "x A a", "z", transB=1)]
    for last, options, truth in [
        (node("PRelu", "z s", "y"), {}, lambda z: np.where(z > 0, z, slope * z)),
        (node("LeakyRelu", "z", "y", alpha=0.25), {}, lambda z: np.where(z > 0, z, 0.25 * z)),
        (node("Abs", "z", "y"), {}, np.abs),
        (node("Clip", "z low high", "y"), {}, lambda z: np.clip(z, -1, 2)),
        (node("Clip", "z", "y", max=0.5), {"opset": 6}, lambda z: np.minimum(z, 0.5)),
    ]:
        net = network([*first, last], {"A": A, "a": a, "s": slope, "low": -1.0, "high": np.float32(2)}, **options)
        assert net(X) == pytest.approx(truth(X @ A.T.astype(float) + a), rel=1e-5, abs=1e-5)


def test_skip_connections():
    """Catches: a unit that is passed on doubled, from the wrong layer, or without the sign of an input."""
    nodes = [
        node("Gemm", "x A a", "z", transB=1),
        node("Relu", "z", "h"),
        node("Gemm", "h B b", "g", transB=1),
        node("LeakyRelu", "g", "r", alpha=0.5),
        node("Add", "h r", "s"),
        node("Gemm", "s C c", "t", transB=1),
        node("Relu", "t", "u"),
        node("MatMul", "x w", "v"),
        node("Sub", "u v", "y"),
    ]
    w = np.array([[0.5], [-1.0]])
    net = network(nodes, {"A": A, "a": a, "B": B, "b": b, "C": C, "c": c, "w": w})
    h = relu(X @ A.T.astype(float) + a)
    g = h @ B.T + b
    s = h + np.where(g > 0, g, 0.5 * g)
    assert net(X) == pytest.approx(relu(s @ C.T + c) - X @ w)
    assert net.sizes == (2, 4 + 4, 8 + 4 + 4, 1 + 4, 1)


def test_words_for_what_is_no_network():
    """Catches: an operation skipped; an unnamed node; one of two outputs chosen silently."""
    start = [node("Gemm", "x A a", "z", transB=1)]
    arrays = {"A": A, "a": a, "o": 0 * a}
    for nodes, match in [
        ([node("Gelu", "z", "y")], r"node '/y' \(Gelu\): .* no segments"),
        ([node("Tanh", "z", "t"), node("Add", "t a", "y")], "stands after Tanh"),
        ([node("Conv", "z A", "y")], r"node '/y' \(Conv\): this operation"),
        ([node("Mul", "z z", "y")], "only sums and differences"),
        ([node("Div", "a z", "y")], "divides by the vector"),
        ([node("Add", "z A", "y")], r"an array of shape \(4, 2\) meets one of shape \(n, 4\)"),
        ([node("Identity", "a", "y")], "does not depend on the input"),
        ([node("Add", "z q", "y")], r"node '/y' \(Add\): its input 'q' is nothing that is known here"),
        ([node("Add", "z", "y")], r"has not the inputs"),
        ([node("BatchNormalization", "z a a a o", "y", epsilon=0.0)], "layer 0 has weights or biases that are NaN"),
        (
            [node("Constant", "", "c"), node("Add", "z c", "y")],
            r"node '/c' \(Constant\): its value is no array",
        ),
        ([node("LeakyRelu", "z", "y", alpha="x")], r"node '/y' \(LeakyRelu\)"),
    ]:
        with pytest.raises(ValueError, match=match):
            network(start + nodes, arrays)
    heads = [*start, node("Relu", "z", "p"), node("Abs", "z", "v"), node("Gelu", "z", "g")]
    with pytest.raises(ValueError, match="outputs p, v: choose one"):
        network(heads, arrays, outputs=("p", "v"))
    assert network(heads, arrays, outputs=("p", "v"), output="v")(X).min() >= 0
    with pytest.raises(ValueError, match="output is 'q': give one of p, v"):
        network(heads, arrays, outputs=("p", "v"), output="q")
    with pytest.raises(ValueError, match="must be known"):
        network(start, arrays, shape=(None, None), outputs=("z",))
    assert read_graph([*start, node("Softmax", "z", "y")], arrays, {"x": (None, 2)}, ("y",))[1] == "Softmax"


@pytest.mark.parametrize(
    ("last", "arrays", "shape", "words"),
    [
        (node("Add", "x k", "y"), {"k": np.ones((2, 1))}, (None, 2), r"\(2, 1\) meets one of shape \(n, 2\)"),
        (node("Mul", "k x", "y"), {"k": np.ones((3, 2))}, (3, 2), "other numbers for each sample"),
        (node("PRelu", "x k", "y"), {"k": np.ones((2, 1))}, (None, 2), "meets one of shape"),
        (node("Add", "x k", "y"), {"k": np.ones(2)}, (None, 2, 1), "meets one of shape"),
        (node("MatMul", "k x", "y"), {"k": np.ones((2, 2))}, (None, 2), r"\(2, 2\) stand before an array \(n, 2\)"),
        (node("Gemm", "k x", "y"), {"k": np.ones((2, 2))}, (None, 2), "first input must be the vector"),
        (node("Gemm", "x k c", "y"), {"k": np.ones((2, 2)), "c": np.ones((2, 1))}, (None, 2), r"shape \(2, 1\)"),
        (node("Flatten", "x", "y", axis=0), {}, (None, 2), r"\(n, 2\) becomes \(1, 2n\), which mixes samples"),
        (node("Flatten", "x", "y", axis=2), {}, (None, 2, 3), "mixes samples"),
        (node("Reshape", "x k", "y"), {"k": np.array([-1, 4])}, (None, 2), "mixes samples"),
        (node("Clip", "k x", "y"), {"k": np.ones(2)}, (None, 2), "first input must be the vector"),
        (node("Dropout", "x k t", "y"), {"k": np.float32(0.5), "t": np.array(True)}, (None, 2), "in training mode"),
        (node("my.Relu", "x", "y"), {}, (None, 2), r"my\.Relu\): this operation"),
        (node("Add", "x k", "y", axis=0), {"k": np.ones(2)}, (None, 2), "attribute axis"),
        (node("Add", "x mask", "y"), {}, (None, 2), "'mask' is nothing that is known"),
        (node("Constant", "", "y", sparse_value=1), {}, (None, 2), "no array of numbers"),
        (node("BatchNormalization", "x k k k k", "y", training_mode=1), {"k": np.ones(2)}, (None, 2), "training"),
    ],
    ids=str,
)
def test_samples_stay_apart(last, arrays, shape, words):
    """Catches: graphs that give one sample what belongs to others, or to none, taken for a network all the same."""
    with pytest.raises(ValueError, match=words):
        network([last], arrays, shape=shape)


def test_layouts():
    """Catches: columns, images, channels, or one sample without a dimension of its own, read in another order."""
    W, k = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 1))
    columns = network([node("MatMul", "W x", "z"), node("Add", "z k", "y")], {"W": W, "k": k}, shape=(None, 2, 1))
    assert columns(X) == pytest.approx(X @ W.T + k.ravel())
    single = network([node("MatMul", "W x", "z"), node("MatMul", "z v", "y")], {"W": W, "v": k.ravel()}, shape=(2,))
    assert single(X) == pytest.approx(X @ W.T @ k)
    norm = {name: RNG.random(2) + 0.5 for name in "sbmv"}
    channels = network([node("BatchNormalization", "x s b m v", "y", epsilon=0.1)], norm, shape=(None, 2, 3))
    s, b, m, v = (np.repeat(norm[name], 3) for name in "sbmv")
    x = RNG.normal(size=(5, 6))
    assert channels(x) == pytest.approx((x - m) / np.sqrt(v + 0.1) * s + b)
    for shape, target in [((None, 2, 3), [-1, 3, 2]), ((1, 2, 3), [3, 2]), ((None, 2, 3), [0, 3, -1])]:
        nodes = [node("Reshape", "x t", "r"), node("Add", "r k", "y")]
        twisted = network(nodes, {"t": np.array(target), "k": k}, shape=shape)
        assert twisted(x) == pytest.approx(x + np.repeat(k.ravel(), 2))
    view = [  # x.view(x.size(0), -1), as PyTorch writes it
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "t", axis=0),
        node("Reshape", "x t", "r"),
        node("Abs", "r", "y"),
    ]
    arrays = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    assert network(view, arrays, shape=(None, 2, 3))(x) == pytest.approx(np.abs(x))  # in float64, as no weight says
    assert network(view, arrays, shape=(1, 2, 3))(x) == pytest.approx(np.abs(x))
    with pytest.raises(ValueError, match=r"\(n, 3, 1\)"):
        network(
            [node("Reshape", "x p", "c"), node("Reshape", "x q", "r"), node("Add", "c r", "y")],
            {"p": np.array([-1, 3, 1]), "q": np.array([-1, 1, 3])},
            shape=(None, 3),
        )


@pytest.fixture
def onnxruntime(need, request):
    there = all(map(find_spec, ("onnx", "onnxruntime")))
    need(request, "--require-formats", there, "no onnx and onnxruntime")
    import onnxruntime

    return onnxruntime


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("slope", [0, 0.01, 0.1, 0.25])
def test_files(onnxruntime, tmp_path, slope, dtype):
    """Catches: a file that onnxruntime reads as another network, or that comes back changed in a bit."""
    net = MLP([3, 6, 6, 2], negative_slope=slope, seed=1).astype(dtype)
    net.to_onnx(tmp_path / "net.onnx")
    back = MLP.from_onnx(tmp_path / "net.onnx")
    assert (back.params == net.params).all()
    assert (back.dtype, back.negative_slope, back.sizes) == (net.dtype, slope, net.sizes)
    x = RNG.normal(size=(20, 3)).astype(dtype)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": x})[0] == pytest.approx(net(x), abs=float(20 * np.finfo(dtype).eps))
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ValueError, match=r"text\.onnx is no ONNX file"):
        MLP.from_onnx(tmp_path / "text.onnx")


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_files_are_computed_and_compared(onnxruntime, tmp_path, monkeypatch):
    """Catches: an operation read as another one; a name of ONNX's domain that hides its version; a softmax unsaid."""
    from onnx import TensorProto, helper, numpy_helper, save

    def write(nodes, arrays, version, shape=("n", 2)):
        ends = [
            helper.make_tensor_value_info(*end)
            for end in (("x", TensorProto.FLOAT, shape), ("y", TensorProto.FLOAT, None))
        ]
        tensors = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
        made = [helper.make_node(n.kind, n.inputs, n.outputs, **n.attributes) for n in nodes]
        graph = helper.make_graph(made, "g", ends[:1], ends[1:], tensors)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid(*version)]), tmp_path / "net.onnx")
        return tmp_path / "net.onnx"

    ends = {"low": np.float32(-0.5), "high": np.float32(0.25), "A": A, "a": a}
    start = node("Gemm", "x A a", "z", transB=1)
    for version in (("", 17), ("ai.onnx", 17)):
        path = write([start, node("Clip", "z low high", "y")], ends, version)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if version[0] else "error")  # onnx itself knows one of its names only
            assert MLP.from_onnx(path)(X) == pytest.approx(np.clip(X @ A.T + a, -0.5, 0.25), abs=1e-5)
    for shape in ((1, 2), (3, 2), (2,)):
        path = write([node("Sub", "x a", "z"), node("Abs", "z", "y")], {"a": a[:2]}, ("", 17), shape)
        assert MLP.from_onnx(path)(X) == pytest.approx(np.abs(X - a[:2]), abs=1e-5)
    path = write([start, node("Softmax", "z", "y")], ends, ("", 17))
    with pytest.warns(UserWarning, match="before Softmax"):
        MLP.from_onnx(path)
    path = write([start, node("Abs", "z", "y")], ends, ("", 17))
    monkeypatch.setattr("tinymlp.network.onnx_operations.leaky", lambda slope: leaky(0.0))
    with pytest.raises(ValueError, match="other values"):
        MLP.from_onnx(path)


@pytest.mark.filterwarnings("ignore")
def test_flipped_bytes(tmp_path, need, request):
    """Catches: a KeyError, IndexError, TypeError or protobuf's own; an error that does not name the file."""
    need(request, "--require-formats", find_spec("onnx") is not None, "no onnx")
    path = tmp_path / "flipped.onnx"
    MLP([1, 3, 1]).to_onnx(path)
    for _ in with_a_byte_flipped(path, 1500):
        try:
            MLP.from_onnx(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017


def test_without_the_package(monkeypatch, tmp_path):
    """Catches: an import error that does not say what to install."""
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for do in (MLP.from_onnx, MLP([1, 1]).to_onnx):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinymlp-microscope\[onnx\]'"):
            do(tmp_path / "net.onnx")
