"""The order of the house: imports go one way, and heavy libraries load only where they are used."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinymlp

HOUSE = Path(tinymlp.__file__).parent
ORDER = [
    "backend",
    "functions",
    "data",
    "interop",
    "network",
    "ensemble",
    "kernels",
    "kernels.on_cpu",
    "kernels.fused",
    "backprop",
    "optim",
    "rounding",
    "regions",
    "ensemble_rounding",
    "ensemble_regions",
    "integrals",
    "moments",
    "segment_gradient",
    "engines",
    "runners",
    "history",
    "train",
    "rational",
    "exact",
    "piecewise",
    "labels",
    "ensemble_segments",
    "segments",
    "decisions",
    "detector",
    "prediction",
    "crosscheck",
    "plot",
    "measures",
    "experiment",
    "article",
    "claims",
    "study",
    "page",
    "report",
    "cli",
    "__main__",
    "__init__",
]
PATHS = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in HOUSE.rglob("*.py")}
MODULES = {
    name.removesuffix(".__init__"): ast.parse(path.read_text("utf-8")) for name, path in PATHS.items()
}  # "kernels" for its __init__


def imports(tree):
    """(the module it comes from, with a leading dot for one of ours; what is imported from it) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []


def test_every_module_has_a_place():
    """Catches: a new module that the order does not know."""
    assert set(MODULES) == set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    """Catches: a module that reads one after it in the way of the data."""
    for source, names in imports(MODULES[name]):
        if source.startswith("."):
            for module in [source.lstrip(".")] if source.strip(".") else names:
                assert ORDER.index(module) < ORDER.index(name), f"{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_have_one_door(name):
    """Catches: matplotlib outside plot, CuPy outside backend, through which kernels have it, too."""
    for source, _ in imports(MODULES[name]):
        top = source.split(".")[0]
        assert top != "matplotlib" or name == "plot"
        assert top not in ("cupy", "cupyx") or name == "backend"


def test_import_is_light():
    """Catches: `import tinymlp` that waits for matplotlib or CuPy."""
    code = "import tinymlp, sys; print([m for m in ('matplotlib', 'cupy', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_plot_loads_at_first_use():
    """Catches: tinymlp.plot that needs an import of its own."""
    code = "import tinymlp; tinymlp.plot.segments"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "MPLBACKEND": "Agg"})
    with pytest.raises(AttributeError, match="has no attribute 'plott'"):
        _ = tinymlp.plott


@pytest.mark.parametrize("name", MODULES)
def test_nothing_shows_a_window(name):
    """Catches: a call of show(), which blocks scripts and tests."""
    calls = [n.func for n in ast.walk(MODULES[name]) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Attribute) and f.attr == "show"]


def test_public_names_exist_and_have_docstrings():
    """Catches: a name in __all__ that is gone, or that nobody explained."""
    for name in tinymlp.__all__:
        assert getattr(tinymlp, name).__doc__, name


def test_the_map_names_every_module():
    """Catches: a module that the package's docstring forgot."""
    for name in ORDER[:-2]:
        if name not in ("backend", "kernels.on_cpu", "kernels.fused"):
            assert re.search(rf"^    .*\b{name}\b", tinymlp.__doc__, re.M), name
