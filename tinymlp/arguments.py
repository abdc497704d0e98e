"""What is given as a number, an array, a seed or a choice is checked here: errors name the argument and its value."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["check_array", "check_dtype", "check_flag", "check_number", "generator", "refuse_masks", "to_number"]


def check_flag(name: str, value: Any) -> bool:
    """True or False; ValueError for anything else, such as "no", which Python takes for True."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}: give True or False")
    return bool(value)


def to_number(value: Any) -> float:
    """The value as a float; TypeError unless it is a real number. (float() reads text, and takes masked values.)"""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if isinstance(value, str | bytes | np.ma.MaskedArray) or getattr(value, "ndim", 0) > 0 or kind not in "biuf":
        raise TypeError(f"{value!r} is no real number")
    return float(value)


def check_number(name: str, value: Any, fits: Callable[[float], bool], accepted: str) -> float:
    """The value as a float; ValueError, which says what is accepted, unless it is a number that fits."""
    try:
        number = to_number(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not fits(number):
        raise ValueError(f"{name} is {value!r}: give {accepted}")
    return number


def check_array(name: str, values: Any) -> Any:
    """The values as an array of real numbers: NumPy's, or, if they are on a GPU, themselves; not copied if need not be.

    Raises
    ------
    ValueError
        If the values are masked, rows of unequal length, or anything but bool, integers and floats.
    """
    refuse_masks(name, values)
    if hasattr(values, "__cuda_array_interface__"):
        array = values
    else:
        try:
            array = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is no array: {error}") from error
    kind = getattr(array.dtype, "kind", "f")
    if kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}: give real numbers")
    return array


def refuse_masks(name: str, values: Any) -> None:
    """ValueError if the values are a masked array, or a list with one: NumPy would drop the mask without a word."""
    if _is_masked(values):
        raise ValueError(
            f"{name} is a masked array, and the numbers under its mask would count: give those that are not masked, "
            "such as values[~mask], or values.filled(number)"
        )


def _is_masked(values: Any) -> bool:
    """Whether a mask is anywhere in an array, or in lists of arrays or of numbers."""
    if not isinstance(values, list | tuple):
        return isinstance(values, np.ma.MaskedArray)
    kinds = set(map(type, values))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        return True
    nested = any(issubclass(kind, list | tuple) for kind in kinds)
    return nested and any(map(_is_masked, values))


def check_dtype(name: str, dtype: DTypeLike) -> np.dtype:
    """A float dtype in the byte order of this machine; ValueError for any other, and for None, which NumPy takes."""
    try:
        if dtype is None:
            raise TypeError("no dtype")
        checked = np.dtype(dtype)
    except TypeError as error:
        raise ValueError(f"{name} is {dtype!r}: give a float dtype, such as numpy.float64") from error
    if checked.kind != "f":
        raise ValueError(f"{name} is {checked}: give a float dtype")
    return checked.newbyteorder("=")


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
