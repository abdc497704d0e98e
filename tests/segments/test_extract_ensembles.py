"""The segments of an ensemble against those of its networks, one by one."""

import json
import pickle
from itertools import product

import numpy as np
import pytest
from support.networks import sawtooth

import tinymlp.segments.extract
import tinymlp.segments.find_regions
from tinymlp import MLP, Ensemble, extract_segments, sample, train

INF = np.inf
INTERVALS = [(-10, 10), (-INF, INF), (-3, INF), (-INF, 0.5)]


def assemble(nets):
    """An ensemble of these networks."""
    ensemble = Ensemble(nets[0].sizes, range(len(nets)), negative_slope=nets[0].negative_slope, dtype=nets[0].dtype)
    ensemble.params = np.stack([net.params for net in nets])
    return ensemble


def assert_agrees(f, nets, tolerance=1e-12):
    """Counts equal, numbers equal but for rounding, NaN after them."""
    singles = [extract_segments(net, f.interval, rational=f.rational) for net in nets]
    assert len(f) == len(nets)
    assert f.counts.tolist() == [len(single) for single in singles]
    assert f.boundary_counts.tolist() == [len(single.boundaries) for single in singles]
    assert f.slopes.shape == f.intercepts.shape == (len(nets), f.counts.max())
    assert f.breakpoints.shape == f.jumps.shape == (len(nets), f.counts.max() - 1)
    for name in ("breakpoints", "jumps", "slopes", "intercepts"):
        for row, single in zip(getattr(f, name), singles, strict=True):
            expected = getattr(single, name)
            scale = np.abs(expected).max(initial=1e-3)
            assert row[: len(expected)] == pytest.approx(expected, rel=tolerance, abs=tolerance * scale)
            assert np.isnan(row[len(expected) :]).all()


def done_again(monkeypatch):
    """A list that grows by every network that is done, or labelled, by itself."""
    done, module = [], tinymlp.segments.extract
    extract, label = module.extract_segments, module.label_boundaries
    monkeypatch.setattr(module, "extract_segments", lambda net, *a, **k: done.append(net) or extract(net, *a, **k))
    monkeypatch.setattr(module, "label_boundaries", lambda line, *a: done.append(line.net) or label(line, *a))
    return done


@pytest.mark.parametrize("rational", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.01])
@pytest.mark.parametrize(("width", "depth"), [*product([1, 2, 5, 10], [1, 2, 3, 4]), (30, 3)])
def test_against_one_by_one(width, depth, slope, rational):
    """Catches: anything that one network's row has of another's; a rule of the single extraction that was lost."""
    dtype = (np.float32, np.float64)[(width + depth) % 2]
    ensemble = Ensemble([1, *[width] * depth, 1], range(8), negative_slope=slope, dtype=dtype)
    for k, interval in enumerate(INTERVALS):
        if k == 2:
            train(ensemble, sample("sine", (-5, 5), 300), 5, batch_size=50)
        assert_agrees(extract_segments(ensemble, interval, rational=rational), ensemble.nets)


@pytest.mark.parametrize("slope", [0.0, 0.01])
def test_usual_networks_are_all_done_together(slope, monkeypatch):
    """Catches: doubts, or boundaries that nobody hears, that send networks back to be done one by one."""
    done = done_again(monkeypatch)
    ensemble = Ensemble([1, 10, 10, 10, 1], range(100), negative_slope=slope)
    for _ in range(2):
        for interval in INTERVALS:
            extract_segments(ensemble, interval)
        train(ensemble, sample("sine", (-10, 10), 1000), 3, batch_size=100)
    assert len(done) <= 8


def degenerate():
    """(what it is, networks of the same sizes) of which the float64 pass alone would get many wrong."""
    rng = np.random.default_rng(0)

    def nets(sizes, change, count=12, slope=0.0):
        made = [MLP(sizes, negative_slope=slope, seed=seed, dtype=np.float64) for seed in range(count)]
        for net in made:
            change(net)
        return made

    def zeros(net):
        net.params[rng.random(net.params.shape) < 0.5] = 0

    def duplicated(net):
        for layer in net.layers[:-1]:
            layer[3:] = layer[:3] * rng.choice([1.0, 2.0, -1.0], (3, 1))

    def cancelling(net):
        net.layers[-2][:3] = net.layers[-2][3:]
        net.weights[-1][:, :3] = -net.weights[-1][:, 3:]

    def dead(net):
        layer = net.layers[rng.integers(2)]
        layer[:] = -np.abs(layer)
        layer[:, 0] = 0
        net.layers[0][:, 0] *= rng.choice([0, 1])

    def integers(net):
        net.params[:] = rng.integers(-2, 3, net.params.shape)

    def decades(net):
        net.params[:] *= 10.0 ** rng.uniform(-6, 6, net.params.shape)

    def boundary_at_the_ends(net):
        net.layers[0][0] = 1, -3.5
        net.layers[0][1] = -1, -3.5

    sizes = [1, 6, 6, 1]
    for slope in (0.0, 0.1):
        for change in (zeros, duplicated, cancelling, dead, integers, decades, boundary_at_the_ends):
            yield pytest.param(nets(sizes, change, slope=slope), id=f"{change.__name__} {slope}")
    yield pytest.param(nets([1, 3, 1], lambda net: net.params.fill(0)), id="all zero")
    for depth in (1, 3, 6):
        usual = nets(sawtooth(depth).sizes, lambda net: None)
        yield pytest.param([*usual, sawtooth(depth), *usual], id=f"sawtooth {depth}, far more boundaries than others")


