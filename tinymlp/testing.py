"""For tests: check_gradient(), which holds a gradient against differences of the loss."""

from collections.abc import Callable
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from .arguments import check_array, check_number, generator

__all__ = ["check_gradient"]


def check_gradient(
    loss: Callable[[np.ndarray], float],
    params: ArrayLike,
    gradient: ArrayLike,
    *,
    directions: int = 10,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> None:
    """AssertionError unless a gradient agrees with differences of the loss in random directions.

    In a direction u of length 1 the loss changes by gradient . u, to be compared with the central difference

        (loss(params + step u) - loss(params - step u)) / (2 step)

    A wrong gradient is right in a random direction only by accident, so a few directions check all parameters.

    Parameters
    ----------
    loss : callable
        From parameters like ``params``, float64, to a number. It must be computed in float64: the rounding of float32
        is larger than the differences.
    params : array_like, any shape
    gradient : array_like, the same shape
        Of the loss by the parameters, there.
    directions : int
        How many directions to try.
    step : float
        In units of the parameters.
    tolerance : float
        How far the two may be apart, as a share of the length of the gradient. (At a sample that lies on a boundary of
        a ReLU there is no gradient; use samples that do not.)
    seed : int
        Of the directions.

    Raises
    ------
    AssertionError
        With both numbers and the direction, of the first in which they differ.
    ValueError
        If the shapes differ, a number is not finite, or nothing would be checked.

    Examples
    --------
    >>> import numpy as np
    >>> check_gradient(lambda w: np.sum(w**3), [1.0, 2.0], [3.0, 12.0])
    >>> check_gradient(lambda w: np.sum(w**3), [1.0, 2.0], [3.0, 11.0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: in direction 0 of 10 the loss changes by ..., and the gradient says ...
    """
    w = np.asarray(check_array("params", params), np.float64)
    g = np.asarray(check_array("gradient", gradient), np.float64)
    if w.shape != g.shape:
        raise ValueError(f"gradient has shape {g.shape} and params {w.shape}: they must be the same")
    if not w.size:
        raise ValueError("params is empty: nothing would be checked")
    if not isinstance(directions, Integral) or directions < 1:
        raise ValueError(f"directions is {directions!r}: give an integer >= 1, or nothing would be checked")
    step = check_number("step", step, lambda v: 0 < v < np.inf, "a number > 0")
    tolerance = check_number("tolerance", tolerance, lambda v: 0 < v < np.inf, "a number > 0")
    if not (np.isfinite(w).all() and np.isfinite(g).all()):
        raise ValueError("params and gradient must be finite")
    rng = generator("seed", seed)
    size = float(np.linalg.norm(g)) or 1.0
    for k in range(directions):
        u = rng.normal(size=w.shape)
        u /= np.linalg.norm(u)
        difference = (float(loss(w + step * u)) - float(loss(w - step * u))) / (2 * step)
        said = float(np.sum(g * u))
        if not abs(difference - said) <= tolerance * size:
            raise AssertionError(
                f"in direction {k} of {directions} the loss changes by {difference:.10g}, and the gradient says "
                f"{said:.10g}; direction: {np.array2string(u, precision=3)}"
            )
