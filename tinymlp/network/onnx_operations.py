"""What single operations of ONNX do to a vector, with arrays beside it."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .activations import clip, leaky
from .graph import Vector
from .onnx_shapes import Layout

__all__ = ["EITHER_SIDE", "OPERATIONS", "Given", "Node", "compute_constant"]

EITHER_SIDE = ("Add", "Sub", "Mul", "Div", "MatMul")  # the vector may be their first input or their second
Result = tuple[Vector, Layout]


class Node(NamedTuple):
    """One operation of a graph; of another domain than ONNX's own, the domain stands before its kind."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]


class Given(NamedTuple):
    """What an operation is given: a vector, its layout, and arrays by name; ``opset`` is its version."""

    node: Node
    vector: Vector
    layout: Layout
    constants: Mapping[str, NDArray]
    opset: int

    def other(self, k: int) -> NDArray | None:
        """Input k as an array, or None if it is not there."""
        names = self.node.inputs
        return self.constants[names[k]] if k < len(names) and names[k] else None

    def pair(self) -> tuple[NDArray, Layout, bool]:
        """The array beside the vector, (1,) or (size,); the layout of both; and whether the array stands first."""
        if "axis" in self.node.attributes:
            raise ValueError("its attribute axis, of old versions of ONNX, is not known here")
        first = self.node.inputs[0] in self.constants
        c, layout = self.layout.meet(self.constants[self.node.inputs[0 if first else 1]])
        return c, layout, first


def _gemm(g: Given) -> Result:
    a = g.node.attributes
    W, b = g.other(1), g.other(2)
    if W is None or W.ndim != 2 or a.get("transA"):
        raise ValueError("its first input must be the vector, not transposed, and its second the weights")
    W = W if a.get("transB") else W.T
    W = W if a.get("alpha", 1.0) == 1 else W * np.float64(a["alpha"])
    if b is not None:
        if b.size not in (1, len(W)) or b.shape[-1:] not in ((), (b.size,)):
            raise ValueError(f"its third input has shape {b.shape}: only one number for each unit makes a network")
        b = np.broadcast_to(b.reshape(-1), (len(W),))
        b = b if a.get("beta", 1.0) == 1 else b * np.float64(a["beta"])
    return g.vector.linear(W, b), g.layout.product(W.T, first=False)


def _matmul(g: Given) -> Result:
    first = g.node.inputs[0] in g.constants
    W = g.constants[g.node.inputs[0 if first else 1]]
    after = g.layout.product(W, first)
    return g.vector.linear(np.atleast_2d(W if first else W.T)), after


def _add(g: Given) -> Result:
    c, layout, _ = g.pair()
    return g.vector.plus(c), layout


def _sub(g: Given) -> Result:
    c, layout, first = g.pair()
    return g.vector.times(np.array([-1.0])).plus(c) if first else g.vector.plus(-c), layout


def _mul(g: Given) -> Result:
    c, layout, _ = g.pair()
    return g.vector.times(c), layout


def _div(g: Given) -> Result:
    c, layout, first = g.pair()
    if first or not c.all():
        raise ValueError("it divides by the vector, or by 0")
    return g.vector.times(1 / c.astype(np.float64)), layout


def _relu(g: Given) -> Result:
    return g.vector.activate(leaky(0.0)), g.layout


def _abs(g: Given) -> Result:
    return g.vector.activate(leaky(-1.0)), g.layout


def _leakyrelu(g: Given) -> Result:
    return g.vector.activate(leaky(g.node.attributes.get("alpha", np.float32(0.01)))), g.layout


def _prelu(g: Given) -> Result:
    slope = g.other(1)
    if slope is None:
        raise ValueError("its slope must be an array")
    slopes, layout = g.layout.meet(slope)
    return g.vector.activate(leaky(slopes)), layout


def _clip(g: Given) -> Result:
    ends = [g.other(1), g.other(2)]
    if g.opset < 11:
        ends = [g.node.attributes.get(name) for name in ("min", "max")]
    if any(end is not None and np.size(end) != 1 for end in ends):
        raise ValueError("its ends must be numbers")
    none = (-np.inf, np.inf)
    low, high = (n if end is None else float(np.reshape(end, ())) for end, n in zip(ends, none, strict=True))
    most = float(np.finfo(np.float32).max)
    return g.vector.activate(clip(-np.inf if low <= -most else low, np.inf if high >= most else high)), g.layout


@np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite
def _batchnormalization(g: Given) -> Result:
    a = g.node.attributes
    old = g.opset < 7 and not a.get("is_test")
    if a.get("training_mode") or a.get("spatial", 1) == 0 or old or (g.opset < 14 and any(g.node.outputs[1:])):
        raise ValueError("it is in training mode, or of a kind that is not known here")
    scale, b, mean, var = (g.constants[name].astype(np.float64) for name in g.node.inputs[1:5])
    s = scale / np.sqrt(var + a.get("epsilon", 1e-5))
    shape = (-1, *(1,) * (len(g.layout.shape) - 2))  # (channels, 1, ...)
    (s, _), (shift, _) = g.layout.meet(s.reshape(shape)), g.layout.meet((b - mean * s).reshape(shape))
    return g.vector.times(s).plus(shift), g.layout


def _dropout(g: Given) -> Result:
    training = g.other(2)
    if (training is not None and training.any()) or (g.opset < 7 and not g.node.attributes.get("is_test")):
        raise ValueError("it is in training mode")
    return g.vector, g.layout


def _identity(g: Given) -> Result:
    return g.vector, g.layout


def _flatten(g: Given) -> Result:
    k = g.node.attributes.get("axis", 1)
    return g.vector, g.layout.reshape([prod(g.layout.shape[:k]), prod(g.layout.shape[k:])])


def _reshape(g: Given) -> Result:
    target = g.node.attributes.get("shape") if g.opset < 5 else g.other(1)
    if target is None:
        raise ValueError("its shape must be an array")
    sizes = [int(d) for d in np.reshape(target, -1)]
    if not g.node.attributes.get("allowzero"):
        sizes = [g.layout.shape[k] if d == 0 and k < len(g.layout.shape) else d for k, d in enumerate(sizes)]
    return g.vector, g.layout.reshape(sizes)


OPERATIONS: dict[str, Callable[[Given], Result]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Relu": _relu,
    "Abs": _abs,
    "LeakyRelu": _leakyrelu,
    "PRelu": _prelu,
    "Clip": _clip,
    "BatchNormalization": _batchnormalization,
    "Dropout": _dropout,
    "Identity": _identity,
    "Flatten": _flatten,
    "Reshape": _reshape,
}


def compute_constant(node: Node, arrays: Sequence[NDArray], opset: int) -> NDArray:
    """What a node makes of arrays."""
    simple = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Identity": np.positive}
    if node.kind in simple and not (node.kind == "Div" and arrays[0].dtype.kind in "iu"):
        return simple[node.kind](*arrays)
    if node.kind == "Transpose":
        return arrays[0].transpose(node.attributes.get("perm"))
    if node.kind == "Gather":
        return np.take(arrays[0], arrays[1], axis=node.attributes.get("axis", 0))
    if node.kind == "Unsqueeze":
        axes = node.attributes["axes"] if opset < 13 else arrays[1]
        return np.expand_dims(arrays[0], tuple(int(k) for k in axes))
    if node.kind == "Concat":
        return np.concatenate(arrays, axis=node.attributes["axis"])
    if node.kind == "Reshape" and len(arrays) == 2:
        return arrays[0].reshape(arrays[1].tolist())
    raise ValueError("this operation on constants is not known here")