@pytest.mark.parametrize("nets", list(degenerate()))
@pytest.mark.parametrize("interval", [(-3.5, 3.5), (0, 1), (-INF, INF)])
def test_degenerate_networks(nets, interval):
    """Catches: a doubt of the single extraction that this one does not have; rows mixed up by very long ones."""
    ensemble = assemble(nets)
    for rational in (False, True):
        assert_agrees(extract_segments(ensemble, interval, rational=rational), nets)


def test_only_doubtful_networks_are_done_again(monkeypatch):
    """Catches: one doubt that makes all networks slow; one that goes unnoticed among many."""
    done = done_again(monkeypatch)
    ensemble = Ensemble([1, 5, 5, 1], range(50), dtype=np.float64)
    ensemble[7].layers[0][1] = 2 * ensemble[7].layers[0][0]  # the same boundary twice
    ensemble[31].layers[1][1] = ensemble[31].layers[1][0]
    f = extract_segments(ensemble)
    done = list({net.params.tobytes(): net for net in done}.values())
    assert [(net.params == ensemble[k].params).all() for net, k in zip(done, [7, 31], strict=True)] == [True, True]
    assert_agrees(f, ensemble.nets)


def test_cancelled_jumps_are_told_from_unheard_ones(monkeypatch):
    """Catches: a change of slope that is zero but for rounding taken for a breakpoint, or for one nobody hears."""
    done = done_again(monkeypatch)
    first, same = [[1], [1], [-1]], [0.1, 0.2, 0.3]
    nets = [
        MLP.from_weights([first, [[1, 3, 0], [0, 0, 1]], [[1, 1]]], [[0, -1, 2], [0.5, -0.3], [0]]),
        MLP.from_weights([first, [[1, 3, 0], [0, 0, 1]], [[1, 0]]], [[0, -1, 2], [0.5, -0.3], [0]]),
        MLP.from_weights([first, [same, same], [[1, -1]]], [[0, -1, 2], [0.5, 0.5], [0]]),
    ]
    f = extract_segments(assemble(nets))
    assert f.counts.tolist() == [4, 3, 1]
    assert f.boundary_counts.tolist() == [4, 4, 3]
    assert [net.params.tolist() for net in done] == [nets[2].params.tolist()]
    assert [f[k].boundaries[-1].label for k in range(3)] == ["unheard", "unheard", "cancelled"]


def test_one_network_and_no_hidden_layer():
    """Catches: shapes that collapse."""
    f = extract_segments(Ensemble([1, 10, 10, 1], [5]), (-5, 5))
    assert_agrees(f, [MLP([1, 10, 10, 1], seed=5)])
    straight = Ensemble([1, 1], range(3))
    f = extract_segments(straight)
    assert_agrees(f, straight.nets)
    assert f.breakpoints.shape == (3, 0)


def test_more_networks_than_are_done_at_a_time(monkeypatch):
    """Catches: the second lot put in the place of the first."""
    monkeypatch.setitem(tinymlp.segments.walk.NUMBERS, "cpu", 500)
    ensemble = Ensemble([1, 5, 5, 1], range(23))
    ensemble[12].params[:] = 0
    assert_agrees(extract_segments(ensemble), ensemble.nets)


def test_networks_as_they_were():
    """Catches: an answer that changes when the ensemble is trained on."""
    ensemble = Ensemble([1, 10, 10, 1], range(4))
    f = extract_segments(ensemble, (-5, 5))
    before = extract_segments(ensemble[2], (-5, 5))
    ensemble.params = ensemble.params + 1
    assert f[2].boundaries == before.boundaries
    assert f[-2].breakpoints.tolist() == f.breakpoints[2, : f.counts[2] - 1].tolist()
    assert pickle.loads(pickle.dumps(f))[2].boundaries == before.boundaries
    with pytest.raises(IndexError):
        f[4]


def test_call():
    """Catches: the segment beside; filled places taken for breakpoints; silent extrapolation."""
    ensemble = Ensemble([1, 10, 10, 1], range(20), dtype=np.float64)
    x = np.linspace(-7, 7, 200)
    f = extract_segments(ensemble, (-7, 7))
    assert f(x).shape == (20, 200)
    assert f(x) == pytest.approx(ensemble(x), rel=1e-12, abs=1e-12)
    assert f(f[3].breakpoints)[3] == pytest.approx(f[3](f[3].breakpoints), rel=1e-12, abs=1e-12)
    assert f(2).shape == (20, 1)
    for bad, said in [([0, 7.5], r"x holds 7\.5, outside of \[-7"), (np.nan, "x holds nan")]:
        with pytest.raises(ValueError, match=said):
            f(bad)
    whole = extract_segments(ensemble)
    assert [whole([INF])[k, 0] for k in range(20)] == [whole[k](INF) for k in range(20)]


