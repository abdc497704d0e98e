"""A network as text, or under the names that PyTorch gives its parameters."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_array
from .arrays import as_array

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_json", "from_safetensors", "to_json", "to_torch_state"]

DTYPES = ("float16", "float32", "float64")  # whose numbers JSON has


def to_json(net: "MLP") -> str:
    """The network as JSON text: sizes, dtype, negative_slope, dropout, weights (out, in), biases (out,); exactly.

    Raises
    ------
    ValueError
        If a parameter is NaN or infinite, for which JSON has no number, or the dtype is wider than float64.

    Examples
    --------
    >>> from tinymlp import MLP
    >>> net = MLP([1, 3, 1], seed=0)
    >>> bool((MLP.from_json(net.to_json()).params == net.params).all())
    True
    """
    net = net.to("cpu")
    if not np.isfinite(net.params).all() or net.dtype.itemsize > 8:
        raise ValueError(f"net has parameters that are not finite, or of dtype {net.dtype}: JSON has no such numbers")
    state = {
        "sizes": list(net.sizes),
        "dtype": net.dtype.name,
        "negative_slope": net.negative_slope,
        "dropout": net.dropout,
        "weights": [W.tolist() for W in net.weights],
        "biases": [b.tolist() for b in net.biases],
    }
    if net.ties is not None:
        state["ties"] = net.ties.tolist()
    return json.dumps(state)


def from_json(cls: type["MLP"], text: str) -> "MLP":
    """The network that `to_json` wrote, the same bit for bit; ValueError if the text is something else."""
    try:
        state = json.loads(text, parse_constant=_refuse)
        if not isinstance(state, dict):
            raise ValueError(f"it is a {type(state).__name__}")
        for key in ("sizes", "dtype", "negative_slope", "dropout", "weights", "biases"):
            if key not in state:
                raise ValueError(f"it has no {key}")
        if state["dtype"] not in DTYPES:
            raise ValueError(f"its dtype is {state['dtype']!r}: give one of {', '.join(DTYPES)}")
        weights, biases = ([_numbers(key, a, state["dtype"]) for a in state[key]] for key in ("weights", "biases"))
        net = cls.from_weights(weights, biases)
        if list(net.sizes) != state["sizes"]:
            raise ValueError(f"sizes are {state['sizes']}, but the weights have {list(net.sizes)}")
        settings = {key: state[key] for key in ("negative_slope", "dropout")}
        return cls.from_params(net.sizes, net.params, **settings, ties=state.get("ties"))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"text is not a network that to_json wrote: {error}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"it has {constant}, which is no number of JSON")


def _numbers(key: str, values: Any, dtype: str) -> NDArray:
    """Lists of numbers as an array."""
    array = check_array(f"one of its {key}", values)
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    if not np.isfinite(rounded).all():
        raise ValueError(f"one of its {key} is too large for {dtype}")
    return rounded


def to_torch_state(net: "MLP") -> dict[str, NDArray]:
    """The parameters as NumPy arrays under the names of ``nn.Sequential(Linear, ReLU, Linear, ...)``: copies.

    In PyTorch: ``model.load_state_dict({k: torch.from_numpy(v) for k, v in net.to_torch_state().items()})``.

    >>> from tinymlp import MLP
    >>> {name: array.shape for name, array in MLP([1, 3, 1]).to_torch_state().items()}
    {'0.weight': (3, 1), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
    """
    net = net.to("cpu")
    state = {}
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        state[f"{2 * l}.weight"], state[f"{2 * l}.bias"] = W.copy(), b.copy()
    return state


def from_safetensors(
    cls: type["MLP"],
    path: str | Path,
    *,
    negative_slope: float | None = None,
    prefix: str | Sequence[str] | None = None,
    check: Any = None,
) -> "MLP":
    """The network in a safetensors file; needs the extra ``safetensors``.

    The file is a state dict whose names are sorted as text; the arguments, errors and warnings are those of
    `MLP.from_torch` for a state dict. bfloat16 becomes float32.

    Raises
    ------
    ModuleNotFoundError
        Without the package safetensors.
    ValueError
        If the file is no safetensors file, or holds anything else than pairs of weights and biases.
    """
    try:
        from safetensors import SafetensorError, deserialize
    except ModuleNotFoundError as error:
        install = "safetensors files need the package safetensors: pip install 'tinymlp-microscope[safetensors]'"
        raise ModuleNotFoundError(install) from error
    raw = Path(path).read_bytes()
    try:
        tensors = deserialize(raw)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    try:
        state = {name: _tensor(name, tensor) for name, tensor in sorted(tensors)}
        return cls.from_torch(state, negative_slope=negative_slope, prefix=prefix, check=check)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _tensor(name: str, tensor: dict) -> NDArray:
    """One array of a safetensors file."""
    data, kind = bytes(tensor["data"]), tensor["dtype"]
    if kind == "BF16":  # the upper half of a float32
        array = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind in ("F64", "F32", "F16"):
        array = np.frombuffer(data, f"<f{int(kind[1:]) // 8}").astype(f"f{int(kind[1:]) // 8}")
    else:
        raise ValueError(f"{name} has dtype {kind}: give float weights")
    return as_array(array.reshape(tensor["shape"]))
