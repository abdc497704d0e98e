"""The order of the house: imports go one way, and heavy libraries load only where they are used."""

import ast
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tinymlp

HOUSE = Path(tinymlp.__file__).parent
PATHS = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in sorted(HOUSE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in PATHS.items()}  # "gpu.kernels", "gpu.__init__"
ROOMS = [name for name in PATHS if not name.endswith("__")]


def rooms_on_the_map(docstring):
    """The words before the two blanks of each line of a map."""
    lines = re.findall(r"^ *(\w+(?:, \w+)*)  +\S", docstring, re.M)
    return [room for line in lines for room in line.split(", ")]


MAP = [*rooms_on_the_map(tinymlp.__doc__), "__main__", "__init__"]


def imports(name):
    """Each import of a module: (whether it is one of ours, its full name)."""
    folder = name.split(".")[:-1]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                if alias.name == "__version__":  # it stands at the front door, for everyone
                    continue
                full = f"{base}.{alias.name}".strip(".")
                ours = full if full in PATHS or f"{full}.__init__" in PATHS else base or "__init__"
                yield (True, ours) if node.level else (False, base)
        elif isinstance(node, ast.Import):
            yield from ((False, alias.name) for alias in node.names)


@pytest.mark.parametrize("name", PATHS)
def test_imports_point_one_way(name):
    """Catches: a module that imports from a wing after its own."""
    for ours, module in imports(name):
        if ours:
            assert MAP.index(module.split(".")[0]) <= MAP.index(name.split(".")[0]), f"{name} imports {module}"


@pytest.mark.parametrize("name", PATHS)
def test_heavy_libraries_have_one_door(name):
    """Catches: matplotlib outside plot, CuPy outside devices, which hands it to all others; a bar that may raise."""
    for ours, module in imports(name):
        library = module.split(".")[0]
        assert ours or library != "matplotlib" or name == "plot"
        assert ours or library not in ("cupy", "cupyx") or name == "devices"
        assert ours or library != "tqdm" or name == "system.progress"


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


@pytest.mark.parametrize("name", PATHS)
def test_nothing_shows_a_window(name):
    """Catches: a call of show(), which blocks scripts and tests."""
    calls = [n.func for n in ast.walk(TREES[name]) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Attribute) and f.attr == "show"]


@pytest.mark.parametrize("name", ROOMS)
def test_every_module_says_what_is_public(name):
    """Catches: a module without __all__, a name in it that is gone, a module that a function hides."""
    module = import_module(f"tinymlp.{name}")
    assert all(hasattr(module, public) for public in module.__all__)
    folder, _, room = f"tinymlp.{name}".rpartition(".")
    assert getattr(import_module(folder), room) is module


def test_public_names_have_docstrings():
    """Catches: a name in __all__ that is gone, or that nobody explained."""
    for name in tinymlp.__all__:
        assert getattr(tinymlp, name).__doc__, name


@pytest.mark.parametrize(
    "folder", ["", *(name.removesuffix(".__init__") for name in PATHS if name.endswith(".__init__"))]
)
def test_each_map_names_its_rooms(folder):
    """Catches: a module that the docstring of its folder forgot, or one that is gone; a folder that hands names on."""
    inside = [n for n in [*ROOMS, *PATHS] if n.rpartition(".")[0] == folder and not n.endswith("__")]
    folders = {n.split(".")[0] for n in PATHS if "." in n} if not folder else set()
    assert (
        set(rooms_on_the_map(ast.get_docstring(TREES[f"{folder}.__init__".strip(".")])))
        == {n.split(".")[-1] for n in inside} | folders
    )
    assert not folder or len(TREES[f"{folder}.__init__"].body) == 1


def test_the_readme_has_the_same_wings():
    """Catches: a wing that the README's table forgot, or has in another order."""
    readme = (HOUSE.parent / "README.md").read_text("utf-8")
    table = re.search(r"\| where \|.*?\n\n", readme, re.S)[0]
    firsts = [re.sub(r"\[(\w+)\]\([^)]*\)", r"\1", row.split("|")[1]) for row in table.splitlines()[2:] if row]
    assert [room.strip() for first in firsts for room in first.split(",")] == MAP[:-2]
