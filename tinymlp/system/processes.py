"""Worker processes that end with the one that started them, however it ends, and that Ctrl-C does not reach."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess

from .signals import without_ctrl_c

__all__ = ["end_with_parent", "worker_processes"]

MOST = 61  # Windows waits for no more


def end_with_parent() -> None:
    """In a process that multiprocessing started: ignore Ctrl-C, and end as soon as the parent has ended.

    A parent that was killed cannot tell its workers, and they would wait for work for good. So a thread waits for its
    end. It is the initializer for a pool of yours: ``ProcessPoolExecutor(2, initializer=end_with_parent)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


class _Worker(SpawnProcess):
    """A new process that Ctrl-C never reaches, not even while it loads."""

    def start(self) -> None:
        with without_ctrl_c():
            super().start()


class _Context(SpawnContext):
    Process = _Worker


@contextmanager
def worker_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many new processes, which take over nothing but modules; at Ctrl-C they end at once."""
    others, hook = active_children(), threading.excepthook
    try:
        with ProcessPoolExecutor(min(count, MOST), _Context(), end_with_parent) as pool:
            try:
                yield pool
            except KeyboardInterrupt:
                threading.excepthook = lambda _: None  # Python 3.11's pool stumbles over jobs that were called off
                for process in set(active_children()).difference(others):
                    process.terminate()
                raise
    finally:
        threading.excepthook = hook
