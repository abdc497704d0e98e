"""The command as a process: signals, closed and full streams, workers without a parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinymlp import MLP
from tinymlp.system.signals import is_the_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and streams of POSIX")
LONG = ["fit", "sine", "--samples", "2000", "--epochs", "1000000"]
SHORT = ["fit", "sine", "--samples", "50", "--epochs", "2"]


def command(words, **options):
    return subprocess.Popen([sys.executable, "-m", "tinymlp", *words], text=True, **options)


def wait_for(condition, process):
    """Until it holds; not for good, and not for a process that has ended."""
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("it took a minute")


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_keeps_the_network(tmp_path, name, status):
    """Catches: SIGTERM that ends the process at once; an exit code that says Ctrl-C for all."""
    log = tmp_path / "log"
    with open(log, "w") as err:
        process = command([*LONG, "--out", str(tmp_path / "net.npz")], stdout=subprocess.PIPE, stderr=err)
        try:
            wait_for(lambda: len(log.read_text().splitlines()) > 2, process)  # the bar has moved
            process.send_signal(getattr(signal, name))
            out, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == status
    assert "saved the network" in out
    assert "Traceback" not in log.read_text()
    assert "training was interrupted after" in log.read_text()
    assert np.isfinite(MLP.load(tmp_path / "net.npz").params).all()


def test_an_ignored_signal_stays_ignored(tmp_path):
    """Catches: nohup without effect."""
    ignored = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    code = (
        "import signal; from tinymlp.system.signals import stops\n"
        "with stops() as stop: signal.raise_signal(signal.SIGHUP)\nprint(stop.number)"
    )
    done = subprocess.run([sys.executable, "-c", code], preexec_fn=ignored, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_handlers_are_given_back():
    """Catches: a command that is called as a function and leaves its handlers in the process."""
    from tinymlp.cli import main

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    assert main(["devices"]) == 0
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize(
    ("redirect", "status"),
    [("> /dev/full", 2), ("2> /dev/full", 0), ("2>&-", 0), ("<&- >&- 2>&-", 2)],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_streams_do_not_cost_the_network(tmp_path, redirect, status):
    """Catches: a network that is printed about before it is saved; a progress bar that stops the training."""
    words = f'"{sys.executable}" -m tinymlp {" ".join(SHORT)} --out net.npz --picture net.png {redirect}'
    done = subprocess.run(words, shell=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == status
    assert MLP.load(tmp_path / "net.npz").sizes == (1, 10, 10, 10, 1)
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["net.npz", "net.png"]


@pytest.mark.parametrize(("words", "unbuffered"), [(SHORT, ""), (SHORT, "1"), (["--help"], ""), (["--help"], "1")])
def test_a_reader_who_goes_away(tmp_path, words, unbuffered):
    """Catches: a traceback, or a network that is lost, because nobody reads standard output."""
    reader, writer = os.pipe()
    os.close(reader)
    options = ["--out", str(tmp_path / "net.npz")] if words is SHORT else []
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    process = command([*words, *options], stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 141 or (words, unbuffered) == (["--help"], "1")  # argparse keeps it to itself
    assert "Error" not in err
    assert bool(options) == (tmp_path / "net.npz").exists()


def test_ctrl_c_while_the_command_loads(tmp_path):
    """Catches: a traceback of half an import. Here NumPy stands for all that loads: it sends the signal itself."""
    (tmp_path / "numpy.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n")
    script = tmp_path / "tinymlp"
    script.write_text("import sys\nfrom tinymlp.cli import main\nsys.exit(main())\n")
    house = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{house}"}
    for words in (["-m", "tinymlp"], [str(script)]):
        done = subprocess.run(
            [sys.executable, *words, "devices"], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
    done = subprocess.run(
        [sys.executable, "-c", "import tinymlp"], env=environment, capture_output=True, text=True, check=False
    )
    assert "KeyboardInterrupt" in done.stderr  # a program of somebody else decides for itself


@pytest.mark.parametrize(
    ("argv", "orig_argv", "answer"),
    [
        (["/bin/tinymlp", "fit"], [], True),
        (["C:\\x\\tinymlp.exe"], [], sys.platform == "win32"),
        (["-m"], ["python", "-m", "tinymlp"], True),
        (["-m"], ["python", "-W", "error", "-m", "tinymlp", "-m"], True),
        (["-m"], ["python", "-m", "mine", "tinymlp"], False),
        (["/home/tinymlp/mine.py"], [], False),
        (["tinymlp.py"], [], False),
        ([""], [], False),
        ([], [], False),
    ],
)
def test_which_process_is_the_command(monkeypatch, argv, orig_argv, answer):
    """Catches: a program that merely imports tinymlp and finds its Ctrl-C changed."""
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert is_the_command() is answer


def relatives(group):
    """The processes of a group, without those that have ended and wait to be asked."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT to all"])
def test_workers_end_with_their_parent(tmp_path, name):
    """Catches: workers that wait for work for good; tracebacks of workers that were just about to start."""
    words = ["article", "--seeds", "1", "--jobs", "2", "--out", str(tmp_path)]
    process = command(words, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: len(relatives(process.pid)) == 4, process)  # itself, two workers, multiprocessing's tracker
    if name == "SIGINT to all":  # as from a keyboard, while the workers load
        os.killpg(process.pid, signal.SIGINT)
    else:
        time.sleep(1.5)
        process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=20)
    assert process.returncode == {"SIGKILL": -9, "SIGTERM": 143, "SIGINT to all": 130}[name]
    for _ in range(100):
        if not relatives(process.pid):
            break
        time.sleep(0.05)
    assert not relatives(process.pid)
    if name != "SIGKILL":
        assert "Traceback" not in err
        assert "interrupted; " in err
