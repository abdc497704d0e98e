"""Weights from elsewhere: lists; PyTorch and scikit-learn, read by attributes, so that neither need be there."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_sklearn", "read_torch"]

PASSED_OVER = ("Dropout", "Identity", "Flatten")  # they change nothing when a network of vectors is evaluated


def read_torch(source: Any, negative_slope: float | None) -> tuple[list[NDArray], list[NDArray], float]:
    """Weights, biases and negative slope of a PyTorch module or of a state dict; see `MLP.from_torch`."""
    if isinstance(source, Mapping):
        weights, biases = _read_state(source)
        return weights, biases, negative_slope or 0.0
    if not hasattr(source, "_modules"):
        raise ValueError(f"source is a {type(source).__name__}: give a torch.nn.Module or a state dict")
    weights, biases, slopes = [], [], []
    activated = True  # whether an activation came after the last Linear
    for module in _leaves(source):
        kind = type(module).__name__
        if kind == "Linear":
            if not activated:
                raise ValueError(
                    f"no activation module stands between Linear {len(weights) - 1} and {len(weights)}: if forward() "
                    "applies it itself, give source.state_dict(), and negative_slope if it is leaky"
                )
            weights.append(_array(module.weight))
            biases.append(_bias(module.bias, weights[-1]))
            activated = False
        elif kind in ("ReLU", "LeakyReLU") and not activated:
            slopes.append(float(getattr(module, "negative_slope", 0.0)))
            activated = True
        elif kind not in PASSED_OVER:
            raise ValueError(
                f"source holds {module!r} after {len(weights)} Linear layers: give Linear, ReLU, LeakyReLU"
            )
    if activated:
        raise ValueError("source ends with an activation, or is empty: give a network that ends with a Linear")
    if len(set(slopes)) > 1 or (slopes and negative_slope not in (None, slopes[0])):
        raise ValueError(f"source has negative slopes {slopes}, negative_slope is {negative_slope}: they must be one")
    return weights, biases, slopes[0] if slopes else 0.0


def _leaves(module: Any) -> Iterator[Any]:
    """The modules that hold no others, in order."""
    children = list(module._modules.values())  # children() names a module that is used twice only once
    if not children:
        yield module
    for child in children:
        yield from _leaves(child)


def _read_state(state: Mapping[str, Any]) -> tuple[list[NDArray], list[NDArray]]:
    """Each 2-D ...weight in order, with the ...bias of the same name."""
    weights, biases = [], []
    known = set()
    for name in state:
        if name.endswith("weight") and _array(state[name]).ndim == 2:
            bias = name.removesuffix("weight") + "bias"
            weights.append(_array(state[name]))
            biases.append(_bias(state.get(bias), weights[-1]))
            known |= {name, bias}
    if not weights or set(state) - known:
        raise ValueError(f"state dict holds {list(state)}: give pairs of ...weight (out, in) and ...bias (out,) only")
    return weights, biases


def _bias(tensor: Any, W: NDArray) -> NDArray:
    """The bias that goes with W, (out,); zeros if there is none."""
    return np.zeros_like(W[:, 0]) if tensor is None else _array(tensor)


def _array(tensor: Any) -> NDArray:
    """A tensor, on whatever device, or an array, as a NumPy array."""
    return tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else np.asarray(tensor)


def read_sklearn(model: Any) -> tuple[list[NDArray], list[NDArray]]:
    """Weights and biases of a fitted MLPClassifier or MLPRegressor; see `MLP.from_sklearn`."""
    if not hasattr(model, "coefs_"):
        raise ValueError(f"model is {model!r}: give an MLPClassifier or MLPRegressor that is fitted")
    if model.activation != "relu":
        raise ValueError(f"model has activation {model.activation!r}: give one with 'relu'")
    return [W.T for W in model.coefs_], list(model.intercepts_)
