"""The target functions."""

import math

import numpy as np
import pytest

from tinymlp import functions


def test_values():
    """Catches: two names that were swapped, a step that is 1 at 0."""
    x = np.array([-2.0, 0.5])
    assert functions.linear(x).tolist() == [4, 9]
    assert functions.exp(x) == pytest.approx([math.exp(-2), math.exp(0.5)])
    assert functions.exp_neg(x) == pytest.approx([math.exp(2), math.exp(-0.5)])
    assert functions.log(x[1:]) == pytest.approx([math.log(0.5)])
    assert functions.inverse(x).tolist() == [-0.5, 2]
    assert functions.shifted_inverse(x).tolist() == [-0.25, 1 / -1.5]
    assert functions.shifted_step(np.array([0.0, 2.0, 2.1])).tolist() == [0, 0, 1]
    assert functions.sine(x) == pytest.approx([math.sin(-2), math.sin(0.5)])
    assert functions.step(np.array([-1.0, 0.0, 1e-300])).tolist() == [0, 0, 1]


def test_unknown_name_lists_the_names():
    """Catches: a bare KeyError for a mistyped name."""
    for wrong in ("sinus", None, []):
        with pytest.raises(ValueError, match=r"function is .*: give a callable or one of linear, .* sine"):
            functions.find_function(wrong)


def test_callable_stays_itself():
    """Catches: a callable treated as a name."""
    assert functions.find_function(math.floor) is math.floor
