"""Many networks: verdicts, files, and going on after an interruption."""

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import replace
from time import sleep

import numpy as np
import pytest

import tinymlp.article.results
import tinymlp.article.study
from tinymlp import MLP, TrainingDiverged, extract_segments, sample, train
from tinymlp.article.claims import CLAIMS
from tinymlp.article.experiment import Experiment, Round, View
from tinymlp.article.experiments import SINE_10
from tinymlp.article.results import digits_of, read_result
from tinymlp.article.study import judge, measure, study
from tinymlp.devices import model_of

CLAIM = replace(CLAIMS[0], name="c", article="It grows.", measure="how much", side="above", bound=10)


@pytest.fixture
def calls(monkeypatch):
    """A stand-in for training, one by one: unshuffled networks give 10 + seed, shuffled ones half of that."""
    made = []

    def measure(seeds, shuffle, device):
        for seed in seeds:
            sleep(0.005)
            made.append((seed, shuffle))
            value = (10 + seed) / (2 if shuffle else 1)
            yield {"claims": {"c": value}, "experiments": {"e": {"mean_squared_error": 2 * value, "segments": seed}}}

    monkeypatch.setattr(tinymlp.article.study, "measure", measure)
    monkeypatch.setattr(tinymlp.article.study, "CLAIMS", (CLAIM,))
    monkeypatch.setitem(tinymlp.article.study.AT_ONCE, "cpu", 1)
    return made


def test_study(tmp_path, calls):
    """Catches: orders mixed up, seeds mixed up, a file that says something else."""
    result = study(range(1, 5), tmp_path / "deep" / "out", progress=False)
    assert sorted(calls) == sorted((seed, shuffle) for seed in range(1, 5) for shuffle in (False, True))
    (claim,) = result.claims
    assert claim == {
        "name": "c",
        "article": "It grows.",
        "measure": "how much",
        "agrees_if": "above 10",
        "unshuffled": {"median": 12.5, "quartiles": [11.75, 13.25], "agree": 4, "seeds": 4, "verdict": "holds"},
        "shuffled": {"median": 6.25, "quartiles": [5.875, 6.625], "agree": 0, "seeds": 4, "verdict": "does not hold"},
    }
    (experiment,) = result.experiments
    assert experiment["name"] == "e"
    assert experiment["unshuffled"]["mean_squared_error"] == {"median": 25, "quartiles": [23.5, 26.5]}
    assert experiment["shuffled"]["segments"] == {"median": 2.5, "quartiles": [1.75, 3.25]}
    for name, content in (("claims", result.claims), ("experiments", result.experiments)):
        assert json.loads((tmp_path / "deep" / "out" / f"{name}.json").read_text("utf-8")) == content
    assert 8 * 0.005 < result.seconds < 60


@pytest.mark.parametrize(
    ("agree", "seeds", "verdict"),
    [
        (10, 10, "holds"),
        (18, 20, "holds"),
        (17, 20, "holds mostly"),
        (2, 3, "holds mostly"),
        (19, 30, "does not hold"),
        (0, 10, "does not hold"),
    ],
)
def test_verdict(agree, seeds, verdict):
    """Catches: a verdict kinder or harsher than its words."""
    assert judge(CLAIM, [11] * agree + [9] * (seeds - agree))["verdict"] == verdict


def test_an_interrupted_study_goes_on(tmp_path, calls, monkeypatch):
    """Catches: work done twice, or a result lost that was there."""
    measure = tinymlp.article.study.measure

    def third_time_interrupted(*args):
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(*args)

    monkeypatch.setattr(tinymlp.article.study, "measure", third_time_interrupted)
    with pytest.raises(KeyboardInterrupt):
        study(range(4), tmp_path, progress=False)
    assert not (tmp_path / "claims.json").exists()
    assert len(calls) == 3
    monkeypatch.setattr(tinymlp.article.study, "measure", measure)
    whole = study(range(4), tmp_path, progress=False)
    assert len(calls) == len(set(calls)) == 8
    assert whole.claims == study(range(4), tmp_path / "again", progress=False).claims


def test_only_results_of_this_code_are_kept(tmp_path, calls, monkeypatch):
    """Catches: numbers of an older program, or half a file, taken for today's."""
    study(range(3), tmp_path, progress=False)
    (tmp_path / "seeds" / "0-shuffled.json").write_text('{"claims": {"c"')
    (tmp_path / "seeds" / "1-unshuffled.json").write_text("[]")
    calls.clear()
    study(range(3), tmp_path, progress=False)
    assert sorted(calls) == [(0, True), (1, False)]
    calls.clear()
    monkeypatch.setattr(tinymlp.article.results, "CODE", "newer")
    study(range(3), tmp_path, progress=False)
    assert len(calls) == 6


