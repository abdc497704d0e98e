"""Rewritten activations stay what they are in training: the ReLUs that stand for one unit learn as one.

A PReLU is two ReLUs of the same weights (``network/activations.py``). If each learnt for itself, the unit would be no
PReLU after one step. So of all parameters that are one in the original, times a factor and plus a number, the first one
learns, by the sum of all their gradients, and the others follow.
"""

import numpy as np
from numpy.typing import NDArray

from .. import devices
from ..network.mlp import MLP
from .optim import Optimizer

__all__ = ["HoldTies", "Ties", "find_ties"]

KEPT = 1e-3  # relative to the largest parameter: how far parameters are from their ties if nobody changed them


class Ties:
    """params = factor * params[root] + offset, each (P,), on a device."""

    def __init__(self, root: NDArray, factor: NDArray, offset: NDArray, device: str = "cpu"):
        P, order = len(root), np.argsort(root, kind="stable")
        place = np.arange(P) - np.searchsorted(root[order], root[order])  # among those of one root
        members = np.full((place.max() + 1, P), P)
        members[place, root[order]] = order
        arrays = (devices.move(a, device) for a in (root, factor, offset, members))
        self.root, self.factor, self.offset, self._members = arrays

    def gather(self, grad: NDArray) -> NDArray:
        """The gradients of the roots, each the sum over those that follow it, in one order on every device; else 0."""
        xp = devices.array_module(devices.device_of(grad))
        return xp.concatenate([self.factor * grad, xp.zeros(1)]).take(self._members).sum(axis=0)

    def follow(self, params: NDArray) -> NDArray:
        """What the parameters are if all follow their roots."""
        return self.factor * params.take(self.root) + self.offset

    def spread(self, chosen: NDArray) -> NDArray:
        """Every parameter of which one that is tied to it is chosen, (P,), bool; on the CPU."""
        root = devices.move(self.root, "cpu")
        return np.bincount(root, weights=chosen, minlength=len(root)).take(root) > 0


class HoldTies:
    """An optimizer that steps as another one does, on the parameters of the original network.

    Parameters
    ----------
    optimizer : Optimizer
    ties : Ties
    """

    def __init__(self, optimizer: Optimizer, ties: Ties):
        self._optimizer, self._ties = optimizer, ties

    def __repr__(self) -> str:
        return f"{self._optimizer!r}, held to ties"

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change the params in place, and the gradient, which is that of the original's parameters then."""
        grad[...] = self._ties.gather(grad)
        self._optimizer.step(params, grad)
        params[...] = self._ties.follow(params)


def find_ties(net: MLP) -> Ties | None:
    """Those of a network's parameters, on its device; None if it is not known which, or somebody changed them."""
    assert net.ties is not None
    if not net.ties.size:
        return None
    ends = np.cumsum(net.sizes[1:-1])[:-1]
    units = [
        *np.split(net.ties, ends, axis=1),
        np.array([np.arange(net.sizes[-1]), *np.outer([1, 0, 1], [1.0] * net.sizes[-1])]),
    ]
    before, gain = np.arange(net.sizes[0]), np.ones(net.sizes[0])
    roots, factors, offsets, begin = [], [], [], 0
    for unit, sign, threshold, after in units:
        row, column, width = _first(unit), _first(before), len(before) + 1
        turned = sign * sign[row]
        roots.append(begin + row[:, None] * width + np.append(column, width - 1))
        factors.append(np.outer(turned, np.append(gain / gain[column], 1.0)))
        offsets.append(np.zeros(factors[-1].shape))
        offsets[-1][:, -1] = turned * threshold[row] - threshold
        before, gain, begin = unit, after, begin + roots[-1].size
    root, factor, offset = (np.concatenate([a.ravel() for a in arrays]) for arrays in (roots, factors, offsets))
    ties = Ties(root, factor, offset)
    params = devices.move(net.params, "cpu").astype(np.float64)
    if not (np.abs(ties.follow(params) - params) <= KEPT * np.abs(params).max()).all():
        return None
    return ties if net.device == "cpu" else Ties(root, factor, offset, net.device)


def _first(values: NDArray) -> NDArray:
    """Where each value stands for the first time."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)]
