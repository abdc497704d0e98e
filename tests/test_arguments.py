"""Numbers, seeds and choices: what is taken, and what the error says."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tinymlp.arguments import check_array, check_dtype, check_flag, check_number, generator


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), np.array(0.5), Fraction(1, 2), Decimal("0.5")])
def test_any_number_is_a_number(half):
    """Catches: a NumPy scalar that is refused; a number that is no float, and changes the dtype of a product."""
    number = check_number("x", half, lambda v: v < 1, "a number < 1")
    assert type(number) is float
    assert number == 0.5


NO_NUMBERS = ["0.5", b"0", None, [0.5], {}, 0.5j, np.complex64(0), float("nan"), 1, 10**400, np.zeros(1), np.ma.masked]
NO_NUMBERS += [np.datetime64(0, "s"), np.timedelta64(0, "s"), np.array("0"), np.str_("0")]


@pytest.mark.parametrize("value", NO_NUMBERS)
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


MASKED = np.ma.masked_array([0.0, 1, -999, 3], [0, 0, 1, 0])
NO_ARRAYS = {
    "masked": (MASKED, "is a masked array.*give those that are not masked"),
    "masked, with an empty mask": (np.ma.masked_array(np.zeros(4)), "is a masked array"),
    "a list of masked numbers": ([*MASKED], "is a masked array"),
    "text": (np.array(list("0123")), "has dtype <U1: give real numbers"),
    "a list of text": (list("0123"), "has dtype <U1"),
    "bytes": ([b"0"] * 4, r"has dtype \|S1"),
    "complex": (np.array([0, 1, 2, 3j]), "has dtype complex128"),
    "objects": (np.array([0, None, 2, 3]), "has dtype object"),
    "integers as objects": (np.array([0, 1, 2, 3], object), "has dtype object"),
    "dates": (np.zeros(4, "M8[D]"), "has dtype datetime64"),
    "ragged": ([0, [1], 2, 3], "is no array"),
}


@pytest.mark.parametrize("case", NO_ARRAYS)
def test_arrays_of_anything_but_real_numbers_are_refused_wherever_they_come_in(case):
    """Catches: -999 under a mask that is trained on; "0.1" that NumPy reads; imaginary parts thrown away."""
    import tinymlp
    from tinymlp import MLP, Dataset, Ensemble, Moments, extract_segments, sample, train

    bad, words = NO_ARRAYS[case]
    net, nets, y = MLP([1, 2, 1]), Ensemble([1, 2, 1], [0, 1]), np.arange(4.0)
    f, line, data = extract_segments(net), MLP([2, 3, 1]).along([0, 0], [1, 1]), sample("sine", n=9)
    column = bad[:, None] if isinstance(bad, np.ndarray) else [[v] for v in bad]
    for name, use in {
        "x": lambda: Dataset(bad, y),
        "y": lambda: Dataset(y, bad),
        "weights": lambda: MLP.from_weights([column], [y]),
        "weights[1]": lambda: MLP.from_weights([(np.ones((1, 1)), [0]), (column, y)]),
        "biases": lambda: MLP.from_weights([y[:, None]], [bad]),
        "params": lambda: setattr(net, "params", bad),
        "params of many": lambda: setattr(nets, "params", bad),
        "": lambda: MLP.from_keras([y[None], bad]),
        " ": lambda: MLP.from_torch({"weight": y[:, None], "bias": bad}),
        "x of a network": lambda: net(bad),
        "x of networks": lambda: nets(bad),
        "x of segments": lambda: f(bad),
        "x of slopes": lambda: f.slopes_at(bad),
        "x of many segments": lambda: extract_segments(nets)(bad),
        "t": lambda: line(bad),
        "origin": lambda: MLP([4, 1]).along(bad, y),
        "direction": lambda: MLP([4, 1]).along(y, bad),
        "mask": lambda: train(net, data, 1, mask=bad),
        "x of check": lambda: MLP.from_weights([[[1.0]]], [[0.0]], check=(bad, y)),
        "y of check": lambda: MLP.from_weights([[[1.0]]], [[0.0]], check=(y, bad)),
        "what the function gives": lambda: sample(lambda x: bad, n=4),
        "what the function gives ": lambda: Moments.of_function(lambda x: bad, (0, 1)),
        "what net gives": lambda: tinymlp.detect_segments(lambda x: bad, (0, 1), points=4),
        "gradient": lambda: tinymlp.testing.check_gradient(np.sum, y, bad),
    }.items():
        before = net.params.copy(), nets.params.copy()
        start = name.partition(" of ")[0] if not name.endswith("check") else name
        with pytest.raises(ValueError, match=f"{start.strip()}.* {words}".replace("[1]", r"\[1\]")):
            use()
        assert (net.params == before[0]).all()
        assert (nets.params == before[1]).all()
    for use in (lambda: MLP.from_params([1, 1], bad[:2]), lambda: net.with_params(bad)):
        with pytest.raises((ValueError, TypeError), match="params"):
            use()


def test_arrays_are_not_copied():
    """Catches: a check that costs as much as the work."""
    x = np.zeros(3)
    assert check_array("x", x) is x
    assert check_array("x", [[1, 2], (3, 4)]).tolist() == [[1, 2], [3, 4]]
    assert check_array("x", True).dtype.kind == "b"
    with pytest.raises(ValueError, match="x is a masked array"):
        check_array("x", [[1.0, 2.0], np.ma.masked_array([3.0, 4.0])])


def test_dtypes():
    """Catches: a TypeError of NumPy's; None, which NumPy takes for float64; numbers in the order of another machine."""
    assert check_dtype("x", "f4") == np.float32
    assert check_dtype("x", ">f8") == np.dtype(float)
    assert check_dtype("x", ">f8").isnative
    for value in (None, "x", int, complex, "U3", object):
        with pytest.raises(ValueError, match=r"x is .*: give a float dtype"):
            check_dtype("x", value)
