"""What a graph of ONNX operations computes, from its input to one output, sample by sample."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .activations import REFUSED, clip, find_output, leaky
from .graph import Vector, inputs
from .onnx_shapes import Layout

__all__ = ["Node", "read_graph"]

SMOOTH = ("Gelu", "Elu", "Selu", "Swish", "Mish", "HardSwish", "Erf", "Celu", "Softsign")
EITHER_SIDE = ("Add", "Sub", "Mul", "Div", "MatMul")  # the vector may be their first input or their second


class Node(NamedTuple):
    """One operation of a graph; of another domain than ONNX's own, the domain stands before its kind."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]


def read_graph(
    nodes: Sequence[Node],
    constants: Mapping[str, NDArray],
    shapes: Mapping[str, Sequence[int | None]],
    outputs: Sequence[str],
    output: str | None = None,
    *,
    opset: int = 17,
) -> tuple[Vector, str | None]:
    """The output of a graph as a function of its input, and the kind of a last activation that is left out.

    Parameters
    ----------
    nodes : sequence of Node
    constants : dict of str to array
    shapes : dict of str to sequence of int or None
        Those of the inputs, the first dimension that of the samples if there are several.
    outputs : sequence of str
    output : str, optional
        One of them; needed if there are several.
    opset : int
        The version of the operations.

    Raises
    ------
    ValueError
        If the graph is no network of ReLUs, or its output for a sample depends on others; the message names the node.
    """
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
    if goal not in reader.vectors:
        raise ValueError(f"the output {goal!r} does not depend on the input")
    return reader.vectors[goal], reader.left_out.get(goal)


