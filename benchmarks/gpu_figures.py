"""The figures that ``gpu.py`` is to reach, beside those measured.

They were set before anything was measured, for an H100: "reach" is what the kernel should do, "stretch" what it might.
"""

import math
from collections.abc import Callable, Sequence
from statistics import median

WIDTHS = (10, 30, 64)
NOT_YET = "not yet measured"


def step(rows: Sequence[dict], contender: str, width: int, networks: int) -> float:
    """Microseconds a step, the median; NaN where there is none."""
    found = [
        median(row["us"])
        for row in rows
        if (row["contender"], row["width"], row["networks"]) == (contender, width, networks)
    ]
    return found[0] if found else math.nan


def figures(rows: Sequence[dict], checks: Sequence[dict], networks: Sequence[int]) -> str:
    """The table, in Markdown.

    Parameters
    ----------
    rows : list of dict
        The times of `gpu.compare`.
    checks : list of dict
        Of `gpu_checks.check`.
    networks : list of int
        How many networks were trained at once: one, and of ensembles, the first and the last of which JAX has, too.
    """
    few, many = networks[1], networks[-1]

    def of_widths(value: Callable[[int], float], widths: Sequence[int] = WIDTHS) -> list[float]:
        return [value(width) for width in widths]

    def ours(width: int, count: int = 1) -> float:
        return step(rows, "tinymlp, fused", width, count)

    def times(contender: str, count: int) -> list[float]:
        return of_widths(lambda width: step(rows, contender, width, count) / ours(width, count))

    def rate(width: int) -> float:
        rates = [count / ours(width, count) * 1e6 for count in networks]
        return max((r for r in rates if r == r), default=math.nan)

    def checked(key: str) -> list[float]:
        return of_widths(lambda width: next((check[key] for check in checks if check["width"] == width), math.nan))

    jax, torch = "JAX vmap(scan), tuned", "torch eager, fused Adam"
    h, h_two = "H = 10 / 30 / 64", "H = 10 / 30"
    same = {check["same"] for check in checks}
    lines = [
        "| figure | reach | stretch | measured | reached? |",
        "|---|---|---|---|---|",
        _line(f"one network, us a step, {h}", (20, 70, 250), (12, 45, 180), of_widths(ours)),
        _line(f"network-steps a second, at most, {h_two}", (1e7, 2e6), (1.5e7, 3e6), of_widths(rate, WIDTHS[:2]), True),
        _line(
            f"a step of {few} networks, times that of one, {h}",
            (1.1,) * 3,
            (),
            of_widths(lambda width: ours(width, few) / ours(width)),
        ),
        *(
            _line(f"JAX vmap(scan), {count} networks, times our step, {h}", (3,) * 3, (5,) * 3, times(jax, count), True)
            for count in (few, many)
        ),
        _line(f"{torch}, one network, times our step, {h}", (10,) * 3, (30,) * 3, times(torch, 1), True),
        _line(f"first moment after a step, off float64 by, median, {h}", (1e-5,) * 3, (), checked("moment")),
        f"| reruns | the same digits | | {_reruns(same)} |",
        "| memcheck and racecheck | clean | | by hand: see gpu.md | |",
        _line(f"first call, compiling, s, {h}", (2,) * 3, (), checked("cold_s")),
        _line(f"first call, compiled by an earlier process, s, {h}", (0.05,) * 3, (), checked("warm_s")),
    ]
    return "\n".join(lines)


def _reruns(same: set[bool]) -> str:
    """Two cells."""
    if not same:
        return f"{NOT_YET} | "
    return "other digits | no" if False in same else "the same digits | yes"


def _line(
    figure: str, reach: Sequence[float], stretch: Sequence[float], measured: Sequence[float], more: bool = False
) -> str:
    """A row; more says that more is better."""

    def verdict(k: int) -> str:
        for word, aims in (("stretch", stretch), ("yes", reach)):
            if aims and (measured[k] >= aims[k] if more else measured[k] <= aims[k]):
                return word
        return "no" if measured[k] == measured[k] else "-"

    known = any(value == value for value in measured)
    verdicts = [verdict(k) for k in range(len(measured))] if known else []
    cells = (figure, _numbers(reach), _numbers(stretch), _numbers(measured) if known else NOT_YET, _joined(verdicts))
    return f"| {' | '.join(cells)} |"


def _numbers(values: Sequence[float]) -> str:
    return _joined([f"{value:.3g}" if value == value else "-" for value in values])


def _joined(words: Sequence[str]) -> str:
    """With strokes between, or once, if all are the same."""
    return words[0] if len(set(words)) == 1 else " / ".join(words)
