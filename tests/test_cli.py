"""The command, as a person types it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tinymlp
from tinymlp import MLP, extract_segments, sample, train
from tinymlp.cli import main


@pytest.fixture
def saved(tmp_path):
    """A hat on a slope: a cancelled boundary at 3."""
    net = MLP.from_weights(
        [[[1], [1], [1], [1], [1]], [[1, -2, 1, 1, -1]]], [[1, 0, -1, -3, -3], [0.5]], negative_slope=0.0
    )
    net.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_help_names_the_commands(capsys):
    """Catches: a command that help does not show."""
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("article", "fit", "segments"))
    for name in ("article", "fit", "segments"):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert "default" in capsys.readouterr().out or name == "segments"


def test_python_m_tinymlp():
    """Catches: a missing __main__, or a version that cannot be found."""
    out = subprocess.run([sys.executable, "-m", "tinymlp", "--version"], capture_output=True, text=True, check=True)
    assert out.stdout == f"tinymlp {tinymlp.__version__}\n"


def test_segments_table(saved, capsys):
    """Catches: a table out of step with the segments."""
    assert main(["segments", str(saved), "--interval", "-2", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4 + 1 + 1
    assert lines[2].split() == ["1", "-1", "0", "1", "1.5", "-2", "0:1"]
    assert lines[4].split() == ["3", "1", "5", "0", "0.5"]
    assert lines[5] == "no breakpoint at 3, where 0:3 0:4 switch: cancelled"
    assert lines[-1] == "4 segments, 4 boundaries"


def test_segments_json(saved, capsys):
    """Catches: JSON that is none (Infinity), or that rounds."""
    assert main(["segments", str(saved), "--json"]) == 0
    out = json.loads(capsys.readouterr().out, parse_constant=lambda s: pytest.fail(f"{s} is no JSON"))
    f = extract_segments(MLP.load(saved))
    assert out["segments"][0] == {"start": None, "stop": -1.0, "slope": 0.0, "intercept": 0.5}
    assert [s["slope"] for s in out["segments"]] == f.slopes.tolist()
    assert out == f.to_dict()
    assert out["boundaries"][-1]["owners"] == [[0, 3], [0, 4]]
    assert out["boundaries"][-1]["label"] == "cancelled"


def test_fit(tmp_path, capsys):
    """Catches: options that do not reach the network or the training."""
    net, picture = tmp_path / "net.npz", tmp_path / "net.png"
    words = (
        "fit sine --width 7 --depth 2 --epochs 12 --samples 300 --batch-size 50 --interval -2 3 --negative-slope 0.1"
    )
    assert main([*words.split(), "--seed", "4", "--out", str(net), "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    trained = MLP.load(net)
    assert (trained.sizes, trained.negative_slope) == ((1, 7, 7, 1), 0.1)
    same = MLP([1, 7, 7, 1], negative_slope=0.1, seed=4)
    train(same, sample("sine", (-2, 3), n=300), 12, batch_size=50, seed=4)
    assert (trained.params == same.params).all()
    f = extract_segments(trained, (-2, 3))
    assert f"{len(f)} segments and {len(f.boundaries)} boundaries on (-2, 3)" in out
    assert "epoch    12" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_fit_shuffles_unless_told_not_to(tmp_path):
    """Catches: --no-shuffle without effect."""
    for name, option in (("a", []), ("b", ["--no-shuffle"])):
        main(
            [
                "fit",
                "sine",
                "--epochs",
                "1",
                "--samples",
                "300",
                "--batch-size",
                "50",
                "--out",
                str(tmp_path / name),
                *option,
            ]
        )
    assert (MLP.load(tmp_path / "a").params != MLP.load(tmp_path / "b").params).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "sinus"], "tinymlp fit: function is 'sinus'"),
        (["fit", "log"], "tinymlp fit: log is nan at x = -5.0"),
        (["fit", "exp", "--interval", "3", "2"], "tinymlp fit: interval is (3.0, 2.0)"),
        (["fit", "exp", "--width", "0"], "tinymlp fit: sizes is"),
        (["fit", "exp", "--depth", "-1"], "tinymlp fit: depth is -1"),
        (["fit", "exp", "--delta", "2"], "tinymlp fit: delta is 2.0, and loss is 'mse', which has none"),
        (["fit", "exp", "--loss", "huber", "--delta", "0"], "tinymlp fit: delta is 0.0: give a number > 0"),
        (["fit", "exp", "--out", "no/such/folder/net.npz"], "tinymlp fit: there is no folder"),
        (["fit", "exp", "--out", "."], "tinymlp fit: . is a folder: give the name of a file in it"),
        (["fit", "exp", "--picture", "/"], "tinymlp fit: / is a folder: give the name of a file in it"),
        (["fit", "exp", "--out", "a.png", "--picture", "a.png"], "tinymlp fit: --out and --picture are both a.png"),
        (["article", "--out", __file__], f"tinymlp article: {__file__} is a file: give the name of a folder"),
        (["fit", "exp", "--picture", "net.foo"], "tinymlp fit: --picture is net.foo: give it an ending out of "),
        (["fit", "exp", "--picture", "net"], "tinymlp fit: --picture is net: give it an ending out of "),
        (["article", "--only", "exp,sine"], "tinymlp article: there is no experiment sine: give some of exp, snapping"),
        (["article", "--only", "exp", "--seeds", "3"], "tinymlp article: --seeds judges claims about all experiments"),
        (["article", "--jobs", "3"], "tinymlp article: --jobs is for the networks of --seeds: give both"),
        (["article", "--dask", "tcp://x:1"], "tinymlp article: --dask is for the networks of --seeds: give both"),
        (
            ["article", "--dask", "tcp://x:1", "--seeds", "3", "--jobs", "2"],
            "tinymlp article: --dask has workers of its",
        ),
        (["segments", "missing.npz"], "tinymlp segments: [Errno 2] No such file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, message, capsys):
    """Catches: a traceback for a typing mistake."""
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert len(err.splitlines()) == 1


def test_dask_that_is_not_installed(monkeypatch, capsys, tmp_path):
    """Catches: a traceback in place of the line that installs it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["article", "--seeds", "1", "--dask", "tcp://x:1", "--out", str(tmp_path)]) == 2
    assert "pip install 'tinymlp-microscope[dask]'" in capsys.readouterr().err


