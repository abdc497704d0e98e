"""Sweeps: every row once, the same table whatever happens, and no line lost."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from support import counted

import tinymlp.runs.sweep
from tinymlp import MLP, extract_segments, sweep

SCRIPT = Path(counted.__file__)


def expected(folder, seeds=range(10), widths=(2, 3)):
    """The table, by hand."""
    return [
        {
            "width": width,
            "folder": str(folder),
            "seed": seed,
            "segments": len(extract_segments(MLP([1, width, 1], seed=seed))),
            "third": seed / 3,
        }
        for width in widths
        for seed in seeds
    ]


def counting(tmp_path, seeds=range(10), widths=(2, 3), function=counted.run, **kwargs):
    """A sweep whose runs leave traces in tmp_path/made."""
    (tmp_path / "made").mkdir(exist_ok=True)
    grid = {"width": widths, "folder": [str(tmp_path / "made")]}
    return sweep(function, grid, seeds, tmp_path / "deep" / "rows.jsonl", progress=False, **kwargs)


def test_only_what_is_new_is_run(tmp_path):
    """Catches: rows of other seeds or settings, another order, work done twice."""
    assert counting(tmp_path, range(3)) == expected(tmp_path / "made", range(3))
    first = (tmp_path / "deep" / "rows.jsonl").read_bytes()
    assert counting(tmp_path, [4, 0, 1], (3, 5, 2)) == expected(tmp_path / "made", [4, 0, 1], (3, 5, 2))
    assert counted.made(tmp_path / "made") == [
        *((2, s) for s in (0, 1, 2, 4)),
        *((3, s) for s in (0, 1, 2, 4)),
        *((5, s) for s in (0, 1, 4)),
    ]
    assert (tmp_path / "deep" / "rows.jsonl").read_bytes().startswith(first)


def test_a_file_torn_at_any_byte_gives_the_same_table(tmp_path):
    """Catches: half a line taken for a row, one that spoils the line after it, lines that are changed."""
    table = counting(tmp_path, range(3), (2,))
    rows = tmp_path / "deep" / "rows.jsonl"
    whole = rows.read_bytes()
    ends = [k for k, byte in enumerate(whole) if byte == ord("\n")]
    for length in {*range(0, len(whole), 5), *(end + k for end in ends for k in (-1, 0, 1))}:
        rows.write_bytes(whole[:length])
        before = len(counted.made(tmp_path / "made"))
        assert counting(tmp_path, range(3), (2,)) == table
        assert len(counted.made(tmp_path / "made")) - before == 3 - sum(end <= length for end in ends)
        assert rows.read_bytes().startswith(whole[:length])
        assert counting(tmp_path, range(3), (2,)) == table
        assert len(counted.made(tmp_path / "made")) - before == 3 - sum(end <= length for end in ends)


def test_a_line_that_was_changed_counts_as_not_there(tmp_path):
    """Catches: another digit believed, an exception for one byte, a good line lost with a bad one."""
    table = counting(tmp_path, range(3), (2,))
    rows = tmp_path / "deep" / "rows.jsonl"
    whole = rows.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 200).tolist():
        broken = bytearray(whole)
        broken[position] ^= 1 << int(rng.integers(8))
        rows.write_bytes(broken)
        assert counting(tmp_path, range(3), (2,)) == table
    rows.write_bytes(b'[]\n{}\n7\n{"key": 1, "check": 2, "row": 3}\n\xff\n\n' + b"[" * 99999 + b"\n" + whole)
    assert counting(tmp_path, range(3), (2,)) == table


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_any_moment_and_resumed(tmp_path):
    """Catches: a row that was there and is not, one run twice but the one that was running, another table."""
    (tmp_path / "made").mkdir()
    (tmp_path / "deep").mkdir()
    rows = tmp_path / "deep" / "rows.jsonl"
    command = [sys.executable, str(SCRIPT), str(rows), str(tmp_path / "made")]
    seen, deaths = b"", 0
    for lines in (1, 6, 7, 15):
        process = subprocess.Popen(command)
        while process.poll() is None and (not rows.exists() or rows.read_bytes().count(b"\n") < lines):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        deaths += process.wait() == -signal.SIGKILL
        assert rows.read_bytes().startswith(seen)
        seen = rows.read_bytes()
    assert deaths == 4
    done = subprocess.run(command, check=True)
    assert done.returncode == 0
    kept = [json.loads(line)["row"] for line in rows.read_bytes().splitlines()]
    assert sorted(kept, key=lambda row: (row["width"], row["seed"])) == expected(tmp_path / "made")
    made = counted.made(tmp_path / "made")
    assert 20 <= len(made) <= 24
    assert len(set(made)) == 20


def test_processes_give_the_same_table(tmp_path):
    """Catches: a table that depends on who ran it, or on which run was through first."""
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        assert counting(tmp_path, executor=processes) == expected(tmp_path / "made")
    assert len(counted.made(tmp_path / "made")) == 20


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_worker_that_dies_loses_nothing(tmp_path):
    """Catches: rows that were done and are lost with the pool; an error that does not say what to do."""
    with (
        ProcessPoolExecutor(2, get_context("spawn")) as processes,
        pytest.raises(RuntimeError, match=r"a worker died: .*again"),
    ):
        counting(tmp_path, function=counted.deadly, executor=processes)
    before = counted.made(tmp_path / "made")
    kept = (tmp_path / "deep" / "rows.jsonl").read_bytes().count(b"\n")
    assert kept >= 3
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        assert counting(tmp_path, function=counted.deadly, executor=processes) == expected(tmp_path / "made")
    assert len(counted.made(tmp_path / "made")) - len(before) == 20 - kept


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_a_run_that_fails(tmp_path, threads):
    """Catches: an error without its settings, a hundred runs after it, finished ones that are lost."""

    def fails_at_5(seed):
        ran.append(seed)
        time.sleep(0.001)
        if seed == 5:
            raise ArithmeticError("the loss became NaN")
        return {"y": seed}

    ran = []
    message = r"run failed with \{'seed': 5\}: the loss became NaN; .* run again"
    with ThreadPoolExecutor(threads or 1) as executor, pytest.raises(RuntimeError, match=message):
        sweep(
            fails_at_5,
            {},
            range(100),
            tmp_path / "rows.jsonl",
            executor=executor if threads else None,
            progress=False,
        )
    assert len(ran) < 60
    kept = [json.loads(line)["row"]["seed"] for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    assert sorted([*kept, 5]) == sorted(ran)


def test_ctrl_c_calls_off_what_waits(tmp_path):
    """Catches: an executor that runs a hundred more for somebody who has left, a row that was there and is lost."""

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    ran = []

    def run(seed):
        ran.append(seed)
        time.sleep(0.01)
        return {}

    with ThreadPoolExecutor(1) as thread, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tinymlp.runs.sweep.Journal, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            sweep(run, {}, range(100), tmp_path / "rows.jsonl", executor=thread, progress=False)
    assert len(ran) < 50


def test_other_code_is_run_again(tmp_path, monkeypatch):
    """Catches: rows of an older tinymlp, or an older run, taken for today's; a worker with other code believed."""
    counting(tmp_path, range(2), (2,))
    monkeypatch.setattr(tinymlp.runs.sweep, "CODE", "newer")
    counting(tmp_path, range(2), (2,))
    assert len(counted.made(tmp_path / "made")) == 4
    counting(tmp_path, range(2), (2,), counted.slow)
    assert len(counted.made(tmp_path / "made")) == 6

    class Elsewhere(ThreadPoolExecutor):
        def submit(self, job, run, settings, code):
            return super().submit(job, counted.deadly, settings, code)

    with (
        Elsewhere(1) as executor,
        pytest.raises(RuntimeError, match="another version of run or what it uses, of tinymlp"),
    ):
        counting(tmp_path, range(3), (2,), counted.slow, executor=executor)
    assert len(counted.made(tmp_path / "made")) == 6