def damaged(file):
    """The file in versions that have the right code and wrong content."""
    text, content = file.read_text("utf-8"), json.loads(file.read_text("utf-8"))
    yield json.dumps(content | {"claims": {}})
    yield json.dumps(content | {"claims": {"c": "11"}})
    yield json.dumps(content | {"claims": {"c": 11.5}})
    yield json.dumps(content | {"experiments": None})
    yield json.dumps(content | {"digest": 3})
    yield json.dumps({"code": content["code"]})
    yield json.dumps([content])
    yield "[" * 100_000
    yield text.replace("1", "2", 1)
    yield text[:-2] + "\0}"


def test_damaged_results_are_made_again(tmp_path, calls):
    """Catches: right code and wrong content: a traceback in every run, or a wrong digit that is kept."""
    good, file = study([1], tmp_path, progress=False), tmp_path / "seeds" / "1-shuffled.json"
    right = json.loads(file.read_text("utf-8")) | {"seconds": 0, "digest": ""}
    for text in list(damaged(file)):
        file.write_text(text, "utf-8")
        calls.clear()
        assert study([1], tmp_path, progress=False).claims == good.claims
        assert calls == [(1, True)]
        assert json.loads(file.read_text("utf-8")) | {"seconds": 0, "digest": ""} == right
    file.write_bytes(b"\xff\xfe")
    calls.clear()
    assert study([1], tmp_path, progress=False).claims == good.claims
    assert calls == [(1, True)]


def test_a_byte_that_flips_is_noticed(tmp_path, calls):
    """Catches: a digit that another bit made, which is JSON like any other."""
    study([1], tmp_path, progress=False)
    file = tmp_path / "seeds" / "1-shuffled.json"
    whole, result = file.read_bytes(), read_result(file, digits_of("cpu", [1]))
    assert result["claims"] == {"c": 5.5}
    for place in range(len(whole)):
        for bit in range(8):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            assert read_result(file, digits_of("cpu", [1])) in (None, result)  # the same, if it was only a blank


def test_results_name_their_device(tmp_path, calls):
    """Catches: numbers of which nobody knows on what they were made."""
    study([1], tmp_path, progress=False)
    assert json.loads((tmp_path / "seeds" / "1-shuffled.json").read_text("utf-8"))["device"] == model_of("cpu") != ""


def test_two_studies_in_one_folder_agree(tmp_path, calls):
    """Catches: studies that read each other's half files, or take one another's away."""
    alone = study(range(6), tmp_path / "alone", progress=False)
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(study, range(6), tmp_path / "both", progress=False) for _ in range(3)]
        assert [run.result().claims for run in runs] == 3 * [alone.claims]
    assert sorted(p.name for p in (tmp_path / "both").rglob("*")) == sorted(
        p.name for p in (tmp_path / "alone").rglob("*")
    )


def test_an_executor_with_other_code_is_refused(tmp_path, calls, monkeypatch):
    """Catches: results of another version, from another machine, judged as this one's."""
    monkeypatch.setattr(tinymlp.article.study, "timed_measure", lambda seeds, order, device: iter([{"code": "other"}]))
    with pytest.raises(RuntimeError, match="another version of tinymlp or NumPy"):
        study([0], tmp_path, progress=False)
    assert not list(tmp_path.glob("seeds/*"))


def test_divergence_names_the_network(tmp_path, calls, monkeypatch):
    """Catches: one network out of a thousand failing without a name."""

    def diverges(seeds, shuffle, device):
        raise TrainingDiverged("the loss became NaN in epoch 3", None, range(len(seeds)))

    monkeypatch.setattr(tinymlp.article.study, "measure", diverges)
    with pytest.raises(RuntimeError, match="seed 7, unshuffled: the loss became NaN in epoch 3"):
        study([7], tmp_path, progress=False)
    monkeypatch.setitem(tinymlp.article.study.AT_ONCE, "cpu", 2)
    with pytest.raises(RuntimeError, match="seed 7, 9, unshuffled: the loss became NaN in epoch 3"):
        study([7, 9, 11], tmp_path, progress=False)


def test_a_result_that_cannot_be_written_stops_the_study(tmp_path, calls, monkeypatch):
    """Catches: jobs that run on though nobody can keep what they give; half a file in place of none."""

    def nan(seeds, shuffle, device):
        sleep(0.01)
        calls.append(seeds)
        yield {"claims": {"c": float("nan")}, "experiments": {}}

    monkeypatch.setattr(tinymlp.article.study, "measure", nan)
    with ThreadPoolExecutor(1) as thread, pytest.raises(ValueError, match="JSON"):
        study(range(50), tmp_path, executor=thread, progress=False)
    assert len(calls) < 50
    assert not list(tmp_path.glob("seeds/*"))


def test_ctrl_c_calls_off_what_waits(tmp_path, calls, monkeypatch):
    """Catches: an executor that runs a hundred jobs more for somebody who has left."""

    def third_is_interrupted(iterator):
        for k, future in enumerate(as_completed(iterator)):
            if k == 3:
                raise KeyboardInterrupt
            yield future

    monkeypatch.setattr(tinymlp.article.study, "as_completed", third_is_interrupted)
    with ThreadPoolExecutor(1) as thread, pytest.raises(KeyboardInterrupt):
        study(range(50), tmp_path, executor=thread, progress=False)
    assert len(calls) < 50
    assert len(list(tmp_path.glob("seeds/*.json"))) == 3


