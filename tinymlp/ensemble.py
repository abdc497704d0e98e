"""The ensemble: many networks of the same sizes, a row of one matrix each."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .network import MLP


class Ensemble:
    """Many networks that differ in their seeds.

    Parameters
    ----------
    sizes, negative_slope, dropout, dtype
        As for `MLP`.
    seeds : iterable of int
        One network a seed: ``nets[k]`` starts equal, bit for bit, to ``MLP(sizes, seed=seeds[k])``.

    Attributes
    ----------
    params : array, (K, P)
    nets : list of MLP
        Each on its row of ``params``; ``ensemble[k]`` is ``ensemble.nets[k]``.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Iterable[int] = range(64),
        negative_slope: float = 0.0,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
    ):
        if not isinstance(seeds, Iterable):
            raise ValueError(f"seeds is {seeds!r}: give one for each network, such as range({seeds})")
        self.seeds = tuple(seeds)
        if not self.seeds:
            raise ValueError("seeds is empty: give one for each network")
        drawn = [MLP(sizes, negative_slope, dropout, seed, dtype) for seed in self.seeds]
        self.params = np.stack([net.params for net in drawn])  # (K, P)
        self.nets = [MLP.from_params(drawn[0].sizes, row, negative_slope, dropout) for row in self.params]

    def __reduce__(self) -> tuple:
        """Pickle the matrix once; the networks are views of it."""
        first = self.nets[0]
        return _restored, (self.seeds, self.params, first.sizes, first.negative_slope, first.dropout)

    def __len__(self) -> int:
        return len(self.nets)

    def __getitem__(self, k: int) -> MLP:
        return self.nets[k]

    def __call__(self, x: ArrayLike) -> NDArray:
        """The outputs of all networks, one above the other: (K, n) or (K, n, outputs)."""
        return np.stack([net(x) for net in self.nets])

    def __repr__(self) -> str:
        return f"Ensemble of {len(self)} times {self.nets[0]!r}"


def _restored(
    seeds: tuple[int, ...], params: NDArray, sizes: tuple[int, ...], negative_slope: float, dropout: float
) -> Ensemble:
    ensemble = Ensemble.__new__(Ensemble)
    ensemble.seeds, ensemble.params = seeds, params
    ensemble.nets = [MLP.from_params(sizes, row, negative_slope, dropout) for row in params]
    return ensemble
