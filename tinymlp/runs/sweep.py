"""sweep(): one function for every setting and seed, on any executor. What is done is kept, and not done again."""

import inspect
import json
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import closing
from hashlib import sha256
from itertools import product
from operator import index
from pathlib import Path
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..system.progress import progress_bar
from .fingerprint import CODE, fingerprint
from .journal import Journal

__all__ = ["sweep"]

Grid = Mapping[str, Iterable] | Iterable[Mapping[str, Any]]


def sweep(
    run: Callable[..., Mapping[str, Any]],
    grid: Grid,
    seeds: Iterable[int],
    out: str | Path,
    *,
    executor: Executor | None = None,
    progress: bool = True,
) -> list[dict]:
    """Call a function with every setting of a grid and every seed; one row of a table for each.

    Parameters
    ----------
    run : function
        Called as ``run(seed=3, width=10, ...)``; returns a dict from names to numbers, words, or lists of them, the
        same for the same settings.
    grid : dict, or iterable of dict
        ``{"width": [10, 30], "lr": [0.01, 0.001]}`` is every width with every lr; a list of dicts is what it says.
        Settings are what JSON can have: numbers, words, None, and lists of them.
    seeds : iterable of int
    out : path
        A file of JSON Lines (``rows.jsonl``), to which a line is added for every run that is through. Its key is a hash
        of the settings, of run (`fingerprint`), of tinymlp and of NumPy's version: what is there under this key is not
        run again, so more seeds or settings may be asked for later, in the same file. Other rows stay as they are.
    executor : concurrent.futures.Executor
        Where to run: `ProcessPoolExecutor`, loky, ``Client(...).get_executor()`` of dask, ``MPIPoolExecutor`` of
        mpi4py, ... It must be able to pickle run, and need not see ``out``, which only this process writes. In this
        process, one after the other, if not given.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of dict
        The settings, "seed", and what run returned, in the order of the grid, seeds last: the same whatever the
        executor, however often the sweep was stopped. NaN and infinity are None: JSON has no such numbers.

    Raises
    ------
    ValueError, TypeError
        If there are no seeds or settings, one is there twice, or JSON cannot have it; if run does not take them.
    RuntimeError
        If a run fails, a worker dies, or the executor runs other code than this. What is through by then, or running
        and can be waited for, is in the file. Call again to go on.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from tinymlp import MLP, extract_segments, sweep
    >>> def run(width, seed):
    ...     return {"segments": len(extract_segments(MLP([1, width, 1], seed=seed)))}
    >>> rows = sweep(run, {"width": [1, 20]}, range(2), Path(mkdtemp()) / "rows.jsonl", progress=False)
    >>> rows[0], rows[-1]
    ({'width': 1, 'seed': 0, 'segments': 2}, {'width': 20, 'seed': 1, 'segments': 21})
    """
    if not isinstance(inspect.unwrap(run), FunctionType):
        raise TypeError(f"run is {run!r}: give a function")
    code = _CODES[run] = f"{CODE} {fingerprint(run)}"
    jobs: dict[str, dict] = {}
    for settings in _every_setting(run, grid, seeds):
        key = sha256(f"{code} {_json(settings, sort=True)}".encode()).hexdigest()
        if key in jobs:
            raise ValueError(f"{settings} is there twice: give different settings and seeds")
        jobs[key] = settings
    with Journal(out, jobs) as journal:
        left = {key: settings for key, settings in jobs.items() if key not in journal.rows}
        rows = _one_by_one(run, left, code) if executor is None else _as_they_come(executor, run, left, code)
        done = len(jobs) - len(left)
        with closing(rows):  # so that a full disk calls off what waits
            bar = progress_bar(rows, desc="sweep", total=len(jobs), initial=done, unit="run", disable=not progress)
            for key, row in bar:
                journal.add(key, row)
        return [journal.rows[key] for key in jobs]


# What else than the settings numbers depend on. Once for a function, before it runs: it may change what it counts.
_CODES: WeakKeyDictionary[Callable, str] = WeakKeyDictionary()


