"""The ensemble: many networks of the same sizes; each is one row of a matrix."""

from collections.abc import Iterable, Sequence, Sized

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import devices
from ..arguments import check_array, check_dtype, generator
from ..system.memory import check_memory
from .mlp import MLP
from .parameters import check_sizes, count_parameters

__all__ = ["Ensemble"]


class Ensemble:
    """Many networks that differ in their seeds.

    Parameters
    ----------
    sizes, negative_slope, dropout, dtype, device
        As for `MLP`.
    seeds : iterable of int
        One for each network: ``nets[k]`` starts equal, bit for bit, to ``MLP(sizes, seed=seeds[k])``.

    Attributes
    ----------
    params : array, (K, P)
    nets : list of MLP
        Each on its row of ``params``; ``ensemble[k]`` is ``ensemble.nets[k]``.
    sizes, negative_slope, dropout, dtype, device
        As those of each network.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Iterable[int],
        *,
        negative_slope: float = 0.0,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
        device: str = "cpu",
    ):
        if not isinstance(seeds, Iterable):
            raise ValueError(f"seeds is {seeds!r}: give one for each network, such as range({seeds})")
        dtype = check_dtype("dtype", dtype)
        if isinstance(seeds, Sized):  # before there is a tuple of them
            each = dtype.itemsize * count_parameters(check_sizes(sizes))
            check_memory("seeds", seeds, 2 * each * len(seeds))  # one by one, then in one matrix
        self.seeds = tuple(seeds)
        if not self.seeds:
            raise ValueError("seeds is empty: give one for each network")
        rngs = [generator(f"seeds[{k}]", seed) for k, seed in enumerate(self.seeds)]
        drawn = [MLP(sizes, negative_slope=negative_slope, dropout=dropout, seed=rng, dtype=dtype) for rng in rngs]
        self._set_views(devices.move(np.stack([net.params for net in drawn]), device), drawn[0])

    def _set_views(self, params: NDArray, like: MLP) -> None:
        self._params = params  # (K, P)
        settings = {"negative_slope": like.negative_slope, "dropout": like.dropout}
        self.nets = [MLP.from_params(like.sizes, row, **settings) for row in params]

    def __getstate__(self) -> tuple:
        """Pickle the matrix alone, and make new networks on it; pickled views would be copies."""
        return self.seeds, self.params, self.nets[0]

    def __setstate__(self, state: tuple) -> None:
        self.seeds, params, like = state
        self._set_views(params, like)

    @property
    def params(self) -> NDArray:
        """The parameters of every network, (K, P). Assigning to it copies into it, so that the views stay views."""
        return self._params

    @params.setter
    def params(self, values: ArrayLike) -> None:
        devices.fill(self._params, check_array("params", values))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, the width of each hidden layer, outputs, of each network."""
        return self.nets[0].sizes

    @property
    def negative_slope(self) -> float:
        """The slope of a hidden unit that is off."""
        return self.nets[0].negative_slope

    @property
    def dropout(self) -> float:
        """The chance that a hidden unit counts as 0 for a sample, in training."""
        return self.nets[0].dropout

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.params.dtype

    @property
    def device(self) -> str:
        """Where the parameters are, "cpu" or "gpu"."""
        return devices.device_of(self.params)

    def to(self, device: str) -> "Ensemble":
        """These networks on "cpu", "gpu" or "auto": itself if they are there, else a copy; errors as for `MLP.to`."""
        params = devices.move(self.params, device)
        if params is self.params:
            return self
        moved = Ensemble.__new__(Ensemble)
        moved.__setstate__((self.seeds, params, self.nets[0]))
        return moved

    def __len__(self) -> int:
        return len(self.nets)

    def __getitem__(self, k: int) -> MLP:
        return self.nets[k]

    def __call__(self, x: ArrayLike) -> NDArray:
        """The outputs of all networks, one above the other: (K, n) or (K, n, outputs)."""
        return devices.array_module(self.device).stack([net(x) for net in self.nets])

    def __repr__(self) -> str:
        return f"Ensemble of {len(self)} times {self.nets[0]!r}"
