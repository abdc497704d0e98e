"""study(): experiments on many networks, unshuffled and shuffled; of the article's, a verdict on every claim.

Networks learn side by side, so many at a time. What a group of them gave is written down as soon as it is through, and
a study that is interrupted goes on from there.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from operator import index
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..devices import choose_device, model_of
from ..runs.fingerprint import fingerprint
from ..system.files import check_folder
from ..system.memory import check_memory
from ..system.processes import worker_processes
from ..system.progress import progress_bar
from ..system.threads import blas_threads
from ..training.history import TrainingDiverged
from .claims import CLAIMS, Claim, Trained
from .experiment import EnsembleRun, Experiment, Run, run_ensemble
from .experiments import EXPERIMENTS
from .measures import count_breakpoints, mean_squared_error
from .results import digits_of, read_result, write_json, write_result

__all__ = [
    "MEASURES",
    "ORDERS",
    "Measures",
    "Study",
    "judge",
    "measure",
    "spread",
    "study",
    "study_in_processes",
    "timed_measure",
]

ORDERS = {"unshuffled": False, "shuffled": True}
AT_ONCE = {"cpu": 32, "gpu": 1024}  # networks that are trained side by side; a stop loses those


def _error(trained: Run) -> float:
    return mean_squared_error(trained.net, trained.data)


def _segments(trained: Run) -> int:
    return count_breakpoints(trained.net, trained.view.interval) + 1


Measures = Mapping[str, Callable[[Run], float]]
MEASURES: Measures = {"mean_squared_error": _error, "segments": _segments}


@dataclass(frozen=True)
class Study:
    """What many networks say.

    Attributes
    ----------
    seeds : tuple of int
    claims : list of dict
        As in ``claims.json``: "name", "article", "measure" and "agrees_if" of each claim; for each of "unshuffled" and
        "shuffled" its "median", "quartiles" (the 25 % and the 75 % point), "agree" out of "seeds", and the "verdict".
    experiments : list of dict
        "name", and for each of "unshuffled" and "shuffled" of every measure the "median" and the "quartiles".
    rows : list of dict
        What that is made of: "experiment", "order", "seed", and every measure of that network. `write_table` and
        ``pandas.DataFrame`` make tables of it.
    seconds : float
        What the jobs took, added up; kept results count as when they were made.
    """

    seeds: tuple[int, ...]
    claims: list[dict]
    experiments: list[dict]
    rows: list[dict]
    seconds: float


def study(
    seeds: Iterable[int],
    out: str | Path,
    *,
    experiments: Iterable[Experiment] | None = None,
    measures: Measures | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    device: str = "cpu",
) -> Study:
    """Take a network of every seed through all experiments, with the article's batches and shuffled; judge the claims.

    With experiments of your own there are no claims: docs/own_experiments.md.

    Parameters
    ----------
    seeds : iterable of int
    out : path
        Folder of ``claims.json``, ``experiments.json`` and, in ``seeds/``, what each network gave, and on which
        processor or GPU. What is there, undamaged, from this very code, and from the same experiments and measures
        (`fingerprint`), is not made again.
    experiments : iterable of Experiment
        The article's, and its claims, if not given.
    measures : dict from str to callable
        What to ask of each network when it is through: takes the `Run`, gives a finite number. `MEASURES` if not given:
        the "mean_squared_error" over the samples of the last round, and the "segments" on the interval of the last
        picture, which are certified.
    executor : concurrent.futures.Executor
        Runs the networks on the CPU, two jobs for every 32 seeds; in this process, one after the other, if not given.
        It must be able to import tinymlp, and to pickle the experiments and measures; it need not see ``out``.
    progress : bool
        Show a progress bar.
    device : "cpu", "gpu" or "auto"
        On a CPU 32 networks at a time learn side by side, on a GPU, in this process, up to 1024 (`run_ensemble`). The
        digits depend on that (`digits_of`), so each keeps only what it has made itself.

    Returns
    -------
    Study

    Raises
    ------
    ValueError, TypeError
        If there are no seeds, one is there twice, or one is not an integer >= 0; if there is an executor for a GPU; if
        there are no experiments or measures, or two experiments have the same name; if a measure is no finite number.
    RuntimeError
        If training diverges for some seed, or the executor runs other code than this; if there is no GPU.
    """
    device = choose_device(device)
    if device == "gpu" and executor is not None:
        raise ValueError("executor is for the CPU: leave it out with device='gpu'")
    if isinstance(seeds, Sized):
        check_memory("seeds", seeds, 20_000 * len(seeds))  # of numbers of each, before they are written
    seeds = tuple(map(index, seeds))
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"seeds is {seeds}: give one or more different integers >= 0")
    own = _check_own(experiments, measures)
    folder = Path(out) / "seeds"
    check_folder(folder)
    files = {(seed, order): folder / f"{seed}-{order}.json" for seed in seeds for order in ORDERS}
    groups = [seeds[k : k + AT_ONCE[device]] for k in range(0, len(seeds), AT_ONCE[device])]
    codes = {seed: _code(device, group, own) for group in groups for seed in group}
    results = {job: kept for job, file in files.items() if (kept := read_result(file, codes[job[0]])) is not None}
    jobs = [(group, order) for order in ORDERS for group in groups if any((s, order) not in results for s in group)]
    done = len(files) - sum(len(group) for group, _ in jobs)
    with progress_bar(total=len(files), initial=done, desc="study", unit="network", disable=not progress) as bar:
        for (seed, order), result in _run(jobs, executor, device, own):
            if result["code"] != codes[seed]:
                raise RuntimeError("the executor runs another version of tinymlp or NumPy than this process")
            write_result(files[seed, order], result)
            results[seed, order] = result
            bar.update()

    by_order = {order: [results[seed, order] for seed in seeds] for order in ORDERS}
    claims = [
        {"name": c.name, "article": c.article, "measure": c.measure, "agrees_if": f"{c.side} {c.bound:g}"}
        | {order: judge(c, [r["claims"][c.name] for r in given]) for order, given in by_order.items()}
        for c in ([] if "experiments" in own else CLAIMS)
    ]
    summary = [
        {"name": name}
        | {
            order: {key: spread([r["experiments"][name][key] for r in given]) for key in numbers}
            for order, given in by_order.items()
        }
        for name, numbers in results[seeds[0], "shuffled"]["experiments"].items()
    ]
    write_json(Path(out) / "claims.json", claims)
    write_json(Path(out) / "experiments.json", summary)
    rows = [
        {"experiment": name, "order": order, "seed": seed} | numbers
        for name in results[seeds[0], "shuffled"]["experiments"]
        for order in ORDERS
        for seed in seeds
        for numbers in [results[seed, order]["experiments"][name]]
    ]
    return Study(seeds, claims, summary, rows, sum(r["seconds"] for r in results.values()))


def spread(values: Sequence[float]) -> dict:
    """The median and the quartiles."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return {"median": median, "quartiles": [low, high]}


