"""The walk in float64 against the network itself, at random points and on every boundary."""

from fractions import Fraction

import numpy as np
import pytest
from support.oracle import exact
from support.walks import regions_by, walked

from tinymlp import MLP, Dataset, find_regions, train
from tinymlp.segments.reach_bounds import ReachBounds
from tinymlp.segments.rounding import RunningBounds
from tinymlp.segments.walk import Float64, networks_at_a_time


def networks():
    """Random and trained, ReLU and leaky, float32 and float64, narrow and deep."""
    rng = np.random.default_rng(0)
    for seed, (sizes, slope) in enumerate(
        [
            ([1, 20, 1], 0.0),
            ([1, 10, 10, 10, 1], 0.0),
            ([1, 10, 10, 10, 1], 0.01),
            ([1, 5, 30, 5, 2], 0.3),
            ([1, 30, 30, 30, 1], 0.0),
            ([1, 4, 4, 4, 4, 4, 4, 1], 0.1),
            ([1, 100, 1], 1.0),
        ]
    ):
        net = MLP(sizes, negative_slope=slope, seed=seed, dtype=(np.float32, np.float64)[seed % 2])
        net.params[:] += 0.3 * rng.normal(size=net.params.shape).astype(net.dtype)
        yield net.copy()
        x = rng.uniform(-5, 5, 2000)
        train(net, Dataset(x, np.column_stack([np.sin(x)] * sizes[-1])), 20, batch_size=100)
        yield net


NETWORKS = list(networks())


def layer_by_layer(net, x):
    """For each layer z (units, n) by its own formula in float64, and the size of what was added up."""
    a = x[None]
    for W, b in zip(net.weights, net.biases, strict=True):
        z = W.astype(float) @ a + b[:, None]
        yield z, np.abs(W).astype(float) @ np.abs(a) + np.abs(b)[:, None] + np.abs(x)
        a = np.where(z > 0, z, net.negative_slope * z)


@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_every_unit_at_random_points(net):
    """Catches: any unit's line, state or parent that is wrong anywhere; checked against the layers' own formula."""
    a, passed = walked(net, (-np.inf, np.inf), Float64)
    states = find_regions(net).states
    rng = np.random.default_rng(1)
    inner = a.edges[1:-1]
    x = np.concatenate([rng.uniform(-20, 20, 500), inner - 1e-6, inner + 1e-6, [-1e6, 1e6]])
    final = region = np.searchsorted(inner, x)
    regions = []  # of each layer, in which of its regions each x lies
    for layer in reversed(passed):
        regions.insert(0, region)
        region = layer.parent[region]
    for l, (z, scale) in enumerate(layer_by_layer(net, x)):
        if l == len(passed):
            lines = a.lines[:, final]  # (outputs, n)
            assert (np.abs(lines.real * x + lines.imag - z) < 1e-12 * scale).all()
            break
        lines = passed[l].active[:-1, regions[l]]  # (units, n)
        after = np.where(z > 0, z, net.negative_slope * z)
        assert (np.abs(lines.real * x + lines.imag - after) < 1e-12 * scale).all()
        clear = np.abs(z) > 1e-12 * scale
        assert clear.mean() > 0.8
        assert (np.sign(z) == states[l][:, final])[clear].all()


@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_every_boundary_has_owners_that_are_zero_there(net):
    """Catches: boundaries out of thin air, owners of other boundaries."""
    regions = find_regions(net)
    assert (np.diff(regions.edges) > 0).all()
    owners = regions.owners()
    assert len(owners) == len(regions.boundaries)
    assert all(owners)
    for l, (z, scale) in enumerate(layer_by_layer(net, regions.boundaries)):
        for k, units in enumerate(owners):
            for layer, unit in units:
                assert layer != l or abs(z[unit, k]) <= 1e-11 * scale[unit, k]


@pytest.mark.parametrize("arithmetic", [ReachBounds, RunningBounds])
def test_error_bounds_hold_and_are_not_loose(arithmetic):
    """Catches: a bound that is not one, or one so loose that it decides nothing."""
    worst = {"slope": 0.0, "edge": 0.0}
    for seed in range(10):
        net = MLP([1, 8, 8, 8, 1], negative_slope=(0.0, 0.1)[seed % 2], seed=seed)
        regions, truth = regions_by(net, (-10.0, 10.0), arithmetic), exact(net, (-10, 10))
        assert not regions.doubtful.any()
        slopes = regions.slopes[0], regions.line_errors.real[0], truth.slopes
        pairs = [("slope", *row) for row in zip(*slopes, strict=True)]
        pairs += [
            ("edge", *row) for row in zip(regions.boundaries, regions.edge_errors[1:-1], truth.boundaries, strict=True)
        ]
        for kind, computed, bound, true in pairs:
            error = abs(Fraction(float(computed)) - true)
            assert error <= bound
            worst[kind] = max(worst[kind], float(error / Fraction(float(bound))))
    assert worst["slope"] > 1e-3
    assert worst["edge"] > 1e-3


@pytest.mark.parametrize(("sizes", "few"), [([1, 10, 10, 10, 1], 211), ([1, 3000, 1], 1), ([1, 1], 65536)])
def test_networks_at_a_time(sizes, few):
    """Catches: no network at all where one is larger than the cache."""
    assert networks_at_a_time(sizes, "cpu") == few
    assert networks_at_a_time(sizes, "gpu") > few or few == 1
