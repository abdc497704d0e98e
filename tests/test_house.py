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
    "devices",
    "functions",
    "interval",
    "data",
    "network",
    "network.parameters",
    "network.interop",
    "network.mlp",
    "network.ensemble",
    "gpu",
    "gpu.kernels",
    "gpu.on_cpu",
    "gpu.train_kernel",
    "segments",
    "segments.rounding",
    "segments.regions",
    "segments.float_pass",
    "segments.rational_pass",
    "segments.find_regions",
    "segments.piecewise",
    "segments.labels",
    "segments.ensemble_rounding",
    "segments.ensemble_pass",
    "segments.ensemble_segments",
    "segments.extract",
    "segments.argmax",
    "training",
    "training.backprop",
    "training.optim",
    "training.prefix_sums",
    "training.integrals",
    "training.moments",
    "training.segment_gradient",
    "training.gradients",
    "training.step_by_step",
    "training.fused",
    "training.history",
    "training.train",
    "detector",
    "detector.detect",
    "detector.hats",
    "detector.explanation",
    "detector.crosscheck",
    "plot",
    "article",
    "article.experiment",
    "article.experiments",
    "article.measures",
    "article.claims",
    "article.results",
    "article.study",
    "article.page",
    "article.report",
    "cli",
    "__main__",
    "__init__",
]
PATHS = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in HOUSE.rglob("*.py")}
MODULES = {
    name.removesuffix(".__init__"): ast.parse(path.read_text("utf-8")) for name, path in PATHS.items()
}  # "kernels" for its __init__


def imports(tree, name=""):
    """(the module it comes from, with a leading dot for one of ours; what is imported from it) of every import."""
    package = name.split(".") if PATHS.get(f"{name}.__init__") else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield "." * bool(node.level) + source, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []


def test_every_module_has_a_place():
    """Catches: a new module that the order does not know."""
    assert set(MODULES) == set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    """Catches: a module that reads one after it in the way of the data."""
    for source, names in imports(MODULES[name], name):
        if source.startswith("."):
            for module in [
                full if (full := f"{source}.{n}".strip(".")) in ORDER else source.lstrip(".") for n in names
            ]:
                assert ORDER.index(module) < ORDER.index(name), f"{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_have_one_door(name):
    """Catches: matplotlib outside plot, CuPy outside backend, through which kernels have it, too."""
    for source, _ in imports(MODULES[name]):
        top = source.split(".")[0]
        assert top != "matplotlib" or name == "plot"
        assert top not in ("cupy", "cupyx") or name == "devices"


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


def test_the_maps_name_every_module():
    """Catches: a module that the docstring of its folder forgot."""
    for name in ORDER[:-2]:
        folder, _, module = name.rpartition(".")
        map_ = ast.get_docstring(MODULES[folder or "__init__"])
        assert re.search(rf"\b{module}\b", map_), name
