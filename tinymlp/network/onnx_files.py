"""ONNX files, read and written; what their graphs mean is in ``onnx_graph.py``."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..system.files import writing
from .activations import find_output, warn_outputs
from .checks import check_pairs, compare
from .onnx_graph import Node, read_graph
from .rewrite import as_network

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_onnx", "to_onnx"]

INSTALL = "ONNX files need the package onnx: pip install 'tinymlp-microscope[onnx]'"
STANDARD = ("", "ai.onnx")  # two names of one domain
OTHER = "give check=(x, y) to see which is right, and report the file"
SLOPE = "tinymlp.negative_slope"  # in float64; the format has float32


def from_onnx(cls: type["MLP"], path: str | Path, *, output: str | None = None, check: Any = None) -> "MLP":
    """The network in an ONNX file; needs the extra ``onnx``.

    Parameters
    ----------
    path : str or Path
        Gemm, MatMul, Add, Sub, Mul, Div, Relu, LeakyRelu, PRelu, Clip, Abs, BatchNormalization, Flatten, Reshape,
        Shape, Constant, Identity and Dropout make a network here. Skip connections are followed, and normalisation is
        folded in float64. An input of several dimensions, such as an image, is a vector, its last dimension the
        fastest. The values at random inputs are compared with those that the package onnx computes from the file.
    output : str, optional
        Which output, if the graph has several.
    check : (x, y), optional
        An input and what the network gives there: ValueError unless this network gives y for x, to a thousandth.

    Returns
    -------
    MLP
        Weights in their dtype; float64 if something had to be computed (``graph.py``).

    Raises
    ------
    ModuleNotFoundError
        Without the package onnx.
    ValueError
        If the graph holds anything else, or mixes the samples; the message names the node.

    Warns
    -----
    UserWarning
        If the outputs are those before a softmax or another last activation.
    """
    onnx = _library()
    try:
        model = onnx.load(Path(path))
    except OSError:
        raise
    except Exception as error:  # protobuf's, of a kind of its own
        raise ValueError(f"{path} is no ONNX file: {error}") from error
    try:
        return check_pairs(_read_model(cls, onnx, model, output), check)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read_model(cls: type["MLP"], onnx: Any, model: Any, output: str | None) -> "MLP":
    """The network, held against what the package onnx computes."""
    graph = model.graph
    constants = {tensor.name: _to_array(onnx, tensor) for tensor in graph.initializer}
    shapes = {
        v.name: [d.dim_value if d.HasField("dim_value") else None for d in v.type.tensor_type.shape.dim]
        for v in graph.input
        if v.name not in constants
    }
    nodes = []
    for node in graph.node:
        attributes = {a.name: _attribute(onnx, node, a) for a in node.attribute}
        kind = node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"
        nodes.append(Node(kind, node.name, list(node.input), list(node.output), attributes))
    opset = max((o.version for o in model.opset_import if o.domain in STANDARD), default=1)
    names = [o.name for o in graph.output]
    vector, last = read_graph(nodes, constants, shapes, names, output, opset=opset)
    net = as_network(cls, vector)
    written = [float(p.value) for p in model.metadata_props if p.key == SLOPE]
    if written and np.float32(written[0]) == np.float32(net.negative_slope):
        net.negative_slope = written[0]
    [(name, shape)] = shapes.items()
    x_type = next(v.type.tensor_type.elem_type for v in graph.input if v.name == name)
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(x_type)
    except KeyError as error:
        raise ValueError(f"the input {name!r} has a type that ONNX does not know, {x_type}") from error
    eps = 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)
    after = find_output(last) if last else None
    goal = names[0] if output is None else output
    compare(net, lambda x: _run(model, name, shape, goal, x.astype(dtype)), eps, after, OTHER)
    if last:
        warn_outputs(last)
    return net


def _to_array(onnx: Any, tensor: Any) -> NDArray:
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # of a damaged tensor, anything
        raise ValueError(f"the array {tensor.name!r} cannot be read: {error}") from error


def _attribute(onnx: Any, node: Any, attribute: Any) -> Any:
    """Its value, an array if it is a tensor."""
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except ValueError as error:
        raise ValueError(f"node {node.name!r} ({node.op_type}) has a damaged attribute: {error}") from error
    return _to_array(onnx, value) if attribute.HasField("t") else value


def _run(model: Any, name: str, shape: list[int | None], output: str, x: NDArray) -> NDArray:
    """What the package onnx computes from x (n, inputs): (n, outputs)."""
    from onnx.reference import ReferenceEvaluator

    run = ReferenceEvaluator(model).run
    batch, sizes = ([shape[0] or -1], shape[1:]) if len(shape) > 1 else ([], shape)

    def rows(x: NDArray) -> NDArray:
        given: dict[str, Any] = {name: x.reshape([*batch, *sizes])}
        with np.errstate(all="ignore"):
            y: Any = run([output], given)
        return np.asarray(y[0]).astype(np.float64)

    if batch == [-1]:
        with suppress(Exception):  # some graphs are for one sample, whatever their input says
            return rows(x).reshape(len(x), -1)
    copies = max(1, *batch) if batch else 1  # it takes no other number, so many of one
    return np.stack([rows(np.repeat(one[None], copies, axis=0)).reshape(copies, -1)[0] for one in x])


def _library() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(INSTALL) from error
    return onnx


def to_onnx(net: "MLP", path: str | Path) -> None:
    """Write the network as an ONNX file: Gemm, and Relu or LeakyRelu between; needs the extra ``onnx``.

    Its input is "x", (n, inputs), its output "y", (n, outputs), in the network's dtype. A float64 network whose slope
    float32 does not hold has PRelu. `MLP.from_onnx` reads back the same network, bit for bit.

    Raises
    ------
    ModuleNotFoundError
        Without the package onnx.
    ValueError
        If the dtype is none of float16, float32 and float64.
    """
    onnx = _library()
    helper, proto, to_tensor = onnx.helper, onnx.TensorProto, onnx.numpy_helper.from_array
    kinds = {"float16": proto.FLOAT16, "float32": proto.FLOAT, "float64": proto.DOUBLE}
    if net.dtype.name not in kinds:
        raise ValueError(f"net has dtype {net.dtype}: ONNX files have float16, float32 or float64")
    kind, slope = kinds[net.dtype.name], net.negative_slope
    nodes, tensors, x = [], [], "x"
    net = net.to("cpu")
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        last = l == len(net.layers) - 1
        z = "y" if last else f"z{l}"
        tensors += [to_tensor(np.ascontiguousarray(W), f"W{l}"), to_tensor(np.ascontiguousarray(b), f"b{l}")]
        nodes.append(helper.make_node("Gemm", [x, f"W{l}", f"b{l}"], [z], transB=1))
        if last:
            break
        x = f"a{l}"
        if not slope:
            nodes.append(helper.make_node("Relu", [z], [x]))
        elif net.dtype == np.float64 and float(np.float32(slope)) != slope:
            tensors.append(to_tensor(np.array([slope]), f"s{l}"))
            nodes.append(helper.make_node("PRelu", [z, f"s{l}"], [x]))
        else:
            nodes.append(helper.make_node("LeakyRelu", [z], [x], alpha=slope))
    ends = [
        helper.make_tensor_value_info(name, kind, ["n", size])
        for name, size in (("x", net.sizes[0]), ("y", net.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "tinymlp", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tinymlp")
    helper.set_model_props(model, {SLOPE: repr(slope)})
    onnx.checker.check_model(model, full_check=True)
    with writing(path) as file:
        file.write(model.SerializeToString())
