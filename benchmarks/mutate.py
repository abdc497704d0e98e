"""Which mistakes no test notices: python benchmarks/mutate.py tinymlp/detector tests/detector --count 60 --seed 0

Makes one small mistake at a time in a package, such as <= for <, - for + or a neighbour's index, and runs the tests on
it. A mistake that they notice is killed; one that survives is a test too few, or makes no difference. A test run that
exceeds the time limit counts as killed. All happens in temporary copies of the repository; the same seed draws the same
mistakes of the same source. What docstrings, annotations, error messages, f-strings and __repr__ say is left as it is.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TWO_WAYS = "Lt LtE, Gt GtE, Eq NotEq, In NotIn, Is IsNot, Add Sub, Mult Div, And Or, BitAnd BitOr, LShift RShift"
ONE_WAY = {"MatMult": "Mult", "Pow": "Mult", "FloorDiv": "Div", "Mod": "Mult", "BitXor": "BitOr"}
NAMES = (
    "P Q, p q, x y, real imag, W b, left right, start stop, first last, before after, lower upper, above below, "
    "weights biases, slopes intercepts, breakpoints boundaries, fired predicted, minimum maximum, min max, any all, "
    "union1d intersect1d"
)
SILENT = {"annotation", "returns", "decorator_list", "bases", "exc", "msg"}  # fields in which nothing is changed


def both_ways(pairs: str) -> dict[str, str]:
    """{"a": "b", "b": "a", ...} of "a b, ..."."""
    listed = [pair.split() for pair in pairs.split(", ")]
    return {**dict(listed), **{b: a for a, b in listed}}


OTHER_OPERATOR, OTHER_NAME = both_ways(TWO_WAYS) | ONE_WAY, both_ways(NAMES)


class Mutation(NamedTuple):
    """Other text for the bytes from start to stop of a file."""

    path: Path
    source: bytes
    line: int
    start: int
    stop: int
    text: str

    def made(self) -> bytes:
        """The file with it."""
        return self.source[: self.start] + self.text.encode() + self.source[self.stop :]

    def __str__(self) -> str:
        """Where it is, and the lines that it changes, marked as diff does."""
        first, end = self.source.rfind(b"\n", 0, self.start) + 1, self.source.find(b"\n", self.stop)
        after = self.made()[first : end + len(self.made()) - len(self.source)]
        marked = [
            (sign, line) for sign, text in (("-", self.source[first:end]), ("+", after)) for line in text.splitlines()
        ]
        return "\n".join([f"{self.path}:{self.line}", *(f"  {sign} {line.decode()}" for sign, line in marked)])


def names_in(node: ast.AST) -> set[str]:
    """The names that are read, assigned or passed in some code."""
    return {n.id if isinstance(n, ast.Name) else n.arg for n in ast.walk(node) if isinstance(n, ast.Name | ast.arg)}


def nodes_that_matter(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, set[str]]]:
    """Each node that may be changed, and the names that its function knows."""
    is_text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    if is_text or is_all or getattr(node, "name", None) == "__repr__" or getattr(node, "arg", None) == "strict":
        return
    if isinstance(node, ast.FunctionDef):
        known = names_in(node)
    yield node, known
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and field not in SILENT:
                yield from nodes_that_matter(child, known)


def changes(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    """Every small mistake that can be made at this node: what is replaced, and by what."""

    def but(**fields) -> str:
        return "(" + ast.unparse(type(node)(**{**dict(ast.iter_fields(node)), **fields})) + ")"

    def other(operator: ast.AST) -> ast.AST:
        return getattr(ast, OTHER_OPERATOR[type(operator).__name__])()

    match node:
        case ast.Compare(ops=ops):
            yield from ((node, but(ops=[*ops[:k], other(op), *ops[k + 1 :]])) for k, op in enumerate(ops))
        case ast.BinOp(op=op) | ast.BoolOp(op=op):
            yield node, but(op=other(op))
        case ast.AugAssign(op=op):
            yield node, but(op=other(op))[1:-1]
        case ast.UnaryOp(operand=operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.IfExp(test=test) | ast.If(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            for new in (value - 1, value + 1) if value in (0, 1, 2) else (2 * value,):
                yield node, repr(new)
        case ast.Constant(value="left" | "right" as side):
            yield node, repr(OTHER_NAME[side])
        case ast.Name(id=name, ctx=ast.Load()) if OTHER_NAME.get(name) in known | {"min", "max", "any", "all"}:
            yield node, OTHER_NAME[name]
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in OTHER_NAME:
            yield node, but(attr=OTHER_NAME[name])[1:-1]
        case ast.Call(func=ast.Name(id="abs") | ast.Attribute(attr="abs"), args=[argument]):
            yield node, f"({ast.unparse(argument)})"
        case ast.Subscript(slice=index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            ends = [end for p in parts for end in ((p.lower, p.upper) if isinstance(p, ast.Slice) else (p,)) if end]
            yield from ((end, f"({ast.unparse(end)} + 1)") for end in ends if isinstance(end, ast.Name | ast.Attribute))
    if isinstance(node, ast.Assign):
        makes_no_name = isinstance(node.targets[0], ast.Subscript | ast.Attribute)
        removed = makes_no_name or names_in(node.targets[0]) <= names_in(node.value)
    else:
        removed = isinstance(node, ast.AugAssign | ast.Expr | ast.Raise | ast.Continue | ast.Break)
    if removed:
        yield node, "pass"


def mutations_of(path: Path) -> list[Mutation]:
    """All there are in a file of the repository."""
    source = (ROOT / path).read_bytes()
    lines = source.splitlines(keepends=True)
    begins = [sum(map(len, lines[:k])) for k in range(len(lines))]
    found = []
    for node, known in nodes_that_matter(ast.parse(source), set()):
        for old, text in changes(node, known):
            start, stop = begins[old.lineno - 1] + old.col_offset, begins[old.end_lineno - 1] + old.end_col_offset
            found.append(Mutation(path, source, old.lineno, start, stop, text))
    return found


def run_tests(folder: Path, tests: list[str], limit: float) -> str:
    """Run the tests in a copy: "survived", "killed" or "timed out"."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return "timed out"
    return "killed" if done.returncode else "survived"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("package", type=Path, help="the folder or file to make mistakes in, in the repository")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--count", type=int, default=60, help="how many mistakes to draw; 0 makes all there are")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=120, help="seconds for a run of the tests")
    args = parser.parse_args()
    package = ROOT / args.package
    paths = sorted(package.rglob("*.py")) if package.is_dir() else [package]
    everything = [mutation for path in paths for mutation in mutations_of(path.relative_to(ROOT))]
    count = min(args.count or len(everything), len(everything))
    chosen = sorted(Random(args.seed).sample(everything, count))

    with tempfile.TemporaryDirectory() as name:
        copies: SimpleQueue[Path] = SimpleQueue()
        for copy in (Path(name, "1"), Path(name, "2")):
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist"))
            copies.put(copy)
        if (outcome := run_tests(copy, args.tests, args.limit)) != "survived":
            raise RuntimeError(f"without any mistake the tests were {outcome}")

        def try_one(mutation: Mutation) -> str:
            copy = copies.get()
            (copy / mutation.path).write_bytes(mutation.made())
            outcome = run_tests(copy, args.tests, args.limit)
            (copy / mutation.path).write_bytes(mutation.source)
            copies.put(copy)
            return outcome

        outcomes = []
        with ThreadPoolExecutor(2) as pool:
            for mutation, outcome in zip(chosen, pool.map(try_one, chosen), strict=True):
                outcomes.append(outcome)
                if outcome == "survived":
                    print(mutation, flush=True)
    killed, late, survived = (outcomes.count(outcome) for outcome in ("killed", "timed out", "survived"))
    tally = f"{killed + late} killed ({late} by time), {survived} survived"
    print(f"\n{len(outcomes)} of {len(everything)} mistakes: {tally}")


if __name__ == "__main__":
    main()
