"""The kernel that trains a whole ensemble in one launch (``train.cu``): which build a network needs, and the launch.

The widths of its tiles are constants of the program, so that a compiler can keep them in registers; so each
`Configuration` is a program of its own, compiled when it is first asked for.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..devices import array_module
from ..network.parameters import count_parameters
from .kernels import check, source

__all__ = ["LAYERS", "WIDTHS", "Configuration", "compiled", "configuration", "shared_memory", "train"]

OPTIONS = (
    "-std=c++17",
)  # a product and a sum may be rounded once: NumPy's digits cannot be had in another order of sums
WIDTHS = (12, 20, 32, 48, 64)  # to which layers are padded
LAYERS = (1, 2, 3, 4)
CHUNKS = (128, 64, 32, 16)


class Configuration(NamedTuple):
    """A build of the kernel; the names are those of train.cu, which explains them."""

    width: int
    layers: int
    chunk: int
    sums_in_shared: bool

    @property
    def name(self) -> str:
        """As C++ writes it."""
        return f"train<{self.width}, {self.layers}, {self.chunk}, {str(self.sums_in_shared).lower()}>"

    @property
    def threads(self) -> int:
        """How many threads a block has."""
        return 32 * self.width // (4 if self.width % 8 else 8)

    def shared_bytes(self, count: int) -> int:
        """How much dynamic shared memory it needs, for networks of so many parameters."""
        activations = (self.layers + 1) * self.width * (self.chunk + 4)
        matrices = 2 * (self.layers - 1) * self.width**2
        vectors = 2 * ((self.layers + 2) * self.width + 4)
        sums = 2 * count if self.sums_in_shared else 0
        return 4 * (activations + matrices + vectors + 2 * self.chunk + sums)


def configuration(hidden: Sequence[int], shared_memory: int) -> Configuration | None:
    """The build for these hidden layers on a GPU that gives a block so many bytes of shared memory; None if none fits.

    The least padding; then the largest chunk, as each costs barriers; then Adam's sums in shared memory, if there is
    room for them.
    """
    widths = [width for width in WIDTHS if width >= max(hidden, default=0)]
    if len(hidden) not in LAYERS or not widths:
        return None
    count = count_parameters([1, *hidden, 1])
    for chunk in CHUNKS:
        for sums_in_shared in (True, False):
            found = Configuration(widths[0], len(hidden), chunk, sums_in_shared)
            if _has_room(found) and found.shared_bytes(count) <= shared_memory:
                return found
    return None


def _has_room(c: Configuration) -> bool:
    """Whether gradients can be put together where activations were, as train.cu asserts."""
    groups = c.threads // (c.width // 4) ** 2
    return c.layers == 1 or groups * c.width <= (c.layers + 1) * (c.chunk + 4)


def shared_memory() -> int:
    """What the current GPU gives a block, in bytes."""
    cuda = array_module("gpu").cuda.runtime
    return int(cuda.getDeviceProperties(cuda.getDevice())["sharedMemPerBlockOptin"])


@cache
def compiled(config: Configuration) -> Any:
    """The kernel, as CuPy launches it."""
    module = array_module("gpu").RawModule(code=source("train"), options=OPTIONS, name_expressions=[config.name])
    return module.get_function(config.name)


def train(
    config: Configuration,
    params: Any,
    sums: Any,
    hidden: Sequence[int],
    x: Any,
    y: Any,
    order: Any,
    epochs: int,
    batch_size: int,
    negative_slope: float,
    rates: tuple[Any, Any, Any],
    betas: tuple[float, float],
    weight_decay: float,
) -> Any:
    """Train K networks for so many epochs, in one launch.

    Parameters
    ----------
    params : CuPy array, (K, P), float32
    sums : CuPy array, (2, K, P), float32
        Adam's M and V. Both are changed in place.
    x, y : CuPy array, (n,), float32
    order : CuPy array, (K or 1, epochs or 1, n), int32
        Of the samples; one for all networks, or for all epochs, where there is 1.
    rates : tuple of CuPy array
        lr (K,) and, for each step, its factor (steps,), float64; and eps (steps,), float32.

    Returns
    -------
    CuPy array, (epochs, batches + 1, K), float32
        The mean squared error of each batch, just before its step; then 0, or NaN if a parameter is NaN or infinite.
    """
    xp = array_module("gpu")
    networks, count = params.shape
    steps = epochs * -(-x.size // batch_size)
    check(params=params)
    check(sums=sums)
    check(x=x, y=y)
    lr, factors, eps = rates
    expected = {
        "params": (params, (networks, count_parameters([1, *hidden, 1])), np.float32),
        "sums": (sums, (2, networks, count), np.float32),
        "x": (x, (x.size,), np.float32),
        "order": (order, (*order.shape[:2], x.size), np.int32),
        "lr": (lr, (networks,), np.float64),
        "factors": (factors, (steps,), np.float64),
        "eps": (eps, (steps,), np.float32),
    }
    for name, (array, shape, dtype) in expected.items():
        if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
            raise ValueError(
                f"{name} is {array.shape} {array.dtype}: give a gapless array {shape} of {np.dtype(dtype)}"
            )
    if order.shape[0] not in (1, networks) or order.shape[1] not in (1, epochs):
        raise ValueError(f"order is {order.shape}: give (1 or {networks}, 1 or {epochs}, {x.size})")

    losses = xp.zeros((networks, epochs, steps // epochs + 1), np.float32)
    network_stride = x.size * order.shape[1] if order.shape[0] > 1 else 0
    epoch_stride = x.size if order.shape[1] > 1 else 0
    kernel = compiled(config)
    needed = config.shared_bytes(count)
    kernel.max_dynamic_shared_size_bytes = needed
    args = (
        *(params, sums, losses, xp.asarray(np.array(hidden, np.int32))),
        *(np.int32(count), x, y, np.int32(x.size)),
        *(order, np.int64(network_stride), np.int64(epoch_stride)),
        *(np.int32(epochs), np.int32(batch_size), np.float32(negative_slope)),
        *(lr, factors, eps, *map(np.float32, betas), np.float32(weight_decay)),
    )
    kernel((networks,), (config.threads,), args, shared_mem=needed)
    return losses.transpose(1, 2, 0)
