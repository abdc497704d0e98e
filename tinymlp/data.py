"""Dataset: samples of a function, or any x and y that you have."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arguments import check_array, check_dtype, check_flag, check_number, generator
from .csv_files import Column, read_columns
from .functions import Function, find_function
from .interval import Interval, takes_interval, x_samples

__all__ = ["Dataset", "sample"]


def _checked(name: str, values: ArrayLike) -> NDArray:
    """Values as a float array of one or two dimensions, one row per sample; ValueError says what is wrong."""
    array = np.array(check_array(name, values))
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} has shape {array.shape}: give (n,) or (n, columns)")
    if array.size == 0:
        raise ValueError(f"{name} is empty, shape {array.shape}: give at least one sample")
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{name}[{row}] is {array[row]}, one of {bad.sum()} such rows: give finite numbers")
    return array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pairs of x and y to learn from.

    Parameters
    ----------
    x : array_like, (n,) or (n, inputs)
    y : array_like, (n,) or (n, outputs)
        One row per sample. Integers become float64; float dtypes are kept.

    Raises
    ------
    ValueError
        If either is empty, not numeric, masked, not finite, or if their lengths differ.
    """

    x: NDArray
    y: NDArray

    def __init__(self, x: ArrayLike, y: ArrayLike):
        x, y = _checked("x", x), _checked("y", y)
        if len(x) != len(y):
            raise ValueError(f"x has {len(x)} samples and y has {len(y)}: give as many of each")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def inputs(self) -> int:
        """How many numbers one x is."""
        return 1 if self.x.ndim == 1 else self.x.shape[1]

    @property
    def outputs(self) -> int:
        """How many numbers one y is."""
        return 1 if self.y.ndim == 1 else self.y.shape[1]

    def columns(self, dtype: DTypeLike) -> tuple[NDArray, NDArray]:
        """x and y as a network wants them, one column per sample: (inputs, n) and (outputs, n), in its dtype.

        Raises
        ------
        ValueError
            If a value is too large for the dtype.
        """
        dtype = check_dtype("dtype", dtype)
        with np.errstate(over="ignore"):
            x, y = (np.ascontiguousarray(v.reshape(len(self), -1).T, dtype) for v in (self.x, self.y))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError(f"the data hold numbers too large for {dtype}: scale them, or use float64")
        return x, y

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        x: Column | Sequence[Column] | None = None,
        y: Column | Sequence[Column] | None = None,
        progress: bool = False,
    ) -> "Dataset":
        """Read a text file with columns of numbers: the last one is y, those before it are x, unless you say otherwise.

        The columns are separated by commas, semicolons, tabs or blanks, whichever makes numbers of the first row. A
        first row of words is a header. What follows a # is a comment; empty lines are passed over. Where commas
        separate nothing, they may be decimal commas.

        Parameters
        ----------
        path : str or Path
            UTF-8, or UTF-16 with its mark.
        x, y : str, int, or several of them
            Columns by their names in the header, or their numbers from 0. The others need not be numbers.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Dataset
            float64; x of shape (n,) if it is one column, else (n, inputs), and y likewise.

        Raises
        ------
        ValueError
            If there are fewer than two columns, or a row is not as many finite numbers as the first one; the message
            names the line, and the column.

        Notes
        -----
        Ten million rows of two numbers, 390 MB of text, take 7 s and 460 MB of memory, of which 160 MB are the numbers.
        """
        inputs, outputs = read_columns(path, x, y, check_flag("progress", progress))
        return cls(*(table[:, 0] if table.shape[1] == 1 else table for table in (inputs, outputs)))


@takes_interval
def sample(
    function: str | Function,
    interval: Interval = (-5, 5),
    n: int = 10_000,
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Sample a function of one variable at n evenly spaced points.

    Parameters
    ----------
    function : str or callable
        A name from `tinymlp.functions`, or a callable from an array of x to the array of y.
    interval : (start, stop)
        In units of x. The points are start + i/n * (stop - start): the stop is excluded, as in the article.
    n : int
        How many samples.
    noise : float
        Standard deviation of the normal noise added to y, in units of y.
    seed : int
        Of the noise.

    Returns
    -------
    Dataset
        x and y of shape (n,), float64.

    Raises
    ------
    ValueError
        If the function gives NaN or infinity on a sample; the message says where.
    """
    f = find_function(function)
    x = x_samples(interval, n)
    noise = check_number("noise", noise, lambda v: 0 <= v < np.inf, "a standard deviation >= 0")
    rng = generator("seed", seed)
    with np.errstate(all="ignore"):
        y = np.asarray(check_array("what the function gives", f(x)), np.float64)
    if y.shape != x.shape:
        raise ValueError(
            f"function gives shape {y.shape} on x of shape {x.shape}: it must work on arrays, one y for each x"
        )
    bad = ~np.isfinite(y)
    if bad.any():
        where = int(bad.argmax())
        name = getattr(f, "__name__", "function")
        raise ValueError(
            f"{name} is {y[where]} at x = {x[where]}, and not finite on {bad.sum()} of {n} samples: "
            "choose an interval or n that avoids such x"
        )
    if noise:
        y = y + rng.normal(0, noise, n)
    return Dataset(x, y)
