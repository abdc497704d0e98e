"""The script of docs/many_machines.md on every executor there is: one table. Those of other libraries are optional."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import counted

from tinymlp import sweep, write_table

DOCS = Path(__file__).parent.parent.parent / "docs" / "many_machines.md"
(SCRIPT,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.S)
SMALL = {"[5, 10, 20]": "[3, 5]", "range(50)": "range(3)", "epochs=20": "epochs=2"}
HEAD = ["width,seed,loss,segments,certified"]


def missing(*packages):
    """Those that cannot be imported."""
    return [package for package in packages if find_spec(package) is None]


def mpiexec():
    """That of the package mpich, beside this Python, or the system's."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


@pytest.fixture
def script(tmp_path):
    """wave.py, with fewer and smaller networks."""
    code = SCRIPT
    for large, small in SMALL.items():
        assert code.count(large) == 1
        code = code.replace(large, small)
    (tmp_path / "wave.py").write_text(code, "utf-8")
    return tmp_path / "wave.py"


def run(script, *words, before=()):
    """Run it in a folder that is empty but for it; returns the table."""
    for old in ("wave.jsonl", "wave.csv"):
        (script.parent / old).unlink(missing_ok=True)
    command = [*before, str(script), *words]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return (script.parent / "wave.csv").read_text("utf-8").splitlines()


@pytest.fixture
def table(script):
    """What it gives in this process."""
    names = {"__name__": "wave"}
    exec(compile(script.read_text("utf-8"), "wave.py", "exec"), names)
    rows = sweep(names["run"], {"width": [3, 5]}, range(3), script.parent / "here.jsonl", progress=False)
    write_table(rows, script.parent / "here.csv")
    return (script.parent / "here.csv").read_text("utf-8").splitlines()


def test_processes(script, table):
    """Catches: a script in the docs that does not run, a table that depends on the processes."""
    assert run(script, "processes", before=[sys.executable]) == table
    assert table[:1] == HEAD
    assert [row.split(",")[:2] for row in table[1:]] == [[w, s] for w in "35" for s in "012"]
    assert all(row.endswith("True") for row in table[1:])


def test_mpi(script, table, need, request):
    """Catches: MPI's workers without run, or with another one; another table."""
    there = not missing("mpi4py") and mpiexec()
    need(request, "--require-executors", there, "MPI needs mpi4py and mpiexec: pip install mpi4py mpich")
    assert run(script, "mpi", before=[mpiexec(), "-n", "3", sys.executable, "-m", "mpi4py.futures"]) == table


def test_loky(tmp_path, need, request):
    """Catches: a function that is sent, not imported, taken for another one; rows lost with a worker of loky."""
    need(request, "--require-executors", not missing("loky"), "loky is not there: pip install loky")
    from loky import get_reusable_executor

    dies_once(
        tmp_path, lambda: get_reusable_executor(max_workers=2), pytest.raises(RuntimeError, match="a worker died")
    )
    get_reusable_executor().shutdown(kill_workers=True)


@pytest.fixture
def cluster(need, request):
    """Two processes of dask on this machine."""
    need(request, "--require-executors", not missing("distributed"), "dask is not there: pip install distributed")
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


@pytest.mark.filterwarnings("default")  # dask's
def test_dask(script, table, cluster):
    """Catches: dask's workers without run, or with another one; another table."""
    assert run(script, cluster.scheduler_address, before=[sys.executable]) == table


@pytest.mark.filterwarnings("default")
def test_dask_goes_on_without_a_worker(tmp_path, cluster):
    """Catches: a sweep that ends with a worker of dask, or that loses its rows."""
    from contextlib import nullcontext

    from distributed import Client

    with Client(cluster) as client:
        dies_once(tmp_path, client.get_executor, nullcontext())


def dies_once(tmp_path, executor, ends):
    """A sweep of which a worker dies gives in the end the table of another; what is in the file is not rerun."""
    (tmp_path / "made").mkdir()
    grid, out = {"width": [2, 3], "folder": [str(tmp_path / "made")]}, tmp_path / "rows.jsonl"
    with ends:
        sweep(counted.deadly, grid, range(10), out, executor=executor(), progress=False)
    kept, before = out.read_bytes(), len(counted.made(tmp_path / "made"))
    assert (tmp_path / "made" / "died").exists()
    rows = sweep(counted.deadly, grid, range(10), out, executor=executor(), progress=False)
    assert len(counted.made(tmp_path / "made")) - before == 20 - kept.count(b"\n")
    assert out.read_bytes().startswith(kept)
    assert rows == sweep(counted.deadly, grid, range(10), tmp_path / "again.jsonl", progress=False)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_mpi_killed_and_run_again(tmp_path, need, request):
    """Catches: rows that are lost when MPI ends all its processes because one died."""
    there = not missing("mpi4py") and mpiexec()
    need(request, "--require-executors", there, "MPI needs mpi4py and mpiexec: pip install mpi4py mpich")
    (tmp_path / "made").mkdir()
    folder = Path(counted.__file__).parent
    (tmp_path / "deadly.py").write_text(
        f"""
import sys
sys.path.insert(0, {str(folder)!r})
import counted, tinymlp
from mpi4py.futures import MPIPoolExecutor
if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        grid = {{"width": [2, 3], "folder": [{str(tmp_path / "made")!r}]}}
        tinymlp.sweep(counted.deadly, grid, range(10), {str(tmp_path / "rows.jsonl")!r}, executor=executor)
"""
    )
    command = [mpiexec(), "-n", "3", sys.executable, "-m", "mpi4py.futures", str(tmp_path / "deadly.py")]
    died = subprocess.run(command, capture_output=True, timeout=100)
    assert died.returncode != 0
    assert (tmp_path / "made" / "died").exists()
    kept = (tmp_path / "rows.jsonl").read_bytes()
    before = len(counted.made(tmp_path / "made"))
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    assert kept.count(b"\n") >= 3
    assert (tmp_path / "rows.jsonl").read_bytes().startswith(kept)
    assert len(counted.made(tmp_path / "made")) - before == 20 - kept.count(b"\n")


def test_parquet_and_pandas(tmp_path, need, request):
    """Catches: columns of Parquet that are not those of the rows; a table that pandas reads otherwise."""
    packages = ("pyarrow", "pandas")
    need(request, "--require-executors", not missing(*packages), f"{missing(*packages)} are not there")
    import pandas as pd

    rows = [{"a": 1, "b": 0.1 + 0.2, "c": [1, 2]}, {"a": 2, "b": None, "d": "x"}]
    write_table(rows, tmp_path / "rows.parquet")
    read = pd.read_parquet(tmp_path / "rows.parquet")
    assert list(read.columns) == ["a", "b", "c", "d"]
    assert read["b"][0] == 0.1 + 0.2
    assert list(read["c"][0]) == [1, 2]
    assert read["d"][1] == "x"
    write_table(rows, tmp_path / "rows.csv")
    assert pd.read_csv(tmp_path / "rows.csv")["b"][0] == pytest.approx(0.1 + 0.2, rel=1e-15)
    assert pd.isna(read["b"][1])
