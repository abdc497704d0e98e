"""docs/your_network.md: its code runs, block after block, and so does every recipe of its table."""

import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinymlp
from tinymlp import MLP, extract_outputs

PAGE = (Path(__file__).parent.parent / "docs" / "your_network.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
ROWS = [line.split("|")[1:3] for line in PAGE.splitlines() if re.match(r"\| .*MLP\.", line)]
RECIPES = [(source.strip(), code) for source, cell in ROWS for code in re.findall(r"`(MLP\..*?)`(?=[ ,;]|$)", cell)]
NET = MLP([3, 8, 8, 2], seed=1)
X = np.random.default_rng(0).normal(size=(50, 3))

NNET = """// ACAS Xu's kind of file
3,3,2,8,
3,8,8,2,
0,
-1,-1,-1,
1,1,1,
0,0,0,0,
1,1,1,1,
"""


def write_files(folder):
    NET.save(folder / "net.npz")
    layers = ["\n".join(",".join(map(repr, row.tolist())) for row in [*W, *b[:, None]]) for W, b in pairs()]
    (folder / "net.nnet").write_text(NNET + "\n".join(layers))
    if find_spec("onnx"):
        NET.to_onnx(folder / "net.onnx")
    if find_spec("safetensors"):
        from safetensors.numpy import save_file

        save_file(NET.to_torch_state(), folder / "net.safetensors")


def pairs():
    return list(zip(NET.weights, NET.biases, strict=True))


def modules():
    """As PyTorch has them."""
    found = []
    for W, b in pairs():
        found += [type("Linear", (), {"_modules": {}, "weight": W, "bias": b})(), type("ReLU", (), {"_modules": {}})()]
    return type("Sequential", (), {"_modules": dict(enumerate(found[:-1]))})()


def sources(recipe):
    """What the recipes call model, params and so on."""
    model = modules()
    if "keras" in recipe:
        weights = [array for W, b in pairs() for array in (W.T, b)]
        names = ("relu", "relu", "linear")
        made = [
            type("Dense", (), {"name": "d", "get_weights": lambda self, k=k: weights[2 * k : 2 * k + 2]})()
            for k in range(3)
        ]
        for dense, name in zip(made, names, strict=True):
            dense.activation = type("function", (), {"__name__": name})()
        model = SimpleNamespace(layers=made, get_weights=lambda: weights)
    if "sklearn" in recipe:
        coefs, intercepts = [W.T for W in NET.weights], NET.biases
        model = SimpleNamespace(coefs_=coefs, intercepts_=intercepts, activation="relu")
    if "layer.weight" in recipe:
        model = SimpleNamespace(layers=[SimpleNamespace(weight=W, bias=b) for W, b in pairs()])
    params = {f"Dense_{k}": {"kernel": W.T, "bias": b} for k, (W, b) in enumerate(pairs())}
    lists = {"weights": NET.weights, "biases": NET.biases, "text": NET.to_json(), "state": NET.to_torch_state()}
    return {"MLP": MLP, "model": model, "p": params, **lists}


@pytest.fixture
def formats(need, request):
    need(request, "--require-formats", all(map(find_spec, ("onnx", "safetensors"))), "no onnx and safetensors")


def test_there_is_code():
    """Catches: blocks or recipes that this test no longer finds."""
    assert len(BLOCKS) == PAGE.count("```python") == 4
    assert len(RECIPES) == PAGE.split("None of these")[0].count("`MLP.") == 13
    assert {code.partition("(")[0][4:] for _, code in RECIPES} >= {
        name for name in vars(MLP) if name.startswith("from_") and name != "from_params"
    }


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_blocks(formats, tmp_path, monkeypatch, capsys):
    """Catches: code that does not run as it stands, or with the names of the blocks before."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"a": X[0], "b": X[1], "classifier": MLP([3, 8, 1], seed=2), "X": X, "Y": X[:, :2]}
    for block in BLOCKS:
        exec(compile(block, "your_network.md", "exec"), names)
    out = capsys.readouterr().out
    expected = extract_outputs(NET.along(X[0], X[1] - X[0]), (0, 1))
    assert out.startswith(f"{len(expected[0])} True\n")
    assert "hidden units are off on all of (0, 1)" in out
    assert (names["net"].layers[0] == NET.layers[0]).all()
    assert (names["net"].layers[1] != NET.layers[1]).any()


@pytest.mark.filterwarnings("default::DeprecationWarning")
@pytest.mark.parametrize(("source", "code"), RECIPES)
def test_recipes(formats, source, code, tmp_path, monkeypatch):
    """Catches: a recipe that fails, or makes another network; one that needs a check to be right."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    net = eval(code, sources(code))
    assert net(X) == pytest.approx(NET(X), rel=1e-5, abs=1e-6)
    assert net.sizes == NET.sizes


def test_names_in_the_text_are_there():
    """Catches: a function, method or argument that was renamed."""
    for name in re.findall(r"`net\.(\w+)", PAGE):
        assert hasattr(NET, name), name
    for name in re.findall(r"from tinymlp import (.*)", PAGE):
        assert all(hasattr(tinymlp, part.strip()) for part in name.split(",")), name
