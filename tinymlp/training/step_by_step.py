"""Step by step: training as the textbooks have it. For each batch a gradient, and one step of an optimizer.

It runs on the CPU, or on a GPU array by array. ``fused.py`` trains whole epochs in one kernel instead. Both change the
parameters in place and return the losses of the epochs that they trained, which stay on the device until someone reads
them. Given the same parameters and the same orders of the samples, both take the same steps.
"""

import numpy as np
from numpy.typing import NDArray

from ..devices import array_module
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from .gradients import SampleGradients, SegmentGradients
from .optim import Optimizer

__all__ = ["StepByStep"]


class StepByStep:
    """One gradient after the other, and for each one step of an optimizer; all networks of an ensemble together.

    Parameters
    ----------
    net : MLP or Ensemble
    gradients : SampleGradients or SegmentGradients
        Of all networks.
    optimizer : Optimizer
        Likewise.

    Attributes
    ----------
    sizes : list of float
        The weights of the batches in the mean, after the first epoch.
    most : int
        How many epochs to ask for at most.
    """

    most = 1

    def __init__(self, net: MLP | Ensemble, gradients: SampleGradients | SegmentGradients, optimizer: Optimizer):
        self._net, self._gradients, self._optimizer = net, gradients, optimizer
        self._xp = array_module(net.device)
        self._grad = self._xp.empty_like(net.params)
        self._good, self._alive = net.params.copy(), True  # after the last epoch without NaN; whether there was none
        self.sizes: list[float] = []

    def epochs(self, count: int) -> NDArray:
        """Train for an epoch.

        Returns
        -------
        array, (1, batches + 1, K)
            The losses of the batches, then a row of 0, or NaN for a network that has a NaN or an infinity.
        """
        xp, params = self._xp, self._net.params
        sizes: list[float] = []
        rows: list[NDArray] = []  # (K,) each
        for size, gradient in self._gradients.epoch():
            sizes.append(size)
            rows.append(gradient(self._net, self._grad))
            self._optimizer.step(params, self._grad)
        rows.append((0 * params.reshape(len(rows[0]), -1)).sum(axis=1).astype(rows[0].dtype))
        self.sizes = sizes
        table = xp.array(rows)[None]
        self._alive = xp.isfinite(table).all() & self._alive
        self._good = xp.where(self._alive, params, self._good)
        return table

    @property
    def stuck(self) -> bool:
        """Whether a NaN was seen. On a GPU to ask is to wait, so nobody looks before the losses are read."""
        return self._xp is np and not self._alive

    def rewind(self, epochs: int) -> None:
        """Go back to the parameters after so many epochs: all those before the first NaN."""
        self._net.params[...] = self._good
