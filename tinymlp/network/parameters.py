"""The parameters of a network: one flat vector (P,), seen layer by layer; of many networks, one matrix (K, P)."""

from collections.abc import Sequence
from itertools import pairwise
from operator import index

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arguments import check_array

__all__ = ["check_sizes", "count_parameters", "layer_views", "pack", "stacked_layers"]


def count_parameters(sizes: Sequence[int]) -> int:
    """P, the number of parameters of a network of these sizes."""
    return sum(outputs * (inputs + 1) for inputs, outputs in pairwise(sizes))


def layer_views(flat: NDArray, sizes: Sequence[int]) -> list[NDArray]:
    """The matrices [W | b], each (out, in + 1), that lie one after the other in a flat vector (P,)."""
    return [layer[0] for layer in stacked_layers(flat[None], sizes)]


def check_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes as a tuple of int; ValueError unless they are two or more positive integers."""
    try:
        if isinstance(sizes, set | dict):
            raise TypeError("no order")
        checked = tuple(map(index, sizes))
    except TypeError:
        checked = ()
    if len(checked) < 2 or min(checked) < 1:
        raise ValueError(f"sizes is {sizes!r}: give two or more positive integers, inputs first, as in [1, 10, 10, 1]")
    return checked


def pack(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]) -> tuple[list[int], NDArray]:
    """The sizes of a network with these weights and biases, and its flat vector (P,); see `MLP.from_weights`."""
    W = [check_array(f"weights[{l}]", w) for l, w in enumerate(weights)]
    b = [check_array(f"biases[{l}]", v) for l, v in enumerate(biases)]
    if not W or len(W) != len(b):
        raise ValueError(f"weights has {len(W)} layers and biases has {len(b)}: give as many of each, at least one")
    turned = " (they fit the other way round: transpose=True)" if _fit([w.T for w in W], b) else ""
    for layer, (w, v) in enumerate(zip(W, b, strict=True)):
        if w.ndim != 2 or v.shape != w.shape[:1] or w.size == 0:
            raise ValueError(
                f"layer {layer}: weights {w.shape} and biases {v.shape} must be (out, in) and (out,){turned}"
            )
        if layer and w.shape[1] != W[layer - 1].shape[0]:
            raise ValueError(
                f"layer {layer}: weights {w.shape} take {w.shape[1]} inputs, "
                f"but layer {layer - 1} has {W[layer - 1].shape[0]} units{turned}"
            )
    dtype = np.result_type(*W, *b)
    params = np.concatenate([np.column_stack(pair).ravel() for pair in zip(W, b, strict=True)])
    sizes = [W[0].shape[1], *(len(w) for w in W)]
    return sizes, params.astype(dtype if dtype.kind == "f" else np.float64)


def _fit(W: Sequence[NDArray], b: Sequence[NDArray]) -> bool:
    """Whether matrices (out, in) and biases (out,) fit each other."""
    if any(w.ndim != 2 or v.shape != w.shape[:1] for w, v in zip(W, b, strict=True)):
        return False
    return all(one.shape[0] == two.shape[1] for one, two in pairwise(W))


def stacked_layers(params: NDArray, sizes: Sequence[int]) -> list[NDArray]:
    """[W | b] of each layer of many networks, (K, out, in + 1), views of params (K, P)."""
    layers, k = [], 0
    for inputs, outputs in pairwise(sizes):
        size = outputs * (inputs + 1)
        layers.append(params[:, k : k + size].reshape(len(params), outputs, inputs + 1))
        k += size
    return layers
