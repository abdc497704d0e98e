"""The detector explained: hand-made breakpoints whose fate is known, then many networks."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from support.networks import with_jumps

from tinymlp import MLP, assert_counts_agree, crosscheck, detect_segments, extract_segments, sample, train


def verdicts(check, what="breakpoint"):
    return [row.verdict for row in check.table if row.what == what]


def test_inside_a_cell_found_twice_on_a_grid_point_once():
    """Catches: hats shifted by an index; a breakpoint on a grid point seen from a cell beside it."""
    check = crosscheck(with_jumps((3.5, 1), (7, 1)), (0, 10), points=11, dtype=np.float64)
    assert check.predicted.tolist() == check.detected.tolist() == check.reference.tolist() == [4, 5, 8]
    assert verdicts(check) == ["found twice", "found once"]
    assert [row.indices for row in check.table if row.what == "breakpoint"] == [[4, 5], [8]]
    assert check.changes[[4, 5, 8]].tolist() == [0.5, 0.5, 1]
    assert check.agrees


def test_through_the_foot_of_a_hat_found_once():
    """Catches: a breakpoint inside a cell that is always called found twice."""
    check = crosscheck(with_jumps((3.0005, 1)), (0, 10), points=11, dtype=np.float64, epsilon=1e-2)
    assert check.detected.tolist() == [4]
    assert verdicts(check) == ["found once"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_neighbour_seen_through_the_foot_of_a_hat_is_not_merged(sign):
    """Catches: credit for a transition to a breakpoint that adds next to nothing to it."""
    check = crosscheck(with_jumps((3.5, sign), (4.9999, sign)), (0, 10), points=11, dtype=np.float64)
    assert verdicts(check) == ["found twice", "found once"]


def test_a_neighbour_that_adds_just_epsilon_is_not_merged():
    """Catches: credit for a transition to a breakpoint that would not have fired alone."""
    check = crosscheck(with_jumps((3.5, 1), (4, 1)), (0, 10), points=11, epsilon=0.5, dtype=np.float64)
    assert check.detected.tolist() == [5]
    assert verdicts(check) == ["hidden", "found once"]


def test_neighbours_are_merged():
    """Catches: breakpoints that share a transition counted as if each had its own; a partner left out."""
    check = crosscheck(with_jumps((3.5, 1), (3.6, 2), (4.5, 1)), (0, 10), points=11, dtype=np.float64)
    rows = [row for row in check.table if row.what == "breakpoint"]
    assert [(row.verdict, row.others) for row in rows] == [("merged", [1, 2]), ("merged", [0, 2]), ("merged", [0, 1])]
    assert check.detected.tolist() == [4, 5, 6]
    made_by = {row.indices[0]: row.others for row in check.table if row.what == "transition"}
    assert made_by == {4: [0, 1], 5: [0, 1, 2], 6: [2]}


def test_small_jumps_hide_and_opposite_ones_cancel():
    """Catches: a jump below epsilon called found; two that the grid cannot tell from none."""
    check = crosscheck(with_jumps((3.5, 1e-4), (6.5, 1), (6.5 + 1e-5, -1)), (0, 10), points=11, dtype=np.float64)
    assert len(check.detected) == 0
    assert verdicts(check) == ["hidden"] * 3


def test_many_small_jumps_fire_together():
    """Catches: a transition that none of its breakpoints would have made alone, credited to nobody."""
    check = crosscheck(with_jumps(*((3 + k / 8, 6e-4) for k in range(4))), (0, 10), points=11, dtype=np.float64)
    assert len(check.detected)
    assert set(verdicts(check, "transition")) == {"explained"}
    assert "merged" in verdicts(check)


def test_the_first_and_the_last_cell():
    """Catches: a breakpoint seen through a hat that the rule does not have, at either end of the grid."""
    net = with_jumps((0.5, 1), (9.2, 1))  # index 1 has no slope before it to compare with, and no index comes after 10
    check = crosscheck(net, (0, 10), points=11, dtype=np.float64)
    assert verdicts(check) == ["found once", "found once"]
    assert check.detected.tolist() == [2, 10]
    assert check.changes[[2, 10]].tolist() == pytest.approx([0.5, 0.8])


def test_beyond_the_grid():
    """Catches: a breakpoint between where float32 puts the last grid point and the stop, called hidden."""
    stop = 0.7  # float32 makes it 0.69999998807
    assert float(np.float32(stop)) < stop - 5e-9
    assert verdicts(crosscheck(with_jumps((stop - 5e-9, 1)), (0, stop), points=15)) == ["outside"]


def test_a_grid_that_rounding_moves_out_of_the_interval():
    """Catches: a breakpoint between start and where float32 puts the first grid point."""
    start = -0.1  # float32 makes it -0.10000000149
    net = with_jumps((start - 1e-9, 1))
    assert float(np.float32(start)) < start - 1e-9
    check = crosscheck(net, (start, 10))
    assert len(check.segments) == 2


def test_a_grid_that_rounding_moves_out_of_the_interval_at_its_stop():
    """Catches: a breakpoint between the stop and where float32 puts the last grid point."""
    stop = 0.1  # float32 makes it 0.10000000149
    assert float(np.float32(stop)) > stop + 1e-9
    assert len(crosscheck(with_jumps((stop + 1e-9, 1)), (-1, stop)).segments) == 2


def test_a_grid_that_rounding_moves_into_the_interval_at_its_start():
    """Catches: a breakpoint between the start and where float32 puts the first grid point, left out."""
    start = 0.1  # float32 makes it 0.10000000149
    assert verdicts(crosscheck(with_jumps((start + 1e-9, 1)), (start, 1), points=15)) == ["outside"]


def test_the_smallest_grid():
    """Catches: an index 2 that is left out where it is the only one, or an index 1 counted in."""
    check = crosscheck(with_jumps((2.5, 1)), (0, 10), points=3, dtype=np.float64)
    assert check.changes.tolist() == [0, 0, 0.5]
    assert check.predicted.tolist() == check.detected.tolist() == check.reference.tolist() == [2]
    assert [(row.what, row.x, row.verdict) for row in check.table] == [
        ("breakpoint", 2.5, "found once"),
        ("transition", 5.0, "explained"),
    ]
    check = crosscheck(with_jumps((2.5, 1)), (0, 10), points=3, epsilon=0.5, dtype=np.float64)
    assert check.undecided.tolist() == [2]


def test_300_points_and_a_thousandth_unless_given():
    """Catches: a check of another detector than the article's."""
    check = crosscheck(with_jumps((0, 1.5e-3)), (-5, 5))
    assert (len(check.detection.x), check.epsilon, check.detection.x.dtype) == (300, 1e-3, np.float32)


