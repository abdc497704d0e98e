"""Parameters that are held fixed while the others learn."""

from numpy.typing import ArrayLike, NDArray

from .. import devices
from ..arguments import check_array
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .optim import Optimizer

__all__ = ["HoldFixed", "find_fixed"]


class HoldFixed:
    """An optimizer that steps as another one does, and puts some parameters back.

    Whatever the other one does, by momentum or weight decay, those stay as they are, bit for bit.

    Parameters
    ----------
    optimizer : Optimizer
    fixed : array of bool, of the shape of the parameters, or one that broadcasts to it
    """

    def __init__(self, optimizer: Optimizer, fixed: NDArray):
        self._optimizer, self._fixed = optimizer, fixed

    def __repr__(self) -> str:
        return f"{self._optimizer!r}, held to a mask"

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change in place the params that are not fixed."""
        xp = devices.array_module(devices.device_of(params))
        before = params.copy()
        self._optimizer.step(params, grad)
        params[...] = xp.where(self._fixed, before, params)


def find_fixed(mask: ArrayLike, net: MLP | Ensemble) -> NDArray:
    """Which parameters a mask holds fixed, bool, on the network's device; ValueError if it does not fit the network."""
    learns = devices.move(check_array("mask", mask), "cpu")
    shape = net.params.shape
    if learns.shape not in (shape, shape[-1:]):
        raise ValueError(f"mask is {learns.shape} {learns.dtype}: give a number or bool for each of {shape} parameters")
    return devices.move(learns == 0, net.device)
