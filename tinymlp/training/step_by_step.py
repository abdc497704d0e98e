"""Step by step: training as the textbooks have it. For each batch a gradient, and one step of an optimizer.

It runs on the CPU, or on a GPU array by array. ``fused.py`` trains whole epochs in one kernel instead. Both change the
parameters in place and return the losses of the epochs that they trained, which stay on the device until someone reads
them. Given the same parameters and the same orders of the samples, both take the same steps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..devices import array_module
from ..network.ensemble import Ensemble
from ..network.mlp import MLP
from ..network.parameters import layer_views
from .gradients import SampleGradients, SegmentGradients
from .optim import Optimizer

__all__ = ["StepByStep"]


class StepByStep:
    """One gradient after the other, and for each one step of an optimizer.

    Parameters
    ----------
    net : MLP or Ensemble
    gradients : list of SampleGradients or of SegmentGradients
        One for all networks, or one for each.
    optimizers : list of Optimizer
        Likewise.

    Attributes
    ----------
    sizes : list of float
        The weights of the batches in the mean, after the first epoch.
    most : int
        How many epochs to ask for at most.
    """

    most = 1

    def __init__(
        self,
        net: MLP | Ensemble,
        gradients: Sequence[SampleGradients] | Sequence[SegmentGradients],
        optimizers: Sequence[Optimizer],
    ):
        self._net, self._gradients = net, gradients
        self._nets = [net] if isinstance(net, MLP) else net.nets
        self._xp = array_module(net.device)
        grad = self._xp.empty_like(net.params)
        self._grads = [layer_views(row, net.sizes) for row in grad.reshape(len(self._nets), -1)]
        several = zip(optimizers, net.params, grad, strict=True) if len(optimizers) > 1 else ()
        self._steps = list(several) or [(optimizers[0], net.params, grad)]
        self._good, self._alive = net.params.copy(), True  # after the last epoch without NaN; whether there was none
        self.sizes: list[float] = []

    def epochs(self, count: int) -> NDArray:
        """Train for an epoch.

        Returns
        -------
        array, (1, batches + 1, K)
            The losses of the batches, then a row of 0, or NaN for a network that has a NaN or an infinity.
        """
        xp, params, nets = self._xp, self._net.params, self._nets
        sizes: list[float] = []
        losses: list[float | NDArray] = []
        for batch in zip(*(gradients.epoch() for gradients in self._gradients), strict=True):
            sizes.append(batch[0][0])
            losses += [batch[k % len(batch)][1](net, self._grads[k]) for k, net in enumerate(nets)]
            for optimizer, some, grad in self._steps:
                optimizer.step(some, grad)
        losses += list((0 * params.reshape(len(nets), -1)).sum(axis=1))
        self.sizes = sizes
        table = xp.array(losses).reshape(1, -1, len(nets))
        self._alive = xp.isfinite(table.sum()) & self._alive
        self._good = xp.where(self._alive, params, self._good)
        return table

    @property
    def stuck(self) -> bool:
        """Whether a NaN was seen. On a GPU to ask is to wait, so nobody looks before the losses are read."""
        return self._xp is np and not self._alive

    def rewind(self, epochs: int) -> None:
        """Go back to the parameters after so many epochs: all those before the first NaN."""
        self._net.params[...] = self._good
