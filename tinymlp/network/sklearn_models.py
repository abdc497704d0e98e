"""Models of scikit-learn, read by their attributes; scikit-learn itself is not imported."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations import find_output, leaky, warn_outputs
from .arrays import as_array
from .checks import check_pairs, compare
from .graph import Vector, inputs
from .rewrite import as_network

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_sklearn"]

OTHER = "perhaps one of its estimators has methods of its own; give check=(x, y) to see"

Step = Callable[[Vector], Vector]


def from_sklearn(cls: type["MLP"], model: Any, *, check: Any = None) -> "MLP":
    """The network that a fitted scikit-learn model is.

    Parameters
    ----------
    model : MLPRegressor or MLPClassifier, with activation "relu"
        Or one in a Pipeline after StandardScaler or MinMaxScaler, in a TransformedTargetRegressor with one of these, in
        a GridSearchCV or RandomizedSearchCV, or several of them. Scalers are folded into the first and the last layer,
        in float64; so the network takes and gives what the model does. What it predicts at random inputs is compared
        with the network's values.
    check : (x, y), optional
        An input and what the network gives there: ValueError unless this network gives y for x, to a thousandth.

    Returns
    -------
    MLP
        Copies of the weights in their dtype; float64 if a scaler was folded.

    Raises
    ------
    ValueError
        If the model is not fitted, or holds an estimator that is no such network (the message names it), or predicts
        other values.

    Warns
    -----
    UserWarning
        If the outputs are those before an output activation: of a classifier before softmax, or, for two classes, the
        one whose sign decides; of loss="poisson" the logarithm of what the model predicts.
    """
    steps, size, last = _read(model)
    vector = inputs(size)
    for step in steps:
        vector = step(vector)
    net = as_network(cls, vector)
    if last:
        warn_outputs(last)
    if call := getattr(model, "predict_proba", None) or getattr(model, "predict", None):
        after = find_output(last) if last else None
        compare(net, lambda x: _scores(call(x), net.sizes[-1]), float(np.finfo(np.float32).eps), after, OTHER)
    return check_pairs(net, check)


def _scores(predicted: Any, outputs: int) -> Any:
    """What is predicted for each output; a classifier of two classes predicts the chance of both."""
    return predicted[:, 1] if outputs == 1 and np.ndim(predicted) == 2 and predicted.shape[1] == 2 else predicted


def _read(model: Any) -> tuple[list[Step], int, str | None]:
    """What a model does to its inputs, step by step, how many these are, and the activation that is left out."""
    name = type(model).__name__
    if hasattr(model, "best_estimator_"):  # GridSearchCV and its kin
        return _read(model.best_estimator_)
    if hasattr(model, "regressor_"):  # TransformedTargetRegressor
        steps, size, last = _read(model.regressor_)
        after = _scaler(model.transformer_, inverse=True)
        if last and after:
            raise ValueError(f"model scales what comes after {last}, so no scaler can be folded: give model.regressor_")
        return [*steps, *after], size, last
    if hasattr(model, "steps"):  # Pipeline
        before = [step for _, scaler in model.steps[:-1] for step in _scaler(scaler)]
        steps, size, last = _read(model.steps[-1][1])
        return [*before, *steps], size, last
    if not hasattr(model, "coefs_"):
        if hasattr(model, "estimators_"):
            raise ValueError(f"model holds a {name}, which has several models: give one of its estimators_")
        if hasattr(model, "estimator") or hasattr(model, "regressor") or hasattr(model, "activation"):
            raise ValueError(f"model holds a {name} that is not fitted: call fit first (GridSearchCV with refit=True)")
        raise ValueError(
            f"model holds a {name}: give an MLPClassifier or MLPRegressor that is fitted, or one in a Pipeline"
        )
    if model.activation not in ("relu", "identity"):
        raise ValueError(f"model has activation {model.activation!r}: give one with 'relu'")
    activation = leaky(0.0) if model.activation == "relu" else None
    layers = [(as_array(W).T, as_array(b)) for W, b in zip(model.coefs_, model.intercepts_, strict=True)]

    def network(vector: Vector) -> Vector:
        for W, b in layers[:-1]:
            vector = vector.linear(W, b).activate(activation)
        return vector.linear(*layers[-1])

    last = getattr(model, "out_activation_", "identity")
    if last != "identity" and find_output(last) is None:
        raise ValueError(f"model has the output activation {last!r}: give one with 'identity'")
    return [network], layers[0][0].shape[1], None if last == "identity" else last


def _scaler(scaler: Any, inverse: bool = False) -> list[Step]:
    """What a scaler does, or undoes."""
    name = type(scaler).__name__
    if scaler is None or scaler == "passthrough":
        return []
    if name == "FunctionTransformer" and (scaler.inverse_func if inverse else scaler.func) is None:
        return []  # what TransformedTargetRegressor has where no transformer was given
    if name == "Pipeline":
        steps = [_scaler(step, inverse) for _, step in scaler.steps]
        return [step for group in (steps[::-1] if inverse else steps) for step in group]
    if name == "StandardScaler" and hasattr(scaler, "scale_"):
        mean = np.asarray(scaler.mean_, np.float64) if scaler.with_mean else np.zeros(1)  # it keeps one all the same
        size = np.ones(1) if scaler.scale_ is None else np.asarray(scaler.scale_, np.float64)
        if inverse:
            return [lambda v: v.times(size).plus(mean)]
        return [lambda v: v.plus(-mean).times(1 / size)]
    if name == "MinMaxScaler" and hasattr(scaler, "scale_"):
        if scaler.clip and not inverse:
            raise ValueError("model holds a MinMaxScaler with clip=True: only one that does not clip can be folded")
        scale, least = np.asarray(scaler.scale_, np.float64), np.asarray(scaler.min_, np.float64)
        if inverse:
            return [lambda v: v.plus(-least).times(1 / scale)]
        return [lambda v: v.times(scale).plus(least)]
    if name in ("StandardScaler", "MinMaxScaler"):
        raise ValueError(f"model holds a {name} that is not fitted: call fit first")
    raise ValueError(f"model holds a {name}: only StandardScaler and MinMaxScaler can be folded into the network")
