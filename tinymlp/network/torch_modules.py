"""PyTorch modules and state dicts, read by their attributes; PyTorch itself is not imported."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations import REFUSED, find_output, leaky, warn_outputs
from .arrays import as_array
from .checks import check_pairs, compare
from .graph import Vector, inputs
from .rewrite import as_network
from .state_dicts import QUANTISED, read_state
from .torch_layers import ACTIVATIONS, batch_norm

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_torch"]

PASSED_OVER = ("Dropout", "AlphaDropout", "Identity", "Flatten")  # they change nothing when a vector is evaluated
EXPORT = (
    "its forward() may do something else than its modules one after the other, such as a skip connection or another "
    "activation; export it by torch.onnx.export and use MLP.from_onnx, which follows the first and chooses a head"
)
KNOWN = "give Linear, BatchNorm1d, ReLU and its kin: ReLU6, LeakyReLU, PReLU, Hardtanh"
SMOOTH = ("GELU", "SiLU", "Mish", "ELU", "SELU", "CELU", "Softsign", "Hardswish", "LogSigmoid", "Tanhshrink")


def from_torch(
    cls: type["MLP"],
    source: Any,
    *,
    negative_slope: float | None = None,
    prefix: str | Sequence[str] | None = None,
    check: Any = None,
) -> "MLP":
    """The network that a PyTorch model is.

    Parameters
    ----------
    source : torch.nn.Module or state dict
        A module made of Linear layers with ReLU, LeakyReLU, PReLU, ReLU6 or Hardtanh between or after them, nested as
        you like, is read one module after the other, in the order in which they are registered; its values at
        random inputs are then compared with the network's. Dropout, Identity and Flatten are passed over; a BatchNorm1d
        is folded into the Linear beside it, in float64, as it is when evaluated. If it has no activation modules,
        because forward() applies them, ReLUs are tried between the layers, and kept if the values agree.
        Or a state dict, from PyTorch or as ``safetensors.numpy.load_file`` gives it: its 2-D weights and their biases
        in order; if the names are sorted as text, in natural order, fc2 before fc10.
    negative_slope : float, optional
        Of the activations of a state dict, which does not know it; 0 if not given.
    prefix : str or sequence of str, optional
        Read only what has a name in a state dict that begins so, such as ("body.", "policy.") of a model with two
        heads.
    check : (x, y), optional
        An input and what the network gives there: ValueError unless this network gives y for x, to a thousandth.

    Returns
    -------
    MLP
        Copies of the weights in their dtype; bfloat16 becomes float32. Activations that are no (leaky) ReLU of one
        slope are rewritten as ReLUs (``activations.py``), and what has to be computed for that, or for a BatchNorm, is
        computed in float64, and the network is float64.

    Raises
    ------
    ValueError
        If the source holds anything else (the message says where), or gives other values than the network.

    Warns
    -----
    UserWarning
        If the outputs are those before a softmax or another last activation, or the source could not be compared.

    Examples
    --------
    >>> from tinymlp import MLP
    >>> state = {"0.weight": [[1.0], [1.0]], "0.bias": [0.0, -1.0], "2.weight": [[1.0, -1.0]], "2.bias": [0.0]}
    >>> MLP.from_torch(state)([0.5, 2.0]).tolist()
    [0.5, 1.0]
    """
    if isinstance(source, Mapping):
        weights, biases = read_state(source, prefix)
        slope = 0.0 if negative_slope is None else negative_slope
        return check_pairs(cls.from_weights(weights, biases, negative_slope=slope), check)
    if not hasattr(source, "_modules"):
        raise ValueError(f"source is a {type(source).__name__}: give a torch.nn.Module or a state dict")
    if prefix is not None:
        raise ValueError(f"prefix is {prefix!r}, and source is a module: give source.state_dict()")
    source = _unwrapped(source)
    leaves = list(_leaves(source))
    with _evaluated(source):  # in training, spectral norm changes the weights that it is asked for
        output, last = _read_modules(leaves, negative_slope)
    after = find_output(last) if last else None
    net = as_network(cls, output)
    if callable(source):
        tensor = next(m.weight for _, kind, m in leaves if kind == "Linear")
        eps = 2.0**-7 if "bfloat16" in str(tensor.dtype) else float(np.finfo(as_array(tensor).dtype).eps)
        compared = compare(net, lambda x: _evaluate(source, tensor.new_tensor(x)), eps, after, EXPORT)
    else:
        compared = False
    bare = not any(kind in ACTIVATIONS for _, kind, _ in leaves) and sum(kind == "Linear" for _, kind, _ in leaves) > 1
    if bare and not compared:
        raise ValueError(
            "no activation module stands between Linear 0 and 1: if forward() applies it itself, give "
            "source.state_dict(), and negative_slope if it is leaky"
        )
    if last:
        warn_outputs(last)
    return check_pairs(net, check)


def _unwrapped(source: Any) -> Any:
    """The module itself, without torch.compile and DataParallel round it."""
    while True:
        if "_orig_mod" in source._modules:
            source = source._modules["_orig_mod"]
        elif type(source).__name__ in ("DataParallel", "DistributedDataParallel"):
            source = source._modules["module"]
        else:
            return source


def _leaves(module: Any, name: str = "") -> Iterator[tuple[str, str, Any]]:
    """The modules that hold no others, in order: name, kind, module."""
    children = list(module._modules.items())  # named_children() gives a module that is used twice only once
    kind = str(getattr(module, "original_name", type(module).__name__))
    if "parametrizations" in module._modules:  # weight norm and its kin: module.weight is what comes out
        yield name or "source", kind.removeprefix("Parametrized"), module
        return
    if not children:
        yield name or "source", kind, module
    for key, child in children:
        if child is not None:
            yield from _leaves(child, f"{name}.{key}" if name else str(key))


def _read_modules(leaves: list[tuple[str, str, Any]], negative_slope: float | None) -> tuple[Vector, str | None]:
    """What the modules compute one after the other, and the activation that is left out at the end."""
    bare = not any(kind in ACTIVATIONS for _, kind, _ in leaves)
    vector: Vector | None = None
    linear, activated, last = 0, True, None
    for name, kind, module in leaves:
        place = f"{name} ({kind})"
        try:
            if kind in PASSED_OVER:
                continue
            if last:
                place = last
                raise ValueError(REFUSED)
            if kind == "Linear":
                if callable(module.weight):
                    raise ValueError(QUANTISED)
                W = as_array(module.weight)
                vector = inputs(W.shape[1]) if vector is None else vector
                if not activated and bare:  # perhaps forward() applies them: the comparison tells
                    vector = vector.activate(leaky(negative_slope or 0.0))
                elif not activated:
                    raise ValueError(
                        f"no activation module stands between Linear {linear - 1} and {linear}: if forward() applies "
                        "it itself, give source.state_dict(), and negative_slope if it is leaky"
                    )
                vector = vector.linear(W, None if module.bias is None else as_array(module.bias))
                linear, activated = linear + 1, False
            elif kind == "BatchNorm1d":
                s, shift = batch_norm(module)
                vector = (inputs(len(s)) if vector is None else vector).times(s).plus(shift)
            elif kind in ACTIVATIONS:
                activation = ACTIVATIONS[kind](module, negative_slope)
                first = next((m for _, k, m in leaves if k == "Linear"), None)
                if vector is None and first is not None:
                    vector = inputs(as_array(first.weight).shape[1])
                if vector is not None:
                    vector, activated = vector.activate(activation), True
            elif linear and find_output(kind):
                last = place
            else:
                if "PackedParams" in kind:
                    raise ValueError(QUANTISED)
                raise ValueError(REFUSED if kind in SMOOTH or find_output(kind) else KNOWN)
        except ValueError as error:
            raise ValueError(f"source holds {place} after {linear} Linear layers: {error}") from error
    if vector is None or not linear:
        raise ValueError("source has no Linear layer: give a network that has one")
    return vector, last and last.partition("(")[2][:-1]


@contextmanager
def _evaluated(source: Any) -> Iterator[None]:
    """As it is when evaluated, not trained; its modules are left as they were."""
    modules = source.modules() if hasattr(source, "modules") else []
    modes = [(module, module.training) for module in modules if hasattr(module, "training")]  # frozen ones have none
    try:
        if modes:
            with suppress(NotImplementedError):  # an exported program has only one way to be
                source.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


def _evaluate(source: Any, x: Any) -> Any:
    with _evaluated(source):
        return source(x)
