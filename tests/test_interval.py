"""Intervals: one tuple, checked."""

import numpy as np
import pytest

from tinymlp import (
    MLP,
    Moments,
    argmax_changes,
    crosscheck,
    detect_segments,
    extract_outputs,
    extract_segments,
    find_regions,
    plot,
    sample,
)
from tinymlp.interval import check_interval, grid, x_samples

NO_INTERVALS = [(1, 2, 3), 5, "ab", "15", {1, 5}, None, (1, 1), (2, 1), (0, float("nan")), (-np.inf, 0)]
NO_INTERVALS += [("1", "2"), (1, "2"), {1: 0, 2: 0}, (1j, 2), np.ma.masked_equal([1, 2], 1), (0, 10**400)]


@pytest.mark.parametrize("interval", NO_INTERVALS)
def test_bad_intervals(interval):
    """Catches: an empty or infinite interval that yields samples all the same."""
    with pytest.raises(ValueError, match="interval is"):
        x_samples(interval, 10)


def test_what_is_an_interval():
    """Catches: a list or an array refused; ends that stay integers; infinity where it may be."""
    for ends in ((1, 2), [1, 2], np.array([1, 2])):
        assert check_interval(ends) == (1.0, 2.0)
        assert [type(end) for end in check_interval(ends)] == [float, float]
    assert check_interval((-np.inf, 0), infinite=True) == (-np.inf, 0)
    with pytest.raises(ValueError, match=r"interval is 5: give a tuple of two numbers, such as \(-5, 5\)"):
        check_interval(5)


def test_an_interval_that_is_longer_than_float64():
    """Catches: samples that are NaN, because stop - start is infinite; others than before where it is not."""
    most = 2.0**1023
    assert x_samples((-most, most), 4).tolist() == [-most, -most / 2, 0, most / 2]
    assert grid((-most, most), 5).tolist() == [-most, -most / 2, 0, most / 2, most]
    assert (grid((-0.3, 0.7), 301) == np.linspace(-0.3, 0.7, 301)).all()


NET = MLP([1, 3, 1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: sample("sine", -5, 5),
        lambda: extract_segments(NET, -5, 5),
        lambda: extract_outputs(NET, -5, 5),
        lambda: find_regions(NET, -5, 5),
        lambda: argmax_changes(MLP([1, 3, 2]), -5, 5),
        lambda: detect_segments(NET, -5, 5),
        lambda: crosscheck(NET, -5, 5),
        lambda: Moments.of_function("sine", -5, 5),
        lambda: plot.segments(NET, -5, 5),
    ],
)
def test_two_numbers_get_the_tuple(call):
    """Catches: a function of an interval that tells those who give two numbers nothing of the tuple."""
    with pytest.raises(TypeError, match=r"\(\) got -5, 5: give the interval as one tuple, \(-5, 5\)"):
        call()


def test_only_an_interval_is_taken_for_one():
    """Catches: noise or points given by position taken for an interval."""
    for call in (lambda: sample("sine", (-5, 5), 100, 0.1), lambda: detect_segments(NET, (-5, 5), 300, 1e-3)):
        with pytest.raises(TypeError, match="positional arguments"):
            call()
