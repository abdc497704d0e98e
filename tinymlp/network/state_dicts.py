"""State dicts, as PyTorch and safetensors have them: which arrays are layers, and in which order."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise, permutations
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from .arrays import as_array

__all__ = ["QUANTISED", "read_state"]

MOST_GROUPS = 6  # of names, of which every order is tried: 720
QUANTISED = "it is quantised (qint8): give the model as it was before, with float weights"


def read_state(
    state: Mapping[str, Any], prefix: str | Sequence[str] | None = None
) -> tuple[list[NDArray], list[NDArray]]:
    """Each 2-D ...weight in order, with the ...bias of the same name; of those that begin with a prefix, if given.

    Raises
    ------
    ValueError
        If there is anything else, or the shapes do not fit each other.

    Warns
    -----
    UserWarning
        If the names are sorted as text, and the layers fit each other in several orders.
    """
    if inside := _find_weights(state):
        raise ValueError(f"source is a checkpoint: its weights are in {inside}, give that")
    if any("_packed_params" in str(name) for name in state):
        raise ValueError(f"state dict: {QUANTISED}")
    ordered = _in_natural_order(state) if prefix is None else _chosen(state, prefix)
    weights, biases, layers = [], [], []
    known = set()
    for name in ordered:
        if str(name).endswith("weight") and np.ndim(W := as_array(ordered[name])) == 2:
            bias = name.removesuffix("weight") + "bias"
            b = ordered.get(bias)
            weights.append(W)
            biases.append(np.zeros_like(W[:, 0]) if b is None else as_array(b))
            layers.append(name)
            known |= {name, bias}
    if not weights or set(ordered) - known:
        rest = ", ".join(sorted(map(str, set(ordered) - known))[:6])
        raise ValueError(
            f"state dict holds {rest or 'nothing'} beside pairs of ...weight (out, in) and ...bias (out,): give such "
            "pairs only; prefix= chooses some. Norms and activations with weights need the module itself"
        )
    for k, (one, two) in enumerate(pairwise(weights)):
        if len(one) != two.shape[1]:
            raise ValueError(
                f"state dict: {layers[k + 1]} {two.shape} takes {two.shape[1]} inputs, but {layers[k]} before it has "
                f"{len(one)} units: if there are several heads, choose by prefix=, such as prefix=('body.', 'policy.')"
            )
    return weights, biases


def _chosen(state: Mapping[str, Any], prefix: str | Sequence[str]) -> Mapping[str, Any]:
    """Of a state dict only what begins with a prefix, in the order of the prefixes."""
    prefixes = [prefix] if isinstance(prefix, str) else list(prefix)
    chosen = {}
    for one in prefixes:
        found = {name: state[name] for name in state if str(name).startswith(one)}
        if not found:
            raise ValueError(f"prefix is {prefix!r}, but no name begins with {one!r}: {_names(state)}")
        chosen.update(_in_natural_order(found))
    return chosen


def _names(state: Mapping[str, Any]) -> str:
    names = list(map(str, state))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _find_weights(state: Mapping[str, Any], path: str = "source") -> str | None:
    """Where, in dicts inside of this one, there are weights; None if nowhere."""
    for key, value in state.items():
        if isinstance(value, Mapping):
            inner = f"{path}[{key!r}]"
            here = any(str(name).endswith("weight") for name in value)
            if found := inner if here else _find_weights(value, inner):
                return found
    return None


def _natural(name: str) -> list:
    """fc2 before fc10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _in_natural_order(state: Mapping[str, Any]) -> dict[str, Any]:
    """As it is; or, if its names are sorted as text, as nobody registers them, in natural order.

    Text puts "hidden" before "input", too. If groups of names, without their numbers, fit each other's shapes in one
    order only, it is that; if in several, or if there are too many to try, the natural one, with a warning.
    """
    names = list(state)
    if not all(isinstance(name, str) for name in names) or names != sorted(names) or len(names) < 2:
        return dict(state)
    names.sort(key=_natural)
    layers = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition(".")[0])]
    groups = [
        [name for layer in group for name in layer]
        for _, group in groupby(layers, key=lambda layer: re.split(r"\d", layer[0].rpartition(".")[0])[0])
    ]
    if len(groups) > 1:
        orders = permutations(groups) if len(groups) <= MOST_GROUPS else [groups, groups[::-1]]
        fitting = [order for order in orders if _fits(state, [name for group in order for name in group])]
        if fitting:
            names = [name for group in fitting[0] for name in group]
        if len(fitting) > 1 or (fitting and len(groups) > MOST_GROUPS):
            taken = [name.removesuffix(".weight") for name in names if name.endswith("weight")]
            warn(
                "the names are sorted as text, and the layers fit each other in several orders: taken as "
                f"{', '.join(taken)}; give check=(x, y) to be sure",
                UserWarning,
                stacklevel=4,
            )
    return {name: state[name] for name in names}


def _fits(state: Mapping[str, Any], names: list[str]) -> bool:
    shapes = [np.shape(as_array(state[name])) for name in names if name.endswith("weight")]
    return all(len(shape) == 2 for shape in shapes) and all(a[0] == b[1] for a, b in pairwise(shapes))
