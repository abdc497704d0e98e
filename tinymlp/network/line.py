"""Line: a network of several inputs on a straight line through them, with nothing rounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..arguments import check_array
from .mlp import MLP

__all__ = ["Line", "on_line"]


@dataclass(frozen=True, eq=False)
class Line:
    """A network on the line origin + t * direction: a function of the one number t.

    It is accepted wherever a network of one input is, and proofs are about these very numbers: input i starts as
    direction_i t + origin_i, and nothing is multiplied into the weights. `MLP.along` makes one.

    Attributes
    ----------
    net : MLP
    origin, direction : array, (inputs,)
        float64.

    Raises
    ------
    ValueError
        If their shapes do not fit, a number is not finite, or the direction is zero.

    Examples
    --------
    >>> from tinymlp import MLP, extract_segments
    >>> net = MLP([2, 8, 8, 1], seed=1)
    >>> extract_segments(net.along([0, 0], [1, 1]), (-1, 1)).certified
    True
    """

    net: MLP
    origin: NDArray
    direction: NDArray

    def __post_init__(self) -> None:
        inputs = self.net.sizes[0]
        for name in ("origin", "direction"):
            values = getattr(self, name)
            point = np.array(check_array(name, values), np.float64)
            if point.shape != (inputs,):
                raise ValueError(f"{name} has shape {point.shape}: give {inputs} numbers, one for each input")
            if not np.isfinite(point).all():
                raise ValueError(f"{name} holds {point[~np.isfinite(point)][0]}: give finite numbers")
            object.__setattr__(self, name, point)
        if not self.direction.any():
            raise ValueError("direction is zero: give the difference of two points")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those of the network, with the one input t."""
        return (1, *self.net.sizes[1:])

    @property
    def dtype(self) -> np.dtype:
        """That of the network's parameters."""
        return self.net.dtype

    @property
    def device(self) -> str:
        """Where the network's parameters are."""
        return self.net.device

    @property
    def start(self) -> NDArray:
        """The inputs as lines p t + q, written p + iq, and last the constant 1, which meets the bias: (inputs + 1,)."""
        return np.append(self.direction + 1j * self.origin, 1j)

    def points(self, t: ArrayLike) -> NDArray:
        """The points origin + t * direction, (n, inputs), float64; ValueError if float64 does not hold one."""
        t = np.asarray(check_array("t", t), np.float64).reshape(-1, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            points = self.origin + t * self.direction
            far = ~np.isfinite(points).all(axis=1)  # perhaps only the product is
            points[far] = 4 * (self.origin / 4 + t[far] / 4 * self.direction)
        lost = np.isfinite(t[:, 0]) & ~np.isfinite(points).all(axis=1)
        if lost.any():
            raise ValueError(f"t holds {t[lost][0, 0]}, where the line leaves float64: choose a smaller one")
        return points

    def __call__(self, t: ArrayLike) -> NDArray:
        """The network's output at each t: of the shape of t, or (n, outputs) with several outputs."""
        y = self.net(self.points(t))
        return y.reshape(np.shape(t)) if self.sizes[-1] == 1 else y

    def astype(self, dtype: DTypeLike) -> "Line":
        """The same line through the network with its parameters rounded to another dtype."""
        return Line(self.net.astype(dtype), self.origin, self.direction)

    def to(self, device: str) -> "Line":
        """This line through the network on that device: itself if the network is there, else a new one."""
        net = self.net.to(device)
        return self if net is self.net else Line(net, self.origin, self.direction)


def on_line(net: MLP | Line) -> Line:
    """A network of one input is itself on the line from origin 0 with direction 1; ValueError if it has several."""
    if not isinstance(net, MLP | Line):
        raise TypeError(f"net is of type {type(net).__name__}: give one MLP, or a Line through one")
    if net.sizes[0] != 1:
        raise ValueError(
            f"net has {net.sizes[0]} inputs: give a line through them, such as net.along(origin, direction)"
        )
    return net if isinstance(net, Line) else Line(net, np.zeros(1), np.ones(1))
