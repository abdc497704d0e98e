"""Training on one GPU beside other libraries: python benchmarks/gpu.py

Every contender of ``gpu_peers.py`` trains the same networks 1-H-H-H-1 from the same weights on the sine on (-10, 10),
float32, with Adam, in batches of 1280 in order of x: one network, and the fused kernel and JAX also ensembles. Each
lives in a process of its own for each number of networks; they run in turn, in slices, the order alternating, after one
slice that does not count. A slice ends when its losses have come back to the CPU, so nothing is still under way when
the clock stops. Before anything is timed, the losses of the first 50 steps must be those of tinymlp in float64 on the
CPU; of an ensemble, those of five networks, from the first to the last. Products are float32 throughout: JAX is told
not to use TF32, the others do not by themselves. What is done once, such as compiling, is shown apart: "before".

Then, for each width that the kernel takes: how exact the first gradient is, whether reruns give the same digits, and
what the first call takes in a fresh process, with CuPy's cache of compiled kernels empty and then filled.

Writes gpu-NAME.json and gpu-NAME.md, NAME being that of the GPU, into benchmarks/results; there, what an earlier run on
the same machine measured for other widths stays, so the widths can be measured one by one. A peer that is missing or
breaks down is named. ``--device cpu`` tries the script where there is no GPU, with few networks and no kernel: it
prints the tables and writes nothing.
"""

import argparse
import json
import os
import re
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from gpu_checks import SAMPLES, check, sizes
from gpu_figures import figures
from gpu_peers import BATCH, CONTENDERS, ON_MANY
from machine import describe
from train_cpu import TOLERANCE, data_of, expected_losses

from tinymlp import MLP, Ensemble, devices
from tinymlp.gpu import train_kernel
from tinymlp.system.files import write_text

CHECKED = 5  # epochs, of ten steps each, whose losses are compared
NETWORKS = {"gpu": [132, 264, 528, 1056], "cpu": [2, 4]}  # of an ensemble; an H100 has 132 multiprocessors
RESULTS = Path(__file__).parent / "results"


def serve(name: str, networks: int, device: str, pipe) -> None:
    """In a contender's process: build for a width, train for so many epochs, tell how long it took."""
    while request := pipe.recv():
        try:
            match request:
                case "build", width:
                    train, began = None, perf_counter()
                    net = MLP(sizes(width), seed=0) if networks == 1 else Ensemble(sizes(width), range(networks))
                    train = CONTENDERS[name](net, *data_of(SAMPLES), device)
                    losses = np.reshape(train(CHECKED), (CHECKED, networks))
                    middle = perf_counter()
                    train(CHECKED)
                    again = perf_counter() - middle
                    pipe.send((losses, middle - began - again, again))
                case "train", epochs:
                    began = perf_counter()
                    train(epochs)
                    pipe.send((perf_counter() - began, getattr(train, "kernel", 0.0)))
        except Exception as error:  # whatever a peer breaks down with is its result
            pipe.send(f"{type(error).__name__}: {str(error).strip()[:150]}")


def ask(pipe, *request):
    """The answer; text is an error."""
    try:
        pipe.send(request)
        return pipe.recv()
    except (EOFError, ConnectionError):
        return "its process has died"


expected = cache(expected_losses)


def error_of(losses: np.ndarray, width: int) -> float:
    """How far losses, (epochs, networks), are off, relatively, for five of the networks."""
    some = np.unique(np.linspace(0, losses.shape[1] - 1, 5).astype(int))
    right = [expected("tinymlp", width, SAMPLES, BATCH, CHECKED, seed) for seed in some.tolist()]
    return float(np.abs(losses[:, some] / np.stack(right, axis=1) - 1).max()) if np.isfinite(losses).all() else np.inf


def compare(pipes: dict, width: int, args: argparse.Namespace, problems: list[dict]) -> list[dict]:
    """A row for each contender and number of networks that gives the right losses."""
    steps, rows, epochs = SAMPLES // BATCH, {}, {}

    def left_out(key: tuple[str, int], why: str) -> None:
        rows.pop(key, None)
        problems.append({"width": width, "problem": f"{key[0]} (H = {width}, networks: {key[1]}): {why}"})

    for key, pipe in pipes.items():
        name, networks = key
        if width > train_kernel.WIDTHS[-1] and (networks > 1 or name == "tinymlp, fused"):
            continue
        answer = ask(pipe, "build", width)
        if isinstance(answer, str):
            left_out(key, answer)
            continue
        losses, before, pace = answer
        error = error_of(losses, width)
        if not error < TOLERANCE:
            left_out(key, f"other losses, by {error:.1e}, not timed")
            continue
        epochs[key] = max(1, int(args.seconds / pace * CHECKED))
        rows[key] = {"width": width, "networks": networks, "contender": name, "before_s": before, "error": error}
        rows[key] |= {"us": [], "kernel_us": []}
    for k in range(args.rounds + 1):
        for key in list(rows)[:: 1 if k % 2 else -1]:
            answer = ask(pipes[key], "train", epochs[key])
            if isinstance(answer, str):
                left_out(key, answer)
            elif k:
                for which, seconds in zip(("us", "kernel_us"), answer, strict=True):
                    rows[key][which].append(seconds / epochs[key] / steps * 1e6)
    return list(rows.values())


