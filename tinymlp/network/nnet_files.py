"""The .nnet format, in which networks of collision avoidance (ACAS Xu and its kin) are written: numbers as text.

After lines that begin with //, each line is a row of numbers with commas: how many layers, inputs, outputs and the
largest layer; the sizes; a flag that is not used; the least and the greatest value of each input; the means of the
inputs and of the outputs; their ranges; and for each layer the rows of W, then the numbers of b, one a line.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .activations import leaky
from .checks import check_pairs
from .graph import inputs
from .parameters import check_sizes, count_parameters
from .rewrite import as_network

if TYPE_CHECKING:
    from .mlp import MLP

__all__ = ["from_nnet"]


def from_nnet(cls: type["MLP"], path: str | Path, *, normalised: bool = True, check: Any = None) -> "MLP":
    """The network in a .nnet file, float64.

    Parameters
    ----------
    path : str or Path
    normalised : bool
        Fold the file's normalisation into the first and the last layer, so that the network takes and gives numbers in
        their own units: it computes y = range * net((x - means) / ranges) + mean. Without it the network is the bare
        one. The least and greatest input, at which tools that read this format cut inputs off, are no part of the
        network: on a line, stay between them.
    check : (x, y), optional
        An input and what the network gives there: ValueError unless this network gives y for x, to a thousandth.

    Raises
    ------
    ValueError
        If the file is no .nnet file; the message says where.
    """
    with Path(path).open(encoding="utf-8", errors="backslashreplace") as file:
        rows, most = _rows(file, path), os.fstat(file.fileno()).st_size
        try:
            layers, size, outputs, *_ = _whole(next(rows))
            sizes = list(check_sizes(_whole(next(rows))))
            if len(sizes) != layers + 1 or sizes[0] != size or sizes[-1] != outputs:
                raise ValueError(f"it has {layers} layers, {size} inputs, {outputs} outputs, and the sizes {sizes}")
            if count_parameters(sizes) > most:  # each takes a digit at least
                raise ValueError(f"the sizes {sizes} need {count_parameters(sizes)} numbers, and it has {most} bytes")
            next(rows)  # a flag that is not used
            for _ in range(2):  # the least and the greatest inputs
                next(rows)
            means, ranges = next(rows), next(rows)
            vector = inputs(size)
            if normalised and (len(means) != size + 1 or len(ranges) != size + 1 or not ranges.all()):
                raise ValueError(
                    f"its normalisation has {len(means)} means and {len(ranges)} ranges, not {size + 1}, none of "
                    "the ranges 0: normalised=False reads the network without it"
                )
            for l, units in enumerate(sizes[1:]):
                W = np.array([_of_length(next(rows), sizes[l]) for _ in range(units)])
                b = np.array([_of_length(next(rows), 1)[0] for _ in range(units)])
                if normalised and l == 0:  # W (x - means) / ranges, without a matrix (inputs, inputs)
                    with np.errstate(all="ignore"):
                        s = 1 / ranges[:size]
                        W, b = W * s, W @ (-means[:size] * s) + b
                vector = vector.linear(W, b)
                if l < layers - 1:
                    vector = vector.activate(leaky(0.0))
            if next(rows, None) is not None:
                raise ValueError("it goes on after the last layer")
            if normalised:
                vector = vector.times(ranges[size:]).plus(means[size:])
            net = as_network(cls, vector)
        except StopIteration:
            raise ValueError(f"{path} is no whole .nnet file: it ends too early") from None
        except (ValueError, MemoryError) as error:
            raise ValueError(f"{path} is no .nnet file: {error}") from error
    return check_pairs(net, check)


def _whole(row: NDArray) -> list[int]:
    """A row of whole numbers."""
    if not (np.abs(row) < 2**53).all() or (row % 1).any():
        raise ValueError(f"{row.tolist()} are not whole numbers")
    return row.astype(int).tolist()


def _rows(file: Any, path: Any) -> Iterator[NDArray]:
    """The numbers of each line, without comments."""
    for k, line in enumerate(file):
        cells = [cell for cell in line.strip().split(",") if cell.strip()]
        if cells and not line.startswith("//"):
            try:
                yield np.array(cells, np.float64)
            except ValueError:
                raise ValueError(f"line {k + 1} is {line.strip()[:40]!r}, not numbers with commas") from None


def _of_length(row: NDArray, n: int) -> NDArray:
    if len(row) != n:
        raise ValueError(f"a row has {len(row)} numbers where {n} are due")
    return row
