"""Adam and SGD against ten steps by PyTorch, frozen by ``tests/support/frozen/make_torch_steps.py``."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinymlp import MLP, SGD, Adam, Dataset, train
from tinymlp.training.optim import _one_minus_power

FROZEN = json.loads((Path(__file__).parents[1] / "support" / "frozen" / "torch_steps.json").read_text())


@pytest.mark.parametrize("name", FROZEN["cases"])
def test_ten_steps_of_pytorch(name):
    """Catches: eps inside the root, decoupled weight decay, a missing bias correction, a wrong gradient or loss."""
    case = FROZEN["cases"][name]
    net = MLP.from_params(FROZEN["sizes"], np.array(case["params_before"]), negative_slope=case["negative_slope"])
    optimizer = {"Adam": Adam, "SGD": SGD}[case["optimizer"]](**case["options"])
    history = train(net, Dataset(FROZEN["x"], FROZEN["y"]), epochs=10, optimizer=optimizer, shuffle=False)
    assert history.losses == pytest.approx(case["losses"], rel=1e-13)
    assert net.params == pytest.approx(case["params_after"], rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("beta", [0.9, 0.999, 0.0])
def test_bias_correction_is_precise(beta):
    """Catches: 1 - beta**t in float32, which is wrong by 1e-4 at first."""
    from fractions import Fraction

    for t in (1, 2, 10, 1000):
        assert _one_minus_power(beta, t) == pytest.approx(float(1 - Fraction(beta) ** t), rel=1e-15)


def test_eps_is_outside_the_root():
    """Catches: Kingma and Ba's other form (eps hat), which at g = 1e-8 takes a first step of another size."""
    params = np.zeros(1)
    Adam(lr=1.0).step(params, np.array([1e-8]))
    assert params[0] == pytest.approx(-0.5, rel=1e-12)


def test_gradient_is_left_alone():
    """Catches: weight decay or momentum written into the caller's gradient."""
    for optimizer in (Adam(weight_decay=0.1), SGD(momentum=0.9, weight_decay=0.1)):
        grad = np.ones(3)
        optimizer.step(np.ones(3), grad)
        assert (grad == 1).all()


def test_ensemble_step_is_each_networks_own():
    """Catches: moments shared between the rows of an ensemble."""
    rng = np.random.default_rng(0)
    params, grads = rng.normal(size=(3, 5)), rng.normal(size=(4, 3, 5))
    together, alone = params.copy(), params.copy()
    one, many = Adam(0.1), [Adam(0.1) for _ in range(3)]
    for g in grads:
        one.step(together, g)
        for k in range(3):
            many[k].step(alone[k], g[k])
    assert (together == alone).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rate_for_each_network(dtype):
    """Catches: a rate that another network gets, or that is rounded otherwise than alone."""
    rng = np.random.default_rng(0)
    params, grads = rng.normal(size=(3, 5)).astype(dtype), rng.normal(size=(4, 3, 5)).astype(dtype)
    together, alone, rates = params.copy(), params.copy(), [0.1, 0.03, 1]
    one, many = Adam(rates, weight_decay=0.1), [Adam(rate, weight_decay=0.1) for rate in rates]
    for g in grads:
        one.step(together, g)
        for k in range(3):
            many[k].step(alone[k], g[k])
    assert (together == alone).all()


@pytest.mark.parametrize("shape", [(5,), (3,), (2, 5), (3, 1, 5)])
def test_rates_for_other_networks(shape):
    """Catches: rates that are spread over the parameters of one network."""
    params = np.ones(shape)
    with pytest.raises(ValueError, match=r"lr has 3 numbers, and params .*: give one for each network"):
        Adam([0.1, 0.2, 0.3]).step(params, params)
    assert (params == 1).all()


def test_eps_that_the_dtype_cannot_hold():
    """Catches: 0/0 for the gradient of a dead unit in float16."""
    params = np.ones(3, np.float16)
    with pytest.raises(ValueError, match="eps is 1e-08, which float16 rounds to 0"):
        Adam().step(params, params)
    Adam(eps=1e-4).step(params, np.zeros(3, np.float16))
    assert (params == 1).all()


@pytest.mark.parametrize("make", [Adam, SGD])
def test_moments_of_another_network(make):
    """Catches: moments broadcast over parameters of another shape or dtype."""
    for other in (np.ones(4), np.ones((2, 3)), np.ones(3, np.float32)):
        optimizer = make()
        optimizer.step(np.ones(3), np.ones(3))
        with pytest.raises(ValueError, match="make a new one"):
            optimizer.step(other, other)
    ensembles = make()
    ensembles.step(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="make a new one"):
        ensembles.step(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (Adam, {"lr": 0}, "lr is 0"),
        (Adam, {"lr": -1}, "lr is -1"),
        (Adam, {"lr": float("nan")}, "lr is nan"),
        (SGD, {"lr": float("inf")}, "lr is inf"),
        (Adam, {"lr": [0.1, 0]}, "lr is 0: give a number > 0"),
        (Adam, {"lr": []}, r"lr is \[\]: give a number > 0"),
        (Adam, {"lr": [[0.1]]}, r"lr is \[\[0\.1\]\]: give a number > 0"),
        (Adam, {"lr": [0.1, "a"]}, "lr is 'a': give a number > 0"),
        (Adam, {"betas": (0.9, 1.0)}, "betas is"),
        (Adam, {"eps": -1}, "eps is"),
        (Adam, {"eps": 0}, "eps is"),
        (Adam, {"betas": (0.9,)}, "betas is"),
        (Adam, {"betas": 0.9}, r"betas is 0\.9: give two numbers in \[0, 1\)"),
        (Adam, {"betas": ("a", "b")}, r"betas is \('a', 'b'\): give two"),
        (Adam, {"betas": "ab"}, "betas is 'ab': give two"),
        (Adam, {"lr": "0.1"}, "lr is '0.1': give a number > 0"),
        (Adam, {"eps": None}, "eps is None: give a number > 0"),
        (SGD, {"lr": [0.1]}, r"lr is \[0\.1\]: give a number > 0"),
        (SGD, {"weight_decay": "a"}, "weight_decay is 'a': give a number >= 0"),
        (SGD, {"momentum": "a"}, r"momentum is 'a': give a number in \[0, 1\)"),
        (Adam, {"weight_decay": -1}, "weight_decay is"),
        (SGD, {"momentum": 1}, "momentum is"),
    ],
)
def test_bad_options(make, options, words):
    """Catches: options that make no sense, accepted."""
    with pytest.raises(ValueError, match=words):
        make(**options)
