"""Parameters that are held fixed."""

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, Ensemble, Moments, extract_segments, train

X = np.linspace(0, 24, 481)
Y = np.where(X < 9, 0.2, np.where(X < 17, 1.0 + 0.1 * (X - 9), 0.3))
KNOTS = np.array([8.95, 9.0, 17.0, 17.05])


def with_knots():
    return MLP.from_weights([np.ones((4, 1)), np.zeros((1, 4))], [-KNOTS, [0.0]])


def mask_of(net):
    learns = net.with_params(np.ones_like(net.params))
    learns.layers[0][:] = 0
    return learns.params


@pytest.mark.parametrize("data", [Dataset(X, Y), Moments.of(Dataset(X, Y))])
@pytest.mark.parametrize("optimizer", [None, Adam(0.01, weight_decay=0.1), SGD(1e-4, momentum=0.9, weight_decay=0.1)])
def test_breakpoints_stay(data, optimizer):
    """Catches: a fixed parameter moved by momentum or weight decay; a mask the wrong way round."""
    net = with_knots()
    history = train(net, data, 200, optimizer=optimizer, mask=mask_of(net))
    assert (net.layers[0] == with_knots().layers[0]).all()
    assert history.losses[-1] < history.losses[0]
    assert set(extract_segments(net, (0, 24)).breakpoints) <= set(KNOTS)


def test_free_parameters_learn_as_without_the_others():
    """Catches: a mask that changes the steps of what learns: the last layer alone is least squares."""
    x, knots = X / 24, np.array([0.0, 0.3, 0.6])
    net = MLP.from_weights([np.ones((3, 1)), np.zeros((1, 3))], [-knots, [0.0]])
    train(net, Dataset(x, Y), 3000, lr=0.02, mask=mask_of(net))
    A = np.column_stack([np.maximum(x[:, None] - knots, 0), np.ones_like(x)])
    best = np.mean((A @ np.linalg.lstsq(A, Y, rcond=None)[0] - Y) ** 2)
    assert best <= np.mean((net(x) - Y) ** 2) < best + 1e-6


def test_ensembles():
    """Catches: a mask of one network that is not each one's; rows of a mask mixed up."""
    nets = Ensemble([1, 3, 1], seeds=[0, 1])
    before = nets.params.copy()
    mask = np.zeros((2, 10), bool)
    mask[0, :5], mask[1, 5:] = True, True
    train(nets, Dataset(X / 24, Y), 2, lr=[0.01, 0.02], mask=mask)
    assert ((nets.params != before) <= mask).all()
    before = nets.params.copy()
    train(nets, Dataset(X / 24, Y), 2, mask=mask[0])
    assert ((nets.params != before) <= mask[0]).all()


def test_bad_masks():
    """Catches: a mask that is broadcast, or words."""
    net = MLP([1, 3, 1])
    for mask in (["a"] * 10, np.ma.ones(10), [None] * 10):
        with pytest.raises(ValueError, match=r"mask (has dtype|is a masked array)"):
            train(net, Dataset(X, Y), 1, mask=mask)
    for mask in (True, np.ones(9)):
        with pytest.raises(ValueError, match=r"mask is .*: give a number or bool for each of \(10,\) parameters"):
            train(net, Dataset(X, Y), 1, mask=mask)
