"""The article's experiments, and the page about them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tinymlp import MLP, detect_segments, extract_segments, sample, train
from tinymlp.article.experiment import Experiment, Round, View, run, run_ensemble
from tinymlp.article.experiments import EXPERIMENTS, chosen
from tinymlp.article.report import write_report
from tinymlp.article.study import Study

SHORT = Experiment(
    "short",
    "A <short> one",
    "What & why?",
    rounds=(Round("exp", 2), Round("sine", 3, lr=0.001, n=500)),
    view=View((-2, 5)),
    wide_views=(View((-10, 10), points=7),),
    sizes=(1, 5, 1),
)


def test_the_first_experiment_has_wide_views():
    """Catches: other wide pictures than the article's."""
    assert [v.interval for v in EXPERIMENTS[0].wide_views] == [(-10, 10), (-20, 20)]


def test_the_articles_settings():
    """Catches: a slip in any experiment; this table was written from the article's settings, not from the code."""
    ten, wide = (1, 10, 10, 10, 1), (1, 30, 30, 30, 1)
    five, near, far = (-5, 5), (-10, 10), (5, 15)
    pole = [("shifted_inverse", 15, 0.01)] * 3 + [("shifted_inverse", 100, 0.003)] * 3
    step = [("step", 30, 0.01)] * 6 + [("shifted_step", 15, 0.01)] * 3 + [("shifted_step", 100, 0.003)] * 3
    turns = [("step", 200, 0.01), ("shifted_step", 200, 0.01)] * 4
    transfer = [("exp", 180, 0.01)] + [("exp_neg", 30, 0.01)] * 6
    table = {
        "exp": ([("exp", 30, 0.01)] * 4 + [("exp", 60, 0.001)] * 3, ten, five, 10_000, (-2, 5), 0, None),
        "snapping": ([("exp", 5, 0.01)] * 8, ten, five, 10_000, (-2, 7), 0, None),
        "inverse": ([("inverse", 30, 0.01)] * 6, ten, five, 10_001, five, 0, None),
        "shifted-inverse": (pole, ten, five, 10_001, (-3, 7), 0, "inverse"),
        "sine-5": ([("sine", 15, 0.01)] * 6, ten, five, 10_000, five, 0, None),
        "sine-10": ([("sine", 15, 0.01)] * 6, ten, near, 10_000, near, 0, None),
        "sine-10-wide": ([("sine", 30, 0.01)] * 6, wide, near, 10_000, near, 0, None),
        "sine-shift": ([("sine", 30, 0.01)] * 6, wide, far, 10_000, near, 0, "sine-10-wide"),
        "transfer": (transfer, ten, five, 10_000, five, 0, None),
        "transfer-leaky": (transfer, ten, five, 10_000, five, 0.01, None),
        "inverse-leaky": ([("inverse", 30, 0.01)] * 6, ten, five, 10_001, five, 0.01, None),
        "shifted-inverse-leaky": (pole, ten, five, 10_001, (-3, 7), 0.01, "inverse-leaky"),
        "step": (step, ten, five, 10_000, (-3, 7), 0, None),
        "step-alternate": (turns, ten, five, 10_000, (-3, 7), 0, None),
        "step-alternate-leaky": (turns, ten, five, 10_000, (-3, 7), 0.01, None),
    }
    assert [e.name for e in EXPERIMENTS] == list(table)
    for e in EXPERIMENTS:
        (intervals,), (counts,) = {r.interval for r in e.rounds}, {r.n for r in e.rounds}
        rounds = [(r.function, r.epochs, r.lr) for r in e.rounds]
        before = e.continues and e.continues.name
        assert (rounds, e.sizes, intervals, counts, e.view.interval, e.negative_slope, before) == table[e.name], e.name
        assert (e.batch_size, e.shuffle) == (1280, False)
        assert {v.points for v in e.wide_views} <= {600 if e.name == "snapping" else 300}
        assert e.view.points == 300


def test_leaky_batch_size_and_seed_reach_the_training():
    """Catches: a leaky experiment that is not leaky, and settings that stay on paper."""
    odd = replace(SHORT, negative_slope=0.3, batch_size=700, shuffle=True)
    net = MLP([1, 5, 1], negative_slope=0.3, seed=3)
    train(net, sample("exp"), 2, batch_size=700, seed=np.random.default_rng([3, 0]))
    assert (run(odd, seed=3).stages[1].net.params == net.params).all()
    assert run(odd).stages[0].net.negative_slope == 0.3