class _Reader:
    """What has been computed so far: arrays, and vectors that depend on the input, by name."""

    def __init__(self, constants: dict[str, NDArray], opset: int):
        self.constants, self.opset = constants, opset
        self.vectors: dict[str, Vector] = {}
        self.layouts: dict[str, Layout] = {}
        self.left_out: dict[str, str] = {}  # the kind of the activation that a vector should have

    def begin(self, name: str, shape: Sequence[int | None]) -> None:
        """An input."""
        if self.vectors:
            raise ValueError(f"the graph has several inputs, {', '.join(self.vectors)} and {name}: a network has one")
        sample = shape[1:] if len(shape) > 1 else shape
        if not sample or any(d is None or d < 1 for d in sample):
            raise ValueError(f"the input {name!r} has shape {list(shape)}: all but the number of samples must be known")
        self.layouts[name] = Layout.of_input(shape)
        self.vectors[name] = inputs(self.layouts[name].size)

    def read(self, node: Node) -> None:
        """One node."""
        if node.kind == "Constant":
            kinds = {"value": None, "value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
            found = [np.asarray(v, kinds[k]) for k, v in node.attributes.items() if k in kinds]
            if not found:
                raise ValueError("its value is no array of numbers")
            self.constants[node.outputs[0]] = found[0]
            return
        unknown = [n for n in node.inputs if n and n not in self.vectors and n not in self.constants]
        if unknown:
            raise ValueError(f"its input {unknown[0]!r} is nothing that is known here")
        given = [name for name in node.inputs if name in self.vectors]
        if not given:
            self.constants[node.outputs[0]] = self._constant(node)
            return
        vector, layout = self.vectors[given[0]], self.layouts[given[0]]
        if node.kind == "Shape":  # PyTorch's x.view(x.size(0), -1)
            ends = slice(node.attributes.get("start"), node.attributes.get("end"))
            self.constants[node.outputs[0]] = np.array(layout.shape[ends])
            return
        if len(given) > 1:
            vector, layout = self._of_two(node, *given)
        elif node.inputs[0] != given[0] and node.kind not in EITHER_SIDE:
            raise ValueError(f"its first input must be the vector, not {given[0]!r}")
        elif find_output(node.kind):
            self.left_out[node.outputs[0]] = node.kind
        elif read := getattr(self, f"_{node.kind.lower()}", None) if node.kind in OPERATIONS else None:
            vector, layout = read(node, vector, layout)
        else:
            raise ValueError(REFUSED if node.kind in SMOOTH else "this operation does not make a network of ReLUs")
        self.vectors[node.outputs[0]], self.layouts[node.outputs[0]] = vector, layout
        if given[0] in self.left_out:
            self.left_out[node.outputs[0]] = self.left_out[given[0]]

    def _constant(self, node: Node) -> NDArray:
        """What a node makes of arrays."""
        arrays = [self.constants[name] for name in node.inputs if name]
        simple = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Identity": np.positive}
        if node.kind in simple and not (node.kind == "Div" and arrays[0].dtype.kind in "iu"):
            return simple[node.kind](*arrays)
        if node.kind == "Transpose":
            return arrays[0].transpose(node.attributes.get("perm"))
        if node.kind == "Gather":
            return np.take(arrays[0], arrays[1], axis=node.attributes.get("axis", 0))
        if node.kind == "Unsqueeze":
            axes = node.attributes["axes"] if self.opset < 13 else arrays[1]
            return np.expand_dims(arrays[0], tuple(int(k) for k in axes))
        if node.kind == "Concat":
            return np.concatenate(arrays, axis=node.attributes["axis"])
        if node.kind == "Reshape" and len(arrays) == 2:
            return arrays[0].reshape(arrays[1].tolist())
        raise ValueError("this operation on constants is not known here")

    def _other(self, node: Node, k: int) -> NDArray | None:
        """Input k as an array, or None if it is not there."""
        return self.constants[node.inputs[k]] if k < len(node.inputs) and node.inputs[k] else None

    def _pair(self, node: Node, layout: Layout) -> tuple[NDArray, Layout, bool]:
        """The array beside the vector, (1,) or (size,); the layout of both; and whether the array stands first."""
        if "axis" in node.attributes:
            raise ValueError("its attribute axis, of old versions of ONNX, is not known here")
        first = node.inputs[0] in self.constants
        c, layout = layout.meet(self.constants[node.inputs[0 if first else 1]])
        return c, layout, first

    def _of_two(self, node: Node, one: str, two: str, *more: str) -> tuple[Vector, Layout]:
        if node.kind not in ("Add", "Sub") or more or "axis" in node.attributes:
            raise ValueError(
                "of two vectors that depend on the input, only sums and differences make a network of ReLUs"
            )
        layout = self.layouts[one].join(self.layouts[two])
        a, b = self.vectors[one], self.vectors[two]
        return a.add(b if node.kind == "Add" else b.times(np.array([-1.0]))), layout

    def _gemm(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        a = node.attributes
        W, b = self._other(node, 1), self._other(node, 2)
        if W is None or W.ndim != 2 or a.get("transA"):
            raise ValueError("its first input must be the vector, not transposed, and its second the weights")
        W = W if a.get("transB") else W.T
        W = W if a.get("alpha", 1.0) == 1 else W * np.float64(a["alpha"])
        if b is not None:
            if b.size not in (1, len(W)) or b.shape[-1:] not in ((), (b.size,)):
                raise ValueError(f"its third input has shape {b.shape}: only one number for each unit makes a network")
            b = np.broadcast_to(b.reshape(-1), (len(W),))
            b = b if a.get("beta", 1.0) == 1 else b * np.float64(a["beta"])
        return vector.linear(W, b), layout.product(W.T, first=False)

    def _matmul(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        first = node.inputs[0] in self.constants
        W = self.constants[node.inputs[0 if first else 1]]
        after = layout.product(W, first)
        return vector.linear(np.atleast_2d(W if first else W.T)), after

    def _add(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        c, layout, _ = self._pair(node, layout)
        return vector.plus(c), layout

    def _sub(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        c, layout, first = self._pair(node, layout)
        return vector.times(np.array([-1.0])).plus(c) if first else vector.plus(-c), layout

    def _mul(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        c, layout, _ = self._pair(node, layout)
        return vector.times(c), layout

    def _div(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        c, layout, first = self._pair(node, layout)
        if first or not c.all():
            raise ValueError("it divides by the vector, or by 0")
        return vector.times(1 / c.astype(np.float64)), layout

    def _relu(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        return vector.activate(leaky(0.0)), layout

    def _abs(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        return vector.activate(leaky(-1.0)), layout

    def _leakyrelu(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        return vector.activate(leaky(node.attributes.get("alpha", np.float32(0.01)))), layout

    def _prelu(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        slope = self._other(node, 1)
        if slope is None:
            raise ValueError("its slope must be an array")
        slopes, layout = layout.meet(slope)
        return vector.activate(leaky(slopes)), layout

    def _clip(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        ends = [self._other(node, 1), self._other(node, 2)]
        if self.opset < 11:
            ends = [node.attributes.get(name) for name in ("min", "max")]
        if any(end is not None and np.size(end) != 1 for end in ends):
            raise ValueError("its ends must be numbers")
        none = (-np.inf, np.inf)
        low, high = (n if end is None else float(np.reshape(end, ())) for end, n in zip(ends, none, strict=True))
        most = float(np.finfo(np.float32).max)
        return vector.activate(clip(-np.inf if low <= -most else low, np.inf if high >= most else high)), layout

    def _batchnormalization(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        a = node.attributes
        old = self.opset < 7 and not a.get("is_test")
        if a.get("training_mode") or a.get("spatial", 1) == 0 or old or (self.opset < 14 and any(node.outputs[1:])):
            raise ValueError("it is in training mode, or of a kind that is not known here")
        scale, b, mean, var = (self.constants[name].astype(np.float64) for name in node.inputs[1:5])
        s = scale / np.sqrt(var + a.get("epsilon", 1e-5))
        shape = (-1, *(1,) * (len(layout.shape) - 2))  # (channels, 1, ...)
        (s, _), (shift, _) = layout.meet(s.reshape(shape)), layout.meet((b - mean * s).reshape(shape))
        return vector.times(s).plus(shift), layout

    def _dropout(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        training = self._other(node, 2)
        if (training is not None and training.any()) or (self.opset < 7 and not node.attributes.get("is_test")):
            raise ValueError("it is in training mode")
        return vector, layout

    def _identity(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        return vector, layout

    def _flatten(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        k = node.attributes.get("axis", 1)
        return vector, layout.reshape([prod(layout.shape[:k]), prod(layout.shape[k:])])

    def _reshape(self, node: Node, vector: Vector, layout: Layout) -> tuple[Vector, Layout]:
        target = node.attributes.get("shape") if self.opset < 5 else self._other(node, 1)
        if target is None:
            raise ValueError("its shape must be an array")
        sizes = [int(d) for d in np.reshape(target, -1)]
        if not node.attributes.get("allowzero"):
            sizes = [layout.shape[k] if d == 0 and k < len(layout.shape) else d for k, d in enumerate(sizes)]
        return vector, layout.reshape(sizes)


OPERATIONS = (
    *EITHER_SIDE,
    *("Gemm", "Relu", "Abs", "LeakyRelu", "PRelu", "Clip", "BatchNormalization"),
    *("Dropout", "Identity", "Flatten", "Reshape"),
)
