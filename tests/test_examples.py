"""Every example runs; those on other libraries where these are, or with --require-formats."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tinymlp import MLP, extract_segments

FOLDER = Path(__file__).parent.parent / "examples"
BENCHMARKS = FOLDER.parent / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_script_runs(script, tmp_path, need, request):
    """Catches: an example whose assertions fail, or that needs a screen; an answer that is not printed."""
    words = re.search(r"pip install (.+); python", script.read_text("utf-8"))
    packages = [{"scikit-learn": "sklearn"}.get(word, word) for word in words[1].split()] if words else []
    need(request, "--require-formats", all(map(find_spec, packages)), f"{script.name} needs {packages}")
    command = [sys.executable, str(script)]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, timeout=300, capture_output=True, text=True
    )
    assert len(done.stdout.splitlines()) > 4


def test_real_networks(tmp_path):
    """Catches: a table with other counts than the network has, or a file that stops all others."""
    net = MLP([1, 8, 8, 8, 8, 8, 1], seed=3, dtype=np.float64)
    arrays = {f"W{l}": W for l, W in enumerate(net.weights)} | {f"b{l}": b for l, b in enumerate(net.biases)}
    np.savez(tmp_path / "net.npz", **arrays, x0=[-3.0], x1=[4.0])
    (tmp_path / "broken.nnet").write_text("1,")
    command = [sys.executable, str(BENCHMARKS / "real_networks.py"), str(tmp_path), "--out", str(tmp_path / "table.md")]
    subprocess.run(command, check=True, timeout=100, capture_output=True, text=True)
    header, _, broken, row = (tmp_path / "table.md").read_text("utf-8").splitlines()[-4:]
    assert len({line.count("|") for line in (header, broken, row)}) == 1
    assert "broken.nnet is no" in broken
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    f = extract_segments(net, (-3, 4))
    assert cells[:4] == ["net.npz", "1-5x8-1", str(len(f.boundaries)), str(len(f))]
    assert float(cells[-2]) < 1e-9
