"""benchmarks/gpu.py on the stand-in: all it does on a GPU but to tell the time."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinymlp import MLP, Dataset, Ensemble, train
from tinymlp.gpu import train_kernel

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZES = [1, 5, 5, 5, 1]


@pytest.fixture
def scripts(stand_in, monkeypatch):
    """The modules of the benchmark; CuPy's events, which its contender uses."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(train_kernel, "train", train_kernel.train)  # which the contender replaces
    monkeypatch.setattr(stand_in.cuda, "Event", lambda: SimpleNamespace(record=lambda: None), raising=False)
    monkeypatch.setattr(stand_in.cuda, "get_elapsed_time", lambda begin, end: 2000.0, raising=False)  # milliseconds
    import gpu_checks
    import gpu_figures
    import gpu_peers

    return SimpleNamespace(checks=gpu_checks, figures=gpu_figures, peers=gpu_peers)


@pytest.mark.parametrize("networks", [1, 2])
def test_contenders_of_ours(scripts, networks):
    """Catches: a train() that changed, which nobody would notice before there is a GPU; launches that are not timed."""
    x = np.linspace(-3, 3, 2 * scripts.peers.BATCH, dtype=np.float32)
    data, options = Dataset(x, np.sin(x)), {"batch_size": scripts.peers.BATCH, "shuffle": False}
    hosts = [MLP(SIZES, seed=k).astype(np.float64) for k in range(networks)]
    expected = np.stack([train(host, data, 3, lr=0.01, **options).losses for host in hosts], axis=1)
    for name in ("tinymlp, fused", *(["tinymlp, arrays", "tinymlp on the CPU"] if networks == 1 else [])):
        net = MLP(SIZES, seed=0) if networks == 1 else Ensemble(SIZES, range(networks))
        contender = scripts.peers.CONTENDERS[name](net, x, np.sin(x), "gpu")
        losses = np.concatenate([contender(1), contender(2)]).reshape(3, networks)
        assert losses == pytest.approx(expected, rel=1e-5)
        assert getattr(contender, "kernel", 2.0) == 2.0


def test_checks(scripts, monkeypatch, tmp_path):
    """Catches: a moment of another step; reruns that cannot be told apart, or differ."""
    assert scripts.checks.first_moment(5, 2, "gpu").max() < 1e-5
    monkeypatch.setenv("CUPY_CACHE_DIR", "")
    monkeypatch.setattr(scripts.checks, "SAMPLES", 1500)
    _, compiling, digests = scripts.checks.first_call(5, 2, "gpu", str(tmp_path))
    assert compiling > 0
    assert len(digests) == 1
    assert digests != scripts.checks.first_call(5, 1, "gpu", str(tmp_path))[2]


def test_figures(scripts):
    """Catches: a verdict the wrong way round; a table that is not made of the numbers beside it."""
    for results in (BENCHMARKS / "results").glob("gpu-*.json"):
        measured = json.loads(results.read_text("utf-8"))
        table = scripts.figures.figures(measured["rows"], measured["checks"], [1, 132, 264, 528, 1056])
        assert table in results.with_suffix(".md").read_text("utf-8")
    names = [("tinymlp, fused", 1, 15), ("tinymlp, fused", 132, 18), ("JAX vmap(scan), tuned", 132, 100)]
    rows = [{"contender": n, "networks": k, "width": 10, "us": [us, us + 1, us - 1]} for n, k, us in names]
    text = scripts.figures.figures(rows, [], [1, 132])
    assert "| 12 / 45 / 180 | 15 / - / - | yes / - / - |" in text
    assert "| 1.5e+07 / 3e+06 | 7.33e+06 / - | no / - |" in text
    assert "| 1.1 |  | 1.2 / - / - | no / - / - |" in text
    assert "| 3 | 5 | 5.56 / - / - | stretch / - / - |" in text