def test_an_executor_that_gives_up(tmp_path):
    """Catches: a bare CancelledError from an executor that lost its scheduler; an error without a word."""

    class GivesUp(ThreadPoolExecutor):
        def submit(self, *job):
            future = super().submit(*job)
            if job[2]["seed"] == 2:
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
            return future

    message = "the executor called a run off: CancelledError; what is done is kept, run again to go on"
    with GivesUp(1) as executor, pytest.raises(RuntimeError, match=message):
        counting(tmp_path, executor=executor)


def test_two_at_once(tmp_path):
    """Catches: lines of two processes that are mixed up in one file."""
    (tmp_path / "made").mkdir()
    rows = tmp_path / "deep" / "rows.jsonl"
    command = [sys.executable, str(SCRIPT), str(rows), str(tmp_path / "made")]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    kept = [json.loads(line)["row"] for line in rows.read_bytes().splitlines() if line]
    for row in expected(tmp_path / "made"):
        assert 1 <= kept.count(row) <= 2
    assert counting(tmp_path, function=counted.slow) == expected(tmp_path / "made")
    assert len(counted.made(tmp_path / "made")) == len(kept)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to set")
def test_a_full_disk(tmp_path):
    """Catches: half a line taken for a row when there is room again, an older line lost, a silent end."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
    code = "import sys; sys.path.insert(0, sys.argv[1]); import counted, tinymlp; " + limit
    code += (
        "tinymlp.sweep(counted.run, {'width': [2, 3], 'folder': [sys.argv[3]]}, range(10), sys.argv[2], progress=False)"
    )
    (tmp_path / "made").mkdir()
    (tmp_path / "deep").mkdir()
    rows = tmp_path / "deep" / "rows.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPT.parent), str(rows), str(tmp_path / "made")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "OSError" in done.stderr
    full = rows.read_bytes()
    assert len(full) == 1000
    assert counting(tmp_path) == expected(tmp_path / "made")
    assert rows.read_bytes().startswith(full)


def test_what_json_has_and_has_not(tmp_path):
    """Catches: a fresh row that is not what is read back; NumPy's numbers refused; NaN in JSON."""

    def run(seed, shape, scale):
        return {
            "a": np.float32(0.1),
            "b": np.arange(2),
            "c": (1, None, True),
            "d": np.nan,
            "e": [np.inf, 1.5],
            "f": "é",
            "g": isinstance(shape, tuple) and type(scale) is np.float64,
        }

    fresh = sweep(
        run, [{"shape": (1, 2), "scale": np.float64(0.5)}], [np.int64(7)], tmp_path / "rows.jsonl", progress=False
    )
    assert fresh == [
        {"shape": [1, 2], "scale": 0.5, "seed": 7, "a": float(np.float32(0.1)), "b": [0, 1], "c": [1, None, True]}
        | {"d": None, "e": [None, 1.5], "f": "é", "g": True}
    ]
    again = sweep(run, [{"shape": [1, 2], "scale": 0.5}], [7], tmp_path / "rows.jsonl", progress=False)
    assert again == fresh
    assert list(again[0]) == list(fresh[0])
    with pytest.raises(RuntimeError, match=r"<object .* is a object: JSON has"):
        sweep(lambda seed: {"y": object()}, {}, [0], tmp_path / "rows.jsonl", progress=False)