def networks():
    """Random and trained, narrow and wide, ReLU and leaky."""
    for seed in range(16):
        width = (10, 30)[seed % 2]
        net = MLP([1, width, width, width, 1], negative_slope=(0.0, 0.0, 0.01)[seed % 3], seed=seed)
        if seed % 4:
            train(net, sample(("sine", "exp", "step")[seed % 3], n=2000), (5, 20)[seed % 2], batch_size=200)
        yield net


NETWORKS = list(networks())


def test_every_transition_of_the_float64_detector_is_predicted():
    """Catches: any transition that is not predicted, any predicted that is not there."""
    count = 0
    for net in NETWORKS:
        for start, stop, points in [(-5, 5, 300), (-10, 10, 300), (-5, 5, 2000), (0, 0.5, 300), (-1000, 1000, 300)]:
            check = crosscheck(net, (start, stop), points=points)
            assert check.agrees
            assert not len(check.undecided)
            ours = crosscheck(net, (start, stop), points=points, dtype=np.float64)
            fired = detect_segments(net, (start, stop), points=points, dtype=np.float64).transitions
            assert ours.predicted.tolist() == fired.tolist() == ours.detected.tolist()
            count += len(fired)
    assert count > 2000


def test_what_float32_adds_is_within_the_bound():
    """Catches: a bound that rounding breaks, and one that would explain anything."""
    closest = 0.0
    rounding = 0
    for net in NETWORKS:
        for points in (300, 3000):
            check = crosscheck(net, (-5, 5), points=points)
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


def test_within_rounding_of_epsilon_is_undecided():
    """Catches: a coin that rounding tosses, reported as agreement."""
    net = with_jumps((3.5, 2e-3))  # half of it is under each hat: just epsilon
    check = crosscheck(net, (0, 10), points=11, dtype=np.float64)
    assert check.undecided.tolist() == [4, 5]
    assert "Undecided" in str(check)
    with pytest.raises(AssertionError, match="Undecided"):
        assert_counts_agree(check)
    check = crosscheck(net, (0, 10), points=11, epsilon=1e-3 * (1 - 1e-15), dtype=np.float64)
    assert verdicts(check, "transition") == ["undecided"] * 2


