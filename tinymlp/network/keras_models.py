"""Keras models, or their weights, read by attributes; Keras itself is not imported."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .activations import REFUSED, Activation, clip, find_output, leaky, warn_outputs
from .arrays import as_array
from .checks import check_pairs, compare
from .graph import Vector, inputs
from .rewrite import as_network

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_keras"]

COARSE = {"bfloat16": 2.0**-7, "float16": 2.0**-10}  # the resolution in which mixed precision computes
PASSED_OVER = ("InputLayer", "Dropout", "AlphaDropout", "GaussianNoise", "GaussianDropout", "Flatten", "Identity")
EXPORT = "export it to ONNX (model.export(path, format='onnx')) and use MLP.from_onnx, which follows skip connections"
OTHER = f"its layers are not called one after the other, as read. Perhaps {EXPORT}"


def from_keras(cls: type["MLP"], model: Any, *, negative_slope: float | None = None, check: Any = None) -> "MLP":
    """The network that a Keras model is.

    Parameters
    ----------
    model : keras.Model or list of array
        A model of Dense layers with relu, leaky_relu, relu6, ReLU (with its max_value and negative_slope), LeakyReLU or
        PReLU. Dropout and Flatten are passed over; BatchNormalization, Normalization and Rescaling are folded, in
        float64. Its values at random inputs are compared with the network's.
        Or ``model.get_weights()``: kernels (in, out), each with its bias (out,) if it has one. Such a list knows no
        activations: they are taken for ReLUs.
    negative_slope : float, optional
        Of the activations, for a list of weights; 0 if not given.
    check : (x, y), optional
        An input and what the network gives there: ValueError unless this network gives y for x, to a thousandth.

    Returns
    -------
    MLP
        Copies of the weights, transposed, in their dtype; float64 if something had to be computed.

    Raises
    ------
    ValueError
        If the model holds another layer (the message names it), or gives other values than the network.

    Warns
    -----
    UserWarning
        If the outputs are those before a softmax or another last activation.

    Examples
    --------
    >>> from tinymlp import MLP
    >>> weights = [np.array([[1.0, 1.0]]), np.array([0.0, -1.0]), np.array([[1.0], [-1.0]]), np.array([0.0])]
    >>> MLP.from_keras(weights)([0.5, 2.0]).tolist()
    [0.5, 1.0]
    """
    if not hasattr(model, "layers"):
        weights, biases = _pairs(model)
        slope = 0.0 if negative_slope is None else negative_slope
        return check_pairs(cls.from_weights(weights, biases, negative_slope=slope, transpose=True), check)
    if negative_slope is not None:
        raise ValueError(f"negative_slope is {negative_slope}, but the model knows its own: leave it out")
    vector: Vector | None = None
    last: str | None = None
    for layer in _leaves(model):
        kind, name = type(layer).__name__, getattr(layer, "name", "")
        try:
            if kind in PASSED_OVER:
                continue
            if last:
                raise ValueError(f"{last} stands before it: {REFUSED}")
            vector, last = _read_layer(kind, layer, vector)
        except ValueError as error:
            raise ValueError(f"model holds {kind} {name!r}: {error}") from error
    if vector is None:
        raise ValueError("model has no layer with weights")
    net = as_network(cls, vector)
    if callable(model):
        shape = getattr(model, "input_shape", None) or (None, net.sizes[0])
        eps = COARSE.get(getattr(model, "compute_dtype", ""), 2.0**-23)
        after = find_output(last) if last else None
        compare(net, lambda x: model(x.reshape(len(x), *shape[1:]).astype(np.float32)), eps, after, OTHER)
    if last:
        warn_outputs(last)
    return check_pairs(net, check)


def _pairs(arrays: Any) -> tuple[list[NDArray], list[NDArray]]:
    """Kernels and biases of a flat list."""
    if not isinstance(arrays, list | tuple) or not len(arrays):
        raise ValueError(f"model is a {type(arrays).__name__}: give a Keras model or model.get_weights()")
    kernels: list[NDArray] = []
    biases: list[NDArray | None] = []
    for k, values in enumerate(map(as_array, arrays)):
        if values.ndim == 2:
            kernels.append(values)
            biases.append(None)
        elif values.ndim == 1 and kernels and biases[-1] is None:
            biases[-1] = values
        else:
            raise ValueError(
                f"array {k} of the list has shape {values.shape}: give kernels (in, out), each followed by its bias "
                "(out,); a model with other layers, such as BatchNormalization, as the model itself"
            )
    return kernels, [np.zeros_like(W[0]) if b is None else b for W, b in zip(kernels, biases, strict=True)]


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _read_layer(kind: str, layer: Any, vector: Vector | None) -> tuple[Vector, str | None]:
    """The vector after a layer, and the activation that is left out there."""
    if kind == "Dense":
        kernel, *bias = map(as_array, layer.get_weights())
        if len(bias) > 1 or kernel.dtype.kind != "f":
            raise ValueError("it is quantised, or has more weights than a kernel and a bias, such as those of LoRA")
        vector = (inputs(len(kernel)) if vector is None else vector).linear(kernel.T, *bias)
        return _activate(vector, layer.activation)
    if kind in ("BatchNormalization", "Normalization", "Rescaling"):
        s, shift = _affine(kind, layer)
        if vector is None:
            vector = inputs(max(s.size, shift.size)) if max(s.size, shift.size) > 1 else inputs(_input_size(layer))
        return vector.times(s).plus(shift), None
    if vector is None:
        vector = inputs(_input_size(layer))
    if kind == "Activation":
        return _activate(vector, layer.activation)
    if kind == "ReLU":
        if layer.threshold:
            raise ValueError(f"with threshold={layer.threshold} it jumps there, and such a network is not continuous")
        return vector.activate(leaky(_number(layer.negative_slope), _number(layer.max_value, np.inf))), None
    if kind == "LeakyReLU":
        slope = layer.negative_slope if hasattr(layer, "negative_slope") else layer.alpha
        return vector.activate(leaky(_number(slope))), None
    if kind == "PReLU":
        return vector.activate(leaky(as_array(layer.get_weights()[0]).reshape(-1))), None
    if find_output(kind):
        return vector, kind
    raise ValueError(f"give Dense, its activations, Dropout, Flatten and normalisations; for other graphs, {EXPORT}")


def _activate(vector: Vector, function: Any) -> tuple[Vector, str | None]:
    if hasattr(function, "get_weights"):  # a layer, such as LeakyReLU(0.3)
        return _read_layer(type(function).__name__, function, vector)
    name = getattr(function, "__name__", str(function))
    known: dict[str, Activation | None] = {
        "linear": None,
        "relu": leaky(0.0),
        "relu6": clip(0.0, 6.0),
        "leaky_relu": leaky(0.2),  # Keras's default, which a name cannot change
        "hard_tanh": clip(-1.0, 1.0),
    }
    if name in known:
        return vector.activate(known[name]), None
    if find_output(name):
        return vector, name
    raise ValueError(f"its activation is {name}: {REFUSED}")


@np.errstate(all="ignore")  # `as_layers` looks whether a number became infinite
def _affine(kind: str, layer: Any) -> tuple[NDArray, NDArray]:
    """y = s x + shift, in float64."""
    if kind == "Rescaling":
        return np.array(layer.scale, np.float64).reshape(-1), np.array(layer.offset, np.float64).reshape(-1)
    if kind == "Normalization":
        mean, var = (np.asarray(as_array(v), np.float64).reshape(-1) for v in (layer.mean, layer.variance))
        s = 1 / np.maximum(np.sqrt(var), 1e-7)
        return (1 / s, mean) if getattr(layer, "invert", False) else (s, -mean * s)
    values = [np.asarray(as_array(v), np.float64) for v in layer.get_weights()]
    mean, var = values[-2:]
    s = 1 / np.sqrt(var + layer.epsilon)
    s = s * values[0] if layer.scale else s
    return s, (values[-3] if layer.center else 0) - mean * s


def _input_size(layer: Any) -> int:
    return int(np.prod(layer.input.shape[1:]))


def _number(value: Any, none: float = 0.0) -> float:
    return none if value is None else float(np.asarray(value).reshape(-1)[0])
