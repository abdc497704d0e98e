"""Huber's loss by segments: of a function with a name, exactly, without samples.

On a region the network is a line, and r = p x + q - f(x) its distance from the function. Huber's loss is the mean of

    h(r) = r^2 / 2 where |r| <= delta,        h(r) = delta (|r| - delta / 2) elsewhere,

and with c the r that is clipped to (-delta, delta), the mean of c is its derivative by q, that of c x the one by p.
Within delta and beyond it all three are made of integrals that `Integrals` knows. So what is left is to find where r
passes delta or -delta. Three cuts do:

    run       where f turns from convex to concave, or jumps. In between it is one of the two, and so is r
    turn      where f'(x) = p. There r has its least or greatest value in the run; on either side it rises or falls only
    crossing  of delta, and of -delta: on such a piece r passes each once at most, and is beyond, within, beyond

A crossing is found by Newton's steps x <- x - (r - delta) / r'. They begin at the end where r is steeper: from there,
as r has no inflection, they approach the crossing from one side and never pass it. Each halves the piece first, so
that a steep start costs no more steps than bisection does.

An error e in a crossing is one of e^2 in the gradient and of e^3 in the loss, because h and h' do not jump there.
Samples cannot do this: sums of squares of all samples up to an edge do not tell which of them lie beyond delta.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import functions
from ..devices import device_of, move
from ..functions import Function
from .integrals import Integrals
from .moments import Moments

__all__ = ["SHAPES", "Huber", "Shape"]

STEPS = 60  # of Newton at most
CLOSE = 1e-6  # of the way so far: after a step as short as that, about its square is left to go
ROUNDING = 4e-15  # of the terms of r: what it may be off


@dataclass(frozen=True)
class Shape:
    """Where a function f(y) turns and how steep it is; y = x - pole, as in `ClosedForm`.

    Attributes
    ----------
    slope : callable
        f'(y).
    turn : callable
        ``turn(p, y)`` is where f' is p, in the run that y lies in; an infinity or an end of the run if nowhere.
    inflections : callable
        ``inflections(start, stop)``: those y in order between which f is convex, or concave.
    constant : bool
        Whether f is a constant on each run, and jumps between them.
    """

    slope: Callable[[NDArray], NDArray]
    turn: Callable[[NDArray, NDArray], NDArray]
    inflections: Callable[[float, float], NDArray] = lambda start, stop: np.empty(0)
    constant: bool = False


def _turn_of_sine(p: NDArray, y: NDArray) -> NDArray:
    """In run k, from k pi to (k + 1) pi, y = k pi + t has the slope (-1)^k cos t."""
    k = np.floor(y / np.pi)
    return k * np.pi + np.arccos(np.clip(np.where(k % 2, -p, p), -1, 1))


def _nowhere(p: NDArray, y: NDArray) -> NDArray:
    return np.full_like(p, -np.inf)


INVERSE = Shape(lambda y: -1 / y**2, lambda p, y: np.sign(y) / np.sqrt(np.maximum(-p, 0)))
STEP = Shape(np.zeros_like, _nowhere, lambda start, stop: np.zeros(1), constant=True)

SHAPES: dict[Function, Shape] = {
    functions.linear: Shape(lambda y: np.full_like(y, 2), _nowhere),
    functions.exp: Shape(np.exp, lambda p, y: np.log(np.maximum(p, 0))),
    functions.exp_neg: Shape(lambda y: -np.exp(-y), lambda p, y: -np.log(np.maximum(-p, 0))),
    functions.log: Shape(lambda y: 1 / y, lambda p, y: 1 / np.maximum(p, 0)),
    functions.inverse: INVERSE,
    functions.shifted_inverse: INVERSE,
    functions.sine: Shape(
        np.cos, _turn_of_sine, lambda start, stop: np.pi * np.arange(np.ceil(start / np.pi), stop / np.pi)
    ),
    functions.step: STEP,
    functions.shifted_step: STEP,
}


class Huber:
    """Huber's loss of a piecewise linear function against one with a name; stands where `Moments` stand in training.

    Parameters
    ----------
    moments : Moments
        Those of a function of ``functions.py``.
    delta : float
        Above 0, in units of y.

    Attributes
    ----------
    interval, weight, outputs
        Those of the moments.

    Raises
    ------
    ValueError
        For moments of samples, or of a function without a name.

    Examples
    --------
    On (0, 2) the step is 1, and the line x / 2 lies 1 - x / 2 below it: by more than 1/2 as far as x = 1.

    >>> huber = Huber(Moments.of_function("step", (0, 2)), delta=0.5)
    >>> loss, by_p, by_q = huber.of_regions(*map(np.array, ([0.0], [2.0], [0.5], [0.0])))
    >>> print(f"{loss[0]:.6f} {by_p[0]:.6f} {by_q[0]:.6f}")  # the loss is (1/4 + 1/24) / 2
    0.145833 -0.291667 -0.375000
    """

    def __init__(self, moments: Moments, delta: float):
        sums = moments.sums
        if not isinstance(sums, Integrals):
            raise ValueError(
                "loss is 'huber', and data are Moments of samples: sums of squares do not tell which samples lie "
                "beyond delta. Train on the Dataset itself, or on Moments of a function with a name"
            )
        if sums.closed_form is None:
            raise ValueError(
                "loss is 'huber', and data are Moments of a callable, of which nobody knows where it is convex: give "
                f"one of {', '.join(functions.FUNCTIONS)}, or train on samples, as in sample(function, interval)"
            )
        self.interval, self.weight, self.outputs, self.delta = moments.interval, 1, 1, delta
        self._moments, self._integrals, self._closed = moments, sums, sums.closed_form
        self._shape, pole = SHAPES[sums.function], sums.closed_form.pole
        self._cuts = self._shape.inflections(self.interval[0] - pole, self.interval[1] - pole) + pole

    def batches(self, batch_size: int | None) -> list["Huber"]:
        """This one, as a function has no samples to be cut into batches; ValueError if a batch size is given."""
        self._moments.batches(batch_size)
        return [self]

    def loss(self, edges: NDArray, lines: NDArray, last: NDArray) -> tuple[NDArray, NDArray]:
        """The losses of K piecewise linear functions, and their gradients by the lines, as `Moments.loss` has them.

        They are computed on the CPU, and handed back to where the edges are.
        """
        x, line, stops = move(edges, "cpu"), move(lines, "cpu")[0], move(last, "cpu")
        regions = np.delete(np.arange(len(x)), stops)
        p, q = line.real[regions], line.imag[regions]
        losses, gradient = np.zeros(len(x)), np.zeros((1, len(x)), complex)
        losses[regions], gradient.real[0, regions], gradient.imag[0, regions] = self.of_regions(
            x[regions], x[regions + 1], p, q
        )
        device = device_of(edges)
        return move(losses.reshape(len(stops), -1).sum(axis=1), device), move(gradient, device)

    def of_regions(self, left: NDArray, right: NDArray, p: NDArray, q: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """What each region adds to the loss, and its derivatives by p and by q; all arrays (R,).

        The line p x + q holds from left to right, which may be equal. On intervals about 0 the integrals are accurate
        to 2e-12 of that of min(|r|, delta), and to 1e-13 where that is smaller (``tests/training/test_huber.py``).
        """
        region, a, b = self._pieces(left, right, p)
        delta, origin, P = self.delta, self._integrals.origin, p[region]
        Q = (q + p * origin - self._integrals.level)[region]  # r = P u + Q - v
        with np.errstate(all="ignore"):
            rises, first, second = self._crossings(a, b, P, Q)
        ends = np.stack([a, first, np.maximum(first, second), b])  # (4, pieces)
        sums = self._integrals.over(ends[:-1].reshape(-1), ends[1:].reshape(-1)).reshape(6, 3, -1)
        uu, u, one, uv, v, vv = sums[:, 1]  # within delta
        Eu, E = P * uu + Q * u - uv, P * u + Q * one - v  # the integrals of u r and r
        loss = np.maximum(P * (Eu - uv) + Q * (E - v) + vv, 0) / 2
        for (_, u, one, _, v, _), sign in ((sums[:, 0], -rises), (sums[:, 2], rises)):  # beyond it
            loss += delta * (sign * (P * u + Q * one - v) - delta / 2 * one)
            Eu += sign * delta * u
            E += sign * delta * one
        losses, by_p, by_q = (np.bincount(region, part, len(p)) for part in (loss, Eu + origin * E, E))
        return losses, by_p, by_q

    def _pieces(self, left: NDArray, right: NDArray, p: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """The regions, cut into pieces on which r only rises or only falls: of which region each is, and its ends."""
        before, after = self._cuts.searchsorted(left, "right"), self._cuts.searchsorted(right)
        runs = np.maximum(after - before, 0) + 1  # of each region
        region = np.repeat(np.arange(len(p)), runs)
        last = runs.cumsum()
        a, b = left[region], right[region]
        cut = np.arange(last[-1]) - (last - runs)[region] + before[region]  # the one after each run
        inside = np.arange(last[-1]) != (last - 1)[region]
        b[inside] = self._cuts[cut[inside]]
        a[1:][inside[:-1]] = b[:-1][inside[:-1]]
        pole = self._closed.pole
        with np.errstate(all="ignore"):
            turn = np.clip(self._shape.turn(p[region], (a + b) / 2 - pole) + pole, a, b)
        return np.tile(region, 2), np.concatenate([a, turn]), np.concatenate([turn, b])

    def _crossings(self, a: NDArray, b: NDArray, p: NDArray, q: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Where r enters (-delta, delta) on each piece from a to b, and where it leaves.

        If r begins within, it enters at a; if it never comes so far, at b; and so on. First whether r rises, 1, or
        falls, -1.
        """
        origin, pole, middle = self._integrals.origin, self._closed.pole, (a + b) / 2

        def r(x: NDArray, k: NDArray | slice = slice(None)) -> NDArray:
            v = self._closed.from_origin(origin, middle[k] if self._shape.constant else x)
            return p[k] * (x - origin) + q[k] - v

        def slope(x: NDArray, k: NDArray | slice = slice(None)) -> NDArray:
            return p[k] - self._shape.slope(x - pole)

        at_a, at_b = r(a), r(b)
        rises = np.where(at_b >= at_a, 1.0, -1.0)
        begins, ends = rises * at_a, rises * at_b
        steep = np.abs(slope(a)) >= np.abs(slope(b))
        levels = np.array([[-self.delta], [self.delta]])
        crossings = np.where(begins >= levels, a, b)  # (2, pieces)
        which, k = np.nonzero((begins < levels) & (ends > levels))
        level = levels[which, 0]
        x, other = np.where(steep, a, b)[k], np.where(steep, b, a)[k]
        start, side = x, np.where(steep[k], -1.0, 1.0)  # the sign of rises r - level at x
        for _ in range(STEPS if len(k) else 0):
            half = (x + other) / 2
            ahead = side * (rises[k] * r(half, k) - level) > 0
            x, other = np.where(ahead, half, x), np.where(ahead, other, half)
            excess = r(x, k) - rises[k] * level
            nearer = x - excess / slope(x, k)
            nearer = np.clip(nearer, np.minimum(x, other), np.maximum(x, other))
            known = np.isfinite(nearer)  # not so where f is infinite
            nearer = np.where(known, nearer, x)
            noise = ROUNDING * (np.abs(p[k] * (x - origin)) + np.abs(q[k]) + self.delta)
            done = known & ((np.abs(nearer - x) <= CLOSE * np.abs(nearer - start)) | (np.abs(excess) <= noise))
            x = nearer
            if done.all():
                break
        crossings[which, k] = x
        return rises, crossings[0], crossings[1]
