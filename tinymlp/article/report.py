"""write_report(): run the article's experiments on one seed, draw every stage, and write the page."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from .. import __version__, plot
from ..detector.detect import detect_segments
from ..devices import choose_device
from ..functions import find_function
from ..network.mlp import MLP
from ..segments.extract import extract_segments
from ..system.files import check_folder, write_text
from ..system.progress import progress_bar
from .experiment import Experiment, Run, Stage, View, run
from .page import Picture, Section, counted, page, stem
from .study import Study

__all__ = ["write_report"]


def write_report(
    experiments: Sequence[Experiment],
    out: Path,
    *,
    seed: int = 0,
    study: Study | None = None,
    progress: bool = True,
    device: str = "cpu",
) -> Path:
    """Run the experiments on one seed and write ``out/index.html``, its pictures beside it; returns the page's path.

    With a `study` of the article's experiments, the page has the verdicts on the article's claims. The device is where
    the networks are trained.
    """
    device = choose_device(device)
    check_folder(out)
    sections: list[Section] = []
    nets: dict[str, MLP] = {}  # at the end of each experiment, for those that continue it
    for experiment in experiments:
        began = perf_counter()
        epochs = sum(r.epochs for r in experiment.rounds)
        with progress_bar(total=epochs, desc=f"{experiment.name}: train", unit="epoch", disable=not progress) as bar:
            start = nets.get(experiment.continues.name) if experiment.continues else None
            trained = run(experiment, seed, start=start, after_round=bar.update, device=device)
            nets[experiment.name] = trained.net
        drawing_began = perf_counter()
        pictures = _draw(trained, out, progress)
        sections.append(Section(trained, pictures, (drawing_began - began, perf_counter() - drawing_began)))
    path = out / "index.html"
    write_text(path, page(sections, seed, __version__, study, device))
    return path


def _draw(trained: Run, out: Path, progress: bool) -> list[Picture]:
    """Save the pictures of every stage, the wide ones at the end, and the losses; returns those of stages."""
    experiment, stages, name = trained.experiment, trained.stages, stem(trained.experiment.name)
    shots = [(f"{name}-{k}", stage, stage.view) for k, stage in enumerate(stages)]
    shots += [(f"{name}-wide-{k}", stages[-1], view) for k, view in enumerate(experiment.wide_views)]
    pictures = []
    for file, stage, view in progress_bar(shots, desc=f"{name}: draw", unit="picture", disable=not progress):
        pictures.append(_draw_stage(trained, stage, view, out, file))
    half = len(trained.history) // 2
    for part, begin, title in (("all", 0, "all epochs"), ("late", half, f"from epoch {half + 1}")):
        fig, (ax,) = plot.figure()
        plot.losses(trained.history, begin=begin, ax=ax).set_title(title)
        plot.save(fig, out / f"{name}-losses-{part}.png")
    return pictures


def _draw_stage(trained: Run, stage: Stage, view: View, out: Path, name: str) -> Picture:
    """Save both styles over the same interval, and count."""
    f = extract_segments(stage.net, view.interval)
    seen, target = detect_segments(stage.net, view.interval, points=view.points), stage.round.function
    files = (f"{name}-detector.png", f"{name}-exact.png")

    fig, (ax,) = plot.figure()
    plot.detection(seen, target=target, ax=ax)
    ax.set_title(f"detector, {view.points} points: {counted(len(seen), 'segment')}")
    _save(fig, out / files[0])

    fig, (ax,) = plot.figure()
    plot.segments(f, view.interval, target=target, ax=ax)
    ax.set_title(f"exact: {counted(len(f), 'segment')}, {counted(len(f.boundaries), 'boundary')}")
    _save(fig, out / files[1])

    return Picture(
        files,
        moment=_moment(trained, stage),
        interval=f"({view.interval[0]:g}, {view.interval[1]:g})",
        loss=f"{trained.history.losses[stage.epoch - 1]:.4g}" if stage.epoch else "–",
        segments=len(f),
        boundaries=len(f.boundaries),
        detected=len(seen),
    )


def _save(fig: plot.Figure, path: Path) -> None:
    """Save a picture with its legend below it: it hides nothing, and the axes of both styles are of one size."""
    tight = {"columnspacing": 1.0, "handlelength": 1.2, "handletextpad": 0.4}
    fig.legend(loc="outside lower center", ncols=6, fontsize="small", frameon=False, **tight)
    plot.save(fig, path)


def _moment(trained: Run, stage: Stage) -> str:
    """When it was: after how many epochs, and of what if the experiment has several functions."""
    e = trained.experiment
    if stage.epoch == 0:
        return f"as {e.continues.name} left it" if e.continues else "untrained"
    several = len({r.function for r in e.rounds}) > 1
    return f"after {stage.epoch} epochs" + (
        f", the last on {find_function(stage.round.function).__name__}" if several else ""
    )
