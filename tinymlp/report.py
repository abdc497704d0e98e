"""The page that ``tinymlp article`` writes: every experiment with its pictures and counts, readable offline."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from string import Template
from time import perf_counter

from tqdm import tqdm

from . import plot
from .article import Experiment, Run, Stage, View, run
from .detector import detect_segments
from .segments import extract_segments


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


def write_report(experiments: Sequence[Experiment], out: Path, seed: int = 0, progress: bool = True) -> Path:
    """Run the experiments and write ``out/index.html`` with its pictures beside it; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    sections, contents = [], []
    for experiment in experiments:
        began = perf_counter()
        epochs = sum(r.epochs for r in experiment.rounds)
        with tqdm(total=epochs, desc=f"{experiment.name}: train", unit="epoch", disable=not progress) as bar:
            trained = run(experiment, seed, after_round=bar.update)
        drawing_began = perf_counter()
        pictures = _draw(trained, out, progress)
        times = f"{drawing_began - began:.1f} s + {perf_counter() - drawing_began:.1f} s"
        sections.append(_section(trained, pictures, times))
        final = pictures[len(trained.stages) - 1]
        cells = (final.loss, final.segments, final.boundaries, final.detected, times)
        link = f'<a href="#{experiment.name}">{escape(experiment.title)}</a>'
        contents.append(_row(link, *cells))
    page = out / "index.html"
    text = _PAGE.substitute(
        contents="\n".join(contents), sections="\n".join(sections), version=version("tinymlp"), seed=seed
    )
    page.write_text(text, "utf-8")
    return page


def _draw(trained: Run, out: Path, progress: bool) -> list[Picture]:
    """Save the pictures of every stage, the wide ones at the end, and the losses; returns those of stages."""
    experiment, stages, name = trained.experiment, trained.stages, trained.experiment.name
    shots = [(f"{name}-{k}", stage, experiment.view) for k, stage in enumerate(stages)]
    shots += [(f"{name}-wide-{k}", stages[-1], view) for k, view in enumerate(experiment.wide_views)]
    pictures = []
    for file, stage, view in tqdm(shots, desc=f"{name}: draw", unit="picture", disable=not progress):
        pictures.append(_draw_stage(trained, stage, view, out, file))
    half = len(trained.history) // 2
    for part, begin, title in (("all", 0, "all epochs"), ("late", half, f"from epoch {half + 1}")):
        fig, (ax,) = plot.figure()
        plot.losses(trained.history, begin, ax=ax).set_title(title)
        fig.savefig(out / f"{name}-losses-{part}.png")
    return pictures


def _draw_stage(trained: Run, stage: Stage, view: View, out: Path, name: str) -> Picture:
    """Save both styles over the same interval, and count."""
    f = extract_segments(stage.net, *view.interval)
    detected = detect_segments(stage.net, *view.interval, view.points).count
    files = (f"{name}-detector.png", f"{name}-exact.png")

    fig, (ax,) = plot.figure()
    plot.segments(stage.net, view.interval, stage.round.function, ax, style="article", points=view.points)
    ax.set_title(f"detector, {view.points} points: {detected} segments")
    fig.savefig(out / files[0])

    fig, (ax,) = plot.figure()
    plot.segments(f, view.interval, stage.round.function, ax).legend(fontsize="small")
    ax.set_title(f"exact: {len(f)} segments, {len(f.boundaries)} boundaries")
    fig.savefig(out / files[1])

    return Picture(
        files,
        moment=f"after {stage.epoch} epochs" if stage.epoch else "untrained",
        interval=f"({view.interval[0]:g}, {view.interval[1]:g})",
        loss=f"{trained.history.losses[stage.epoch - 1]:.4g}" if stage.epoch else "–",
        segments=len(f),
        boundaries=len(f.boundaries),
        detected=detected,
    )


def _section(trained: Run, pictures: list[Picture], times: str) -> str:
    e = trained.experiment
    rows, figures = [], []
    for p in pictures:
        rows.append(_row(p.moment, p.interval, p.loss, p.segments, p.boundaries, p.detected))
        figures.append(_FIGURE.substitute(vars(p), detector_file=p.files[0], exact_file=p.files[1]))
    return _SECTION.substitute(
        name=e.name,
        title=escape(e.title),
        question=escape(e.question),
        setting=escape(_setting(trained)),
        rows="\n".join(rows),
        figures="".join(figures),
        final_loss=f"{trained.history.losses[-1]:.4g}",
        article_loss=f"{trained.history.article_losses[-1]:.4g}",
        times=times,
    )


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _setting(trained: Run) -> str:
    """The experiment's settings in a sentence or two, equal rounds in a row counted together."""
    e = trained.experiment
    parts = []
    for r, equal in groupby(e.rounds):
        name = r.function if isinstance(r.function, str) else r.function.__name__
        samples = f"{r.n} samples on ({r.interval[0]:g}, {r.interval[1]:g})"
        parts.append(f"{len(list(equal))} × {r.epochs} epochs on {name}, {samples}, lr {r.lr:g}")
    batches = f"{'shuffled' if e.shuffle else 'unshuffled'} batches of {e.batch_size}"
    slope = f", negative slope {e.negative_slope:g}" if e.negative_slope else ""
    return (
        f"Sizes {list(e.sizes)}{slope}; {batches}; a fresh Adam each round; seed {trained.seed}. "
        + "; ".join(parts)
        + "."
    )


_FIGURE = Template("""
<figure><div class="pair">
<img src="$detector_file" width="550" height="360" alt="Segments as the detector sees them: $detected.">
<img src="$exact_file" width="550" height="360" alt="Exact segments: $segments, with $boundaries boundaries.">
</div><figcaption>On $interval, $moment: $segments segments exactly, $boundaries boundaries;
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

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Learning simple functions, exactly</title>
<style>
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222 }
h1, h2 { line-height: 1.2 }
.question { font-size: 1.15rem; max-width: 45rem }
.setting, figcaption, footer { color: #555; font-size: .9rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: bottom }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
figure { margin: 2rem 0; break-inside: avoid }
.pair { display: flex; flex-wrap: wrap }
img { flex: 1 1 22rem; min-width: 0; max-width: 100%; height: auto }
@media (max-width: 40rem) { table { font-size: .8rem } th, td { padding: .25rem .3rem } }
dt { font-weight: 600 }
dd { margin: 0 0 .5rem 0; max-width: 45rem }
</style>
</head>
<body>
<h1>Learning simple functions, exactly</h1>
<p>The experiments of the article <i>Learning simple functions, network exhaustion point</i>, run again.
Each picture shows the same network twice.</p>
<dl>
<dt>First, as the article saw it</dt>
<dd>A finite-difference detector on a grid, in float32: a segment ends wherever the slope changes by more than 0.001
from one cell to the next. Five colours in turn, the second of them bold.</dd>
<dt>Then, as it is</dt>
<dd>Every corner computed from the weights, coloured by the layer of the hidden unit that makes it. A hollow dot is a
boundary at which a unit switches but the output does not bend. Grey: the function to learn.</dd>
</dl>
<table>
<thead><tr><th>experiment</th><th>training loss</th><th>exact segments</th><th>bound&shy;aries</th>
<th>detector's segments</th><th>training and drawing</th></tr></thead>
<tbody>
$contents
</tbody></table>
$sections
<footer><p>Written by tinymlp $version, seed $seed. Same seed, same picture: on one machine bit for bit, across
machines to rounding.</p></footer>
</body>
</html>
""")