def test_any_executor_will_do(tmp_path, calls):
    """Catches: a study that depends on who runs it, or on which job is through first."""
    with ThreadPoolExecutor(3) as threads:
        together = study(range(5), tmp_path / "a", executor=threads, progress=False)
    assert together.claims == study(range(5), tmp_path / "b", progress=False).claims


@pytest.mark.parametrize("threads", [0, 2])
def test_networks_side_by_side_are_those_one_by_one(tmp_path, calls, monkeypatch, threads):
    """Catches: results in another seed's file; a second lot that is left out."""
    one_by_one = study(range(7), tmp_path / "a", progress=False)
    calls.clear()
    monkeypatch.setitem(tinymlp.article.study.AT_ONCE, "cpu", 3)
    with ThreadPoolExecutor(threads) if threads else nullcontext() as executor:
        together = study(range(7), tmp_path / "b", executor=executor, progress=False)
    assert len(calls) == len(set(calls)) == 14
    assert together.claims == one_by_one.claims
    for file in (tmp_path / "a" / "seeds").iterdir():
        there, here = (json.loads((tmp_path / run / "seeds" / file.name).read_text("utf-8")) for run in "ab")
        assert there | {"seconds": 0, "code": "", "digest": ""} == here | {"seconds": 0, "code": "", "digest": ""}


def test_results_are_kept_with_those_they_were_made_beside(tmp_path, calls, monkeypatch):
    """Catches: digits that depend on who learnt beside taken for those beside others; kept ones made again."""
    monkeypatch.setitem(tinymlp.article.study.AT_ONCE, "cpu", 3)
    study(range(7), tmp_path, progress=False)
    calls.clear()
    study(range(8), tmp_path, progress=False)
    assert sorted(calls) == [(6, False), (6, True), (7, False), (7, True)]
    calls.clear()
    (tmp_path / "seeds" / "1-shuffled.json").unlink()
    study(range(8), tmp_path, progress=False)
    assert calls == [(0, True), (1, True), (2, True)]


def test_a_job_that_fails_stops_the_study(tmp_path, calls, monkeypatch):
    """Catches: an error swallowed, or all other jobs run before it is told."""
    measure = tinymlp.article.study.measure

    def fails_at_2(seeds, *args):
        if seeds == (2,):
            raise ArithmeticError("seed 2 failed")
        return measure(seeds, *args)

    monkeypatch.setattr(tinymlp.article.study, "measure", fails_at_2)
    with ThreadPoolExecutor(1) as thread, pytest.raises(ArithmeticError, match="seed 2 failed"):
        study(range(100), tmp_path, executor=thread, progress=False)
    assert len(calls) < 100


@pytest.mark.parametrize("seeds", [(), (1, 2, 1), (0, -1)])
def test_bad_seeds(tmp_path, seeds):
    """Catches: a verdict on no networks, or on one counted twice."""
    with pytest.raises(ValueError, match=r"seeds is .*: give one or more different integers >= 0"):
        study(seeds, tmp_path)
    assert not list(tmp_path.iterdir())


def test_measure(monkeypatch):
    """Catches: shuffling that does not reach the training, or changes more than the order; a missing number."""
    sine = replace(SINE_10, rounds=tuple(replace(r, epochs=1) for r in SINE_10.rounds))
    later = Experiment("later", "", "", (Round("sine", 1, n=700),), View((-1, 2)), continues=sine)
    monkeypatch.setattr(tinymlp.article.study, "EXPERIMENTS", (sine, later))
    one = replace(CLAIM, name="one", value=lambda t: t(sine).net(0.5))
    monkeypatch.setattr(tinymlp.article.study, "CLAIMS", (one,))
    for shuffle in (False, True):
        net, orders = MLP(sine.sizes, seed=3), np.random.default_rng([3, 0])
        for _ in range(6):
            train(net, sample("sine", (-10, 10)), 1, shuffle=shuffle, seed=orders)
        _, numbers = measure([5, 3], shuffle)
        assert numbers["claims"] == {"one": pytest.approx(float(net(0.5)), rel=1e-4)}  # one by samples, two by segments
        assert set(numbers["experiments"]) == {"sine-10", "later"}
        residual = net(sample("sine", (-10, 10)).x) - sample("sine", (-10, 10)).y
        assert numbers["experiments"]["sine-10"] == {
            "mean_squared_error": pytest.approx(np.mean(residual**2), rel=1e-4),
            "segments": len(extract_segments(net, (-10, 10))),
        }
        train(net, sample("sine", n=700), 1, shuffle=shuffle, seed=np.random.default_rng([3, 1]))
        residual = net(sample("sine", n=700).x) - sample("sine", n=700).y
        assert numbers["experiments"]["later"] == {
            "mean_squared_error": pytest.approx(np.mean(residual**2), rel=1e-4),
            "segments": len(extract_segments(net, (-1, 2))),
        }
