"""What cannot fit is refused at once, by its number."""

import subprocess
import sys
import tracemalloc

import pytest

from tinymlp import MLP, Ensemble, detect_segments, sample, train
from tinymlp.article.study import study
from tinymlp.cli import main
from tinymlp.system.memory import check_memory, memory_limit


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MLP([1, 10**9, 1]), r"sizes is \[1, 1000000000, 1\]: that needs about 28 GB"),
        (lambda: MLP([1, 10**6, 10**6, 1]), r"sizes is .*: that needs about 12,000 GB of memory"),
        (lambda: Ensemble([1, 10, 1], range(10**12)), "seeds is range.*: that needs about 248,000 GB"),
        (lambda: sample("sine", n=10**13), "n is 10000000000000: that needs about 400,000 GB"),
        (lambda: detect_segments(MLP([1, 1]), (0, 1), points=10**13), "points is 10000000000000: that needs"),
        (lambda: study(range(10**12), "nowhere"), "seeds is range.*: that needs"),
        (
            lambda: train(MLP([1, 1]), sample("sine", n=9), 10**12, snapshots=range(10**12)),
            "snapshots is range.*: that needs",
        ),
    ],
)
def test_what_cannot_fit_is_refused(monkeypatch, make, said):
    """Catches: a size that is tried, so that the machine swaps or ends the process; an estimate that is off."""
    monkeypatch.setattr("tinymlp.system.memory._built_in", lambda: 8e9)
    tracemalloc.start()
    with pytest.raises(ValueError, match=said):
        make()
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_the_estimate_of_samples_is_honest():
    """Catches: an estimate that would refuse what fits, or grant twice what does."""
    tracemalloc.start()
    sample("sine", n=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.6 * peak < 40e6 < 1.7 * peak


def test_limits_of_this_process_count():
    """Catches: ulimit -v ignored; a limit that refuses what is there."""
    built_in = memory_limit()
    assert 2**28 < built_in < float("inf")
    resource = pytest.importorskip("resource")
    code = "from tinymlp.system.memory import memory_limit; print(memory_limit())"
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))  # noqa: E731
    out = subprocess.run([sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, check=True)
    assert float(out.stdout) == 2e9
    check_memory("n", 3, built_in)
    with pytest.raises(ValueError, match=r"n is 3: that needs about .* GB of memory, and this process can have .* GB"):
        check_memory("n", 3, built_in + 1)


@pytest.mark.parametrize("words", [["--samples", str(10**13)], ["--width", str(10**9)], ["--depth", str(10**13)]])
def test_the_command_refuses(capsys, words):
    """Catches: a traceback, or an attempt."""
    assert main(["fit", "sine", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "GB of memory" in line


def test_memory_that_runs_out_is_one_line(monkeypatch, capsys):
    """Catches: a traceback for what no estimate foresaw."""

    def out(*args, **options):
        raise MemoryError("Unable to allocate 7 GiB")

    monkeypatch.setattr("tinymlp.cli.train", out)
    assert main(["fit", "sine"]) == 2
    assert capsys.readouterr().err == "tinymlp fit: there is not enough memory: Unable to allocate 7 GiB\n"


def test_many_seeds_share_the_data():
    """Catches: samples, or batches of them, that are copied for each network; only its order is each one's own."""
    n, networks, data = 20_000, 64, sample("sine", n=20_000)
    peaks = []
    for seeds in (None, range(networks)):
        nets = Ensemble([1, 2, 1], range(networks))
        tracemalloc.start()
        train(nets, data, 1, seeds=seeds, batch_size=n // 2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    orders = 4 * n * networks
    assert peaks[1] - peaks[0] < 1.1 * orders
