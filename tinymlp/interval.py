"""(start, stop), checked; and the grid on it."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray


def check_interval(interval: tuple[float, float], infinite: bool = False) -> tuple[float, float]:
    """(start, stop) as floats; ValueError if start >= stop, or an end is not a number, or infinite but must not be."""
    try:
        start, stop = map(float, interval)
    except (TypeError, ValueError) as error:
        raise ValueError(f"interval is {interval!r}: give two numbers, (start, stop)") from error
    if not start < stop:
        raise ValueError(f"interval is ({start}, {stop}): start must be less than stop, and both be numbers")
    if not infinite and np.isinf([start, stop]).any():
        raise ValueError(f"interval is ({start}, {stop}): both ends must be finite here")
    return start, stop


def grid(interval: tuple[float, float], n: int) -> NDArray:
    """The n points start + i/n * (stop - start), i = 0 ... n-1, float64; the stop is excluded, as in the article."""
    start, stop = check_interval(interval)
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n is {n!r}: give an integer >= 1")
    return start + np.arange(n) / n * (stop - start)
