"""Training on one GPU beside other libraries: python benchmarks/gpu.py

Every contender trains the same network 1-H-H-H-1 from the same weights on the sine on (-10, 10), float32, with Adam, in
batches of 1280 in order of x. Each lives in a process of its own; they run in turn, in slices, the order alternating.
A slice ends when its losses have come back to the CPU, so nothing is still under way when the clock stops. Before
anything is timed, the losses of the first 50 steps must be those of tinymlp in float64 on the CPU. Products are float32
throughout: JAX is told not to use TF32, the others do not by themselves. What is done once, such as compiling, and the
first epoch are shown apart.

Writes gpu-NAME.json and gpu-NAME.md, NAME being that of the GPU, into benchmarks/results. A peer that is missing or
breaks down is named. ``--device cpu`` tries the script where there is no GPU: it prints the table and writes nothing.
"""

import argparse
import json
import os
import re
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe
from train_cpu import TOLERANCE, data_of, expected_losses
from train_peers import LR, jax_plain, jax_tuned

import tinymlp
from tinymlp import MLP, backend

BATCH, SAMPLES, CHECKED = 1280, 12_800, 5  # ten steps an epoch, five epochs compared
RESULTS = Path(__file__).parent / "results"


def tinymlp_on(device: str):
    """train() as it comes."""

    def contender(net: MLP, x: np.ndarray, y: np.ndarray, _: str):
        moved, data, adam = net.to(device), tinymlp.Dataset(x, y), tinymlp.Adam(LR)
        return lambda epochs: tinymlp.train(moved, data, epochs, 0, BATCH, False, adam).losses

    return contender


def _torch(net: MLP, x: np.ndarray, y: np.ndarray, device: str):
    """A model with the network's weights, its fused Adam, and the batches, all on the device."""
    import torch
    from torch import nn

    modules = []
    for W, b in zip(net.weights, net.biases, strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0])
        linear.weight.data, linear.bias.data = torch.from_numpy(W.copy()), torch.from_numpy(b.copy())
        modules += [linear, nn.ReLU()]
    model = nn.Sequential(*modules[:-1]).to(device)
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    return torch, model, adam, *(torch.from_numpy(v[:, None]).to(device).split(BATCH) for v in (x, y))


