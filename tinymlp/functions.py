"""The target functions by name: what a network is asked to learn.

Each takes an array of x and gives the array of y. Wherever tinymlp wants a function, one of these names will do,
and so will any callable of your own that works on arrays.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FUNCTIONS",
    "Function",
    "exp",
    "exp_neg",
    "find_function",
    "inverse",
    "linear",
    "log",
    "shifted_inverse",
    "shifted_step",
    "sine",
    "step",
]

Function = Callable[[NDArray], NDArray]


def linear(x: NDArray) -> NDArray:
    """The straight line 2 x + 8."""
    return 2 * x + 8


def exp(x: NDArray) -> NDArray:
    """The exponential, e^x."""
    return np.exp(x)


def exp_neg(x: NDArray) -> NDArray:
    """The falling exponential, e^-x."""
    return np.exp(-x)


def log(x: NDArray) -> NDArray:
    """The natural logarithm of x, for x > 0."""
    return np.log(x)


def inverse(x: NDArray) -> NDArray:
    """1 / x, infinite at 0."""
    return 1 / x


def shifted_inverse(x: NDArray) -> NDArray:
    """1 / (x - 2), infinite at 2."""
    return 1 / (x - 2)


def sine(x: NDArray) -> NDArray:
    """The sine of x, in radians."""
    return np.sin(x)


def step(x: NDArray) -> NDArray:
    """1 where x > 0, else 0."""
    return np.where(x > 0, 1.0, 0.0)


def shifted_step(x: NDArray) -> NDArray:
    """1 where x > 2, else 0."""
    return np.where(x > 2, 1.0, 0.0)


FUNCTIONS: dict[str, Function] = {
    f.__name__: f for f in (linear, exp, exp_neg, log, inverse, shifted_inverse, sine, step, shifted_step)
}


def find_function(function: str | Function) -> Function:
    """The function of that name; a callable is given back as it is.

    Raises
    ------
    ValueError
        If it is neither a callable nor one of the names, which the message lists.
    """
    if callable(function):
        return function
    if not isinstance(function, str) or function not in FUNCTIONS:
        raise ValueError(f"function is {function!r}: give a callable or one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[function]
