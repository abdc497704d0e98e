"""check_gradient: does it find what it is for?"""

import numpy as np
import pytest

from tinymlp import MLP, sample
from tinymlp.network.parameters import layer_views
from tinymlp.testing import check_gradient
from tinymlp.training.backprop import Memory, backward, forward

NET = MLP([1, 6, 6, 1], seed=1, dtype=np.float64)
DATA = sample("sine", n=100)


def loss(params):
    return np.mean((NET.with_params(params)(DATA.x) - DATA.y) ** 2)


def gradient():
    memory, grad = Memory(NET, len(DATA)), np.empty_like(NET.params)
    forward(NET, DATA.x[None], memory)
    backward(NET, DATA.y[None], memory, layer_views(grad, NET.sizes))
    return grad


def test_a_right_gradient_passes():
    """Catches: a check that nothing passes."""
    check_gradient(loss, NET.params, gradient())
    check_gradient(lambda w: np.sum(w**2), np.ones((3, 2)), 2 * np.ones((3, 2)))
    check_gradient(lambda w: 7.0, np.ones(3), np.zeros(3))


@pytest.mark.parametrize("place", [0, 7, 60])
def test_one_wrong_component_is_found(place):
    """Catches: a check that looks at some parameters only, or at the length of the gradient alone."""
    wrong = gradient()
    wrong[place] += 1e-3 * np.linalg.norm(wrong)
    with pytest.raises(AssertionError, match=r"in direction \d of 10 the loss changes by .*, and the gradient says"):
        check_gradient(loss, NET.params, wrong)


@pytest.mark.parametrize("factor", [0.5, 2, -1, 0, np.nextafter(1, 2) + 1e-4])
def test_a_wrong_factor_is_found(factor):
    """Catches: a comparison that does not see a factor, such as a mean for a sum."""
    with pytest.raises(AssertionError, match="the gradient says"):
        check_gradient(loss, NET.params, factor * gradient())


def test_a_loss_that_is_not_a_number_is_no_agreement():
    """Catches: NaN, which no comparison calls too large."""
    with pytest.raises(AssertionError, match="changes by nan"):
        check_gradient(lambda w: np.nan, np.ones(2), np.ones(2))


def test_bad_input():
    """Catches: broadcasting of a gradient of another shape; infinity that agrees with everything."""
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\) and params \(3,\)"):
        check_gradient(np.sum, np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="must be finite"):
        check_gradient(np.sum, np.ones(2), [1, np.inf])
    for options, words in [
        ({"directions": 0}, "directions is 0: give an integer >= 1, or nothing would be checked"),
        ({"directions": "3"}, "directions is '3'"),
        ({"step": 0}, "step is 0: give a number > 0"),
        ({"step": "1e-5"}, "step is '1e-5'"),
        ({"tolerance": np.inf}, "tolerance is inf"),
        ({"params": [], "gradient": []}, "nothing would be checked"),
        ({"params": ["1", "2"]}, "params has dtype <U1"),
        ({"gradient": np.ma.zeros(2)}, "gradient is a masked array"),
    ]:
        with pytest.raises(ValueError, match=words):
            check_gradient(np.sum, **{"params": np.ones(2), "gradient": np.zeros(2), **options})
