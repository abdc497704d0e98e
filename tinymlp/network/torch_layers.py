"""PyTorch's activations and norms, by the attributes of their modules; a trace keeps fewer of these."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .activations import Activation, clip, leaky
from .arrays import as_array

__all__ = ["ACTIVATIONS", "batch_norm"]


def _leaky(module: Any, negative_slope: float | None) -> Activation | None:
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


def _hardtanh(module: Any, _: float | None) -> Activation | None:
    if not hasattr(module, "min_val"):
        raise ValueError("a TorchScript trace has lost the ends of its Hardtanh: give the model that was traced")
    return clip(float(module.min_val), float(module.max_val))


def _relu(_: Any, negative_slope: float | None) -> Activation | None:
    if negative_slope:
        raise ValueError(f"source has a ReLU, and negative_slope is {negative_slope}: they must be one")
    return leaky(0.0)


ACTIVATIONS: dict[str, Callable[[Any, float | None], Activation | None]] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "PReLU": lambda module, _: leaky(as_array(module.weight).reshape(-1)),
    "ReLU6": lambda module, _: clip(0.0, 6.0),
    "Hardtanh": _hardtanh,
}


@np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite
def batch_norm(module: Any) -> tuple[NDArray, NDArray]:
    """A BatchNorm1d as s and shift in y = s x + shift, as it is evaluated; in float64."""
    if module.running_mean is None:
        raise ValueError("it keeps no running mean, so it is another function for every batch")
    if not hasattr(module, "eps"):
        raise ValueError("a TorchScript trace has lost its eps: give the model that was traced")
    mean, var = (as_array(v).astype(np.float64) for v in (module.running_mean, module.running_var))
    s = 1 / np.sqrt(var + module.eps)
    if module.weight is not None:
        s = s * as_array(module.weight)
    return s, (0 if module.bias is None else as_array(module.bias)) - mean * s