def test_run_from_a_given_network():
    """Catches: a start that is ignored, changed, or that loses to the experiment this one continues."""
    start = MLP([1, 5, 1], seed=9)
    kept = start.copy()
    trained = run(replace(SHORT, continues=SHORT), 3, start)
    assert (start.params == kept.params).all()
    assert (trained.stages[0].net.params == kept.params).all()
    train(kept, sample("exp"), 2, shuffle=False)
    assert (trained.stages[1].net.params == kept.params).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_network_of_an_ensemble_goes_its_own_way(shuffle):
    """Catches: one network's order, start or losses given to another; a generation's order used twice."""
    first = replace(SHORT, shuffle=shuffle)
    second = replace(first, continues=first)
    together = run_ensemble(second, (3, 8))
    assert [stage.shape for stage in together.stages] == 3 * [(2, 16)]
    for k, seed in enumerate((3, 8)):
        alone, one = run(second, seed), together[k]
        assert (one.experiment, one.seed) == (second, seed)
        for a, b in zip(alone.stages, one.stages, strict=True):
            assert (a.epoch, a.round) == (b.epoch, b.round)
            assert (a.net.params == b.net.params).all()
        assert (one.history.losses == alone.history.losses).all()
        assert (one.history.article_losses == alone.history.article_losses).all()
    assert (together[0].net.params != together[1].net.params).any()


def test_progress_is_told_round_by_round():
    """Catches: a bar that runs past its end, by totals told for epochs."""
    told = []
    run(SHORT, after_round=told.append)
    assert told == [2, 3]


def test_a_continued_experiment_is_not_trained_twice(tmp_path, monkeypatch):
    """Catches: the network of the first experiment trained anew for the second, or another one taken for it."""
    import tinymlp.article.report

    starts = []

    def noted(experiment, seed, start, *others):
        starts.append(start)
        return run(experiment, seed, start, *others)

    monkeypatch.setattr(tinymlp.article.report, "run", noted)
    second = replace(SHORT, name="second", continues=SHORT)
    write_report([SHORT, second], tmp_path, seed=3, progress=False)
    assert starts[0] is None
    assert (starts[1].params == run(SHORT, seed=3).net.params).all()
    assert "as short left it" in (tmp_path / "index.html").read_text("utf-8")


def test_shuffled_rounds_have_orders_of_their_own():
    """Catches: every round in the order of the first."""
    twice = replace(SHORT, rounds=(Round("exp", 1), Round("exp", 1)), shuffle=True)
    net = MLP(SHORT.sizes, seed=3)
    for generation in range(2):
        orders = np.random.default_rng([3, generation])  # an experiment that continues another has its own, too
        for _ in range(2):
            train(net, sample("exp"), 1, seed=orders)
        after = run(twice if generation == 0 else replace(twice, continues=twice), 3).net
        assert (after.params == net.params).all()


def test_last_samples():
    """Catches: the samples of the first round taken for those of the last."""
    trained = run(SHORT)
    assert len(trained.data) == 500
    assert (trained.data.y == np.sin(trained.data.x)).all()
    assert trained.net is trained.stages[-1].net


def test_an_experiment_goes_on_with_the_network_of_another():
    """Catches: a fresh network where the article went on, or another seed's."""
    first = replace(SHORT, name="first")
    second = replace(SHORT, name="second", continues=first)
    assert (run(second, seed=3).stages[0].net.params == run(first, seed=3).stages[-1].net.params).all()


def test_chosen():
    """Catches: a mistyped name passed over in silence."""
    assert [e.name for e in chosen("transfer, exp")] == ["exp", "transfer"]
    assert chosen(None) == list(EXPERIMENTS)
    with pytest.raises(ValueError, match="there is no experiment cosine, tan: give some of exp, snapping"):
        chosen("exp,tan,cosine")


def test_run_is_training_round_by_round():
    """Catches: stages that share parameters, a round left out, an Adam that outlives its round, shuffling."""
    trained = run(SHORT, seed=3)
    net = MLP([1, 5, 1], seed=3)
    assert [stage.epoch for stage in trained.stages] == [0, 2, 5]
    assert [stage.round.function for stage in trained.stages] == ["exp", "exp", "sine"]
    assert (trained.stages[0].net.params == net.params).all()
    first = train(net, sample("exp"), 2, lr=0.01, shuffle=False)
    assert (trained.stages[1].net.params == net.params).all()
    second = train(net, sample("sine", n=500), 3, lr=0.001, shuffle=False)
    assert (trained.stages[2].net.params == net.params).all()
    assert (trained.history.losses == np.concatenate([first.losses, second.losses])).all()


