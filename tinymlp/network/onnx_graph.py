"""What a graph of ONNX operations computes, from its input to one output, sample by sample."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .activations import REFUSED, find_output
from .graph import Vector, inputs
from .onnx_operations import EITHER_SIDE, OPERATIONS, Given, Node, compute_constant
from .onnx_shapes import Layout

__all__ = ["Node", "read_graph"]

SMOOTH = ("Gelu", "Elu", "Selu", "Swish", "Mish", "HardSwish", "Erf", "Celu", "Softsign")


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
            arrays = [self.constants[name] for name in node.inputs if name]
            self.constants[node.outputs[0]] = compute_constant(node, arrays, self.opset)
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
        elif node.kind in OPERATIONS:
            vector, layout = OPERATIONS[node.kind](Given(node, vector, layout, self.constants, self.opset))
        else:
            raise ValueError(REFUSED if node.kind in SMOOTH else "this operation does not make a network of ReLUs")
        self.vectors[node.outputs[0]], self.layouts[node.outputs[0]] = vector, layout
        if given[0] in self.left_out:
            self.left_out[node.outputs[0]] = self.left_out[given[0]]

    def _of_two(self, node: Node, one: str, two: str, *more: str) -> tuple[Vector, Layout]:
        if node.kind not in ("Add", "Sub") or more or "axis" in node.attributes:
            raise ValueError(
                "of two vectors that depend on the input, only sums and differences make a network of ReLUs"
            )
        layout = self.layouts[one].join(self.layouts[two])
        a, b = self.vectors[one], self.vectors[two]
        return a.add(b if node.kind == "Add" else b.times(np.array([-1.0]))), layout
