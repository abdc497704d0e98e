"""Which test notices a barrier that is not there: python tests/gpu/remove_barriers.py

Removes each __syncthreads() of train.cu in turn, in a copy of the package and its tests, and runs the tests of the
kernel on the CPU until one fails. A barrier that nobody misses would be one too many, or a test too few.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
KERNEL = Path("tinymlp/gpu/train.cu")
TESTS = "tests/gpu/test_train_kernel.py"
BARRIER = "__syncthreads();"


def barriers(source: str) -> list[tuple[int, str, int]]:
    """(line, function, offset in the source) of each."""
    found = []
    for match in re.finditer(re.escape(BARRIER), source):
        before = source[: match.start()]
        function = re.findall(r"^(?:__device__ .*?|)(\w+)\([^;]*?\{$", before, re.M)[-1]
        found.append((before.count("\n") + 1, function, match.start()))
    return found


def first_to_notice(folder: Path) -> str | None:
    """The test that fails first in that copy; a kernel that never ends is noticed, too."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--require-compilers", TESTS]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "it never ends"
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED .*?::(.+?)(?: - .*)?$", done.stdout, re.M)
    if failed is None:
        raise RuntimeError(done.stdout + done.stderr)
    return failed.group(1)


def main() -> int:
    """Print a table; 1 if some barrier is not missed."""
    source, missed = (ROOT / KERNEL).read_text("utf-8"), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("tinymlp", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if test := first_to_notice(folder):
            raise RuntimeError(f"{test} fails with all barriers in place")
        print("| line | in | first to notice |\n|---|---|---|")
        for line, function, start in barriers(source):
            (folder / KERNEL).write_text(source[:start] + ";" + source[start + len(BARRIER) :], "utf-8")
            missed.append(first_to_notice(folder))
            print(f"| {line} | {function} | {missed[-1] or 'nobody'} |", flush=True)
    return int(None in missed)


if __name__ == "__main__":
    sys.exit(main())