class Page(HTMLParser):
    """Rows of the table, picture files, and whether every element that opens also closes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.images, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("img", "meta"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data.strip())


def test_the_page(tmp_path):
    """Catches: counts that are not those of the networks shown, missing pictures, anything fetched from elsewhere."""
    page_path = write_report([SHORT], tmp_path / "out", seed=3, progress=False)
    assert page_path == tmp_path / "out" / "index.html"
    text = page_path.read_text("utf-8")
    page = Page(text)
    assert not page.open
    assert "A &lt;short&gt; one" in text
    assert "What &amp; why?" in text
    assert not re.search(r"https?:|src=\"/|\$", text)

    trained = run(SHORT, seed=3)
    last = trained.stages[-1]
    shown = [(stage, -2, 5, 300) for stage in trained.stages] + [(last, -10, 10, 7)]
    contents, page.rows = page.rows[:2], page.rows[2:]
    _, _, loss, *counts = page.rows[-2]  # the last stage, before the wide view
    assert contents[1][:-1] == [loss, *counts]
    assert re.fullmatch(r"[0-9.]+ s \+ [0-9.]+ s", contents[1][-1])
    assert len(page.rows) == 1 + len(shown)
    assert detect_segments(last.net, -10, 10, 7).count != detect_segments(last.net, -10, 10, 300).count
    for row, (stage, start, stop, points) in zip(page.rows[1:], shown, strict=True):
        f = extract_segments(stage.net, start, stop)
        loss = f"{trained.history.losses[stage.epoch - 1]:.4g}" if stage.epoch else "–"
        detected = detect_segments(stage.net, start, stop, points).count
        assert row[1:] == [f"({start}, {stop})", loss, str(len(f)), str(len(f.boundaries)), str(detected)]

    assert "2 epochs on exp, 10000 samples on (-5, 5), lr 0.01; 1 × 3 epochs on sine, 500 samples" in text
    assert "Sizes [1, 5, 1]; unshuffled batches of 1280; a fresh Adam each round; seed 3." in text
    for number in (trained.history.losses[-1], trained.history.article_losses[-1]):
        assert f"{number:.4g}" in text.split("Mean squared error over the samples")[1]
    assert len(page.images) == 2 * (len(shown) + 1)
    for image in page.images[:-2]:
        assert ("detector" in image["src"]) == ("as the detector sees them" in image["alt"])
    assert len({image["src"] for image in page.images}) == len(page.images)
    for image in page.images:
        assert image["alt"]
        data = (tmp_path / "out" / image["src"]).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert 5_000 < len(data) < 150_000


def verdict(median, agree, words):
    return {"median": median, "quartiles": [median - 1, median + 1], "agree": agree, "seeds": 8, "verdict": words}


def numbers(error, segments):
    medians = {"mean_squared_error": error, "segments": segments}
    return {key: {"median": median, "quartiles": [-1e-7, 999.7]} for key, median in medians.items()}


CLAIM = {
    "name": "sine-10-exhausts",
    "article": "It is <exhausted>.",
    "measure": "error & more",
    "agrees_if": "above 0.1",
    "unshuffled": verdict(0.1634, 8, "holds"),
    "shuffled": verdict(-3, 2, "does not hold"),
}


@pytest.mark.parametrize("agree", [2, 8])
def test_the_page_with_claims(tmp_path, agree):
    """Catches: a verdict on the wrong row, orders mixed up, a conclusion that the numbers do not draw."""
    claim = CLAIM | {"shuffled": verdict(-3, agree, "holds" if agree == 8 else "does not hold")}
    tried = {"name": "sine-10", "unshuffled": numbers(0.1634, 33), "shuffled": numbers(0.0026, 31.5)}
    write_report([SHORT], tmp_path, study=Study(tuple(range(8)), [claim], [tried], seconds=90.0), progress=False)
    text = (tmp_path / "index.html").read_text("utf-8")
    page = Page(text)
    assert not page.open
    assert "What it claims, on 8 networks" in text
    assert "(seeds 0 to 7)" in text
    assert "With so few networks" in text
    assert "It is &lt;exhausted&gt;." in text
    assert "Measured: error &amp; more. Agrees if above 0.1." in text
    assert "1.5 minutes, added up" in text
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "unshuffled 0.163 −0.837 … 1.16 8 of 8 holds shuffled −3 −4 … −2" in flat
    assert f"{agree} of 8 {'holds' if agree == 8 else 'does not hold'}" in flat
    assert "sine-10 unshuffled 0.163 0 … 1000 33 0 … 1000 shuffled 0.0026 0 … 1000 31.5 0 … 1000" in flat
    assert "With these batches the median error is 0.163 with 33 segments, and 0 of 8 networks learn it." in flat
    assert f"the median error is 0.0026 with 31.5 segments, and {8 - agree} of 8 networks learn it." in flat
    assert ("not exhausted" in flat) == (agree == 2)
    assert text.count('class="holds"') == 1 + (agree == 8)
    assert text.count("<li>none</li>") == (agree == 8)
    assert text.count("<li>It is &lt;exhausted&gt;.</li>") == (agree == 2)
    assert not re.search(r"https?:|src=\"/|\$", text)


def test_the_page_without_claims(tmp_path):
    """Catches: an empty table."""
    write_report([SHORT], tmp_path, progress=False)
    assert "claims" not in re.sub("<style>.*</style>", "", (tmp_path / "index.html").read_text("utf-8"), flags=re.S)


def test_the_same_seed_gives_the_same_pictures(tmp_path):
    """Catches: anything drawn from global random state or the clock."""
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_report([SHORT], tmp_path / folder, seed=seed, progress=False)
    pictures = [[p.read_bytes() for p in sorted((tmp_path / folder).glob("*.png"))] for folder in "abc"]
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


def test_experiment_names_can_be_files():
    """Catches: two experiments that overwrite each other's pictures."""
    names = [e.name for e in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_experiment_runs(experiment):
    """Catches: an experiment that is written down but cannot be run."""
    trained = run(experiment)
    assert len(trained.stages) == len(experiment.rounds) + 1
    assert len(trained.history) == sum(r.epochs for r in experiment.rounds)
    assert np.isfinite(trained.history.losses).all()