def judge(claim: Claim, values: Sequence[float]) -> dict:
    """How the values are spread, how many networks agree, and what that says of the claim.

    It "holds" if at least nine tenths agree, "holds mostly" if at least two thirds do, else it "does not hold".
    """
    agree = sum(map(claim.agrees, values))
    share = agree / len(values)
    verdict = "holds" if share >= 9 / 10 else "holds mostly" if share >= 2 / 3 else "does not hold"
    return spread(values) | {"agree": agree, "seeds": len(values), "verdict": verdict}


def _check_own(experiments: Iterable[Experiment] | None, measures: Measures | None) -> dict[str, Any]:
    """What of these is given, as keyword arguments of `measure`."""
    own: dict[str, Any] = {}
    if experiments is not None:
        own["experiments"] = experiments = tuple(experiments)
        names = [e.name for e in experiments]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"experiments has the names {names}: give one or more, with different names")
    if measures is not None:
        own["measures"] = measures = dict(measures)
        if not measures or {"experiment", "order", "seed"} & measures.keys():
            raise ValueError(
                f"measures has the names {list(measures)}: give one or more, not experiment, order or seed"
            )
    return own


def _code(device: str, seeds: Sequence[int], own: Mapping[str, Any]) -> str:
    """What the numbers depend on."""
    return digits_of(device, seeds) + (f", asked {fingerprint(own)}" if own else "")


