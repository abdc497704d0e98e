"""What a cross-check says in words."""

import numpy as np
from support.networks import with_jumps

from tinymlp import MLP, crosscheck


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


def test_nothing_to_find():
    """Catches: empty arrays that break; a straight network is one segment for both."""
    check = crosscheck(MLP.from_weights([[[2]]], [[1]]), (-1, 1), dtype=np.float64)
    assert (check.table, len(check.detection), len(check.segments)) == ([], 1, 1)
    assert "0 breakpoints\n0 transitions" in str(check)