@pytest.mark.parametrize("jump", [1, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_change_of_slope_equal_to_epsilon(jump, dtype):
    """Catches: >= for > in the prediction; a change downwards that is never undecided."""
    check = crosscheck(with_jumps((3.5, jump)), (0, 10), points=11, epsilon=0.5, dtype=dtype)
    assert check.predicted.tolist() == check.detected.tolist() == check.reference.tolist() == []
    assert check.undecided.tolist() == [4, 5]
    assert verdicts(check) == ["hidden"]


def test_no_change_is_undecided_where_epsilon_is_at_most_the_bound():
    """Catches: < for <=; index 1, which never fires, called undecided."""
    net = MLP.from_weights([[[1]], [[1]]], [[100], [0]])
    bounds = crosscheck(net, (0, 10), points=11, dtype=np.float64).bounds
    for epsilon in (0.0, bounds[2], bounds[6]):
        check = crosscheck(net, (0, 10), points=11, epsilon=epsilon, dtype=np.float64)
        assert check.undecided.tolist() == [i for i in range(2, 11) if epsilon <= bounds[i]]
        assert len(check.undecided) == {0.0: 9, bounds[2]: 9, bounds[6]: 5}[epsilon]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bound_that_is_less_than_epsilon_may_swallow_a_transition(sign):
    """Catches: a sign or an epsilon that gets lost where a change is held against the bound."""
    net = MLP.from_weights([[[1], [1]], [[sign * 0.001005, sign * 20]]], [[-0.5, 0], [0]])
    check = crosscheck(net, (0, 1), points=65)
    assert verdicts(check, "transition") == ["missing"]
    (i,) = check.predicted
    assert check.bounds[i] < check.epsilon + abs(check.changes[i])


def test_rounding_may_swallow_a_transition():
    """Catches: a transition that is not there called one that rounding made."""
    net = MLP.from_weights([[[1], [1]], [[0.00102, 1000]]], [[-0.5, 0], [0]])  # a small jump on a steep line
    check = crosscheck(net, (0, 1), points=65)
    assert verdicts(check) == ["hidden"]
    assert "missing" in verdicts(check, "transition")
    assert check.agrees


@pytest.mark.parametrize("end", [2.0**996, 1.5 * 2.0**1023])
def test_on_almost_all_of_float64(end):
    """Catches: NumPy's warnings; a grid of NaN, because stop - start exceeds float64."""
    net = MLP.from_weights([[[1.0], [1.0]], [[0.5, -0.25]]], [[0.0, -end / 8], [0.0]])
    check = crosscheck(net, (-end, end), points=9, dtype=np.float64)
    assert check.detection.x.tolist() == [end * (k / 4) for k in range(-4, 5)]
    assert check.agrees
    assert check.detected.tolist() == [5, 6]  # at 0, and in the middle of the cell after it
    assert check.undecided.tolist() == ([] if end < 1e300 else [7, 8])  # where the bound exceeds float64
    with pytest.raises(ValueError, match="float32 does not hold its ends"):
        crosscheck(net, (-end, end))


@pytest.mark.parametrize("options", [{"epsilon": "0.1"}, {"epsilon": None}, {"dtype": "x"}])
def test_bad_input(options):
    """Catches: a TypeError of Python's, which names no argument."""
    with pytest.raises(ValueError, match=f"{next(iter(options))} is "):
        crosscheck(MLP([1, 3, 1]), (0, 1), **options)


def test_assert_counts_agree():
    """Catches: an assertion that cannot fail, or that fails on float32's rounding, which is explained."""
    net = NETWORKS[1]
    check = crosscheck(net, (-5, 5), points=3000)
    assert_counts_agree(check)
    assert "rounding" in verdicts(check, "transition")
    assert len(check.detection) != len(check.segments)
    with pytest.raises(TypeError, match=r"check is a MLP: give a CrossCheck, as in crosscheck"):
        assert_counts_agree(net)


def test_one_unexplained_transition_is_enough():
    """Catches: an assertion that fails only if nothing at all is explained."""
    check = crosscheck(with_jumps((3.5, 1)), (0, 10), points=11)
    *others, last = check.table
    assert verdicts(check, "transition") == ["explained"] * 2
    with pytest.raises(AssertionError, match="unexplained"):
        assert_counts_agree(replace(check, table=[*others, last._replace(verdict="unexplained")]))


def test_disagreement_is_told(monkeypatch):
    """Catches: agreement that is not looked at."""

    def shortened(net, interval):
        return extract_segments(net, interval).clip((interval[0] + 3, interval[1]))

    module = sys.modules["tinymlp.detector.crosscheck"]
    monkeypatch.setattr(module, "extract_segments", shortened)
    net = with_jumps((1.5, 1), (7.5, 1))
    check = crosscheck(net, (0, 10), points=11)
    assert not check.agrees
    assert "DOES NOT AGREE" in str(check)
    assert "unexplained" in verdicts(check, "transition")
    with pytest.raises(AssertionError, match="DOES NOT AGREE"):
        assert_counts_agree(check)


def test_a_prediction_that_does_not_come_true_is_told(monkeypatch):
    """Catches: agreement that asks only whether what fired was predicted."""
    monkeypatch.setattr(
        sys.modules["tinymlp.detector.crosscheck"], "find_transitions", lambda x, y, epsilon: np.array([], int)
    )
    assert not crosscheck(with_jumps((3.5, 1)), (0, 10), points=11).agrees
