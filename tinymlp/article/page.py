"""The page that ``tinymlp article`` writes, as HTML: no scripts, nothing from elsewhere, fit to print.

Whatever goes into it is escaped, in `_fill` and `_row`, unless it is `Html` already; names in links are `stem`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from urllib.parse import quote

from ..functions import find_function
from .experiment import Run
from .study import ORDERS, Study

__all__ = ["Html", "Picture", "Section", "counted", "page", "stem"]


class Html(str):
    """Text that is HTML already, and is not escaped again."""


@dataclass(frozen=True)
class Picture:
    """One stage on one interval, drawn twice, with what was counted there."""

    files: tuple[str, str]  # as the detector sees it, as it is
    moment: str
    interval: str
    loss: str
    segments: int
    boundaries: int
    detected: int


@dataclass(frozen=True)
class Section:
    """One experiment on the page."""

    trained: Run
    pictures: list[Picture]  # of the stages in order, then the wide ones
    seconds: tuple[float, float]  # training, drawing


def page(sections: Sequence[Section], seed: int, version: str, study: Study | None = None, device: str = "cpu") -> str:
    """The whole page: contents, the claims if they were studied, and every experiment."""
    skeleton = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
    titles = {s.trained.experiment.name: s.trained.experiment.title for s in sections}
    return _fill(
        skeleton,
        contents=_join(map(_contents_row, sections)),
        claims=_claims(study, titles) if study else "",
        sections=_join(map(_experiment, sections)),
        version=version,
        seed=seed,
        device=device.upper(),
    )


def stem(name: str) -> str:
    """A name as it may be in names of files, in ids and, quoted again, in links: no slash, quote or blank."""
    return quote(name, safe="")


def _fill(template: Template, **values: object) -> Html:
    """A template with these values, escaped but for those that are HTML."""
    return Html(template.substitute({key: _escaped(value) for key, value in values.items()}))


def _escaped(value: object) -> Html:
    return value if isinstance(value, Html) else Html(escape(str(value)))


def _join(parts: Iterable[Html]) -> Html:
    return Html("\n".join(parts))


def counted(n: int, noun: str) -> str:
    """As in "1 segment", "2 boundaries"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s".replace("ys", "ies")


