"""Studies of other experiments than the article's, and what docs/own_experiments.md shows of them."""

import csv
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from support.questions import TINY, first_breakpoint, wave

import tinymlp.article.study
from tinymlp import MLP, extract_segments, sample, train
from tinymlp.article.experiment import Round
from tinymlp.article.study import MEASURES, study

DOCS = Path(__file__).parent.parent.parent / "docs" / "own_experiments.md"


def test_the_numbers_are_those_of_training_by_hand(tmp_path):
    """Catches: another function, seed, interval or order than the experiment's; rows of one network under another."""
    measures = {**MEASURES, "first": first_breakpoint}
    studied = study([3, 5], tmp_path, experiments=[TINY], measures=measures, progress=False)
    assert studied.claims == json.loads((tmp_path / "claims.json").read_text("utf-8")) == []
    assert [(row["experiment"], row["order"], row["seed"]) for row in studied.rows] == [
        ("tiny", order, seed) for order in ("unshuffled", "shuffled") for seed in (3, 5)
    ]
    for row in studied.rows:
        net = MLP([1, 4, 1], seed=row["seed"])
        data, order = sample(wave, (0, 2), 300), np.random.default_rng([row["seed"], 0])
        train(net, data, 2, shuffle=row["order"] == "shuffled", seed=order, batch_size=100)
        f = extract_segments(net, (-1, 3))
        assert row["segments"] == len(f)
        assert row["mean_squared_error"] == pytest.approx(np.mean((net(data.x) - data.y) ** 2), rel=1e-4)
        assert row["first"] == pytest.approx(f.breakpoints[0], rel=1e-3, abs=1e-4)
    (summary,) = studied.experiments
    segments = [row["segments"] for row in studied.rows[2:]]
    assert summary["shuffled"]["segments"]["median"] == np.median(segments)


def test_processes_give_the_same_rows(tmp_path):
    """Catches: workers that take the article's experiments, or other measures, for those that were given."""
    own = {"experiments": [TINY], "measures": {"first": first_breakpoint}, "progress": False}
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        together = study([3, 5], tmp_path / "a", executor=processes, **own)
    assert together.rows == study([3, 5], tmp_path / "b", **own).rows


def test_what_was_asked_otherwise_is_made_again(tmp_path, monkeypatch):
    """Catches: numbers of another function or measure, or of the article's, taken for those asked for; none kept."""
    trained = []
    run_ensemble = tinymlp.article.study.run_ensemble
    monkeypatch.setattr(
        tinymlp.article.study,
        "run_ensemble",
        lambda e, *args, **kw: trained.append(e.name) or run_ensemble(e, *args, **kw),
    )

    def ask(**own):
        trained.clear()
        study([3], tmp_path, progress=False, **own)
        return len(trained)

    other = replace(TINY, rounds=(replace(TINY.rounds[0], function=lambda x: wave(x) + 1),))
    assert ask(experiments=[TINY]) == 2
    assert ask(experiments=[TINY]) == 0
    assert ask(experiments=[other]) == 2
    assert ask(experiments=[other], measures={"segments": first_breakpoint}) == 2
    assert ask(experiments=[other], measures={"segments": first_breakpoint}) == 0
    monkeypatch.setattr(tinymlp.article.study, "EXPERIMENTS", (TINY,))
    monkeypatch.setattr(tinymlp.article.study, "CLAIMS", ())
    assert ask() == 2
    assert ask(measures={"first": first_breakpoint}) == 2


def test_an_experiment_goes_on_with_another(tmp_path):
    """Catches: an experiment whose beginning is left out."""
    later = replace(TINY, name="later", rounds=(Round("sine", 1, n=300),), continues=TINY)
    studied = study([3], tmp_path, experiments=[later], progress=False)
    net = MLP([1, 4, 1], seed=3)
    train(net, sample(wave, (0, 2), 300), 2, shuffle=False, batch_size=100)
    train(net, sample("sine", n=300), 1, shuffle=False, batch_size=100)
    error = np.mean((net(sample("sine", n=300).x) - sample("sine", n=300).y) ** 2)
    assert studied.rows[0]["mean_squared_error"] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"experiments": []}, r"experiments has the names \[\]: give one or more"),
        ({"experiments": [TINY, replace(TINY, title="")]}, r"experiments has the names \['tiny', 'tiny'\]"),
        ({"measures": {}}, r"measures has the names \[\]: give"),
        ({"measures": {"seed": wave}}, r"measures has the names \['seed'\]: give one or more, not experiment"),
    ],
)
def test_bad_questions(tmp_path, own, message):
    """Catches: a study of nothing; one experiment's numbers, or a seed, under another's name."""
    with pytest.raises(ValueError, match=message):
        study([0], tmp_path, **own)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [np.nan, np.inf, None, "3", [1, 2], 1j])
def test_an_answer_that_is_no_number(tmp_path, number):
    """Catches: medians of NaN; an error that does not say which measure it was."""
    given = {"odd": lambda run: number}
    with pytest.raises(ValueError, match=r"measure 'odd' of seed 3, experiment tiny, is .*: give a finite number"):
        study([3], tmp_path, experiments=[TINY], measures=given, progress=False)


def test_the_recipes_of_the_docs(tmp_path):
    """Catches: code in the docs that does not run, a table without the columns that they name."""
    text = DOCS.read_text("utf-8")
    first, second = re.findall(r"```python\n(.*?)```", text, re.S)
    code = (
        (first + second)
        .replace("range(50)", "range(3)")
        .replace("range(8)", "range(2)")
        .replace("epochs=30", "epochs=2")
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    with open(tmp_path / "chirp.csv", newline="") as file:
        header, *rows = csv.reader(file)
    (columns,) = re.findall(r"^\| (experiment .*) \|$", text, re.M)
    assert header == columns.split(" | ")
    assert len(rows) == 6
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (DOCS.parent / target).exists(), target


def test_dask(tmp_path, need, request):
    """Catches: `tinymlp article --dask` whose workers do something else than its own processes do."""
    need(
        request,
        "--require-executors",
        find_spec("distributed") is not None,
        "dask is not there: pip install distributed",
    )
    code = """
from distributed import Client, LocalCluster
from support.questions import TINY
import tinymlp.article.report, tinymlp.cli
from tinymlp.article.study import study

if __name__ == "__main__":
    asked = {"experiments": [TINY], "progress": False}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            there = study(range(3), "there", executor=client.get_executor(), **asked)
        assert there.rows == study(range(3), "here", **asked).rows
        tinymlp.article.report.write_report = lambda *args, study, **options: print(len(study.rows))
        tinymlp.cli.study = lambda seeds, out, executor: study(seeds, out, executor=executor, **asked)
        words = ["article", "--seeds", "3", "--out", "page", "--dask", cluster.scheduler_address]
        assert tinymlp.cli.main(words) == 0
"""
    (tmp_path / "dask_study.py").write_text(code)
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "dask_study.py"], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    files = [sorted((tmp_path / out / "seeds").iterdir()) for out in ("here", "there", "page")]
    assert [len(made) for made in files] == [6, 6, 6]
    for same in zip(*files, strict=True):
        here, there, page = (json.loads(file.read_text("utf-8")) | {"seconds": 0, "digest": ""} for file in same)
        assert here == there == page