def test_what_it_says():
    """Catches: a repr that prints a thousand rows; a network by itself that was extracted in another way."""
    ensemble = Ensemble([1, 10, 1], range(3))
    f = extract_segments(ensemble, (-5, 5))
    assert repr(f) == f"EnsembleSegments(3 networks, {min(f.counts)} to {max(f.counts)} segments on (-5, 5))"
    assert f[0].boundaries[0].fraction is None
    assert extract_segments(ensemble, (-5, 5), rational=True)[0].boundaries[0].fraction is not None


@pytest.mark.parametrize("rational", [False, True])
def test_bad_input(rational, monkeypatch):
    """Catches: a wrong answer where an error is due; work done before it."""
    done = done_again(monkeypatch)
    ensemble = Ensemble([1, 3, 1], range(9))
    with pytest.raises(ValueError, match="net has 2 inputs"):
        extract_segments(Ensemble([2, 3, 1], [0]), rational=rational)
    with pytest.raises(ValueError, match="net has 2 outputs"):
        extract_segments(Ensemble([1, 3, 2], [0]), rational=rational)
    with pytest.raises(ValueError, match="which float64 cannot hold"):
        extract_segments(Ensemble([1, 3, 1], [0], dtype=np.longdouble), rational=rational)
    with pytest.raises(ValueError, match="interval is"):
        extract_segments(ensemble, (1, 1), rational=rational)
    ensemble[4].params[2], ensemble[6].params[0] = np.nan, INF
    with pytest.raises(ValueError, match=r"NaN or infinite in 2 networks, such as \[4, 6\]"):
        extract_segments(ensemble, rational=rational)
    assert not done


@pytest.mark.parametrize("rational", [False, True])
def test_numbers_that_are_too_large(rational):
    """Catches: infinite slopes, or a boundary at infinity, in an answer; a network that is not named."""
    ensemble = Ensemble([1, 1, 1, 1], range(3), dtype=np.float64)
    ensemble.params = np.array([[1.0, 0, 1, 0, 1, 0]] * 3)
    ensemble[1].params[[0, 2]] = 1e200
    with pytest.raises(OverflowError, match=r"network 1: .*exceeds float64"):
        extract_segments(ensemble, rational=rational)


def test_a_network_of_the_answer_is_not_extracted_again(monkeypatch):
    """Catches: the work done twice for whoever wants to see one network."""
    ensemble = Ensemble([1, 10, 10, 1], range(6), dtype=np.float64)
    ensemble[2].layers[0][1] = 2 * ensemble[2].layers[0][0]  # done by itself
    f = extract_segments(ensemble, (-5, 5))
    monkeypatch.setattr(tinymlp.segments.extract, "walk", None)
    monkeypatch.setattr(tinymlp.segments.find_regions, "walk", None)
    for k, net in enumerate(ensemble.nets):
        assert f[k](0.3) == pytest.approx(net(0.3), rel=1e-12, abs=1e-12)
        assert len(f[k].boundaries) == f.boundary_counts[k]
        assert all(b.owners for b in f[k].boundaries)


def test_jumps_have_the_errors_of_both_slopes():
    """Catches: the bound of one slope for that of their difference, with which a cancelled jump would be visible."""
    f = extract_segments(Ensemble([1, 10, 10, 1], range(6), dtype=np.float64), (-5, 5))
    for k in range(6):
        labels = [b.label for b in f[k].boundaries]
        visible = [i for i, label in enumerate(labels) if label == "visible"]
        slopes = f[k].regions.line_errors.real[0]
        expected = [slopes[i] + slopes[i + 1] + 2.0**-52 * abs(f[k].boundaries[i].jump) for i in visible]
        assert f[k].jump_errors == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize(("interval", "ends"), [(None, [None, None]), ((-1, np.float32(2)), [-1.0, 2.0])])
def test_to_dict_is_json(interval, ends):
    """Catches: NumPy's numbers, NaN after the end of a short row, infinity; one network's segments under another's."""
    nets = Ensemble([1, 5, 5, 1], range(4))
    f = extract_segments(nets, interval)
    whole = f.to_dict()
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    assert whole["interval"] == ends
    assert whole["rational"] is False
    assert [len(network["segments"]) for network in whole["networks"]] == f.counts.tolist()
    for k, network in enumerate(whole["networks"]):
        alone = extract_segments(nets.nets[k], interval)
        assert network["certified"] is True
        owners = [[list(owner) for owner in boundary.owners] for boundary in alone.boundaries]
        assert [boundary["owners"] for boundary in network["boundaries"]] == owners
        assert [s["slope"] for s in network["segments"]] == pytest.approx(alone.slopes)
