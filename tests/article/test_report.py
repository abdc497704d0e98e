"""The page about the experiments."""

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from support.experiment import SHORT

from tinymlp import detect_segments, extract_segments
from tinymlp.article.experiment import Round, run
from tinymlp.article.report import write_report
from tinymlp.article.study import Study


def test_a_continued_experiment_is_not_trained_twice(tmp_path, monkeypatch):
    """Catches: the network of the first experiment trained again for the second, or another one taken for it."""
    import tinymlp.article.report

    starts = []

    def noted(experiment, seed, start, **options):
        starts.append(start)
        return run(experiment, seed, start=start, **options)

    monkeypatch.setattr(tinymlp.article.report, "run", noted)
    second = replace(SHORT, name="second", continues=SHORT)
    write_report([SHORT, second], tmp_path, seed=3, progress=False)
    assert starts[0] is None
    assert (starts[1].params == run(SHORT, seed=3).net.params).all()
    assert "as short left it" in (tmp_path / "index.html").read_text("utf-8")


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
    assert len(detect_segments(last.net, (-10, 10), points=7)) != len(detect_segments(last.net, (-10, 10), points=300))
    for row, (stage, start, stop, points) in zip(page.rows[1:], shown, strict=True):
        f = extract_segments(stage.net, (start, stop))
        loss = f"{trained.history.losses[stage.epoch - 1]:.4g}" if stage.epoch else "–"
        detected = len(detect_segments(stage.net, (start, stop), points=points))
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


def test_everything_is_escaped(tmp_path):
    """Catches: names, titles and functions that become a part of the page, its ids, its links or its files' paths."""
    wicked = "a/../<script>\"'&$x {y} %41 \n#é"

    def zero(x):
        return 0 * x

    zero.__name__ = wicked
    rounds = (Round("sine", 1, n=50), Round(zero, 1, n=50))
    first = replace(SHORT, name=wicked, title=wicked, question=wicked, rounds=rounds, wide_views=())
    second = replace(first, name=f"{wicked}2", continues=first)
    write_report([first, second], tmp_path / "out", progress=False)
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    page = Page(text)
    assert not page.open
    assert not any("<script" in part for part in (text, *re.findall(r'(?:src|href|id|alt)="([^"]*)"', text)))
    assert f"after 2 epochs, the last on {wicked}" in [row[0] for row in page.rows if row]
    assert f"as {wicked} left it" in [row[0] for row in page.rows if row]
    ids = re.findall(r'<section id="([^"]*)"', text)
    assert ids == re.findall(r'<a href="#([^"]*)"', text)
    assert len(set(ids)) == 2
    assert not any(re.search(r"[\s<>\"'#/]", name) for name in ids)
    files = {unquote(image["src"]) for image in page.images}
    assert files | {"index.html"} == {path.name for path in (tmp_path / "out").iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_claims_are_escaped(tmp_path):
    """Catches: a verdict, a name or a title from a file of results that becomes a part of the page."""
    wicked = "\"><script>'&"
    claim = {**CLAIM, "article": wicked, "measure": wicked, "agrees_if": wicked}
    claim |= {order: verdict(0.1, 2, wicked) for order in ("unshuffled", "shuffled")}
    experiment = {"name": "sine-10", "unshuffled": numbers(0.1, 7), "shuffled": numbers(0.1, 7)}
    study = Study((1, 2), [claim, {**claim, "name": wicked}], [experiment, {**experiment, "name": wicked}], [], 1.0)
    text = write_report([SHORT], tmp_path, study=study, progress=False).read_text("utf-8")
    assert "<script" not in text
    assert not Page(text).open
    assert text.count(escape(wicked)) >= 10


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
    write_report([SHORT], tmp_path, study=Study(tuple(range(8)), [claim], [tried], [], seconds=90.0), progress=False)
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
