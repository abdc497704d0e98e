"""What a cross-check says in words."""

from dataclasses import replace

import numpy as np
import pytest
from support.networks import with_jumps

from tinymlp import MLP, crosscheck
from tinymlp.detector.explanation import MEANING


def test_print_explains():
    """Catches: a row that is missing from the text, a count out of step, breakpoints numbered wrongly."""
    check = crosscheck(with_jumps((3.5, 1), (7, 1), (7.2, 1)), (0, 10), points=11)
    text = str(check)
    assert text.startswith("On 11 points from 0 to 10, 1 apart, the detector in float32 with epsilon 0.001 counts 5 s")
    assert "exact: 4." in text
    assert "3 breakpoints:" in text
    assert "4 transitions:" in text
    assert "fires 4 times and agrees" in text
    lines = text.splitlines()
    (row,) = [line for line in lines if line.startswith("breakpoint 2")]
    assert row.split() == ["breakpoint", "2", "7.2", "1", "merged", "with", "breakpoint", "1", "(i", "=", "8,", "9)"]
    assert sum(line.startswith("transition") for line in lines) == 4


def test_the_whole_text():
    """Catches: a line, a number or an order that changes; the count, the step and each row were worked out by hand."""
    check = crosscheck(with_jumps((-0.5, 1), (2, -1e-4), (3, 2), (3.2, 1)), (-2, 8), points=11)
    assert str(check).splitlines() == [
        "On 11 points from -2 to 8, 1 apart, the detector in float32 with epsilon 0.001 counts 5 segments; exact: 5.",
        "4 breakpoints:",
        f"    2 merged: {MEANING['merged']}",
        f"    1 found twice: {MEANING['found twice']}",
        f"    1 hidden: {MEANING['hidden']}",
        "4 transitions:",
        f"    4 explained: {MEANING['explained']}",
        "In float64 the detector fires 4 times and agrees with the prediction.",
        "",
        "                           x      change  verdict",
        "transition                -1         0.5  made by breakpoint 0 (i = 2)",
        "breakpoint 0            -0.5           1  found twice (i = 2, 3)",
        "transition                 0         0.5  made by breakpoint 0 (i = 3)",
        "breakpoint 1               2     -0.0001  hidden",
        "breakpoint 2               3           2  merged with breakpoint 3 (i = 6)",
        "transition                 3         2.8  made by breakpoints 2, 3 (i = 6)",
        "breakpoint 3             3.2           1  merged with breakpoint 2 (i = 6, 7)",
        "transition                 4         0.2  made by breakpoint 3 (i = 7)",
    ]


@pytest.mark.parametrize(
    ("verdict", "told"), [(v, True) for v in ("rounding", "missing", "unexplained")] + [("undecided", False)]
)
def test_the_bound_is_told_where_it_matters(verdict, told):
    """Catches: a transition that is put down to rounding without a number, or with that of another index."""
    check = crosscheck(with_jumps((5, 1)), (0, 10), points=11)
    (row,) = [row for row in check.table if row.what == "transition"]
    bounds = np.arange(11) / 1000
    last = str(replace(check, bounds=bounds, table=[row._replace(verdict=verdict)])).splitlines()[-1]
    assert last.endswith(f" {verdict}, which may change this by 0.006 (i = 6)" if told else f" {verdict} (i = 6)")


def test_the_first_undecided_indices_are_named():
    """Catches: dots after five of five, or none after five of six."""
    check = crosscheck(with_jumps((5, 1)), (0, 10), points=11)
    begin = "\nUndecided, within float64's rounding of epsilon: "
    rest = ").\nIn float64 the detector fires 1 times and agrees with the prediction at all other indices.\n"
    assert begin + "5 indices (2, 3, 4, 5, 6" + rest in str(replace(check, undecided=np.arange(2, 7)))
    assert begin + "6 indices (2, 3, 4, 5, 6, ..." + rest in str(replace(check, undecided=np.arange(2, 8)))
    assert "Undecided" not in str(check)


def test_nothing_to_find():
    """Catches: empty arrays that break; a straight network is one segment for both."""
    check = crosscheck(MLP.from_weights([[[2]]], [[1]]), (-1, 1), dtype=np.float64)
    assert (check.table, len(check.detection), len(check.segments)) == ([], 1, 1)
    assert "0 breakpoints\n0 transitions" in str(check)
