"""Every example runs; those on other libraries where these are, or with --require-formats."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
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
