"""The detector predicted and explained: hand-made corners whose fate is known, then many networks."""

import sys
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from oracle import exact

from tinymlp import MLP, assert_counts_agree, crosscheck, detect_segments, extract_segments, sample, train


def corners(*pairs):
    """x plus corners: a network with a jump at each x, from pairs (x, jump); float64."""
    x, jumps = np.array(pairs, float).T
    first = np.ones((len(x) + 1, 1))
    return MLP.from_weights([first, [[1, *jumps]]], [[100, *-x], [0]])


def verdicts(check, what="breakpoint"):
    return [row.verdict for row in check.table if row.what == what]


def test_inside_a_cell_found_twice_on_a_grid_point_once():
    """Catches: hats shifted by an index; a breakpoint on a grid point seen from a cell beside it."""
    check = crosscheck(corners((3.5, 1), (7, 1)), 0, 10, points=10, dtype=np.float64)
    assert check.predicted.tolist() == check.detected.tolist() == check.reference.tolist() == [4, 5, 8]
    assert verdicts(check) == ["found twice", "found once"]
    assert [row.indices for row in check.table if row.what == "breakpoint"] == [[4, 5], [8]]
    assert check.changes[[4, 5, 8]].tolist() == [0.5, 0.5, 1]
    assert check.agrees


def test_through_the_foot_of_a_hat_found_once():
    """Catches: a breakpoint inside a cell that is always called found twice."""
    check = crosscheck(corners((3.0005, 1)), 0, 10, points=10, dtype=np.float64, epsilon=1e-2)
    assert check.detected.tolist() == [4]
    assert verdicts(check) == ["found once"]


def test_a_neighbour_seen_through_the_foot_of_a_hat_is_not_merged():
    """Catches: credit for a transition to a breakpoint that adds next to nothing to it."""
    check = crosscheck(corners((3.5, 1), (4.9999, 1)), 0, 10, points=10, dtype=np.float64)
    assert verdicts(check) == ["found twice", "found once"]


def test_neighbours_are_merged():
    """Catches: breakpoints that share a transition counted as if each had its own; a partner left out."""
    check = crosscheck(corners((3.5, 1), (3.6, 2), (4.5, 1)), 0, 10, points=10, dtype=np.float64)
    rows = [row for row in check.table if row.what == "breakpoint"]
    assert [(row.verdict, row.others) for row in rows] == [("merged", [1, 2]), ("merged", [0, 2]), ("merged", [0, 1])]
    assert check.detected.tolist() == [4, 5, 6]
    made_by = {row.indices[0]: row.others for row in check.table if row.what == "transition"}
    assert made_by == {4: [0, 1], 5: [0, 1, 2], 6: [2]}


def test_small_jumps_hide_and_opposite_ones_cancel():
    """Catches: a jump below epsilon called found; two that the grid cannot tell from none."""
    check = crosscheck(corners((3.5, 1e-4), (6.5, 1), (6.5 + 1e-5, -1)), 0, 10, points=10, dtype=np.float64)
    assert len(check.detected) == 0
    assert verdicts(check) == ["hidden"] * 3


def test_many_small_jumps_fire_together():
    """Catches: a transition that none of its breakpoints would have made alone, credited to nobody."""
    check = crosscheck(corners(*((3 + k / 8, 6e-4) for k in range(4))), 0, 10, points=10, dtype=np.float64)
    assert len(check.detected)
    assert set(verdicts(check, "transition")) == {"corner"}
    assert "merged" in verdicts(check)


def test_beyond_the_grid():
    """Catches: the first and last cells, of which one edge has no rule, taken for others."""
    net = corners((0.5, 1), (9.2, 1))  # the last grid point is 9; index 1 has no slope before it to compare with
    check = crosscheck(net, 0, 10, points=10, dtype=np.float64)
    assert verdicts(check) == ["found once", "outside"]
    assert check.detected.tolist() == [2]
    assert check.changes[2] == 0.5


def test_a_grid_that_rounding_moves_out_of_the_interval():
    """Catches: a breakpoint between start and where float32 puts the first grid point."""
    start = -0.1  # float32 makes it -0.10000000149
    net = corners((start - 1e-9, 1))
    assert float(np.float32(start)) < start - 1e-9
    check = crosscheck(net, start, 10)
    assert len(check.segments) == 2


def networks():
    """Random and trained, narrow and wide, ReLU and leaky."""
    for seed in range(16):
        width = (10, 30)[seed % 2]
        net = MLP([1, width, width, width, 1], (0.0, 0.0, 0.01)[seed % 3], seed=seed)
        if seed % 4:
            train(net, sample(("sine", "exp", "step")[seed % 3], n=2000), (5, 20)[seed % 2], batch_size=200)
        yield net


NETWORKS = list(networks())


def test_every_transition_of_the_float64_detector_is_predicted():
    """Catches: any transition that is not predicted, any predicted that is not there."""
    count = 0
    for net in NETWORKS:
        for start, stop, points in [(-5, 5, 300), (-10, 10, 300), (-5, 5, 2000), (0, 0.5, 300), (-1000, 1000, 300)]:
            check = crosscheck(net, start, stop, points)
            assert check.agrees
            assert not len(check.undecided)
            ours = crosscheck(net, start, stop, points, dtype=np.float64)
            fired = detect_segments(net, start, stop, points, dtype=np.float64).transitions
            assert ours.predicted.tolist() == fired.tolist() == ours.detected.tolist()
            count += len(fired)
    assert count > 2000


