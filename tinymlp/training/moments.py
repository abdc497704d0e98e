"""Moments: all that the mean squared error of a piecewise linear function needs to know about the data.

Between two edges the function is a straight line p x + q. With t = (x, 1) and l = (p, q), the sum of its squared errors
over the samples there is a quadratic form in l,

    sum (l t - y)^2 = l A l - 2 l B + C         A = sum t t^T,    B = sum t y,    C = sum y^2

So the samples matter only through their moments: how many there are, and the sums of x, x^2, y, x y and y^2. With

    E = A l - B = (sum of r x, sum of r)        for the residuals r = p x + q - y

the sum is l (E - B) + C, and its derivative by l is 2 E. C is needed only once, over all samples.

Moments between any two edges are differences of two prefix sums, which are made once. So the loss and its gradient by
the lines cost the same for a thousand samples and for a million; and infinitely many samples of a function only turn
the sums into integrals. A batch that was drawn at random is a few samples, and is summed up for itself; that is why the
samples are kept, too, in order of x.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset
from ..devices import array_module, device_of, move
from ..functions import Function
from ..interval import Interval, check_interval, takes_interval
from ..system.memory import check_memory
from .integrals import Integrals
from .prefix_sums import BatchSums, PrefixSums

__all__ = ["Moments", "Samples"]


class Samples(NamedTuple):
    """Samples in order of x."""

    x: NDArray  # (n,)
    u: NDArray  # (n,): x, centred
    v: NDArray  # (outputs, n): y, centred
    places: NDArray  # (n,), int: where each row of the data went


@dataclass(frozen=True, eq=False)
class Moments:
    """All that training by segments needs to know of samples, or of a function.

    Make one with `Moments.of` or `Moments.of_function`, and give it to `train` in place of a Dataset.

    >>> from tinymlp import Dataset
    >>> Moments.of(Dataset([2.0, 0, 1], [5.0, 1, 3])).samples.x
    array([0., 1., 2.])

    Attributes
    ----------
    interval : (start, stop)
        From a little before the first x to a little after the last, so that no sample lies at an end: 2^-30 of the
        largest of them. Of a function, as given.
    weight : int
        The number of samples; 1 for a function, of which means over the interval are kept.
    outputs : int
        How many numbers one y is.
    sums : PrefixSums, BatchSums or Integrals
    centre : (float, array (outputs,))
        Subtracted from x and from y before anything is summed.
    samples : Samples or None
        From which batches are made. None for a function, and for a batch.
    """

    interval: tuple[float, float]
    weight: int
    outputs: int
    sums: PrefixSums | BatchSums | Integrals
    centre: tuple[float, NDArray]
    samples: Samples | None = None

    @classmethod
    def of(cls, data: Dataset) -> "Moments":
        """The moments of samples, in any order: summed up once, in 0.3 us and about 92 bytes per sample.

        Raises
        ------
        ValueError
            If x has more than one column, or numbers so large that float64 cannot hold their squares.
        TypeError
            If data is no Dataset.
        """
        if not isinstance(data, Dataset):
            raise TypeError(f"data is a {type(data).__name__}: give a Dataset, as in Moments.of(Dataset(x, y))")
        check_memory("data", f"a Dataset of {len(data)} samples", 92 * len(data))
        if data.inputs != 1:
            raise ValueError(f"data has {data.inputs} inputs: Moments need one; train on the Dataset itself")
        x, y = data.x.reshape(-1).astype(np.float64), data.y.reshape(len(data), -1).T.astype(np.float64)
        places = np.arange(len(x), dtype=np.int32 if len(x) < 2**31 else np.int64)
        if (x[1:] < x[:-1]).any():
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[:, order]
            places[order] = places.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            origin, level = x[len(x) // 2], y.mean(axis=1)  # the median, which a few samples far away do not move
            samples = Samples(x, x - origin, y - level[:, None], places)
            sums = PrefixSums.of(*samples[:3])
        if not (np.isfinite(sums.table[-1]).all() and np.isfinite(sums.squares)):
            raise ValueError("the data hold numbers whose squares are too large for float64: scale them")
        return cls(_ends(x), len(x), len(y), sums, (float(origin), level), samples)

    @classmethod
    @takes_interval
    def of_function(cls, function: str | Function, interval: Interval) -> "Moments":
        """The limit of infinitely many samples: the loss is the mean of (net(x) - f(x))^2 over the interval.

        Parameters
        ----------
        function : str or callable
            From an array of x to the array of y, float64. The integrals of the functions with names are known in closed
            form. Those of a callable are found by quadrature (`Integrals` says how accurately and what it may miss),
            for which it is called in every step of training.
        interval : (start, stop)
            In units of x, finite.

        Raises
        ------
        ValueError
            If the function is not finite somewhere, or its square has no integral.
        """
        integrals = Integrals(function, interval)
        return cls(check_interval(interval), 1, 1, integrals, (integrals.origin, np.array([integrals.level])))

    @property
    def inputs(self) -> int:
        """How many numbers one x is: 1."""
        return 1

    @property
    def device(self) -> str:
        """Where the sums are, "cpu" or "gpu"."""
        return device_of(self.centre[1])

    def to(self, device: str) -> "Moments":
        """The same on "cpu" or "gpu"; itself if it is there. Integrals are computed on the CPU in any case.

        `train` moves moments to where the network is, in every call; who calls it often moves them once.
        """
        if device == self.device:
            return self
        samples = self.samples and Samples(*(move(values, device) for values in self.samples))
        sums = self.sums.to(device) if isinstance(self.sums, PrefixSums) else self.sums
        return replace(self, sums=sums, centre=(self.centre[0], move(self.centre[1], device)), samples=samples)

    def batches(self, batch_size: int | None) -> list["Moments"]:
        """The moments of each run of so many neighbouring samples, the last may be smaller; None for all at once.

        ValueError if a batch size is given for a function, or one that would cut a batch.
        """
        if batch_size is None:
            return [self]
        if self.samples is None or not isinstance(self.sums, PrefixSums):
            no = "a function has no samples" if isinstance(self.sums, Integrals) else "this is a batch already"
            raise ValueError(f"batch_size is {batch_size}, but {no}: leave it out")
        if batch_size >= self.weight:
            return [self]
        parts = [self.sums.slice(i, i + batch_size, self.samples.v) for i in range(0, self.weight, batch_size)]
        return [replace(self, interval=_ends(part.x), weight=len(part.x), sums=part, samples=None) for part in parts]

    def batch(self, rows: NDArray) -> "Moments":
        """The moments of a batch of samples, which may be any.

        Parameters
        ----------
        rows : array of int, (B,) or (K, B)
            The rows of the data from which these moments were made, in the order in which they were given then. Either
            one batch, for any number of networks, or one for each of K networks.
        """
        assert self.samples is not None
        x, u, v, places = self.samples
        rows = array_module(self.device).sort(places.take(rows), axis=-1)  # now rows in order of x
        one = rows.ndim == 1
        sums = PrefixSums.of(x.take(rows), u.take(rows), v.take(rows, axis=1)) if one else BatchSums(x, u, v, rows)
        return replace(self, weight=rows.shape[-1], sums=sums, samples=None)

    def loss(self, edges: NDArray, lines: NDArray, last: NDArray) -> tuple[NDArray, NDArray]:
        """The mean squared errors of K piecewise linear functions, and their gradients by the lines.

        Parameters
        ----------
        edges : array, (N,)
            From start to stop, K times, in rows of equal length, as a walk leaves them.
        lines : array, (outputs, N), complex
            p + iq for the line p x + q between an edge and the next.
        last : array of int, (K,)
            The columns that begin at a stop; their lines do not count.

        Returns
        -------
        losses : array, (K,)
            Not below 0. Rounding adds about 1e-16 times the mean of y^2 and of (p x)^2, both centred; so the fit of a
            very steep piece is not known better than to 1e-8 of its height.
        gradient : array, (outputs, N), complex
            That by p, and i times that by q.
        """
        (origin, level), k = self.centre, self.outputs
        S = self.sums.between(edges, last)  # (3 + 2 outputs, N)
        uu, u, uv, v, one = S[0], S[1], S[2 : 2 + k], S[2 + k : -1], S[-1]
        p = lines.real  # (outputs, N)
        q = lines.imag + (p * origin - level[:, None])  # p u + q - v is p x + q - y
        E_p, E_q = uu * p + u * q - uv, u * p + one * q - v  # E = A l - B
        squares = (p * (E_p - uv) + q * (E_q - v)).reshape(k, len(last), -1).sum(axis=2).sum(axis=0)  # (K,)
        size = self.weight * k
        losses = (squares + self.sums.squares) / size
        gradient = (E_p + origin * E_q + 1j * E_q) * (2 / size)
        return array_module(self.device).maximum(losses, 0.0), gradient


def _ends(x: NDArray) -> tuple[float, float]:
    """Numbers before the first and after the last of sorted ones, between which no others lie that are samples.

    Far enough that a unit that switches on the first or the last is seen to switch there, whatever rounding does.
    """
    first, last = float(x[0]), float(x[-1])
    margin = 2.0**-30 * max(abs(first), abs(last))
    before, after = (float(np.nextafter(end, far)) for end, far in ((first, -np.inf), (last, np.inf)))
    return min(before, first - margin), max(after, last + margin)
