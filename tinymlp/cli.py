"""The ``tinymlp`` command."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from . import __version__
from .article.experiments import find_experiments
from .article.study import Study, study, study_in_processes
from .data import sample
from .devices import DEVICES, choose_device, describe
from .functions import FUNCTIONS
from .network.mlp import MLP
from .segments.extract import extract_segments
from .segments.piecewise import Boundary, PiecewiseLinear
from .system.files import check_folder, check_target
from .system.memory import check_memory
from .system.signals import stops
from .training.history import History, TrainingDiverged, TrainingInterrupted
from .training.train import LOSSES, train

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status.

    It is 2 for bad input, 1 if training diverged, 130 after Ctrl-C, 143 after SIGTERM, and 141, as of other commands,
    if nobody reads on.
    """
    words, name = sys.argv[1:] if argv is None else argv, "tinymlp"
    _replace_closed_streams()
    with stops() as stop:
        try:
            try:
                args = _parser().parse_args([f" {word}" if _is_negative(word) else word for word in words])
                name = f"tinymlp {args.command}"
                args.run(args)
            finally:
                print(end="", flush=True)  # here, not at exit, where nobody could catch what it raises
        except KeyboardInterrupt as interrupt:
            _complain(f"{name}: {str(interrupt) or 'interrupted'}")
            return stop.status
        except BrokenPipeError:  # as in `tinymlp segments net.npz | head -1`
            _stop_printing()
            return 141
        except MemoryError as error:
            _complain(f"{name}: there is not enough memory{f': {error}' * bool(str(error))}")
            return 2
        except (ValueError, RuntimeError, ArithmeticError, OSError, ModuleNotFoundError) as error:
            _complain(f"{name}: {error}")
            if isinstance(error, OSError):  # such as a full disk under standard output
                _stop_printing()
            return 1 if isinstance(error, TrainingDiverged) else 2
    return 0


