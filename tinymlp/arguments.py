"""What is given as a number, a seed or a choice is checked here, by errors that name the argument and its value."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["check_flag", "check_number", "generator"]


def check_flag(name: str, value: Any) -> bool:
    """True or False; ValueError for anything else, such as "no", which Python takes for True."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}: give True or False")
    return bool(value)


def check_number(name: str, value: Any, fits: Callable[[float], bool], accepted: str) -> float:
    """The value as a float; ValueError, which says what is accepted, unless it is a number that fits."""
    other = isinstance(value, str | bytes | np.complexfloating) or getattr(value, "ndim", 0) > 0  # float() takes some
    try:
        number = float("nan") if other else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not fits(number):
        raise ValueError(f"{name} is {value!r}: give {accepted}")
    return number


def generator(name: str, seed: Any) -> np.random.Generator:
    """The Generator of this seed, or this very one; ValueError unless it is something that NumPy takes for a seed.

    None is no seed: NumPy would ask the operating system for one, and the next run would differ.
    """
    try:
        if seed is None:
            raise TypeError("no seed")
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {seed!r}: give an integer >= 0, or a Generator") from error
