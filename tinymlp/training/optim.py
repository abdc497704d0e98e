"""SGD and Adam: how a gradient changes the parameters.

An optimizer sees flat arrays only, the parameters and the gradient of the loss by them, (P,) for a network and
(K, P) for an ensemble, on the CPU or a GPU. It makes its moments at the first step, where the parameters are, and keeps
them.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_number
from ..devices import array_module, device_of
from ..gpu import kernels

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer(Protocol):
    """Anything that changes parameters in place, given a gradient of the same shape: `SGD`, `Adam`, or your own."""

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change params in place; grad has their shape."""


def _check_rate(lr: Any) -> float:
    return check_number("lr", lr, lambda v: 0 < v < math.inf, "a number > 0")


def _check_rates(lr: Any) -> float | NDArray:
    """A number, or an array of several."""
    rates = np.asarray(lr, object)  # as objects: numbers beside a string would become strings
    several = rates.ndim == 1 and rates.size > 0
    return np.array([_check_rate(rate) for rate in rates.tolist()]) if several else _check_rate(lr)


def _check_decay(weight_decay: Any) -> float:
    return check_number("weight_decay", weight_decay, lambda v: 0 <= v < math.inf, "a number >= 0")


def _check_fit(moment: NDArray, params: NDArray) -> None:
    if moment.shape != params.shape or moment.dtype != params.dtype or type(moment) is not type(params):
        held, given = (f"{a.shape} {a.dtype} parameters on the {device_of(a)}" for a in (moment, params))
        raise ValueError(f"this optimizer holds the moments of {held}, not of {given}: make a new one")


