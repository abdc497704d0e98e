"""Signals that ask the command to end: it stops as at Ctrl-C, keeps what it has, and its exit code says which it was.

Those are SIGINT (Ctrl-C), SIGTERM (``kill``, a shutdown, a batch system that is out of time) and SIGHUP (the terminal
was closed). One that is ignored, as ``nohup`` does, stays ignored.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

__all__ = ["Stop", "end_at_ctrl_c", "is_the_command", "stops", "without_ctrl_c"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Stop:
    """What has come so far."""

    number: int | None = None

    @property
    def status(self) -> int:
        """The exit code that shells give to a program ended by that signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def stops() -> Iterator[Stop]:
    """A context in which each of these signals raises KeyboardInterrupt; afterwards they do what they did before."""
    stop = Stop()

    def handler(number: int, frame: FrameType | None) -> None:
        stop.number = number
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            for number in numbers:
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    before[number] = signal.signal(number, handler)
        yield stop
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def is_the_command() -> bool:
    """Whether this process is ``tinymlp`` or ``python -m tinymlp``, and not a program that imports it."""
    if sys.argv[:1] == ["-m"]:  # so it is until the module has been found
        given = sys.orig_argv
        return "-m" in given[:-1] and given[given.index("-m") + 1] == "tinymlp"
    return bool(sys.argv) and Path(sys.argv[0]).stem == "tinymlp" and Path(sys.argv[0]).suffix in ("", ".exe")


def end_at_ctrl_c() -> None:
    """Let Ctrl-C end this process at once, without a traceback; until `stops`, and again after it."""
    main_thread = threading.current_thread() is threading.main_thread()
    if main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """A context in which Ctrl-C and a closed terminal wait. Processes that are started in it never see them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