def _row(*cells: object) -> Html:
    return Html("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in cells) + "</tr>")


def _contents_row(s: Section) -> Html:
    e, final = s.trained.experiment, s.pictures[len(s.trained.stages) - 1]
    link = _fill(_LINK, id=stem(e.name), title=e.title)
    return _row(link, final.loss, final.segments, final.boundaries, final.detected, _times(s))


def _times(s: Section) -> str:
    training, drawing = s.seconds
    return f"{training:.1f} s + {drawing:.1f} s"


def _experiment(s: Section) -> Html:
    e, history = s.trained.experiment, s.trained.history
    return _fill(
        _SECTION,
        id=stem(e.name),
        file=quote(stem(e.name)),
        title=e.title,
        question=e.question,
        setting=_setting(s.trained),
        rows=_join(_row(p.moment, p.interval, p.loss, p.segments, p.boundaries, p.detected) for p in s.pictures),
        figures=_join(
            _fill(
                _FIGURE,
                **vars(p),
                detector_file=quote(p.files[0]),
                exact_file=quote(p.files[1]),
                exact=f"{counted(p.segments, 'segment')} exactly, {counted(p.boundaries, 'boundary')}",
            )
            for p in s.pictures
        ),
        final_loss=f"{history.losses[-1]:.4g}",
        article_loss=f"{history.article_losses[-1]:.4g}",
        times=_times(s),
    )


def _setting(trained: Run) -> str:
    """The experiment's settings in a sentence or two, equal neighbouring rounds counted together."""
    e = trained.experiment
    parts = []
    for r, equal in groupby(e.rounds):
        name = find_function(r.function).__name__
        samples = f"{r.n} samples on ({r.interval[0]:g}, {r.interval[1]:g})"
        parts.append(f"{len(list(equal))} × {r.epochs} epochs on {name}, {samples}, lr {r.lr:g}")
    batches = f"{'shuffled' if e.shuffle else 'unshuffled'} batches of {e.batch_size}"
    slope = f", negative slope {e.negative_slope:g}" if e.negative_slope else ""
    return (
        f"Sizes {list(e.sizes)}{slope}; {batches}; a fresh Adam each round; seed {trained.seed}. "
        + "; ".join(parts)
        + "."
    )


def _claims(study: Study, titles: dict[str, str]) -> Html:
    """The verdicts, the numbers of every experiment, and what shuffling did to them."""
    return _fill(
        _CLAIMS,
        networks=counted(len(study.seeds), "network"),
        seeds=f"{min(study.seeds)} to {max(study.seeds)}",
        few="With so few networks the verdicts mean little." if len(study.seeds) < 10 else "",
        minutes=f"{study.seconds / 60:.1f}",
        claims=_join(map(_claim, study.claims)),
        experiments=_join(_numbers(e, titles) for e in study.experiments),
        hidden=_hidden_variable(study),
    )


def _claim(claim: dict) -> Html:
    rows = []
    for order in ORDERS:
        given = claim[order]
        verdict = _fill(_VERDICT, kind=given["verdict"].replace(" ", "-"), verdict=given["verdict"])
        rows.append(_row(order, _spread(given), f"{given['agree']} of {given['seeds']}", verdict))
    words = {key: claim[key] for key in ("article", "measure", "agrees_if")}
    return _fill(_CLAIM, id=stem(claim["name"]), **words, rows=_join(rows))


def _numbers(experiment: dict, titles: dict[str, str]) -> Html:
    name = experiment["name"]
    rows = [
        _row(order, *(_spread(experiment[order][key]) for key in ("mean_squared_error", "segments")))
        for order in ORDERS
    ]
    link = _fill(_LINK, id=stem(name), title=titles.get(name, name))
    return _fill(_NUMBERS, link=link, rows=_join(rows))


def _spread(numbers: dict) -> Html:
    low, high = numbers["quartiles"]
    return _fill(_SPREAD, median=_short(numbers["median"]), low=_short(low), high=_short(high))


def _short(value: float) -> str:
    """Three digits, of what is more than a hundred-thousandth."""
    return f"{float(f'{round(value, 5):.3g}') + 0.0:g}".replace("-", "−")


def _hidden_variable(study: Study) -> Html:
    """What shuffling alone did to the sine on (-10, 10), and to which verdicts."""
    claims, experiments = ({entry["name"]: entry for entry in of} for of in (study.claims, study.experiments))
    exhausts, at_its_end = claims["sine-10-exhausts"], experiments["sine-10"]
    learn = {order: exhausts[order]["seeds"] - exhausts[order]["agree"] for order in ORDERS}
    said = {
        order: f"the median error is {_short(at_its_end[order]['mean_squared_error']['median'])} "
        f"with {_short(at_its_end[order]['segments']['median'])} segments, "
        f"and {learn[order]} of {len(study.seeds)} networks learn it"
        for order in ORDERS
    }
    turned = [c["article"] for c in study.claims if c["unshuffled"]["verdict"] != c["shuffled"]["verdict"]]
    return _fill(
        _HIDDEN,
        **said,
        conclusion=_NOT_EXHAUSTED if exhausts["shuffled"]["verdict"] == "does not hold" else "",
        turned=_join(_fill(_ITEM, words=words) for words in turned or ["none"]),
    )


_LINK = Template('<a href="#$id">$title</a>')
_ITEM = Template("<li>$words</li>")
_VERDICT = Template('<span class="$kind">$verdict</span>')
_SPREAD = Template("$median <small>$low … $high</small>")

_NOT_EXHAUSTED = Html("""<b>So the network was not exhausted</b>: nothing but the order of its samples differs. (What
that does to the gradients, tutorial 9 shows.)""")

_HIDDEN = Template("""
<p>In the article every batch is a slice of the x axis. Take the sine on (−10, 10) at width 10, where it saw its network
exhausted. With these batches $unshuffled. With the same samples shuffled, and as many steps, $shuffled. $conclusion</p>
<p>The claims whose verdict shuffling changes:</p>
<ul>
$turned
</ul>""")

_CLAIM = Template("""
<tbody>
<tr id="claim-$id"><th colspan="4">$article <span>Measured: $measure. Agrees if $agrees_if.</span></th></tr>
$rows
</tbody>""")

_NUMBERS = Template("""
<tbody>
<tr><th colspan="3">$link</th></tr>
$rows
</tbody>""")

_CLAIMS = Template("""
<section id="claims">
<h2>What it claims, on $networks</h2>
<p>The article drew its conclusions from one network each. Here every experiment is run on $networks (seeds $seeds),
which differ in their first weights, and every conclusion has a number: its median and quartiles, how many networks
agree, and a verdict. A claim <i>holds</i> if at least nine tenths agree, and <i>holds mostly</i> if two thirds do.
$few</p>
<p>Everything is done twice: with the article's batches, which are slices of the x axis in the same order every time,
and with the samples shuffled before each epoch. Nothing else differs.</p>
<table class="claims">
<thead><tr><th>batches</th><th>median <small>quartiles</small></th><th>agree</th><th>verdict</th></tr></thead>
$claims
</table>
<h3>The hidden variable: the order of the samples</h3>
$hidden
<h3>Every experiment, on $networks</h3>
<table class="claims">
<thead><tr><th>batches</th><th>mean squared error</th><th>exact segments</th></tr></thead>
$experiments
</table>
<p class="setting">Of the networks at the end, over all samples of the last round and on the interval shown; medians and
quartiles. The $networks, with the extra ones that the claims need,
took $minutes minutes, added up over all processes.</p>
</section>""")

_FIGURE = Template("""
<figure><div class="pair">
<img src="$detector_file" width="550" height="360" alt="Segments as the detector sees them: $detected.">
<img src="$exact_file" width="550" height="360" alt="$exact.">
</div><figcaption>On $interval, $moment: $exact;
the detector counts $detected.</figcaption></figure>""")

_SECTION = Template("""
<section id="$id">
<h2>$title</h2>
<p class="question">$question</p>
<p class="setting">$setting</p>
<table>
<thead><tr><th>picture</th><th>interval</th><th>training loss</th><th>exact segments</th><th>bound&shy;aries</th>
<th>detector's segments</th></tr></thead>
<tbody>
$rows
</tbody></table>
$figures
<figure><div class="pair">
<img src="$file-losses-all.png" width="550" height="360" alt="The loss in each epoch.">
<img src="$file-losses-late.png" width="550" height="360" alt="The loss in each epoch of the second half.">
</div><figcaption>Mean squared error over the samples, in each epoch: $final_loss in the last. The article's figure, the
sum of the batch losses divided by the batch size, would read $article_loss.</figcaption></figure>
<p class="setting">Training and drawing took $times.</p>
</section>""")
