"""A network on a line: exactly the line that was given."""

from fractions import Fraction

import numpy as np
import pytest
from support.networks import one_output
from support.oracle import assert_agrees, exact

from tinymlp import (
    MLP,
    Ensemble,
    Line,
    argmax_changes,
    crosscheck,
    detect_segments,
    extract_outputs,
    extract_segments,
    find_regions,
    plot,
)
from tinymlp.network.line import on_line


def test_along_is_the_network_on_the_line():
    """Catches: origin and direction mixed up, a bias forgotten, a leak lost."""
    rng = np.random.default_rng(0)
    net = MLP([5, 8, 8, 3], negative_slope=0.1, seed=1)
    a, b = rng.normal(size=(2, 5))
    line = net.along(a, b - a)
    t = np.linspace(-1, 2, 50)
    assert line.sizes == (1, 8, 8, 3)
    assert line.dtype == np.float32
    exactly = line.astype(np.float64)
    assert exactly.dtype == np.float64
    assert exactly(t) == pytest.approx(net.astype(np.float64)(a + t[:, None] * (b - a)), rel=1e-12, abs=1e-13)
    assert line(t) == pytest.approx(exactly(t), rel=1e-4, abs=1e-5)
    assert line(0.5).shape == (1, 3)
    one = one_output(net, 0).along(a, b - a)
    assert one(0.5).shape == ()
    assert one(t.reshape(5, 10)).shape == (5, 10)


def test_the_line_is_kept():
    """Catches: a line that changes with the arrays it was made of; a network that was copied and does not learn on."""
    net, a, d = MLP([2, 3, 1]), np.zeros(2), np.ones(2)
    line = net.along(a, d)
    a[:], d[:] = 7, 7
    assert line.origin.tolist() == [0, 0]
    assert line.direction.tolist() == [1, 1]
    assert line.net is net


def test_along_refuses_what_is_no_line():
    """Catches: broadcasting where a point is due."""
    net = MLP([3, 4, 1])
    for origin, direction, match in [
        ([1, 2], [1, 2, 3], r"origin has shape \(2,\): give 3 numbers, one for each input"),
        ([1, 2, 3], 1.0, r"direction has shape \(\)"),
        ([1, 2, np.nan], [1, 2, 3], "origin holds nan: give finite numbers"),
        ("here", [1, 2, 3], "origin has dtype <U4: give real numbers"),
        (["1", "2", "3"], [1, 2, 3], "origin has dtype <U1: give real numbers"),
        ([1, 2, 3], [1, 2, 3j], "direction has dtype complex128"),
        ([1, 2, None], [1, 2, 3], "origin has dtype object"),
        ([1, 2, 3], np.ma.masked_equal([1, 2, 3], 3), "direction is a masked array"),
        ([1, 2, 3], [0, 0, 0], "direction is zero"),
    ]:
        with pytest.raises(ValueError, match=match):
            net.along(origin, direction)
        with pytest.raises(ValueError, match=match):
            Line(net, origin, direction)


def test_a_line_that_leaves_float64():
    """Catches: infinity less infinity, NaN, and a warning of NumPy's, where the argument is to blame."""
    line = MLP([2, 3, 1]).along([1e308, 0], [1e308, 1])
    for t in (1e10, [0, 1.0], np.array([-1e300])):
        with pytest.raises(ValueError, match=r"t holds -?1.*, where the line leaves float64"):
            line(t)
    assert np.isfinite(line.points([0.5, -2])).all()
    assert line([-0.5, 0.5]).shape == (2,)  # beyond float32, in which the network computes
    with pytest.raises(ValueError, match=r"where the line leaves float64"):
        detect_segments(line, (-2, 2), dtype=np.float64)


def test_a_network_of_one_input_is_on_a_line():
    """Catches: several inputs taken for one."""
    net = MLP([1, 3, 1])
    line = on_line(net)
    assert (line.net, line.origin.tolist(), line.direction.tolist()) == (net, [0], [1])
    assert on_line(line) is line
    with pytest.raises(ValueError, match=r"net has 2 inputs: give a line through them, such as net\.along"):
        on_line(MLP([2, 3, 1]))
    for wrong in ("net", [net], Ensemble([1, 3, 1], [0])):
        for door in (on_line, find_regions, extract_outputs, argmax_changes):
            with pytest.raises(TypeError, match=r"net is of type \w+: give one MLP, or a Line through one"):
                door(wrong)
    with pytest.raises(TypeError, match="net is of type str"):
        extract_segments("net")
    with pytest.raises(ValueError, match="net has 2 inputs"):
        detect_segments(MLP([2, 3, 1]), (0, 1))
    with pytest.raises(ValueError, match="net has 2 inputs"):
        crosscheck(MLP([2, 3, 1]), (0, 1))