def table(rows: list[dict]) -> str:
    """The times, in Markdown. Ratios are to the first contender with as many networks."""
    lines = [
        "| H | networks | contender | us a step, median | minimum | of it the kernel | network-steps a second "
        "| times the first | before, s | losses differ by |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    firsts: dict[tuple[int, int], float] = {}
    for row in sorted(rows, key=lambda row: (row["width"], row["networks"])):
        group, us = (row["width"], row["networks"]), median(row["us"])
        first = firsts.setdefault(group, us)
        cells = (
            *group,
            row["contender"],
            f"{us:.1f}",
            f"{min(row['us']):.1f}",
            f"{median(row['kernel_us']):.1f}" if any(row["kernel_us"]) else "",
            f"{row['networks'] / us * 1e6:.2g}",
            f"{us / first:.2f}",
            f"{row['before_s']:.2f}",
            f"{row['error']:.0e}",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def checks_table(checks: list[dict]) -> str:
    """First calls and gradients, in Markdown."""
    lines = [
        "| H | networks | first call, s | of it compiling | with CuPy's cache, s | of it loading "
        "| M off float64 by, median | worst | NumPy's float32, median | worst | reruns |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for c in checks:
        seconds = " | ".join(f"{c[key]:.3f}" for key in ("cold_s", "cold_compiling_s", "warm_s", "warm_compiling_s"))
        reruns = "the same digits" if c["same"] else "other digits"
        errors = " | ".join(f"{c[key]:.1e}" for key in ("moment", "moment_worst", "numpy", "numpy_worst"))
        lines.append(f"| {c['width']} | {c['networks']} | {seconds} | {errors} | {reruns} |")
    return "\n".join(lines)


def report(machine: list[str], results: dict[str, list[dict]], networks: list[int]) -> str:
    """All that was found out, in Markdown."""
    parts = [
        "\n".join(f"- {line}" for line in machine),
        figures(results["rows"], results["checks"], networks),
        table(results["rows"]),
        checks_table(results["checks"]),
        "Left out:\n\n" + "\n".join(f"- {p['problem']}" for p in results["problems"] or [{"problem": "nothing"}]),
    ]
    return "\n\n".join(parts)


def write(machine: list[str], results: dict[str, list[dict]], widths: list[int], networks: list[int]) -> None:
    """Both files, with what an earlier run on this machine measured for other widths."""
    gpu = next(line for line in machine if line.startswith("gpu 0")).split("  ")[1].split(",")[0]
    path = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}.json"
    if path.exists() and (before := json.loads(path.read_text("utf-8")))["machine"] == machine:
        for kind, found in results.items():
            found += [one for one in before[kind] if one["width"] not in widths]
            found.sort(key=lambda one: one["width"])
    write_text(path, json.dumps({"machine": machine, **results}, indent=1))
    text = report(machine, results, networks)
    write_text(path.with_suffix(".md"), f"# Training on a GPU\n\n`python benchmarks/gpu.py`\n\n{text}\n")
    print(f"\nwrote {path} and {path.with_suffix('.md').name}")


def main() -> None:
    """Parse the options, run the contenders, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30, 64, 100, 300, 1000])
    parser.add_argument("--networks", type=int, nargs="+", help="132 264 528 1056; on the CPU 2 4")
    parser.add_argument("--rounds", type=int, default=7, help="slices of each")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a slice")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu tries the script without a GPU")
    args = parser.parse_args()

    devices.choose_device(args.device)  # raises if there is no GPU
    networks = [1, *(args.networks or NETWORKS[args.device])]
    machine, names = [describe(), *devices.describe()], args.only
    for package in ("torch", "jax"):
        try:
            machine.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            machine.append(f"{package} is not installed and left out")
            names = [name for name in names if not name.lower().startswith(package)]
    os.environ.update(XLA_PYTHON_CLIENT_PREALLOCATE="false", JAX_DEFAULT_MATMUL_PRECISION="highest")
    os.environ["JAX_PLATFORMS"] = "cuda" if args.device == "gpu" else "cpu"  # never the CPU, unnoticed
    spawn, pipes = get_context("spawn"), {}
    for name in names:
        counts = networks if name == "tinymlp, fused" else {*networks[:2], networks[-1]} if name in ON_MANY else {1}
        for count in sorted(counts):
            pipes[name, count], theirs = spawn.Pipe()
            spawn.Process(target=serve, args=(name, count, args.device, theirs), daemon=True).start()
            theirs.close()

    results: dict[str, list[dict]] = {"rows": [], "checks": [], "problems": []}
    for width in args.widths:
        rows = compare(pipes, width, args, results["problems"])
        results["rows"] += rows
        print(table(rows) + "\n", flush=True)
    for pipe in pipes.values():
        with suppress(OSError):  # it has died
            pipe.send(None)
    for process in active_children():
        process.join(10)
    for width in args.widths:
        if width <= train_kernel.WIDTHS[-1]:
            try:
                results["checks"].append(check(width, networks[1], args.device))
            except Exception as error:
                problem = f"checks at width {width}: {type(error).__name__}: {error}"
                results["problems"].append({"width": width, "problem": problem})
    if args.device == "cpu":
        print('A trial on the CPU: nothing below was measured on a GPU, and "fused" is step by step.\n')
    print(report(machine, results, networks))
    if args.device == "gpu":
        write(machine, results, args.widths, networks)


if __name__ == "__main__":
    main()
