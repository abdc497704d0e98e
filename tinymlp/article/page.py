"""The page that ``tinymlp article`` writes, as HTML: no scripts, nothing from elsewhere, fit to print."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from ..functions import find_function
from .experiment import Run
from .study import ORDERS, Study

__all__ = ["Picture", "Section", "counted", "page"]


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
    return skeleton.substitute(
        contents="\n".join(map(_contents_row, sections)),
        claims=_claims(study, {s.trained.experiment.name: s.trained.experiment.title for s in sections})
        if study
        else "",
        sections="\n".join(map(_experiment, sections)),
        version=version,
        seed=seed,
        device=device.upper(),
    )


def counted(n: int, noun: str) -> str:
    """As in "1 segment", "2 boundaries"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s".replace("ys", "ies")


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _contents_row(s: Section) -> str:
    e, final = s.trained.experiment, s.pictures[len(s.trained.stages) - 1]
    link = f'<a href="#{e.name}">{escape(e.title)}</a>'
    return _row(link, final.loss, final.segments, final.boundaries, final.detected, _times(s))


def _times(s: Section) -> str:
    training, drawing = s.seconds
    return f"{training:.1f} s + {drawing:.1f} s"


def _experiment(s: Section) -> str:
    e, history = s.trained.experiment, s.trained.history
    return _SECTION.substitute(
        name=e.name,
        title=escape(e.title),
        question=escape(e.question),
        setting=escape(_setting(s.trained)),
        rows="\n".join(_row(p.moment, p.interval, p.loss, p.segments, p.boundaries, p.detected) for p in s.pictures),
        figures="".join(
            _FIGURE.substitute(
                vars(p),
                detector_file=p.files[0],
                exact_file=p.files[1],
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


def _claims(study: Study, titles: dict[str, str]) -> str:
    """The verdicts, the numbers of every experiment, and what shuffling did to them."""
    return _CLAIMS.substitute(
        networks=counted(len(study.seeds), "network"),
        seeds=f"{min(study.seeds)} to {max(study.seeds)}",
        few="With so few networks the verdicts mean little." if len(study.seeds) < 10 else "",
        minutes=f"{study.seconds / 60:.1f}",
        claims="\n".join(map(_claim, study.claims)),
        experiments="\n".join(_numbers(e, titles) for e in study.experiments),
        hidden=_hidden_variable(study),
    )


def _claim(claim: dict) -> str:
    rows = []
    for order in ORDERS:
        given = claim[order]
        verdict = f'<span class="{given["verdict"].replace(" ", "-")}">{given["verdict"]}</span>'
        rows.append(_row(order, _spread(given), f"{given['agree']} of {given['seeds']}", verdict))
    words = {key: escape(claim[key]) for key in ("name", "article", "measure", "agrees_if")}
    return _CLAIM.substitute(words, rows="\n".join(rows))


def _numbers(experiment: dict, titles: dict[str, str]) -> str:
    name = experiment["name"]
    rows = [
        _row(order, *(_spread(experiment[order][key]) for key in ("mean_squared_error", "segments")))
        for order in ORDERS
    ]
    return _NUMBERS.substitute(name=name, title=escape(titles.get(name, name)), rows="\n".join(rows))


def _spread(numbers: dict) -> str:
    low, high = numbers["quartiles"]
    return f"{_short(numbers['median'])} <small>{_short(low)} … {_short(high)}</small>"


def _short(value: float) -> str:
    """Three digits, of what is more than a hundred-thousandth."""
    return f"{float(f'{round(value, 5):.3g}') + 0.0:g}".replace("-", "−")


def _hidden_variable(study: Study) -> str:
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
    return _HIDDEN.substitute(
        said,
        conclusion=_NOT_EXHAUSTED if exhausts["shuffled"]["verdict"] == "does not hold" else "",
        turned="\n".join(f"<li>{escape(words)}</li>" for words in turned) or "<li>none</li>",
    )


_NOT_EXHAUSTED = """<b>So the network was not exhausted</b>: nothing but the order of its samples differs. (What that
does to the gradients, tutorial 9 shows.)"""

_HIDDEN = Template("""
<p>In the article every batch is a slice of the x axis. Take the sine on (−10, 10) at width 10, where it saw its network
exhausted. With these batches $unshuffled. With the same samples shuffled, and as many steps, $shuffled. $conclusion</p>
<p>The claims whose verdict shuffling changes:</p>
<ul>
$turned
</ul>""")

_CLAIM = Template("""
<tbody>
<tr id="claim-$name"><th colspan="4">$article <span>Measured: $measure. Agrees if $agrees_if.</span></th></tr>
$rows
</tbody>""")

_NUMBERS = Template("""
<tbody>
<tr><th colspan="3"><a href="#$name">$title</a></th></tr>
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
<section id="$name">
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
<img src="$name-losses-all.png" width="550" height="360" alt="The loss in each epoch.">
<img src="$name-losses-late.png" width="550" height="360" alt="The loss in each epoch of the second half.">
</div><figcaption>Mean squared error over the samples, in each epoch: $final_loss in the last. The article's figure, the
sum of the batch losses divided by the batch size, would read $article_loss.</figcaption></figure>
<p class="setting">Training and drawing took $times.</p>
</section>""")
