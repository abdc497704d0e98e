"""Contenders that train in turns, each in a process of its own, on one thread.

The thread and the processor are fixed before a contender's library is imported. Each waits until it is asked, so they
run in turn, in slices, the order alternating; how one slice compares with the others of the same round says more than
its own time, on a machine that others use, too. Nothing is timed before its losses are those that are expected.
"""

import os
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
NO_CACHE = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # on disk, of what an earlier run compiled
MEMORY = 12e9  # bytes

Train = Callable[[int], np.ndarray]  # trains on for so many epochs, gives the mean loss of each


class Result(NamedTuple):
    """Of a contender at one task.

    Seconds a step in each round, seconds before and in the first epoch, the error of its losses, bytes before and with
    the task, and in words which way it chose, if it did.
    """

    times: list[float]
    before: float
    first: float
    error: float
    least_bytes: float
    bytes: float
    way: str

    @property
    def median(self) -> float:
        """Seconds a step."""
        return median(self.times)

    @property
    def minimum(self) -> float:
        """Seconds a step, in the best round."""
        return min(self.times)

    def fits(self, growth: float, limit: float) -> bool:
        """Whether a step on so many times the samples takes less than the limits, in seconds and memory."""
        size = self.least_bytes + (self.bytes - self.least_bytes) * growth
        return self.median * growth < limit and size < MEMORY


def memory(field: str) -> float:
    """Bytes of this process, VmRSS now or VmHWM at most; 0 where Linux does not tell."""
    try:
        return 1024.0 * int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0])
    except (OSError, IndexError):
        return 0.0


def serve(build: Callable[..., Train], pipe) -> None:
    """In a contender's process: build what is asked for, train for so many epochs, tell how long it took."""
    if hasattr(os, "sched_setaffinity"):  # the flags alone leave XLA a second thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    train = None
    while True:
        try:
            request = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            match request:
                case "build", checked, *task:
                    train = None
                    if Path("/proc/self/clear_refs").exists():
                        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again
                    least, began = memory("VmRSS"), perf_counter()
                    train = build(*task)
                    built, began = perf_counter() - began, perf_counter()
                    losses = train(1)
                    first = perf_counter() - began
                    losses = np.concatenate([losses, train(checked - 1)])
                    pipe.send((built, first, losses, least, memory("VmHWM"), getattr(train, "way", "")))
                case "train", epochs:
                    began, cpu = perf_counter(), process_time()
                    train(epochs)
                    pipe.send((perf_counter() - began, process_time() - cpu))
        except Exception as error:  # whatever a peer breaks down with is its result
            pipe.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:200])


class Contender:
    """A process that trains when asked; build gives what trains on a task."""

    def __init__(self, name: str, build: Callable[..., Train]):
        self.name = name
        self.pipe, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=serve, args=(build, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *request: object) -> tuple | str:
        """What it answers; a string is an error."""
        try:
            self.pipe.send(request)
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            return "its process has died"

    def close(self) -> None:
        """Let it end by itself, so that its library can tidy up."""
        self.pipe.close()
        self.process.join(10)


def race(
    contenders: Sequence[Contender],
    task: tuple,
    title: str,
    checked: int,
    steps: int,
    error_of: Callable[[str, np.ndarray], float],
    tolerance: float,
    rounds: int,
    seconds: float,
    problems: list[str],
) -> dict[str, Result]:
    """The result of each contender at a task; what went wrong with one that is left out is added to problems.

    error_of(name, losses) judges the losses of the first epochs, as many as are checked; an epoch has so many steps. A
    slice takes so many seconds, or one epoch if that takes longer; from one second on, three rounds are enough.
    """
    done, epochs, most, times = {}, {}, {}, {}

    def left_out(contender: Contender, why: str) -> None:
        problems.append(f"{contender.name} at {title}: {why}")
        times.pop(contender, None)

    for c in contenders:
        answer = c.ask("build", checked, *task)
        if isinstance(answer, str):
            left_out(c, answer)
            continue
        before, first, losses, *about = answer
        error = error_of(c.name, losses)
        if not error < tolerance:
            left_out(c, f"other losses, by {error:.1e}, not timed")
            continue
        answer = c.ask("train", 1)
        if isinstance(answer, str):
            left_out(c, answer)
            continue
        epochs[c] = max(1, int(seconds / answer[0]))
        most[c] = rounds if answer[0] < 1 else min(3, rounds)
        done[c], times[c] = (before, first, error, *about), []

    threads = dict.fromkeys(times, 0.0)
    for k in range(rounds):
        for c in list(times) if k % 2 else list(times)[::-1]:
            if k >= most[c]:
                continue
            answer = c.ask("train", epochs[c])
            if isinstance(answer, str):
                left_out(c, answer)
                continue
            took, cpu = answer
            times[c].append(took / epochs[c] / steps)
            threads[c] = max(threads[c], cpu / took)
    problems += [f"{c.name} at {title} used {u:.1f} threads" for c, u in threads.items() if u > 1.2]
    return {c.name: Result(t, *done[c]) for c, t in times.items()}


def installed(names: Sequence[str], packages: Sequence[str]) -> list[str]:
    """Print the packages' versions; of the contenders' names, those that need no package that is missing."""
    for package in packages:
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package} is not installed and left out")
            names = [name for name in names if not name.lower().startswith(package)]
    return list(names)