def test_what_float32_adds_is_within_the_bound():
    """Catches: a bound that rounding breaks, and one that would explain anything."""
    closest = 0.0
    rounding = 0
    for net in NETWORKS:
        for points in (300, 3000):
            check = crosscheck(net, -5, 5, points)
            verdict = verdicts(check, "transition")
            assert "unexplained" not in verdict
            rounding += verdict.count("rounding")
            d = check.detection
            seen = np.diff(np.diff(d.y) / np.diff(d.x)).astype(np.float64)  # of indices 2, 3, ...
            error = np.abs(seen - check.changes[2:])
            assert (error <= check.bounds[2:]).all()
            closest = max(closest, float((error / check.bounds[2:]).max()))
    assert rounding > 100
    assert closest > 0.02


def test_the_bound_counts_biases_and_depth():
    """Catches: the rounding of a large bias, or of all layers but the last, left out."""
    rng = np.random.default_rng(0)
    cancelled = MLP.from_weights([[[1]], [[1]]], [[1000], [-1000]])
    deep = MLP.from_weights(list(rng.uniform(0.8, 1.25, (400, 1, 1))), list(rng.uniform(0, 0.1, (400, 1))))
    for net in (cancelled, deep):
        check = assert_counts_agree(net, 0, 5, 300)
        assert verdicts(check, "transition").count("rounding") > 10


def test_the_bound_counts_weights_that_become_subnormal():
    """Catches: weights that float16 rounds to a few digits, or to nothing."""
    net = MLP.from_weights([np.ones((300, 1)), np.full((1, 300), 0.99 * 2.0**-25)], [np.zeros(300), [0]])
    check = crosscheck(net, -3000, 3000, points=50, epsilon=1e-7, dtype=np.float16)
    assert "unexplained" not in verdicts(check, "transition")


def test_changes_are_those_of_the_exact_values():
    """Catches: any error of the hats; against second differences of the oracle's values in rational numbers."""
    net = MLP([1, 8, 8, 1], seed=4, dtype=np.float64)
    check = crosscheck(net, -4, 4, points=40, dtype=np.float64)
    truth = exact(net, -4, 4)
    x = [Fraction(float(v)) for v in check.detection.x]
    values = []
    for v in x:  # integrate the slopes from the start; the constant drops out
        edges = [Fraction(-4), *(b for b in truth.boundaries if b < v), v]
        values.append(sum((right - left) * s for left, right, s in zip(edges, edges[1:], truth.slopes, strict=False)))
    g = [(b - a) / (d - c) for a, b, c, d in zip(values, values[1:], x, x[1:], strict=False)]
    assert check.changes[2:] == pytest.approx([float(b - a) for a, b in pairwise(g)], abs=1e-14)


def test_within_rounding_of_epsilon_is_undecided():
    """Catches: a coin that rounding tosses, reported as agreement."""
    net = corners((3.5, 2e-3))  # half of it is under each hat: just epsilon
    check = crosscheck(net, 0, 10, points=10, dtype=np.float64)
    assert check.undecided.tolist() == [4, 5]
    assert "Undecided" in str(check)
    check = crosscheck(net, 0, 10, points=10, epsilon=1e-3 * (1 - 1e-15), dtype=np.float64)
    assert verdicts(check, "transition") == ["undecided"] * 2
    with pytest.raises(AssertionError, match="Undecided"):
        assert_counts_agree(net, 0, 10, points=10, dtype=np.float64)


def test_rounding_may_swallow_a_transition():
    """Catches: a transition that is not there called one that rounding made."""
    net = MLP.from_weights([[[1], [1]], [[0.00102, 1000]]], [[-0.5, 0], [0]])  # a small corner on a steep line
    check = crosscheck(net, 0, 1, points=64)
    assert verdicts(check) == ["hidden"]
    assert "missing" in verdicts(check, "transition")
    assert check.agrees


def test_assert_counts_agree():
    """Catches: an assertion that cannot fail, or that fails on float32's rounding, which is explained."""
    net = NETWORKS[1]
    check = assert_counts_agree(net, -5, 5, 3000)
    assert "rounding" in verdicts(check, "transition")
    assert check.detection.count != len(check.segments)


def test_disagreement_is_told(monkeypatch):
    """Catches: agreement that is not looked at."""
    module = sys.modules["tinymlp.detector.crosscheck"]  # the name in the package is the function's
    monkeypatch.setattr(module, "extract_segments", lambda net, a, b: extract_segments(net, a, b).clip(a + 3, b))
    net = corners((1.5, 1), (7.5, 1))
    check = crosscheck(net, 0, 10, points=10)
    assert not check.agrees
    assert "DOES NOT AGREE" in str(check)
    assert "unexplained" in verdicts(check, "transition")
    with pytest.raises(AssertionError, match="DOES NOT AGREE"):
        assert_counts_agree(net, 0, 10, points=10)


def test_a_prediction_that_does_not_come_true_is_told(monkeypatch):
    """Catches: agreement that asks only whether what fired was predicted."""
    monkeypatch.setattr(
        sys.modules["tinymlp.detector.crosscheck"], "find_transitions", lambda x, y, epsilon: np.array([], int)
    )
    assert not crosscheck(corners((3.5, 1)), 0, 10, points=10).agrees


def test_print_explains():
    """Catches: a row that is missing from the text, a count out of step, breakpoints numbered wrongly."""
    check = crosscheck(corners((3.5, 1), (7, 1), (7.2, 1)), 0, 10, points=10)
    text = str(check)
    assert text.startswith("On 10 points from 0 to 9, 1 apart, the detector in float32 with epsilon 0.001 counts 5 seg")
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
    check = crosscheck(MLP.from_weights([[[2]]], [[1]]), -1, 1, dtype=np.float64)
    assert (check.table, check.detection.count, len(check.segments)) == ([], 1, 1)
    assert "0 breakpoints\n0 transitions" in str(check)