def test_fit_with_hubers_loss(capsys):
    """Catches: options that never reach train."""
    losses = []
    for options in ([], ["--loss", "huber"], ["--loss", "huber", "--delta", "0.01"]):
        assert main(["fit", "sine", "--samples", "200", "--epochs", "1", *options]) == 0
        losses.append(float(capsys.readouterr().out.split()[3]))
    assert losses[0] > 1.9 * losses[1] > 20 * losses[2]


@pytest.mark.parametrize(("options", "status"), [(["--lr", "1e30"], 1), (["--epochs", "1000000"], 130)])
def test_fit_that_stops_early_keeps_what_was_learnt(tmp_path, monkeypatch, capsys, options, status):
    """Catches: a network lost because training diverged or somebody pressed Ctrl-C."""
    import tinymlp.cli

    def interrupted(*args, **kwargs):
        return train(*args, callback=lambda epoch, *_: signal.raise_signal(signal.SIGINT), **kwargs)

    monkeypatch.setattr(tinymlp.cli, "train", interrupted if status == 130 else train)
    net = tmp_path / "net.npz"
    assert main(["fit", "sine", "--samples", "50", "--out", str(net), *options]) == status
    streams = capsys.readouterr()
    assert np.isfinite(MLP.load(net).params).all()
    assert "saved the network" in streams.out
    assert "interrupted after 1 epochs" in streams.err or "in epoch" in streams.err


def test_article(tmp_path, monkeypatch, capsys):
    """Catches: --out or --seed without effect."""
    import tinymlp.article.experiments
    from tinymlp.article.experiment import Experiment, Round, View

    tiny = Experiment("tiny", "Tiny", "Why?", (Round("exp", 1, n=50),), View((0, 1)), sizes=(1, 2, 1))
    monkeypatch.setattr(tinymlp.article.experiments, "EXPERIMENTS", (tiny,))
    assert main(["article", "--out", str(tmp_path / "deep" / "page"), "--seed", "7"]) == 0
    assert "wrote" in capsys.readouterr().out
    assert "seed 7" in (tmp_path / "deep" / "page" / "index.html").read_text("utf-8")


