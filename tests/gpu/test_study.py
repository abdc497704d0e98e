"""Experiments and studies whose networks a GPU trains side by side."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import tinymlp.article.experiments
import tinymlp.article.study
from tinymlp import MLP, TrainingDiverged
from tinymlp.article.claims import CLAIMS
from tinymlp.article.experiment import Round, run, run_ensemble
from tinymlp.article.experiments import SINE_5, SINE_10
from tinymlp.article.study import study
from tinymlp.cli import main
from tinymlp.devices import describe
from tinymlp.gpu import train_kernel

FIRST = replace(SINE_5, name="first", rounds=(Round("sine", 2, n=300), Round("sine", 1, n=300)), batch_size=100)
SECOND = replace(FIRST, name="second", rounds=(Round("exp", 2, n=300),), continues=FIRST)
CLAIM = replace(CLAIMS[0], name="c", value=lambda trained: trained(SECOND).net(0.5))


@pytest.fixture
def launches(cupy, monkeypatch):
    """How many networks the kernel trained, launch by launch; a study has two experiments and a claim about them."""
    made, launch = [], train_kernel.train
    monkeypatch.setattr(
        train_kernel, "train", lambda config, params, *args: made.append(len(params)) or launch(config, params, *args)
    )
    for module in (tinymlp.article.study, tinymlp.article.experiments):
        monkeypatch.setattr(module, "EXPERIMENTS", (FIRST, SECOND))
    monkeypatch.setattr(tinymlp.article.study, "CLAIMS", (CLAIM,))
    return made


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_experiment(launches, shuffle):
    """Catches: networks that are trained one by one; other seeds, orders or starts than on the CPU."""
    second = replace(SECOND, shuffle=shuffle, continues=replace(FIRST, shuffle=shuffle))
    together = run_ensemble(second, (3, 8), device="gpu")
    assert launches == [2, 2, 2]
    for k, seed in enumerate((3, 8)):
        host = run(second, seed)
        assert [type(stage.net) for stage in together[k].stages] == [MLP, MLP]
        assert together[k].history.losses == pytest.approx(host.history.losses, rel=1e-4)
        assert np.abs(together[k].net.params - host.net.params).max() < 1e-4


def test_a_study(tmp_path, launches, monkeypatch):
    """Catches: many launches where one does; a network's numbers in another's file; results that are made twice."""
    monkeypatch.setitem(tinymlp.article.study.AT_ONCE, "gpu", 3)
    on_gpu = study(range(5, 9), tmp_path / "gpu", progress=False, device="gpu")
    assert launches == 2 * (3 * [3] + 3 * [1])  # four seeds, three launches for both experiments; two orders
    host = study(range(5, 9), tmp_path / "cpu", progress=False)
    for order in ("unshuffled", "shuffled"):
        for seed in range(5, 9):
            (one, other) = (
                json.loads((tmp_path / device / "seeds" / f"{seed}-{order}.json").read_text("utf-8"))
                for device in ("gpu", "cpu")
            )
            assert one["claims"]["c"] == pytest.approx(other["claims"]["c"], abs=1e-3)
    launches.clear()
    assert study(range(5, 9), tmp_path / "gpu", progress=False, device="auto").claims == on_gpu.claims
    assert not launches
    assert study(range(5, 9), tmp_path / "cpu", progress=False).claims == host.claims


def test_neither_device_keeps_what_the_other_made(tmp_path, launches):
    """Catches: digits of both in one verdict."""
    study([1], tmp_path, progress=False)
    study([1], tmp_path, progress=False, device="gpu")
    assert launches == 6 * [1]
    kept = json.loads((tmp_path / "seeds" / "1-shuffled.json").read_text("utf-8"))
    assert f"gpu 0  {kept['device']}, " in describe()[1] + describe()[-1]
    assert kept["code"].endswith(f" on {kept['device']}")
    with ThreadPoolExecutor(1) as thread, pytest.raises(ValueError, match="executor is for the CPU"):
        study([1], tmp_path, executor=thread, progress=False, device="gpu")


def test_a_network_that_diverges_is_named(tmp_path, launches, monkeypatch):
    """Catches: the seed of another one."""

    def diverges(*args, **options):
        raise TrainingDiverged("the loss of network 1 became NaN", None, [1])

    monkeypatch.setattr(tinymlp.article.study, "run_ensemble", diverges)
    with pytest.raises(RuntimeError, match="seed 6, unshuffled: the loss of network 1 became NaN"):
        study(range(5, 9), tmp_path, progress=False, device="gpu")


def test_the_command(tmp_path, launches, capsys):
    """Catches: --device without effect; a page that does not say where its networks are from."""
    words = ["article", "--only", "first", "--device", "gpu", "--out", str(tmp_path)]
    assert main(words) == 0
    assert launches == [1, 1]
    assert "trained on the GPU" in (tmp_path / "index.html").read_text("utf-8")
    launches.clear()
    assert main(["article", "--seeds", "3", "--jobs", "2", *words[3:]]) == 2
    assert "--jobs is for the CPU" in capsys.readouterr().err
    assert not launches


def test_the_command_with_seeds(tmp_path, launches, monkeypatch):
    """Catches: a study on the CPU all the same; a claim that cannot be judged from networks side by side."""

    def short(experiment, *args, **options):
        rounds = tuple(replace(r, epochs=1, n=61) for r in experiment.rounds)
        return run_ensemble(replace(experiment, rounds=rounds), *args, **options)

    monkeypatch.setattr(tinymlp.article.study, "run_ensemble", short)
    monkeypatch.setattr(tinymlp.article.study, "EXPERIMENTS", (FIRST, SECOND, SINE_10))
    monkeypatch.setattr(tinymlp.article.study, "CLAIMS", CLAIMS)
    assert main(["article", "--seeds", "2", "--seed", "7", "--device", "gpu", "--out", str(tmp_path)]) == 0
    assert set(launches[:-3]) == {2}
    assert launches[-3:] == [1, 1, 1]  # the page's own network
    assert sorted(path.name for path in (tmp_path / "seeds").iterdir()) == [
        f"{seed}-{order}.json" for seed in (7, 8) for order in ("shuffled", "unshuffled")
    ]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert all(f'id="claim-{c.name}"' in page for c in CLAIMS)
