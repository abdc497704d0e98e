"""PyTorch modules and state dicts, read by their attributes; PyTorch itself is not imported."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise, permutations
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from .activations import REFUSED, clip, find_output, leaky, warn_outputs
from .arrays import as_array
from .checks import check_pairs, compare
from .graph import Vector, inputs
from .rewrite import as_layers

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_torch"]

PASSED_OVER = ("Dropout", "AlphaDropout", "Identity", "Flatten")  # they change nothing when a vector is evaluated
QUANTISED = "it is quantised (qint8): give the model as it was before, with float weights"
EXPORT = "export it by torch.onnx.export and use MLP.from_onnx, which follows skip connections and chooses a head"


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
        you like, is read one module after the other, in the order in which they are registered; its values at five
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
        weights, biases = _read_state(_chosen(source, prefix))
        slope = 0.0 if negative_slope is None else negative_slope
        return check_pairs(cls.from_weights(weights, biases, negative_slope=slope), check)
    if not hasattr(source, "_modules"):
        raise ValueError(f"source is a {type(source).__name__}: give a torch.nn.Module or a state dict")
    if prefix is not None:
        raise ValueError(f"prefix is {prefix!r}, and source is a module: give source.state_dict()")
    source = _unwrapped(source)
    leaves = list(_leaves(source))
    output, last = _read_modules(leaves, negative_slope)
    after = find_output(last) if last else None
    weights, biases, slope = as_layers(output)
    net = cls.from_weights(weights, biases, negative_slope=slope)
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
    if not children:
        yield name or "source", str(getattr(module, "original_name", type(module).__name__)), module
    for key, child in children:
        if child is not None:
            yield from _leaves(child, f"{name}.{key}" if name else str(key))


def _leaky(module: Any, negative_slope: float | None) -> Any:
    if not hasattr(module, "negative_slope"):  # a trace keeps no constants
        if negative_slope is None:
            raise ValueError("a TorchScript trace has lost the slope of its LeakyReLU: give negative_slope")
        return leaky(negative_slope)
    slope = float(module.negative_slope)
    if negative_slope not in (None, slope):
        raise ValueError(
            f"source has a negative slope {slope}, and negative_slope is {negative_slope}: they must be one"
        )
    return leaky(slope)


def _hardtanh(module: Any, _: float | None) -> Any:
    if not hasattr(module, "min_val"):
        raise ValueError("a TorchScript trace has lost the ends of its Hardtanh: give the model that was traced")
    return clip(float(module.min_val), float(module.max_val))


def _relu(_: Any, negative_slope: float | None) -> Any:
    if negative_slope:
        raise ValueError(f"source has a ReLU, and negative_slope is {negative_slope}: they must be one")
    return leaky(0.0)


ACTIVATIONS: dict[str, Callable[[Any, float | None], Any]] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "PReLU": lambda module, _: leaky(as_array(module.weight).reshape(-1)),
    "ReLU6": lambda module, _: clip(0.0, 6.0),
    "Hardtanh": _hardtanh,
}


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
                if module.running_mean is None:
                    raise ValueError("it keeps no running mean, so it is another function for every batch")
                s, shift = _batch_norm(module)
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
                raise ValueError(REFUSED if _is_activation(module) else "give Linear, BatchNorm1d, ReLU and its kin")
        except ValueError as error:
            raise ValueError(f"source holds {place} after {linear} Linear layers: {error}") from error
    if vector is None or not linear:
        raise ValueError("source has no Linear layer: give a network that has one")
    return vector, last and last.partition("(")[2][:-1]


def _is_activation(module: Any) -> bool:
    """Whether it is a module without weights."""
    return all(p is None for p in getattr(module, "_parameters", {}).values()) and not hasattr(module, "weight")


@np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite
def _batch_norm(module: Any) -> tuple[NDArray, NDArray]:
    """y = s x + shift when it is evaluated, in float64."""
    mean, var = (as_array(v).astype(np.float64) for v in (module.running_mean, module.running_var))
    s = 1 / np.sqrt(var + module.eps)
    if module.weight is not None:
        s = s * as_array(module.weight)
    return s, (0 if module.bias is None else as_array(module.bias)) - mean * s


def _evaluate(source: Any, x: Any) -> Any:
    """source(x) as it is evaluated, not trained; its modules are left as they were."""
    modes = [(module, module.training) for module in source.modules()]
    try:
        source.eval()
        return source(x)
    finally:
        for module, training in modes:
            module.training = training


def _chosen(state: Mapping[str, Any], prefix: str | Sequence[str] | None) -> Mapping[str, Any]:
    """Of a state dict only what begins with a prefix, in the order of the prefixes."""
    if prefix is None:
        return state
    prefixes = [prefix] if isinstance(prefix, str) else list(prefix)
    chosen = {}
    for one in prefixes:
        found = {name: state[name] for name in state if str(name).startswith(one)}
        if not found:
            raise ValueError(f"prefix is {prefix!r}, but no name begins with {one!r}: {_names(state)}")
        chosen.update(_in_natural_order(found))
    return chosen


def _names(state: Mapping[str, Any]) -> str:
    names = list(map(str, state))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _read_state(state: Mapping[str, Any]) -> tuple[list[NDArray], list[NDArray]]:
    """Each 2-D ...weight in order, with the ...bias of the same name."""
    if inside := _find_weights(state):
        raise ValueError(f"source is a checkpoint: its weights are in {inside}, give that")
    if any("_packed_params" in str(name) for name in state):
        raise ValueError(f"state dict: {QUANTISED}")
    ordered = _in_natural_order(state)
    weights, biases, layers = [], [], []
    known = set()
    for name in ordered:
        if str(name).endswith("weight") and np.ndim(W := as_array(ordered[name])) == 2:
            bias = name.removesuffix("weight") + "bias"
            b = ordered.get(bias)
            weights.append(W)
            biases.append(np.zeros_like(W[:, 0]) if b is None else as_array(b))
            layers.append(name)
            known |= {name, bias}
    if not weights or set(ordered) - known:
        rest = ", ".join(sorted(map(str, set(ordered) - known))[:6])
        raise ValueError(
            f"state dict holds {rest or 'nothing'} beside pairs of ...weight (out, in) and ...bias (out,): give such "
            "pairs only; prefix= chooses some. Norms and activations with weights need the module itself"
        )
    for k, (one, two) in enumerate(pairwise(weights)):
        if len(one) != two.shape[1]:
            raise ValueError(
                f"state dict: {layers[k + 1]} {two.shape} takes {two.shape[1]} inputs, but {layers[k]} before it has "
                f"{len(one)} units: if there are several heads, choose by prefix=, such as prefix=('body.', 'policy.')"
            )
    return weights, biases


def _find_weights(state: Mapping[str, Any], path: str = "source") -> str | None:
    """Where, in dicts inside of this one, there are weights; None if nowhere."""
    for key, value in state.items():
        if isinstance(value, Mapping):
            inner = f"{path}[{key!r}]"
            here = any(str(name).endswith("weight") for name in value)
            if found := inner if here else _find_weights(value, inner):
                return found
    return None


def _natural(name: str) -> list:
    """fc2 before fc10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _in_natural_order(state: Mapping[str, Any]) -> dict[str, Any]:
    """As it is; or, if its names are sorted as text, as nobody registers them, in natural order.

    Text puts "hidden" before "input", too. If groups of names, without their numbers, fit each other's shapes in one
    order only, it is that; if in several, the natural one, with a warning.
    """
    names = list(state)
    if not all(isinstance(name, str) for name in names) or names != sorted(names) or len(names) < 2:
        return dict(state)
    if not any(name.endswith("bias") for name in names) and names == sorted(names, key=_natural):
        return dict(state)
    names.sort(key=_natural)
    layers = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition(".")[0])]
    groups = [
        [name for layer in group for name in layer]
        for _, group in groupby(layers, key=lambda layer: re.split(r"\d", layer[0].rpartition(".")[0])[0])
    ]
    if 1 < len(groups) <= 6:
        fitting = [order for order in permutations(groups) if _fits(state, [n for group in order for n in group])]
        if fitting:
            names = [name for group in fitting[0] for name in group]
        if len(fitting) > 1:
            taken = [name.removesuffix(".weight") for name in names if name.endswith("weight")]
            warn(
                "the names are sorted as text, and the layers fit each other in several orders: taken as "
                f"{', '.join(taken)}; give check=(x, y) to be sure",
                UserWarning,
                stacklevel=5,
            )
    return {name: state[name] for name in names}


def _fits(state: Mapping[str, Any], names: list[str]) -> bool:
    shapes = [np.shape(as_array(state[name])) for name in names if name.endswith("weight")]
    return all(len(shape) == 2 for shape in shapes) and all(a[0] == b[1] for a, b in pairwise(shapes))
