"""How many threads BLAS uses for matrix products: one for narrow networks, given back when they are through.

BLAS has one number of threads for the whole process. So if a narrow network trained in one thread of the program and a
wide one in another, each would have the other's number, and with it other last digits. Here they take turns: many
narrow networks may compute at once, and many wide ones, but not both. The number is set when the first narrow one
begins, and set back when the last one ends.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import repeat
from threading import Condition, get_ident

from threadpoolctl import ThreadpoolController

__all__ = ["NARROW", "Turn", "blas_threads"]

NARROW = 64  # up to this width products are so small that threads only wait for each other, up to thirty times longer


@cache
def _libraries(openmp: bool) -> list:
    """The BLAS libraries that have one number of threads in a process; or, with OpenMP, one for each thread of it."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in found if (getattr(library, "threading_layer", None) == "openmp") is openmp]


def _read(openmp: bool) -> list[int]:
    return [library.get_num_threads() for library in _libraries(openmp)]


def _set(openmp: bool, numbers: Iterable[int]) -> None:
    """Set the numbers of threads, whichever thread asks.

    threadpoolctl 3.8 lets only the thread set them that was the first to do so, lest others interfere; here a lock
    sees to that, and the last of many gives back what the first one found.
    """
    for library, number in zip(_libraries(openmp), numbers, strict=False):
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)


class Turn:
    """One network's, while it computes; ``others_wait`` says whether to end it soon, for networks of the other kind."""

    def __init__(self, narrow: bool):
        self.narrow, self.thread = narrow, get_ident()
        self.before: list[int] = []  # this thread's own numbers of threads

    @property
    def others_wait(self) -> bool:
        """Whether a network of the other kind waits."""
        return _room.waiting[not self.narrow] > 0


class _Room:
    """Who computes in this process now. Turns are kept one by one, so that none is taken back twice, or never."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.inside: dict[bool, set[Turn]] = {True: set(), False: set()}  # by whether they are narrow
        self.waiting = {True: 0, False: 0}
        self.next: bool | None = None  # which kind is next, if both want to
        self.before: list[int] | None = None  # the numbers of threads before the first narrow one

    def holds(self, thread: int) -> bool:
        """Whether that thread is inside."""
        with self.changed:
            return any(turn.thread == thread for turns in self.inside.values() for turn in turns)

    def enter(self, turn: Turn) -> None:
        mine, other = turn.narrow, not turn.narrow
        with self.changed:
            self.waiting[mine] += 1
            try:
                while self.inside[other] or (self.waiting[other] and self.next is other):
                    self.changed.wait()
            finally:
                self.waiting[mine] -= 1
                self.changed.notify_all()  # nobody need wait for one who has gone in, or given up
            self.inside[mine].add(turn)
            if self.waiting[other]:
                self.next = other
            if mine and self.before is None:
                self.before = _read(openmp=False)
                _set(False, repeat(1))
            if mine:
                turn.before = _read(openmp=True)
                _set(True, repeat(1))

    def leave(self, turn: Turn) -> None:
        if self is not _room:  # this process was forked inside, and the room is its parent's
            return
        with self.changed:
            self.inside[turn.narrow].discard(turn)
            _set(True, turn.before)
            if self.before is not None and not self.inside[True]:
                _set(False, self.before)
                self.before = None
            self.changed.notify_all()


_room = _Room()


def _in_child() -> None:
    """After a fork only the thread that forked lives on: nobody computes in the new process."""
    global _room
    before, _room = _room.before, _Room()
    _set(False, before or ())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


@contextmanager
def blas_threads(width: int) -> Iterator[Turn]:
    """A context in which matrix products of networks of that width run on a sensible number of threads.

    Up to width 64 that is one, above as many as BLAS has. Networks of the other kind wait meanwhile, so nothing in it
    may wait for them; inside another such context of the same thread it changes nothing.
    """
    turn, room = Turn(width <= NARROW), _room
    if room.holds(turn.thread):
        yield turn
        return
    try:
        room.enter(turn)
        yield turn
    finally:
        room.leave(turn)