def measure(
    seeds: Sequence[int],
    shuffle: bool,
    device: str = "cpu",
    *,
    experiments: Sequence[Experiment] | None = None,
    measures: Measures | None = None,
) -> Iterator[dict[str, dict]]:
    """Take a network of each seed through all experiments, side by side; one's numbers after the other's.

    Parameters
    ----------
    seeds : sequence of int
        Of the first weights and, shuffled, of the batches.
    shuffle : bool
        False for the article's batches, slices of the x axis; True to draw a new order for every epoch. Nothing else
        differs.
    device : "cpu" or "gpu"
    experiments, measures
        As those of `study`.

    Yields
    ------
    dict
        "claims": each claim's value by its name; "experiments": of each by its name every measure.
    """

    several = device == "cpu" and len(seeds) > 1

    @cache
    def all_trained(experiment: Experiment) -> EnsembleRun:
        start = all_trained(experiment.continues).stages[-1] if experiment.continues else None
        shuffled = replace(experiment, shuffle=shuffle)
        return run_ensemble(shuffled, seeds, start=start, device=device, by_segments=several)

    for k in range(len(seeds)):
        trained: Trained = cache(lambda experiment, k=k: all_trained(experiment)[k])
        asked = EXPERIMENTS if experiments is None else experiments
        with blas_threads(max(max(e.sizes) for e in asked)):
            numbers = {e.name: _ask(trained(e), measures or MEASURES) for e in asked}
            claims = {} if experiments is not None else {c.name: float(c.value(trained)) for c in CLAIMS}
        yield {"claims": claims, "experiments": numbers}


def _ask(trained: Run, measures: Measures) -> dict[str, float]:
    """Every measure of one network."""
    numbers = {}
    for name, value in measures.items():
        number = np.asarray(value(trained))
        if number.ndim or number.dtype.kind not in "biuf" or not np.isfinite(number):
            who = f"seed {trained.seed}, experiment {trained.experiment.name}"
            raise ValueError(f"measure {name!r} of {who}, is {number.tolist()!r}: give a finite number")
        numbers[name] = number.item() + 0  # 1 for True
    return numbers


def timed_measure(seeds: Sequence[int], order: str, device: str = "cpu", **own: Any) -> Iterator[dict]:
    """The numbers of `measure`, what they took, and the code they are from; the first took the training of all."""
    began = perf_counter()
    try:
        for numbers in measure(seeds, ORDERS[order], device, **own):
            about = {"code": _code(device, seeds, own), "device": model_of(device)}
            yield {"seconds": perf_counter() - began} | about | numbers
            began = perf_counter()
    except TrainingDiverged as error:
        which = ", ".join(str(seeds[k]) for k in error.networks)
        raise RuntimeError(f"seed {which}, {order}: {error}") from error


def _group(seeds: Sequence[int], order: str, own: Mapping[str, Any]) -> list[dict]:
    """One job for an executor."""
    return list(timed_measure(seeds, order, **own))


def _run(
    jobs: list[tuple[tuple[int, ...], str]], executor: Executor | None, device: str, own: Mapping[str, Any]
) -> Iterator[tuple[tuple[int, str], dict]]:
    """Each network with its result, as they come. Jobs that wait are called off if one fails, or at Ctrl-C."""
    if executor is None:
        for seeds, order in jobs:
            for seed, result in zip(seeds, timed_measure(seeds, order, device, **own), strict=True):
                yield (seed, order), result
        return
    futures = {executor.submit(_group, *job, own): job for job in jobs}
    try:
        for future in as_completed(futures):
            seeds, order = futures[future]
            for seed, result in zip(seeds, future.result(), strict=True):
                yield (seed, order), result
    finally:
        for future in futures:
            future.cancel()


def study_in_processes(seeds: range, out: Path, jobs: int | None) -> Study:
    """`study` in so many processes, which Ctrl-C ends at once."""
    groups = -(-len(seeds) // AT_ONCE["cpu"])
    with worker_processes(min(jobs or os.cpu_count() or 1, len(ORDERS) * groups)) as processes:
        return study(seeds, out, executor=processes)
