"""Activations as sums of ReLUs.

Every continuous function of one number that is made of straight pieces is a sum of ReLUs and a constant,

    g(z) = constant + sum over terms of gain * relu(sign * z - threshold)

so a network with such activations is a ReLU network, with one hidden unit for each term:

    leaky ReLU, PReLU, slope a      relu(z) - a relu(-z)                    any a: the absolute value is a = -1
    clip to (low, high)             low + relu(z - low) - relu(z - high)    ReLU6 is (0, 6), hardtanh (-1, 1)
    nothing                         relu(z) - relu(-z)                      to pass a value by a layer

Others, such as GELU or tanh, are not made of straight pieces. After the last layer they may stand all the same: the
network then is all that comes before (`find_output`).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["IDENTITY", "REFUSED", "Activation", "Term", "clip", "find_output", "leaky", "warn_outputs"]


class Term(NamedTuple):
    """gain * relu(sign * z - threshold); one gain for all units, or one for each."""

    sign: int
    threshold: float
    gain: float | NDArray


@dataclass(frozen=True, eq=False)
class Activation:
    """What is applied to each unit of a layer.

    Attributes
    ----------
    terms : list of Term
        The first is the unit itself, as far as there is one.
    constant : float
    negative_slope : float or None
        If it is a (leaky) ReLU as `MLP` has it, with one slope in [0, 1] for all units.
    """

    terms: list[Term]
    constant: float = 0.0
    negative_slope: float | None = None

    def __call__(self, z: NDArray) -> NDArray:
        """The activation of z (..., units)."""
        return self.constant + np.sum([t.gain * np.maximum(t.sign * z - t.threshold, 0) for t in self.terms], axis=0)


IDENTITY = Activation([Term(1, 0.0, 1.0), Term(-1, 0.0, -1.0)])


def leaky(slope: ArrayLike = 0.0, highest: float | None = None) -> Activation:
    """z where it is positive, slope * z elsewhere; any finite slope, or one for each unit; cut off at ``highest``.

    >>> leaky(-1.0)(np.array([-2.0, 3.0])).tolist()  # the absolute value
    [2.0, 3.0]
    """
    slopes = np.asarray(slope, np.float64)
    if not np.isfinite(slopes).all() or slopes.ndim > 1:
        raise ValueError(f"a negative slope is {slope!r}: give a finite number, or one for each unit")
    if slopes.size and (slopes == slopes.flat[0]).all():
        slopes = slopes.reshape(-1)[0]
    terms = [Term(1, 0.0, 1.0)]
    if slopes.any():
        terms.append(Term(-1, 0.0, -slopes))
    if highest is not None and highest < np.inf:
        if not highest >= 0:
            raise ValueError(f"a ReLU is cut off at {highest}: give a number >= 0")
        return Activation([*terms, Term(1, float(highest), -1.0)])
    one = slopes.ndim == 0 and 0 <= slopes <= 1
    return Activation(terms, negative_slope=float(slopes) if one else None)


def clip(low: float, high: float) -> Activation | None:
    """z, but at least low and at most high, either of which may be infinite; None if both are."""
    if not low < high:
        raise ValueError(f"a clip has the ends {low} and {high}: give a lower one and a higher one")
    if low == 0:
        return leaky(0.0, high)
    if low == -np.inf:
        return None if high == np.inf else Activation([Term(-1, -high, -1.0)], high)
    terms = [Term(1, low, 1.0)] + ([Term(1, high, -1.0)] if high < np.inf else [])
    return Activation(terms, low)


def _softmax(y: NDArray) -> NDArray:
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# What may stand after the last layer, by the names that libraries give it: what it does, and how to read what is before
OUTPUTS: dict[str, tuple[Callable[[NDArray], NDArray], str]] = {
    "softmax": (_softmax, "the greatest is the class"),
    "logsoftmax": (lambda y: y - np.logaddexp.reduce(y, axis=-1, keepdims=True), "the greatest is the class"),
    "sigmoid": (lambda y: 1 / (1 + np.exp(-y)), "the sign decides"),
    "logistic": (lambda y: 1 / (1 + np.exp(-y)), "the sign decides"),
    "tanh": (np.tanh, "np.tanh of them is what the source gives"),
    "exp": (np.exp, "np.exp of them is what the source gives"),
    "exponential": (np.exp, "np.exp of them is what the source gives"),
    "softplus": (lambda y: np.logaddexp(0, y), "np.logaddexp(0, y) of them is what the source gives"),
}

REFUSED = (
    "it is not made of straight pieces, so such a network has no segments: train one with ReLU, leaky ReLU, PReLU, "
    "ReLU6, hardtanh or a clip in its place"
)


def find_output(kind: str) -> Callable[[NDArray], NDArray] | None:
    """What an activation that may stand after the last layer does; None if it may not."""
    found = OUTPUTS.get(_key(kind))
    return found[0] if found else None


def warn_outputs(kind: str) -> None:
    """Warn that the outputs are those before the last activation, and say how to read them."""
    message = f"the outputs are those before {kind}: {OUTPUTS[_key(kind)][1]}"
    warnings.warn(message, UserWarning, stacklevel=4)


def _key(kind: str) -> str:
    return kind.lower().replace("_", "")
