"""A soak: a study is killed, damaged and starved of room, again and again, and must give the same table each time.

`make soak` runs it, in a few minutes; it is no part of the test suite. It needs Linux. The study is the command's own,
``tinymlp article --seeds 4 --jobs 2``, with rounds of one epoch, two networks side by side, and without pictures.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tinymlp.article.experiment
import tinymlp.article.report
import tinymlp.article.study
from tinymlp import MLP, train
from tinymlp.system.files import check_target, write_text

SMALL = "TINYMLP_SOAK"  # set in processes that run the small study, and so in their workers
SIGNALS = {"SIGKILL": -9, "SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130, "SIGINT to all its processes": 130}

COMMAND = """
import sys
from tinymlp.cli import main
sys.path.insert(0, {tests!r})
import soak
if __name__ == "__main__":
    sys.exit(main())
"""

if os.environ.get(SMALL):
    tinymlp.article.experiment.train = lambda net, data, epochs, **options: train(net, data, 1, **options)
    tinymlp.article.study.AT_ONCE["cpu"] = 2
    tinymlp.article.report.write_report = lambda experiments, out, **options: out


class Soak:
    """The study in folders of its own, and what was seen."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.random = folder, random.Random(seed)
        self.command = folder / "tinymlp"
        self.command.write_text(COMMAND.format(tests=str(Path(__file__).parent)))
        self.rows: list[str] = []
        self.bad = 0

    def start(self, out: Path, limit: int | None = None) -> subprocess.Popen:
        """Start the study; its files may have so many bytes at most."""
        words = [sys.executable, str(self.command), "article", "--seeds", "4", "--jobs", "2", "--out", str(out)]
        options = {"env": {**os.environ, SMALL: "1"}, "stdout": subprocess.DEVNULL, "start_new_session": True}
        with open(out.with_suffix(".log"), "w") as log:
            return subprocess.Popen(words, stderr=log, preexec_fn=limited(limit), **options)

    def whole(self, out: Path) -> bool:
        """Run the study to its end; whether that went well and its table is the right one."""
        return self.start(out).wait(300) == 0 and self.right(out)

    def right(self, out: Path) -> bool:
        """Whether the table, and all that networks gave, is the reference's, and nothing else is left."""
        return numbers(out) == numbers(self.folder / "reference")

    def row(self, what: str, times: int, fine: int, more: str = "") -> None:
        """Note a line of the table, and print it."""
        self.bad += times - fine
        self.rows.append(f"| {what} | {times} | {fine} | {more} |")
        print(self.rows[-1], flush=True)


