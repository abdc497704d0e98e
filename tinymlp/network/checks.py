"""Never silently another network: what was loaded is held against what the source gives."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_array
from .arrays import as_array

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["agrees", "check_pairs", "compare"]

FEW_DIGITS = 1e-3  # values that a person types
SCALES = (1.0, 30.0, 1e3, 1e6)
ROWS = 10  # of inputs of each scale


def check_pairs(net: "MLP", check: Any) -> "MLP":
    """The network itself; ValueError unless it gives y for x, to a thousandth, with ``check`` = (x, y) or None.

    Square matrices the other way round, or layers in another order, cannot be told by their shapes: a known value
    tells. x is one input (inputs,) or rows of inputs (n, inputs); y is what the network gives there.
    """
    if check is None:
        return net
    try:
        pair = dict(zip(("x of check", "y of check"), check, strict=True))
    except (TypeError, ValueError) as error:
        raise ValueError("check is no pair (x, y): give an input and what the network gives for it") from error
    x, y = (np.asarray(check_array(name, as_array(v, name)), np.float64) for name, v in pair.items())
    inputs, outputs = net.sizes[0], net.sizes[-1]
    if x.size % inputs or y.size != x.size // inputs * outputs:
        raise ValueError(f"check has x {x.shape} and y {y.shape}: the network has {inputs} inputs, {outputs} outputs")
    x, y = x.reshape(-1, inputs), y.reshape(-1, outputs)
    if not agrees(net, x, y, FEW_DIGITS):
        found, row = net.astype(np.float64)(x), np.abs(net.astype(np.float64)(x) - y).max(axis=1).argmax()
        raise ValueError(
            f"check: for x = {x[row].tolist()} the network gives {found[row].tolist()}, not {y[row].tolist()}: are the "
            "matrices the other way round (transpose), the layers in another order, or the activations others?"
        )
    return net


def agrees(
    net: "MLP", x: NDArray, y: NDArray, tolerance: float, *, eps: float = 0.0, after: Callable | None = None
) -> bool:
    """Whether net(x) is y (n, outputs), to a tolerance relative, row by row, to what its last layer sums up.

    And to what rounding in numbers of resolution ``eps`` may have done before: large numbers cancel in any layer.
    """
    exact = net.astype(np.float64)
    with np.errstate(all="ignore"):
        found = exact(x)
        a = np.asarray(x, float).T
        size, rounded = np.abs(a), np.zeros(a.shape)  # what a layer sums up; how often that was rounded, unit by unit
        for l, (W, b) in enumerate(zip(exact.weights, exact.biases, strict=True)):
            z = W @ a + b[:, None]
            size = np.abs(W) @ np.abs(a) + np.abs(b)[:, None]  # (units, n)
            rounded = np.abs(W) @ rounded + size
            if l < len(exact.weights) - 1:
                a = np.maximum(z, exact.negative_slope * z)
                rounded = np.where(z > -1e-3 * size, rounded, exact.negative_slope * rounded)
        size, rounded = size.max(axis=0)[:, None], rounded.max(axis=0)[:, None]  # (n, 1)
        if after is not None:
            found = after(found)
            size = np.maximum(1.0, np.abs(found).max(axis=1, keepdims=True))
            rounded = rounded * size
        if not np.isfinite(size).all():  # then everything would be near enough
            return False
        return bool(found.shape == y.shape and (np.abs(found - y) <= tolerance * size + 8 * eps * rounded).all())


def compare(net: "MLP", call: Callable[[NDArray], Any], eps: float, after: Callable | None, advice: str) -> bool:
    """Hold the network against its source at random inputs; False if the source cannot be called with them.

    The inputs are as large as 1, 30, and so on up to a million: a ReLU that is cut off at 6 is a ReLU to small ones.

    Parameters
    ----------
    net : MLP
    call : callable
        From x (n, inputs), float64, to what the source gives.
    eps : float
        The resolution of its numbers; they must agree to its square root.
    after : callable or None
        What the source applies to the network's outputs.
    advice : str
        What the reason may be, and what to do, if they do not agree.

    Raises
    ------
    ValueError
        If the source gives other values, or something else than one array.
    """
    x = np.random.default_rng(0).normal(size=(ROWS * len(SCALES), net.sizes[0])) * np.repeat(SCALES, ROWS)[:, None]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the source has to say of such inputs
            given = call(x)
    except Exception as error:  # the source is somebody else's code: it may raise anything
        warnings.warn(
            f"the source could not be called with x of shape {x.shape}, so nobody has compared its values with the "
            f"network's ({type(error).__name__}): give check=(x, y) to be sure",
            UserWarning,
            stacklevel=4,
        )
        return False
    if isinstance(given, tuple | list | dict):
        raise ValueError(f"the source gives {len(given)} outputs, not one array: {advice}")
    y = np.asarray(as_array(given), np.float64)
    if y.size == len(x) * net.sizes[-1]:
        y = y.reshape(len(x), -1)
        small = np.arange(len(x)) < ROWS
        heard = small | np.isfinite(y).all(axis=1)  # what is too large for the source's numbers says nothing
        x, y = x[heard], y[heard]
    if not agrees(net, x, y, eps**0.5, eps=eps, after=after):
        raise ValueError(f"the source gives other values than the network that was read from it: {advice}")
    return True
