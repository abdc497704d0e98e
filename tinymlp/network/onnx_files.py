"""ONNX files: a graph of named operations, read from its inputs to one output, and written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .activations import REFUSED, clip, find_output, leaky, warn_outputs
from .checks import check_pairs
from .graph import Vector, inputs
from .rewrite import as_layers

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["Node", "from_onnx", "read_graph", "to_onnx"]

INSTALL = "ONNX files need the package onnx: pip install 'tinymlp-microscope[onnx]'"
SLOPE = "tinymlp.negative_slope"  # in float64; the format has float32


class Node(NamedTuple):
    """One operation of a graph."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]


def from_onnx(cls: type["MLP"], path: str | Path, *, output: str | None = None, check: Any = None) -> "MLP":
    """The network in an ONNX file; needs the extra ``onnx``.

    Parameters
    ----------
    path : str or Path
        Gemm, MatMul, Add, Sub, Mul, Div, Relu, LeakyRelu, PRelu, Clip, Abs, BatchNormalization, Flatten, Reshape,
        Constant, Identity and Dropout make a network here. Skip connections are followed, and normalisation is folded
        in float64. An input of several dimensions, such as an image, is a vector, its last dimension the fastest.
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
        If the graph holds anything else; the message names the node.

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
        weights, biases, slope = as_layers(_read_model(onnx, model, output))
        written = [float(p.value) for p in model.metadata_props if p.key == SLOPE]
        if written and np.float32(written[0]) == np.float32(slope):
            slope = written[0]
        return check_pairs(cls.from_weights(weights, biases, negative_slope=slope), check)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read_model(onnx: Any, model: Any, output: str | None) -> Vector:
    """The output of a model."""
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
        nodes.append(Node(node.op_type, node.name, list(node.input), list(node.output), attributes))
    opset = max((o.version for o in model.opset_import if not o.domain), default=1)
    return read_graph(nodes, constants, shapes, [o.name for o in graph.output], output, opset=opset)


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


def _library() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(INSTALL) from error
    return onnx


def read_graph(
    nodes: Sequence[Node],
    constants: Mapping[str, NDArray],
    shapes: Mapping[str, Sequence[int | None]],
    outputs: Sequence[str],
    output: str | None = None,
    *,
    opset: int = 17,
) -> Vector:
    """The output of a graph as a function of its input; errors as for `from_onnx`.

    ``constants`` are the arrays with names, ``shapes`` those of the inputs, the first dimension that of the samples if
    there are several; ``output`` is needed if there are several outputs.
    """
    if not outputs:
        raise ValueError("the graph has no output")
    if output is None and len(outputs) != 1:
        raise ValueError(f"the graph has the outputs {', '.join(outputs)}: choose one, such as output={outputs[0]!r}")
    if output is not None and output not in outputs:
        raise ValueError(f"output is {output!r}: give one of {', '.join(outputs)}")
    goal = outputs[0] if output is None else output
    reader = _Reader(dict(constants), opset)
    for name, shape in shapes.items():
        reader.begin(name, shape)
    wanted = {goal}
    used: list[Node] = []
    for node in reversed(nodes):
        if wanted & set(node.outputs):
            wanted |= set(node.inputs)
            used.insert(0, node)
    for node in used:
        place = f"node {node.name or node.outputs[0]!r} ({node.kind})"
        before = [reader.left_out[name] for name in node.inputs if name in reader.left_out]
        if before and node.kind not in ("Identity", "Flatten", "Reshape", "Dropout"):
            raise ValueError(f"{place} stands after {before[0]}: {REFUSED}")
        try:
            reader.read(node)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, StopIteration) as error:
            raise ValueError(f"{place} has not the inputs and attributes that it needs: {error!r}") from error
    if goal not in reader.vectors:
        raise ValueError(f"the output {goal!r} does not depend on the input")
    if goal in reader.left_out:
        warn_outputs(reader.left_out[goal])
    return reader.vectors[goal]


class _Reader:
    """What has been computed so far: arrays, and vectors that depend on the input, by name."""

    def __init__(self, constants: dict[str, NDArray], opset: int):
        self.constants, self.opset = constants, opset
        self.vectors: dict[str, Vector] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}  # of one sample, where it is known
        self.left_out: dict[str, str] = {}  # the kind of the activation that a vector should have

    def begin(self, name: str, shape: Sequence[int | None]) -> None:
        """An input."""
        if self.vectors:
            raise ValueError(f"the graph has several inputs, {', '.join(self.vectors)} and {name}: a network has one")
        sample = shape[1:] if len(shape) > 1 else shape
        if not sample or any(d is None or d < 1 for d in sample):
            raise ValueError(f"the input {name!r} has shape {list(shape)}: all but the number of samples must be known")
        self.shapes[name] = tuple(int(d or 0) for d in sample)
        self.vectors[name] = inputs(int(np.prod(self.shapes[name])))

    def read(self, node: Node) -> None:
        """One node."""
        if node.kind == "Constant":
            value = next(v for k, v in node.attributes.items() if k.startswith("value"))
            self.constants[node.outputs[0]] = np.asarray(value)
            return
        given = [name for name in node.inputs if name in self.vectors]
        if not given:
            self.constants[node.outputs[0]] = self._constant(node)
            return
        vector = self.vectors[given[0]]
        if len(given) > 1:
            self._put(node, self._of_two(node, *(self.vectors[name] for name in given)), given[0])
        elif hasattr(self, f"_{node.kind.lower()}"):
            self._put(node, getattr(self, f"_{node.kind.lower()}")(node, vector), given[0])
        elif find_output(node.kind):
            self._put(node, vector, given[0])
            self.left_out[node.outputs[0]] = node.kind
        else:
            smooth = ("Gelu", "Elu", "Selu", "Swish", "Mish", "HardSwish", "Erf", "Celu", "Softsign")
            raise ValueError(REFUSED if node.kind in smooth else "this operation does not make a network of ReLUs")

    def _put(self, node: Node, vector: Vector, source: str) -> None:
        self.vectors[node.outputs[0]] = vector
        keeps = node.kind in ("Identity", "Dropout") or vector.size == self.vectors[source].size
        if keeps and source in self.shapes and node.kind not in ("Flatten", "Reshape"):
            self.shapes[node.outputs[0]] = self.shapes[source]
        if node.kind == "Reshape" and len(node.inputs) > 1:
            sample = tuple(int(d) for d in self.constants[node.inputs[1]].reshape(-1)[1:])
            rest = -vector.size // int(np.prod(sample)) if -1 in sample else 0
            sample = tuple(rest if d == -1 else d for d in sample)
            if np.prod(sample) == vector.size:
                self.shapes[node.outputs[0]] = sample
        if source in self.left_out:
            self.left_out[node.outputs[0]] = self.left_out[source]

    def _constant(self, node: Node) -> NDArray:
        """What a node makes of arrays."""
        arrays = [self.constants[name] for name in node.inputs if name]
        simple = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Identity": np.positive}
        if node.kind in simple:
            return simple[node.kind](*arrays)
        if node.kind == "Transpose":
            return arrays[0].transpose(node.attributes.get("perm"))
        if node.kind == "Reshape":
            return arrays[0].reshape(arrays[1].tolist())
        raise ValueError("this operation on constants is not known here")

    def _other(self, node: Node, k: int) -> NDArray | None:
        """Input k as an array, or None if it is not there."""
        return self.constants[node.inputs[k]] if k < len(node.inputs) and node.inputs[k] else None

    def _spread(self, node: Node, name: str, c: NDArray, vector: Vector) -> NDArray:
        """An array that meets the vector element by element, (1,) or (size,)."""
        if c.size in (1, vector.size):
            return c.reshape(-1)
        try:
            return np.broadcast_to(c.reshape(c.shape[-len(self.shapes[name]) :]), self.shapes[name]).reshape(-1)
        except (KeyError, ValueError):
            raise ValueError(f"an array of shape {c.shape} meets a vector of {vector.size} numbers") from None

    def _pair(self, node: Node, vector: Vector) -> tuple[NDArray, bool]:
        """The array beside the vector, and whether it stands first."""
        first = node.inputs[0] in self.constants
        name = node.inputs[1 if first else 0]
        return self._spread(node, name, self.constants[node.inputs[0 if first else 1]], vector), first

    def _of_two(self, node: Node, one: Vector, two: Vector) -> Vector:
        if node.kind == "Add":
            return one.add(two)
        if node.kind == "Sub":
            return one.add(two.times(np.array([-1.0])))
        raise ValueError("of two vectors that depend on the input, only sums and differences make a network of ReLUs")

    def _gemm(self, node: Node, vector: Vector) -> Vector:
        a = node.attributes
        W, b = self._other(node, 1), self._other(node, 2)
        if W is None or a.get("transA") or node.inputs[0] in self.constants:
            raise ValueError("its first input must be the vector, not transposed, and its second the weights")
        W = W if a.get("transB") else W.T
        W = W if a.get("alpha", 1.0) == 1 else W * np.float64(a["alpha"])
        if b is not None:
            b = np.broadcast_to(b.reshape(-1), (len(W),))
            b = b if a.get("beta", 1.0) == 1 else b * np.float64(a["beta"])
        return vector.linear(W, b)

    def _matmul(self, node: Node, vector: Vector) -> Vector:
        first = node.inputs[0] in self.constants
        W = self.constants[node.inputs[0 if first else 1]]
        return vector.linear(W if first else W.T)

    def _add(self, node: Node, vector: Vector) -> Vector:
        return vector.plus(self._pair(node, vector)[0])

    def _sub(self, node: Node, vector: Vector) -> Vector:
        c, first = self._pair(node, vector)
        return vector.times(np.array([-1.0])).plus(c) if first else vector.plus(-c)

    def _mul(self, node: Node, vector: Vector) -> Vector:
        return vector.times(self._pair(node, vector)[0])

    def _div(self, node: Node, vector: Vector) -> Vector:
        c, first = self._pair(node, vector)
        if first or not c.all():
            raise ValueError("it divides by the vector, or by 0")
        return vector.times(1 / c.astype(np.float64))

    def _relu(self, node: Node, vector: Vector) -> Vector:
        return vector.activate(leaky(0.0))

    def _abs(self, node: Node, vector: Vector) -> Vector:
        return vector.activate(leaky(-1.0))

    def _leakyrelu(self, node: Node, vector: Vector) -> Vector:
        return vector.activate(leaky(node.attributes.get("alpha", np.float32(0.01))))

    def _prelu(self, node: Node, vector: Vector) -> Vector:
        slope = self._other(node, 1)
        if slope is None:
            raise ValueError("its slope must be an array")
        return vector.activate(leaky(self._spread(node, node.inputs[0], slope, vector)))

    def _clip(self, node: Node, vector: Vector) -> Vector:
        ends = [self._other(node, 1), self._other(node, 2)]
        if self.opset < 11:
            ends = [node.attributes.get(name) for name in ("min", "max")]
        low, high = (none if end is None else float(end) for end, none in zip(ends, (-np.inf, np.inf), strict=True))
        most = float(np.finfo(np.float32).max)
        return vector.activate(clip(-np.inf if low <= -most else low, np.inf if high >= most else high))

    @np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite
    def _batchnormalization(self, node: Node, vector: Vector) -> Vector:
        scale, b, mean, var = (self.constants[name].astype(np.float64) for name in node.inputs[1:5])
        s = scale / np.sqrt(var + node.attributes.get("epsilon", 1e-5))
        return vector.times(s).plus(b - mean * s)

    def _flatten(self, node: Node, vector: Vector) -> Vector:
        return vector

    _reshape = _identity = _dropout = _flatten


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
    onnx.save(model, path)
