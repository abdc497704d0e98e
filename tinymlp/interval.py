"""An interval is a tuple (start, stop), everywhere: here it is checked, and here are the samples on it."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arguments import to_number
from .system.memory import check_memory

__all__ = ["REAL_LINE", "Interval", "check_interval", "grid", "takes_interval", "x_samples"]

Interval = tuple[float, float]
REAL_LINE: Interval = (-np.inf, np.inf)

P = ParamSpec("P")
R = TypeVar("R")


def check_interval(interval: Interval, infinite: bool = False) -> Interval:
    """(start, stop) as floats; ValueError if start >= stop, or an end is not a number, or infinite but must not be."""
    try:
        if isinstance(interval, str | set | dict):
            raise TypeError("no order, or no numbers")
        start, stop = map(to_number, interval)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"interval is {interval!r}: give a tuple of two numbers, such as (-5, 5)") from error
    if not start < stop:
        raise ValueError(f"interval is ({start}, {stop}): start must be less than stop, and both be numbers")
    if not infinite and np.isinf([start, stop]).any():
        raise ValueError(f"interval is ({start}, {stop}): both ends must be finite here")
    return start, stop


def takes_interval(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes an interval: if it is called with two numbers instead, show the tuple.

    >>> @takes_interval
    ... def length(interval):
    ...     return interval[1] - interval[0]
    >>> length((-5, 5))
    10
    >>> length(-5, 5)
    Traceback (most recent call last):
    TypeError: length() got -5, 5: give the interval as one tuple, (-5, 5)
    """

    place = list(signature(function).parameters).index("interval")

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        given = args[place : place + 2]
        if len(given) == 2 and all(isinstance(end, Real) for end in given):
            a, b = given
            raise TypeError(f"{function.__name__}() got {a}, {b}: give the interval as one tuple, ({a}, {b})")
        return function(*args, **kwargs)

    return checked


def x_samples(interval: Interval, n: int) -> NDArray:
    """The n points start + i/n * (stop - start), i = 0 ... n-1, float64; the stop is excluded, as in the article."""
    start, stop = check_interval(interval)
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n is {n!r}: give an integer >= 1")
    check_memory("n", n, 40 * n)  # x and y, copies of both, and what the function needs
    part = np.arange(n) / n
    if np.isinf(stop - start):  # its quarter is not
        return 4 * (start / 4 + part * (stop / 4 - start / 4))
    return start + part * (stop - start)


def grid(interval: Interval, n: int) -> NDArray:
    """The n points from start to stop, both among them, evenly spaced, float64."""
    start, stop = check_interval(interval)
    return np.linspace(start, stop, n) if np.isfinite(stop - start) else 4 * np.linspace(start / 4, stop / 4, n)