def limited(limit: int | None) -> Callable[[], None]:
    """What a child does first."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)) if limit else None


def numbers(out: Path) -> dict[str, object]:
    """All that a study says, file by file, without how long it took."""
    found = {}
    for file in out.rglob("*.json"):
        content = json.loads(file.read_text("utf-8"))
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key not in ("seconds", "digest")}
        found[file.relative_to(out).as_posix()] = content
    return found


def leftovers(out: Path) -> int:
    """How many unfinished files a writer left that was killed."""
    return len([file for file in out.rglob("*") if file.name.endswith(".part")])


def alive(group: int) -> int:
    """How many processes of a group live on."""
    count = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = file.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        count += int(its_group) == group and state != "Z"
    return count


def kill_and_resume(soak: Soak, kills: int, seconds: float) -> None:
    """Stop the study at random moments, each time go on; begin again whenever it is through."""
    out, done, finished, right, parts = soak.folder / "killed", 0, 0, 0, 0
    tally = {name: [0, 0] for name in SIGNALS}  # how often, how often all was well
    while done < kills:
        process = soak.start(out)
        name = soak.random.choice(list(SIGNALS))
        try:
            process.wait(soak.random.uniform(0.2, seconds))
        except subprocess.TimeoutExpired:
            done += 1
            if name == "SIGINT to all its processes":
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.send_signal(getattr(signal, name))
            well = ended_well(soak, process, SIGNALS[name], out)
            tally[name][0] += 1
            tally[name][1] += well
        if process.returncode == 0:  # through before the signal, or just then
            finished, right, parts = finished + 1, right + soak.right(out), parts + leftovers(out)
            shutil.rmtree(out)
    finished, right, parts = finished + 1, right + soak.whole(out), parts + leftovers(out)
    for name, (times, fine) in tally.items():
        soak.row(
            f"{name} at a random moment: the right exit code, no traceback, no process left, every file whole",
            times,
            fine,
        )
    soak.row(
        "studies that were killed and went on to the end: the same table, digit by digit",
        finished,
        right,
        f"{parts} unfinished files left",
    )


def ended_well(soak: Soak, process: subprocess.Popen, status: int, out: Path) -> bool:
    """Whether a study that was told to stop did, and left nothing behind that it should not."""
    began = time.monotonic()
    process.wait(60)
    while alive(process.pid) and time.monotonic() < began + 10:
        time.sleep(0.05)
    said = out.with_suffix(".log").read_text()
    early = process.returncode == -signal.SIGINT or process.returncode == -(status - 128)  # while Python itself loads
    problems = [
        problem
        for problem, there in (
            (f"exit code {process.returncode}", process.returncode not in (status, 0) and not early),
            ("a traceback", "Traceback" in said),
            (f"{alive(process.pid)} processes", alive(process.pid)),
            ("half a file", not readable(out)),
        )
        if there
    ]
    if problems:
        print(f"after {status}: {', '.join(problems)}; it said: {said[-2000:]}", file=sys.stderr)
    return not problems


def readable(out: Path) -> bool:
    """Whether every file that has its name is whole."""
    try:
        numbers(out)
    except ValueError:
        return False
    return True


def flip_bytes(soak: Soak, times: int) -> None:
    """Change bytes in three results at a time."""
    out, fine = soak.folder / "flipped", 0
    shutil.copytree(soak.folder / "reference", out)
    for _ in range(times):
        for file in soak.random.sample(sorted(out.glob("seeds/*.json")), 3):
            content = bytearray(file.read_bytes())
            content[soak.random.randrange(len(content))] ^= soak.random.randrange(1, 256)
            file.write_bytes(content)
        fine += soak.whole(out)
    soak.row("a byte changed in each of three results; run again", times, fine)


def fill_the_disk(soak: Soak, times: int) -> None:
    """Let files end after a random number of bytes; an old network and a study survive that."""
    path, old, fine = soak.folder / "net.npz", MLP([1, 3, 1], seed=1), 0
    words = [sys.executable, "-m", "tinymlp", "fit", "sine", "--epochs", "1", "--width", "40", "--out", str(path)]
    old.save(path)
    for _ in range(times):
        limit = limited(soak.random.randrange(1, 12_000))
        done = subprocess.run(words, preexec_fn=limit, capture_output=True, text=True, check=False)
        kept = (MLP.load(path).params == old.params).all()
        fine += bool(done.returncode == 2 and kept and "Traceback" not in done.stderr)
    soak.row("`fit --out` over an old network, and the disk is full: one line, the old one stays", times, fine)

    out, fine, parts = soak.folder / "full", 0, 0
    for _ in range(times):
        stopped = soak.start(out, soak.random.randrange(1, 9000)).wait(300)
        said, parts = out.with_suffix(".log").read_text(), parts + leftovers(out)
        fine += stopped in (0, 2) and "Traceback" not in said and readable(out) and soak.whole(out)
        shutil.rmtree(out)
    soak.row("a study, and the disk is full; then there is room", times, fine, f"{parts} unfinished files left")


def fill_a_tmpfs(soak: Soak) -> None:
    """The same on a file system that is really full, where one may be mounted."""
    out = soak.folder / "tmpfs"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        soak.row("a study on a full tmpfs", 0, 0, "not tried: nothing may be mounted here")
        return
    try:
        stopped = soak.start(out).wait(300)
        said = out.with_suffix(".log").read_text()
        fine = stopped == 2 and "Traceback" not in said and readable(out) and not leftovers(out)
        subprocess.run(["mount", "-o", "remount,size=9m", str(out)], check=True)
        soak.row("a study on a full tmpfs of 24 kB; then it has 9 MB", 1, int(fine and soak.whole(out)))
    finally:
        subprocess.run(["umount", str(out)], check=True)


def two_at_once(soak: Soak, times: int) -> None:
    """Two studies in one folder; every second time one of them is killed."""
    fine = 0
    for k in range(times):
        out = soak.folder / f"both-{k}"
        one, other = soak.start(out), soak.start(out)
        if k % 2:
            time.sleep(soak.random.uniform(0.5, 3))
            other.kill()
        codes = one.wait(300), other.wait(300)
        fine += codes == (0, -9 if k % 2 else 0) and soak.right(out)
    soak.row("two studies at once in one folder, every second time one of them killed", times, fine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the bytes")
    parser.add_argument("--out", type=Path, help="write the table here, too")
    args = parser.parse_args()
    if args.out:
        check_target(args.out)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), args.seed)
        head = "| what | times | as it should be | |\n|---|---|---|---|"
        print(head, flush=True)
        first = time.monotonic()
        assert soak.start(soak.folder / "reference").wait(300) == 0, (soak.folder / "reference.log").read_text()
        seconds = time.monotonic() - first
        kill_and_resume(soak, args.kills, seconds)
        flip_bytes(soak, 6)
        fill_the_disk(soak, 6)
        fill_a_tmpfs(soak)
        two_at_once(soak, 4)
    took = f"{time.monotonic() - began:.0f} s; undisturbed, a study takes {seconds:.1f} s."
    print(f"\n{took}")
    if args.out:
        what = __doc__.split("\n\n", 1)[1].strip()
        write_text(args.out, "\n\n".join(["# A soak", what, "\n".join([head, *soak.rows]), took]) + "\n")
    sys.exit(soak.bad > 0)


if __name__ == "__main__":
    main()