class SGD:
    """Gradient descent with momentum, as ``torch.optim.SGD`` computes it.

        u = momentum * u + g + weight_decay * params          params -= lr * u

    Parameters
    ----------
    lr : float
        Learning rate, > 0.
    momentum : float
        In [0, 1); 0 is plain gradient descent.
    weight_decay : float
    """

    def __init__(self, lr: float = 0.001, *, momentum: float = 0.0, weight_decay: float = 0.0):
        self.lr, self.weight_decay = _check_rate(lr), _check_decay(weight_decay)
        self.momentum = check_number("momentum", momentum, lambda v: 0 <= v < 1, "a number in [0, 1)")
        self._velocity: NDArray | None = None

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change params in place, given the gradient of the loss by them (same shape, left as it is)."""
        if self._velocity is None:
            self._velocity = array_module(device_of(params)).zeros_like(params)
        _check_fit(self._velocity, params)
        self._velocity *= self.momentum
        self._velocity += grad + self.weight_decay * params
        params -= self.lr * self._velocity


class Adam:
    """Adam, as Kingma and Ba (arXiv 1412.6980, algorithm 1) give it and PyTorch computes it.

        m = b1 m + (1 - b1) g                 v = b2 v + (1 - b2) g^2
        params -= lr * m_hat / (sqrt(v_hat) + eps)       m_hat = m / (1 - b1^t),  v_hat = v / (1 - b2^t)

    What is kept is M = m / (1 - b1) and V = v / (1 - b2), the running sums of g and g^2, as two rows of one array:
    then decay and accumulation are one operation each for both. With s = sqrt((1 - b2^t) / (1 - b2)) the step is

        params -= rate * M / (sqrt(V) + eps s)           rate = lr s (1 - b1) / (1 - b1^t)

    On a GPU the step is one CUDA kernel (``gpu/adam.cu``); where networks have rates of their own, array operations.

    Parameters
    ----------
    lr : float, or sequence of float
        Learning rate, > 0; for an ensemble also one for each network.
    betas : (float, float)
        Decay of the two moments, in [0, 1).
    eps : float
    weight_decay : float
        Added to the gradient as weight_decay * params, as in ``torch.optim.Adam``.

    Notes
    -----
    1 - b^t is computed in float64 without cancellation; in float32 its rounding alone moves losses by 1e-4.
    Ten steps in float64 agree with PyTorch's to 1e-13 (``tests/training/test_optim.py``).
    """

    def __init__(
        self,
        lr: float | Sequence[float] | NDArray = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.lr, self.weight_decay = _check_rates(lr), _check_decay(weight_decay)
        try:
            b1, b2 = (check_number("betas", b, lambda v: 0 <= v < 1, "") for b in betas)
        except (TypeError, ValueError) as error:
            raise ValueError(f"betas is {betas!r}: give two numbers in [0, 1), such as (0.9, 0.999)") from error
        self.betas = b1, b2
        self.eps = check_number("eps", eps, lambda v: v > 0, "a number > 0")
        self.t = 0
        self._sums: NDArray | None = None

    def step(self, params: NDArray, grad: NDArray) -> None:
        """Change params in place, given the gradient of the loss by them (same shape, left as it is).

        ValueError if the shape is not that of the steps before, or there are other networks than rates.
        """
        sums = self.running_sums(params)
        ((factor, eps),) = self.begin_steps(1)
        rate = self.lr * factor
        if device_of(params) == "gpu" and not isinstance(rate, np.ndarray):
            kernels.adam(params, grad, sums, self.betas, rate, eps, self.weight_decay)
        else:
            self._step(params, grad, sums, rate, eps)

    def running_sums(self, params: NDArray) -> NDArray:
        """M and V for these parameters, (2, *shape of params), which every step changes in place."""
        if np.shape(self.lr) not in ((), params.shape[:-1]):
            raise ValueError(f"lr has {np.size(self.lr)} numbers, and params {params.shape}: give one for each network")
        if self._sums is None:
            self._sums = self._make_sums(params)
        _check_fit(self._sums[0], params)
        return self._sums

    def begin_steps(self, count: int) -> list[tuple[float, float]]:
        """Count the next steps as taken; for each, what it needs: rate / lr and eps s.

        `step` asks for one; a kernel that takes many steps in one launch asks for all of them.
        """
        (b1, b2), factors = self.betas, []
        for t in range(self.t + 1, self.t + count + 1):
            s = math.sqrt(_one_minus_power(b2, t) / (1 - b2))
            factors.append((s * (1 - b1) / _one_minus_power(b1, t), self.eps * s))
        self.t += count
        return factors

    def _make_sums(self, params: NDArray) -> NDArray:
        """Zeros; and the memory that `_step` writes into."""
        if params.dtype.type(self.eps) == 0:
            raise ValueError(f"eps is {self.eps}, which {params.dtype} rounds to 0: give a larger one")
        xp = array_module(device_of(params))
        sums = xp.zeros((2, *params.shape), params.dtype)
        if xp is np or np.ndim(self.lr):
            self._powers, self._update, self._decay = xp.empty_like(sums), xp.empty_like(params), xp.empty_like(sums)
            self._decay[0], self._decay[1] = self.betas
        return sums

    def _step(self, params: NDArray, grad: NDArray, sums: NDArray, rate: float | NDArray, eps: float) -> None:
        xp, powers, update = array_module(device_of(params)), self._powers, self._update
        if isinstance(rate, np.ndarray):
            rate = xp.asarray(rate.astype(params.dtype))[:, None]  # (K, 1); rounded, as a number would be
        powers[0] = grad + self.weight_decay * params if self.weight_decay else grad
        xp.multiply(powers[0], powers[0], out=powers[1])
        xp.multiply(sums, self._decay, out=sums)
        xp.add(sums, powers, out=sums)
        xp.sqrt(sums[1], out=update)
        xp.add(update, eps, out=update)
        xp.divide(sums[0], update, out=update)
        xp.multiply(update, rate, out=update)
        xp.subtract(params, update, out=params)


def _one_minus_power(beta: float, t: int) -> float:
    """1 - beta^t, to full precision for beta near 1."""
    return -math.expm1(t * math.log(beta)) if beta else 1.0