def lines(kind, seed):
    """A line of one kind through a network, and an interval."""
    rng = np.random.default_rng([seed, len(kind)])
    inputs = int(rng.integers(100, 785)) if kind == "hundreds of inputs" else int(rng.integers(1, 12))
    net = MLP([inputs, *rng.integers(2, 6, rng.integers(1, 4)), 1], negative_slope=rng.choice([0, 0, 0.01]), seed=seed)
    net = net.astype(np.float64)
    net.params[:] = rng.normal(size=net.params.shape)
    if kind == "duplicated rows":
        for layer in net.layers[:-1]:
            layer[-1] = layer[0] * 2.0 ** rng.integers(-2, 3) * rng.choice([1, -1])
    elif kind == "integers":
        net.params[:] = np.round(1.5 * net.params)
    elif kind == "ternary":
        net.params[:] = np.sign(np.round(net.params))
    elif kind == "tenths":
        net.params[:] = np.round(net.params, 1)
    a, b = rng.normal(size=(2, inputs))
    if kind == "tenths":
        a, b = np.round(a, 1), np.round(b, 1)
    direction = b - a
    if kind == "cancelling directions":  # W d is 0, or nearly
        first = net.weights[0]
        for i in range(1, inputs, 2):
            first[:, i], direction[i] = first[:, i - 1], -direction[i - 1] * (1 + rng.choice([0, 2.0**-50]))
    if kind == "hundreds of inputs":
        direction *= rng.random(inputs) < 0.1
    if not direction.any():
        direction[0] = 1
    return net.along(a, direction)


KINDS = (
    "normal",
    "duplicated rows",
    "integers",
    "ternary",
    "tenths",
    "cancelling directions",
    "hundreds of inputs",
)


@pytest.mark.parametrize("kind", KINDS)
def test_lines_against_rationals(kind):
    """Catches: W d or W a + b rounded before the proof begins: equal rows that come out different."""
    for seed in range(40 if kind != "hundreds of inputs" else 8):
        line = lines(kind, seed)
        truth = exact(line, (-1, 2))
        assert_agrees(extract_segments(line, (-1, 2)), truth, 1e-9)
        f = extract_segments(line, (-1, 2), rational=True)
        assert [b.fraction for b in f.boundaries] == truth.boundaries
        assert_agrees(f, truth, 1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_lines(kind):
    """Catches: the signs of d_i x + a_i towards infinity."""
    for seed in range(20 if kind != "hundreds of inputs" else 4):
        line = lines(kind, seed)
        mine, true = find_regions(line), find_regions(line, rational=True)
        assert mine.owners() == true.owners()
        assert all((s == t).all() for s, t in zip(mine.states, true.states, strict=True))
        for x, error, fraction in zip(mine.boundaries, mine.edge_errors[1:-1], true.fractions, strict=True):
            assert abs(Fraction(float(x)) - fraction) <= Fraction(float(error))
        far = 2 * float(max(abs(x) for x in true.fractions)) + 1 if true.fractions else 1.0
        assert len(exact(line, (-far, far)).boundaries) == len(mine.boundaries)


def test_units_that_are_equal_stay_equal():
    """Catches: proven breakpoints of a function that is 0 everywhere: three units, minus the same three."""
    W = np.tile([[0.3, -0.7, 0.2, 0.9, -0.4, 0.6, 0.1, -0.8, 0.5, 0.7]], (6, 1))
    net = MLP.from_weights([W, [[1, 1, 1, -1, -1, -1]]], [np.full(6, 0.25), [0]])
    for seed in range(50):
        a, d = np.random.default_rng(seed).normal(size=(2, 10))
        f = extract_segments(net.along(a, d))
        assert (len(f), len(f.boundaries), len(f.boundaries[0].owners)) == (1, 1, 6)


def test_the_detector_and_its_explanation_take_lines():
    """Catches: a detector on other points than the segments; rounding of the points left out of its bound."""
    net = MLP([4, 10, 10, 1], seed=3, dtype=np.float64)
    net.params[:] *= 2
    line = net.along(np.full(4, 1e3), [1.0, -2, 0.5, 1])
    for options in ({}, {"points": 2000, "epsilon": 1e-6}):
        for dtype in (np.float32, np.float64):
            check = crosscheck(line, (-900, -100), dtype=dtype, **options)
            assert (
                check.detected.tolist()
                == detect_segments(line, (-900, -100), dtype=dtype, **options).transitions.tolist()
            )
            assert check.agrees
            assert len(check.detected) > 2
            assert not [row for row in check.table if row.verdict == "unexplained"]
    straight = Line(MLP([1, 10, 10, 1], seed=3), np.zeros(1), np.ones(1))
    assert str(crosscheck(straight, (-5, 5))) == str(crosscheck(straight.net, (-5, 5)))


def test_outputs_winners_and_pictures_take_lines():
    """Catches: a door that only a network of one input gets through."""
    net = MLP([3, 8, 8, 4], seed=2)
    line = net.along([0, 0, 0], [1, 2, 3])
    outputs = extract_outputs(line, (-2, 2))
    assert [len(f.boundaries) for f in outputs] == [len(find_regions(line, (-2, 2)).boundaries)] * 4
    t = np.linspace(-2, 2, 101)
    assert line.astype(np.float64)(t) == pytest.approx(np.array([f(t) for f in outputs]).T, rel=1e-12, abs=1e-13)
    winners = line.astype(np.float64)(t).argmax(axis=1)
    assert len(argmax_changes(line, (-2, 2))) >= (np.diff(winners) != 0).sum()
    one = one_output(net, 0).along([0, 0, 0], [1, 2, 3])
    ax = plot.segments(one, (-2, 2))
    assert ax.get_title() or ax.lines