def torch_eager(net: MLP, x: np.ndarray, y: np.ndarray, device: str):
    """Eager, with the data on the device, a fused Adam, and losses read once a call."""
    torch, model, adam, bxs, bys = _torch(net, x, y, "cuda" if device == "gpu" else "cpu")

    def train(epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for bx, by in zip(bxs, bys, strict=True):
                adam.zero_grad()
                loss = torch.nn.functional.mse_loss(model(bx), by)
                loss.backward()
                adam.step()
                losses.append(loss.detach())
        return torch.stack(losses).reshape(epochs, -1).mean(1).cpu().numpy()

    return train


def torch_compiled(net: MLP, x: np.ndarray, y: np.ndarray, device: str):
    """torch.compile(mode="reduce-overhead"), which replays CUDA graphs, of forward, loss and gradient; fused Adam."""
    torch, model, adam, bxs, bys = _torch(net, x, y, "cuda" if device == "gpu" else "cpu")

    @torch.compile(mode="reduce-overhead")
    def loss_of(bx, by):
        return torch.nn.functional.mse_loss(model(bx), by)

    def train(epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for bx, by in zip(bxs, bys, strict=True):
                torch.compiler.cudagraph_mark_step_begin()
                adam.zero_grad()
                loss = loss_of(bx, by)
                losses.append(loss.detach().clone())
                loss.backward()
                adam.step()
        return torch.stack(losses).reshape(epochs, -1).mean(1).cpu().numpy()

    return train


def on_jax(contender):
    """A contender of train_peers.py: JAX chooses the GPU by itself."""
    return lambda net, x, y, _: contender(net, x, y, BATCH)


CONTENDERS = {
    "tinymlp": tinymlp_on("gpu"),
    "tinymlp on the CPU": tinymlp_on("cpu"),
    "torch eager, fused Adam": torch_eager,
    "torch.compile, CUDA graphs": torch_compiled,
    "JAX scan": on_jax(jax_plain),
    "JAX scan, tuned layout": on_jax(jax_tuned),
}


def serve(name: str, device: str, pipe) -> None:
    """In a contender's process: build for a width, train for so many epochs, tell how long it took."""
    make = tinymlp_on("cpu") if device == "cpu" and name == "tinymlp" else CONTENDERS[name]
    while request := pipe.recv():
        try:
            match request:
                case "build", width:
                    began = perf_counter()
                    train = make(MLP([1, width, width, width, 1], seed=0), *data_of(SAMPLES), device)
                    losses = [train(1)]
                    before = perf_counter() - began
                    losses.append(train(CHECKED - 1))
                    pipe.send((before, np.concatenate(losses)))
                case "train", epochs:
                    began = perf_counter()
                    train(epochs)
                    pipe.send(perf_counter() - began)
        except Exception as error:  # whatever a peer breaks down with is its result
            pipe.send(f"{type(error).__name__}: {str(error).strip()[:150]}")


def ask(pipe, *request):
    """The answer; text is an error."""
    try:
        pipe.send(request)
        return pipe.recv()
    except (EOFError, ConnectionError):
        return "its process has died"


def compare(pipes: dict, width: int, args: argparse.Namespace, problems: list[str]) -> list[dict]:
    """A row for each contender that computes the right losses."""
    expected = expected_losses("tinymlp", width, SAMPLES, BATCH, CHECKED)
    steps, rows, epochs = SAMPLES // BATCH, {}, {}
    for name, pipe in pipes.items():
        answer = ask(pipe, "build", width)
        error = np.inf if isinstance(answer, str) else float(np.abs(answer[1] / expected - 1).max())
        if not error < TOLERANCE:
            problems.append(
                f"{name} at width {width}: {answer if isinstance(answer, str) else f'losses differ by {error}'}"
            )
            continue
        rows[name] = {"width": width, "contender": name, "before_s": answer[0], "error": error, "us": []}
        ask(pipe, "train", 5)
        epochs[name] = max(1, int(args.seconds / ask(pipe, "train", 5) * 5))
    for k in range(args.rounds):
        for name in list(rows)[:: 1 if k % 2 else -1]:
            answer = ask(pipes[name], "train", epochs[name])
            if isinstance(answer, str):
                problems.append(f"{name} at width {width}: {answer}")
                del rows[name]
            else:
                rows[name]["us"].append(answer / epochs[name] / steps * 1e6)
    return list(rows.values())


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [
        "| H | contender | us a step, median | minimum | of tinymlp | before and first epoch, s | losses differ by |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours = [median(r["us"]) for r in rows if r["contender"] == "tinymlp" and r["width"] == row["width"]]
        ratio = f"{median(row['us']) / ours[0]:.2f}" if ours else ""
        cells = f"{median(row['us']):.1f} | {min(row['us']):.1f} | {ratio} | {row['before_s']:.2f} | {row['error']:.0e}"
        lines.append(f"| {row['width']} | {row['contender']} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the options, run the contenders, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30, 64, 100, 300, 1000])
    parser.add_argument("--rounds", type=int, default=7, help="slices of each")
    parser.add_argument("--seconds", type=float, default=0.3, help="of a slice")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu tries the script without a GPU")
    args = parser.parse_args()

    backend.choose(args.device)  # raises if there is no GPU
    machine = [describe(), *backend.describe()]
    names, problems = args.only, []
    for package in ("torch", "jax"):
        try:
            machine.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            problems.append(f"{package} is not installed")
            names = [name for name in names if not name.lower().startswith(package)]
    os.environ.update(XLA_PYTHON_CLIENT_PREALLOCATE="false", JAX_DEFAULT_MATMUL_PRECISION="highest")
    if args.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    spawn, pipes = get_context("spawn"), {}
    for name in names:
        pipes[name], theirs = spawn.Pipe()
        spawn.Process(target=serve, args=(name, args.device, theirs), daemon=True).start()

    rows = []
    for width in args.widths:
        rows += compare(pipes, width, args, problems)
        print(table([row for row in rows if row["width"] == width]), flush=True)
    for pipe in pipes.values():
        pipe.send(None)
    print("\n".join(["", *machine, *problems]))
    if args.device == "gpu":
        gpu = next(line for line in backend.describe() if line.startswith("gpu 0")).split("  ")[1].split(",")[0]
        path = RESULTS / f"gpu-{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}"
        path.with_suffix(".json").write_text(
            json.dumps({"machine": machine, "rows": rows, "problems": problems}, indent=1)
        )
        text = "\n".join(
            ["# Training on a GPU", "", "`python benchmarks/gpu.py`", "", *machine, "", table(rows), "", *problems]
        )
        path.with_suffix(".md").write_text(text + "\n")
        print(f"wrote {path}.json and .md")


if __name__ == "__main__":
    main()