@pytest.mark.parametrize(
    ("grid", "seeds", "error", "message"),
    [
        ({"width": [1]}, [], ValueError, r"seeds is \[\]: give"),
        ({"width": [1]}, [0, -1], ValueError, r"seeds is \[0, -1\]: give"),
        ({"width": [1]}, [0, 1, 0], ValueError, r"\{'width': 1, 'seed': 0\} is there twice"),
        ({"width": [1, 1]}, [0], ValueError, r"\{'width': 1, 'seed': 0\} is there twice"),
        ({"width": [1]}, [0.5], TypeError, "float"),
        ({"width": []}, [0], ValueError, "grid is empty"),
        ([], [0], ValueError, "grid is empty"),
        ({"width": "abc"}, [0], ValueError, "grid has 'abc' for 'width': give a list of values"),
        ({"width": 3}, [0], ValueError, "grid has 3 for 'width': give a list of values"),
        ({"seed": [1]}, [0], ValueError, "'seed', which seeds is for"),
        ({"depth": [1]}, [0], TypeError, r"run does not take seed and the settings \['depth'\]"),
        ({}, [0], TypeError, "run does not take"),
        ({"width": [np.sin]}, [0], TypeError, "is a ufunc: JSON has"),
    ],
)
def test_bad_input_is_told_before_anything_runs(tmp_path, grid, seeds, error, message):
    """Catches: an error after the first hour; a string taken for its letters."""

    def run(width, seed):
        pytest.fail("it ran")

    with pytest.raises(error, match=message):
        sweep(run, grid, seeds, tmp_path / "rows.jsonl", progress=False)
    assert not list(tmp_path.iterdir())


def test_only_functions_are_run(tmp_path):
    """Catches: code that no hash tells apart."""
    for run in (abs, partial(counted.run, width=3), MLP):
        with pytest.raises(TypeError, match=r"run is .*: give a function"):
            sweep(run, {}, [0], tmp_path / "rows.jsonl")


def test_a_function_may_keep_something(tmp_path):
    """Catches: a function that fills a cache taken for another one in its second run; another helper taken for it."""
    sums = {}

    def scale(seed):
        return 2 * seed

    def run(seed):
        sums[seed] = scale(seed)
        return {"y": sums[seed]}

    with ThreadPoolExecutor(1) as thread:
        rows = sweep(run, {}, range(3), tmp_path / "rows.jsonl", executor=thread, progress=False)
    assert [row["y"] for row in rows] == [0, 2, 4]
    run.__closure__[0].cell_contents = lambda seed: 3 * seed
    assert sweep(run, {}, [2], tmp_path / "rows.jsonl", progress=False)[0]["y"] == 6


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (3, "run returned 3: give|run returned 3: return a dict"),
        ({1: 2}, "return a dict"),
        ({"width": 1}, r"run returned \['width'\], which are settings"),
    ],
)
def test_bad_rows(tmp_path, returned, message):
    """Catches: a result that hides a setting; one that is no row."""
    with pytest.raises(RuntimeError, match=message):
        sweep(lambda width, seed: returned, {"width": [1]}, [0], tmp_path / "rows.jsonl", progress=False)


def test_out_is_looked_at_first(tmp_path):
    """Catches: a file that cannot be written noticed after the first run."""
    with pytest.raises(OSError, match=os.path.basename(tmp_path)):
        sweep(lambda seed: pytest.fail("it ran"), {}, [0], tmp_path, progress=False)