def test_article_with_seeds(tmp_path, monkeypatch, capsys):
    """Catches: processes that cannot run the jobs, --seed without effect on them, claims that are not on the page."""
    import tinymlp.article.experiments
    from tinymlp.article.claims import CLAIMS
    from tinymlp.article.experiment import Experiment, Round, View

    tiny = Experiment("tiny", "Tiny", "Why?", (Round("exp", 1, n=50),), View((0, 1)), sizes=(1, 2, 1))
    monkeypatch.setattr(tinymlp.article.experiments, "EXPERIMENTS", (tiny,))  # here, not in the processes of the study
    assert main(["article", "--out", str(tmp_path), "--seed", "7", "--seeds", "1", "--jobs", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    claims = json.loads((tmp_path / "claims.json").read_text("utf-8"))
    assert [c["name"] for c in claims] == [c.name for c in CLAIMS]
    keys = {"median", "quartiles", "agree", "seeds", "verdict"}
    assert all(set(c) == {"name", "article", "measure", "agrees_if", "unshuffled", "shuffled"} for c in claims)
    assert all(set(c[order]) == keys and c[order]["seeds"] == 1 for c in claims for order in ("unshuffled", "shuffled"))
    assert sorted(path.name for path in (tmp_path / "seeds").iterdir()) == ["7-shuffled.json", "7-unshuffled.json"]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert all(f'id="claim-{c.name}"' in page for c in CLAIMS)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send to another process")
def test_ctrl_c_ends_the_processes_and_keeps_what_is_done(tmp_path):
    """Catches: tracebacks of many processes, processes that live on, results that are lost."""
    command = [sys.executable, "-m", "tinymlp", "article", "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob("seeds/*.json")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)  # a network takes longer
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("tinymlp article: interrupted; ")
    assert "Traceback" not in err
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == ["0-unshuffled.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="there a pipe that nobody reads is no BrokenPipeError")
@pytest.mark.parametrize("units", [3, 3000])
def test_a_reader_who_goes_away(tmp_path, units):
    """Catches: a message or a traceback under `tinymlp segments net.npz | head -1`, at the first line or at exit."""
    MLP([1, units, 1]).save(tmp_path / "net.npz")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tinymlp", "segments", str(tmp_path / "net.npz")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("start", "stop"), [("-inf", "0"), ("-1e3", "-.5"), ("-2", "1e1")])
def test_negative_ends(saved, capsys, start, stop):
    """Catches: -inf and -1e3 taken for options."""
    assert main(["segments", str(saved), "--interval", start, stop]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[1].split()[1]) == float(start)
    assert any(line.split()[2] == f"{float(stop):g}" for line in lines[1:-1])


def test_bad_seed_is_named(capsys):
    """Catches: an error that names no argument."""
    with pytest.raises(SystemExit) as stop:
        main(["fit", "exp", "--seed", "-1"])
    assert stop.value.code == 2
    assert "argument --seed: '-1' is no seed: give an integer >= 0" in capsys.readouterr().err


def test_bad_count_is_named(capsys):
    """Catches: no networks, or half a process."""
    for words in (["--seeds", "0"], ["--seeds", "2", "--jobs", "0.5"]):
        with pytest.raises(SystemExit) as stop:
            main(["article", *words])
        assert stop.value.code == 2
        assert "is no count: give an integer >= 1" in capsys.readouterr().err


def test_whole_line_is_the_default(saved, capsys):
    """Catches: an interval that is silently the training interval."""
    main(["segments", str(saved)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[1] == "-inf"
    assert lines[4].split()[2] == "inf"


def test_segments_of_other_files(tmp_path, capsys):
    """Catches: a suffix that is not looked at; an error of a reader that is no line of words."""
    net = MLP([1, 3, 1], seed=1)
    net.save(tmp_path / "net.npz")
    (tmp_path / "net.json").write_text(net.to_json())
    (tmp_path / "net.nnet").write_text("x")
    printed = []
    for name in ("net.npz", "net.json"):
        assert main(["segments", str(tmp_path / name)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert main(["segments", str(tmp_path / "net.nnet")]) == 2
    assert "net.nnet is no .nnet file" in capsys.readouterr().err
