"""Numbers, seeds and choices: what is taken, and what the error says."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tinymlp.arguments import check_flag, check_number, generator


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), np.array(0.5), Fraction(1, 2), Decimal("0.5")])
def test_any_number_is_a_number(half):
    """Catches: a NumPy scalar that is refused; a number that is no float, and changes the dtype of a product."""
    number = check_number("x", half, lambda v: v < 1, "a number < 1")
    assert type(number) is float
    assert number == 0.5


@pytest.mark.parametrize(
    "value", ["0.5", b"0", None, [0.5], {}, 0.5j, np.complex64(0), float("nan"), 1, 10**400, np.zeros(1)]
)
def test_what_is_no_number_that_fits(value):
    """Catches: a TypeError or OverflowError from a comparison, text that float() reads, NaN."""
    with pytest.raises(ValueError, match=r"^x is .*: give a number in \(-1, 1\)$"):
        check_number("x", value, lambda v: -1 < v < 1, "a number in (-1, 1)")


def test_flags():
    """Catches: text or a number that counts as True."""
    assert check_flag("x", np.bool_(True)) is True
    assert check_flag("x", False) is False
    for value in ("no", 1, 0, None, []):
        with pytest.raises(ValueError, match=r"x is .*: give True or False"):
            check_flag("x", value)


def test_generators():
    """Catches: a Generator that is copied, and so does not go on; a seed of its own at every run."""
    rng = np.random.default_rng(3)
    assert generator("seed", rng) is rng
    assert generator("seed", np.int64(3)).random() == np.random.default_rng(3).random()
    for value in (-1, "x", 1.5, None, {"a": 1}):
        with pytest.raises(ValueError, match=r"seed is .*: give an integer >= 0, or a Generator"):
            generator("seed", value)