def _every_setting(run: Callable, grid: Grid, seeds: Iterable[int]) -> Iterator[dict]:
    """Every setting with every seed, checked."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise ValueError(f"grid has {values!r} for {name!r}: give a list of values")
        grid = [dict(zip(grid, values, strict=True)) for values in product(*map(list, grid.values()))]
    settings, seeds = list(grid), list(map(index, seeds))
    if not seeds or min(seeds) < 0:
        raise ValueError(f"seeds is {seeds}: give one or more different integers >= 0")
    if not settings:
        raise ValueError("grid is empty: give every setting one value or more")
    for chosen in settings:
        if not all(isinstance(name, str) and name != "seed" for name in chosen):
            raise ValueError(f"grid has the settings {list(chosen)}: give them names, not 'seed', which seeds is for")
        try:
            inspect.signature(run).bind(**chosen, seed=0)
        except TypeError as error:
            raise TypeError(f"run does not take seed and the settings {list(chosen)}: {error}") from error
        yield from ({**chosen, "seed": seed} for seed in seeds)


def _run(run: Callable, settings: dict, code: str) -> str:
    """One job for an executor: a row as JSON."""
    if run not in _CODES:
        _CODES[run] = f"{CODE} {fingerprint(run)}"
    if _CODES[run] != code:
        raise RuntimeError("the executor has another version of run or what it uses, of tinymlp, NumPy or Python")
    row = _plain(settings)  # before run, which may change a list
    result = run(**settings)
    if not isinstance(result, Mapping) or not all(isinstance(name, str) for name in result):
        raise TypeError(f"run returned {result!r}: return a dict from names to numbers")
    if result.keys() & settings:
        raise ValueError(f"run returned {sorted(result.keys() & settings)}, which are settings: give other names")
    return _json(row | dict(result))


def _one_by_one(run: Callable, jobs: Mapping[str, dict], code: str) -> Generator[tuple[str, str], None, None]:
    """Each key with its row."""
    for key, settings in jobs.items():
        try:
            row = _run(run, settings, code)
        except Exception as error:
            raise _failed(settings, error) from error
        yield key, row


def _as_they_come(
    executor: Executor, run: Callable, jobs: Mapping[str, dict], code: str
) -> Generator[tuple[str, str], None, None]:
    """Each key with its row. If one fails, those that wait are called off, those that run are waited for."""
    futures: dict[Future[str], str] = {}
    failed: tuple[str, BaseException] | None = None
    try:
        try:
            for key, settings in jobs.items():
                futures[executor.submit(_run, run, settings, code)] = key
        except BrokenExecutor as broken:  # a worker died before all were handed in
            failed = key, broken
        left = set(futures)
        for future in as_completed(futures):
            if failed is not None:
                break
            left.remove(future)
            error = _error(future)
            if error is not None:
                failed = futures[future], error
            else:
                yield futures[future], future.result()
        for future in [future for future in left if not future.cancel()]:
            if _error(future) is None:
                yield futures[future], future.result()
        if failed is not None:
            raise _failed(jobs[failed[0]], failed[1]) from failed[1]
    finally:
        for future in futures:
            future.cancel()


def _error(future: Future) -> BaseException | None:
    """What it ended with; waits for that."""
    try:
        return future.exception()
    except CancelledError as error:  # by the executor, such as dask's without its scheduler
        return error


def _failed(settings: dict, error: BaseException) -> BaseException:
    """What to raise."""
    if not isinstance(error, Exception):
        return error
    what = f"run failed with {settings}"
    if isinstance(error, BrokenExecutor | CancelledError):
        what = "a worker died" if isinstance(error, BrokenExecutor) else "the executor called a run off"
    return RuntimeError(f"{what}: {str(error) or type(error).__name__}; what is done is kept, run again to go on")


def _json(settings: object, sort: bool = False) -> str:
    """As JSON, NumPy's numbers and arrays, too; null for NaN and infinity. TypeError for what JSON cannot have."""
    return json.dumps(_plain(settings), sort_keys=sort, allow_nan=False)


def _plain(value: Any) -> Any:
    """The value as JSON can have it."""
    match value:
        case np.generic() | np.ndarray():
            return _plain(value.tolist())
        case Mapping():
            return {str(k): _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{value!r} is a {type(value).__name__}: JSON has numbers, words, None, lists and dicts")
