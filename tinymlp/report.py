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
    """One saved picture of a stage, and what was counted on its interval."""

    file: str
    caption: str
    stage: Stage
    loss: float | None
    interval: tuple[float, float]
    segments: int
    boundaries: int
    detected: int


def write_report(experiments: Sequence[Experiment], out: Path, seed: int = 0, progress: bool = True) -> Path:
    """Run the experiments and write ``out/index.html`` with its pictures beside it; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    sections = []
    began = perf_counter()
    for experiment in experiments:
        steps = sum(r.epochs for r in experiment.rounds)
        with tqdm(total=steps, desc=f"{experiment.name}: train", unit="epoch", disable=not progress) as bar:
            trained = run(experiment, seed, after_round=bar.update)
        training = perf_counter() - began
        pictures = _draw(trained, out, progress)
        sections.append(_section(trained, pictures, training, perf_counter() - began - training))
        began = perf_counter()
    page = out / "index.html"
    page.write_text(_PAGE.substitute(sections="\n".join(sections), version=version("tinymlp"), seed=seed), "utf-8")
    return page


def _draw(trained: Run, out: Path, progress: bool) -> list[Picture]:
    """Save the picture of every stage, and the wide ones and the losses at the end; returns those with counts."""
    experiment, name = trained.experiment, trained.experiment.name
    last = trained.stages[-1]
    shots = [(f"{name}-{k}", stage, experiment.view) for k, stage in enumerate(trained.stages)]
    shots += [(f"{name}-wide-{k}", last, view) for k, view in enumerate(experiment.wide_views)]
    pictures = []
    for file, stage, view in tqdm(shots, desc=f"{name}: draw", unit="picture", disable=not progress):
        pictures.append(_draw_stage(trained, out / f"{file}.png", stage, view))
    fig, (ax, tail) = plot.figure(columns=2)
    plot.losses(trained.history, ax=ax)
    ax.set_title("all epochs")
    half = len(trained.history) // 2
    plot.losses(trained.history, begin=half, ax=tail)
    tail.set_title(f"from epoch {half + 1}")
    fig.savefig(out / f"{name}-losses.png")
    return pictures


def _draw_stage(trained: Run, path: Path, stage: Stage, view: View) -> Picture:
    """Both styles side by side, over the same interval."""
    start, stop = view.interval
    f = extract_segments(stage.net, start, stop)
    detected = detect_segments(stage.net, start, stop, view.points).count
    fig, (left, right) = plot.figure(columns=2)
    target = stage.round.function
    plot.segments(stage.net, view.interval, target, left, style="article", points=view.points)
    left.set_title(f"detector, {view.points} points: {detected} segments")
    plot.segments(f, view.interval, target, right)
    right.set_title(f"exact: {len(f)} segments, {len(f.boundaries)} boundaries")
    right.legend(fontsize="small")
    fig.savefig(path)
    loss = float(trained.history.losses[stage.epoch - 1]) if stage.epoch else None
    caption = f"after {stage.epoch} epochs" if stage.epoch else "untrained"
    return Picture(path.name, caption, stage, loss, view.interval, len(f), len(f.boundaries), detected)


def _section(trained: Run, pictures: list[Picture], training: float, drawing: float) -> str:
    e = trained.experiment
    rows, figures = [], []
    for p in pictures:
        on = f"({p.interval[0]:g}, {p.interval[1]:g})"
        loss = "–" if p.loss is None else f"{p.loss:.4g}"
        cells = (p.caption, on, loss, p.segments, p.boundaries, p.detected)
        rows.append("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in cells) + "</tr>")
        words = (
            f"On {on}, {p.caption}: {p.segments} segments exactly, {p.boundaries} boundaries; "
            f"the detector counts {p.detected}."
        )
        figures.append(
            f'<figure><img src="{p.file}" width="1100" height="360" alt="{escape(words)}">'
            f"<figcaption>{escape(words)}</figcaption></figure>"
        )
    return _SECTION.substitute(
        name=e.name,
        title=escape(e.title),
        question=escape(e.question),
        setting=escape(_setting(trained)),
        rows="\n".join(rows),
        figures="\n".join(figures),
        final_loss=f"{trained.history.losses[-1]:.4g}",
        article_loss=f"{trained.history.article_losses[-1]:.4g}",
        time=f"{training:.1f} s of training, {drawing:.1f} s of drawing",
    )


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


_SECTION = Template("""
<section id="$name">
<h2>$title</h2>
<p class="question">$question</p>
<p class="setting">$setting</p>
<div class="scroll"><table>
<thead><tr><th>picture</th><th>interval</th><th>loss</th><th>exact segments</th><th>boundaries</th>
<th>detector's segments</th></tr></thead>
<tbody>
$rows
</tbody></table></div>
$figures
<figure><img src="$name-losses.png" width="1100" height="360" alt="The loss after each epoch.">
<figcaption>Mean squared error over the samples, after each epoch: $final_loss at the end. The article's figure, the sum
of the batch losses divided by the batch size, would read $article_loss.</figcaption></figure>
<p class="setting">$time.</p>
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
.scroll { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
figure { margin: 2rem 0; break-inside: avoid }
img { max-width: 100%; height: auto }
dt { font-weight: 600 }
dd { margin: 0 0 .5rem 0; max-width: 45rem }
</style>
</head>
<body>
<h1>Learning simple functions, exactly</h1>
<p>The experiments of the article <i>Learning simple functions, network exhaustion point</i>, run again.
Each picture shows the same network twice.</p>
<dl>
<dt>Left, as the article saw it</dt>
<dd>A finite-difference detector on a grid, in float32: a segment ends wherever the slope changes by more than 0.001
from one cell to the next. Five colours in turn, the second of them bold.</dd>
<dt>Right, as it is</dt>
<dd>Every corner computed from the weights, coloured by the layer of the hidden unit that makes it. A hollow dot is a
boundary at which a unit switches but the output does not bend. Grey: the function to learn.</dd>
</dl>
$sections
<footer><p>Written by tinymlp $version, seed $seed. Same seed, same picture: on one machine bit for bit, across
machines to rounding.</p></footer>
</body>
</html>
""")