def _replace_closed_streams() -> None:
    """Keep files that are opened later from becoming standard output or error, where the caller closed these.

    Messages then go nowhere, but results that nobody can read are an error, as in other commands.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # it gets the lowest free number, which is this
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115, it stays


def _complain(text: str) -> None:
    """Say it on standard error, as far as there is one."""
    with suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def _stop_printing() -> None:
    """What is still to be printed goes nowhere: Python would try again at exit, and complain."""
    with suppress(OSError, ValueError, AttributeError):
        print(end="", flush=True)
        return
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _is_negative(word: str) -> bool:
    """Whether a word is a number with a minus: argparse takes -1e3 and -inf for options, unless a blank is before."""
    try:
        return word.startswith("-") and bool(float(word) <= 0)
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinymlp", description="A microscope for small ReLU networks: train one on a function, see its segments."
    )
    parser.add_argument("--version", action="version", version=f"tinymlp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=help, description=help, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        sub.set_defaults(run=run)
        return sub

    article = command("article", _article, "Run the article's experiments and write a page of pictures and counts.")
    article.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the page; article, or article-only with --only"
    )
    article.add_argument("--seed", type=_seed, default=0, help="of the networks' first weights")
    article.add_argument(
        "--only", metavar="NAME,NAME", help="these experiments, such as exp,transfer; all if not given"
    )
    article.add_argument(
        "--seeds", type=_count, metavar="N", help="judge the article's claims, too, on N networks from --seed on"
    )
    article.add_argument("--jobs", type=_count, metavar="N", help="processes for that; one for each core if not given")
    article.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="of a scheduler of dask, such as tcp://host:8786, whose workers do that instead",
    )
    article.add_argument("--device", choices=DEVICES, default="cpu", help="auto is the GPU if there is one")

    fit = command("fit", _fit, "Train a network on a function; print its losses and count its segments.")
    fit.add_argument("function", metavar="FUNCTION", help=f"one of {', '.join(FUNCTIONS)}")
    fit.add_argument("--width", type=int, default=10, help="units in each hidden layer")
    fit.add_argument("--depth", type=int, default=3, help="hidden layers")
    fit.add_argument("--epochs", type=int, default=90, help="times through the samples")
    fit.add_argument("--lr", type=float, default=0.01, help="learning rate of Adam")
    fit.add_argument("--batch-size", type=int, default=1280, help="samples in a step")
    fit.add_argument("--loss", choices=LOSSES, default="mse", help="mean squared error, or Huber's loss")
    fit.add_argument("--delta", type=float, help="up to which distance Huber's loss is quadratic; 1 if not given")
    fit.add_argument("--no-shuffle", action="store_true", help="take batches in order of x, as the article does")
    fit.add_argument("--samples", type=int, default=10_000, help="samples on the interval")
    fit.add_argument("--interval", type=float, nargs=2, default=(-5, 5), metavar=("START", "STOP"), help="of x")
    fit.add_argument("--negative-slope", type=float, default=0.0, help="0 is ReLU, more is leaky ReLU")
    fit.add_argument("--seed", type=_seed, default=0, help="of the weights and the shuffling")
    fit.add_argument("--device", choices=DEVICES, default="cpu", help="auto is the GPU if there is one")
    fit.add_argument("--out", type=Path, metavar="FILE.npz", help="save the trained network here")
    fit.add_argument("--picture", type=Path, metavar="FILE.png", help="save a picture of its segments here")

    segments = command("segments", _segments, "List the exact segments of a saved network.")
    segments.add_argument(
        "network", type=Path, metavar="FILE", help="saved by fit or MLP.save; or .onnx, .nnet, .safetensors, .json"
    )
    segments.add_argument(
        "--interval", type=float, nargs=2, metavar=("START", "STOP"), help="of x; the whole real line if not given"
    )
    segments.add_argument("--json", action="store_true", help="print JSON, with null for an infinite end")

    command("devices", _devices, "Tell what there is to compute on, and what a GPU here would need.")
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text.strip()!r} is no seed: give an integer >= 0")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text.strip()!r} is no count: give an integer >= 1")
    return int(text)


def _article(args: argparse.Namespace) -> None:
    from .article.report import write_report

    experiments, device = find_experiments(args.only), choose_device(args.device)
    if args.seeds and args.only:
        raise ValueError("--seeds judges claims about all experiments: leave out --only")
    if args.jobs and not args.seeds:
        raise ValueError("--jobs is for the networks of --seeds: give both")
    if args.dask and not args.seeds:
        raise ValueError("--dask is for the networks of --seeds: give both")
    if args.dask and (args.jobs or device == "gpu"):
        raise ValueError("--dask has workers of its own: leave out --jobs and the GPU")
    if args.jobs and device == "gpu":
        raise ValueError("--jobs is for the CPU: leave it out with a GPU")
    # some experiments do not replace the page of all
    out = args.out or Path("article-only" if args.only else "article")
    check_folder(out)
    studied = _study(args, out, device) if args.seeds else None
    page = write_report(experiments, out, seed=args.seed, study=studied, device=device)
    print(f"wrote {page}")


def _study(args: argparse.Namespace, out: Path, device: str) -> Study:
    """The claims on many networks: on a GPU side by side, on the CPU in processes of their own, or those of dask."""
    seeds = range(args.seed, args.seed + args.seeds)
    try:
        if args.dask:
            studied = _study_on_dask(seeds, out, args.dask)
        else:
            studied = study(seeds, out, device="gpu") if device == "gpu" else study_in_processes(seeds, out, args.jobs)
    except KeyboardInterrupt:
        kept = out / "seeds"
        raise KeyboardInterrupt(f"interrupted; {kept} keeps what is done, run again to go on") from None
    print(f"wrote {out / 'claims.json'}")
    return studied


def _study_on_dask(seeds: range, out: Path, address: str) -> Study:
    """`study` on the workers of a scheduler of dask."""
    try:
        from distributed import Client
    except ImportError as error:
        install = "--dask needs the package distributed: pip install 'tinymlp-microscope[dask]'"
        raise ModuleNotFoundError(install) from error
    with Client(address, timeout="10s") as client:
        return study(seeds, out, executor=client.get_executor())


def _fit(args: argparse.Namespace) -> None:
    if args.depth < 0:
        raise ValueError(f"depth is {args.depth}: give an integer >= 0")
    for path in filter(None, (args.out, args.picture)):  # before the work, not after
        check_target(path)
    if args.out and args.picture and args.out.absolute() == args.picture.absolute():
        raise ValueError(f"--out and --picture are both {args.out}: give each a name of its own")
    if args.picture:
        from . import plot

        formats = plot.figure()[0].canvas.get_supported_filetypes()
        if args.picture.suffix[1:].lower() not in formats:
            raise ValueError(f"--picture is {args.picture.name}: give it an ending out of {', '.join(formats)}")
    data = sample(args.function, args.interval, args.samples)
    check_memory("--depth", args.depth, 8 * args.depth)  # of the list of sizes; the network says what it needs
    sizes = [1, *args.depth * [args.width], 1]
    net = MLP(sizes, negative_slope=args.negative_slope, seed=args.seed, device=args.device)
    try:
        options = {"lr": args.lr, "batch_size": args.batch_size, "shuffle": not args.no_shuffle, "seed": args.seed}
        history = train(net, data, args.epochs, **options, loss=args.loss, delta=args.delta, progress=True)
    except (TrainingInterrupted, TrainingDiverged) as stop:  # what has been learnt is kept
        _keep_fit(args, net, stop.history)
        raise
    _keep_fit(args, net, history)


def _keep_fit(args: argparse.Namespace, net: MLP, history: History) -> None:
    """Save the network and its picture where that is asked for; then print up to ten losses and the counts.

    The network comes first: segments may be too many, and nobody may be there to read.
    """
    if args.out:
        net.save(args.out)
    f = extract_segments(net, args.interval)
    if args.picture:
        from . import plot

        fig, (ax,) = plot.figure()
        plot.segments(f, args.interval, target=args.function, ax=ax).legend()
        plot.save(fig, args.picture)
    stride = max(1, -(-len(history) // 10))
    for epoch in range((len(history) - 1) % stride + 1, len(history) + 1, stride):
        print(f"epoch {epoch:5d}   loss {history.losses[epoch - 1]:.6g}")
    start, stop = f.interval
    print(f"{len(f)} segments and {len(f.boundaries)} boundaries on ({start:g}, {stop:g})")
    if args.out:
        print(f"saved the network in {args.out}")
    if args.picture:
        print(f"saved the picture in {args.picture}")


def _segments(args: argparse.Namespace) -> None:
    f = extract_segments(_load(args.network), args.interval, progress=sys.stderr.isatty())
    print(json.dumps(f.to_dict(), indent=1) if args.json else _table(f))


def _load(path: Path) -> MLP:
    """The network in a file, of the kind that its name says."""
    match path.suffix.lower():
        case ".onnx":
            return MLP.from_onnx(path)
        case ".nnet":
            return MLP.from_nnet(path)
        case ".safetensors":
            return MLP.from_safetensors(path)
        case ".json":
            try:
                return MLP.from_json(path.read_text("utf-8"))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
    return MLP.load(path)


def _devices(args: argparse.Namespace) -> None:
    print("\n".join(describe()))


def _table(f: PiecewiseLinear) -> str:
    """One line for each segment; at its right end the jump of the slope and the units that make it, as layer:unit."""
    lines = [
        f"{'':4} {'from':>13} {'to':>13} {'slope':>13} {'intercept':>13} {'jump at its end':>16}  owners (layer:unit)"
    ]
    breakpoints = [boundary for boundary in f.boundaries if boundary.label == "visible"]
    for k, s in enumerate(f):
        line = f"{k:4} {s.start:13.6g} {s.stop:13.6g} {s.slope:13.6g} {s.intercept:13.6g}"
        if k < len(breakpoints):
            line += f" {breakpoints[k].jump:16.6g}  {_units(breakpoints[k])}"
        lines.append(line)
    for b in f.boundaries:
        if b.label != "visible":
            lines.append(
                f"no breakpoint at {b.x:.6g}, where {_units(b)} switch{'es' * (len(b.owners) == 1)}: {b.label}"
            )
    lines.append(f"{len(f)} segments, {len(f.boundaries)} boundaries")
    return "\n".join(lines)


def _units(boundary: Boundary) -> str:
    """The owners as layer:unit."""
    return " ".join(f"{layer}:{unit}" for layer, unit in boundary.owners)
