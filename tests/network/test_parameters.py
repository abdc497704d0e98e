"""One flat vector: sizes and weights that fit, and that do not."""

import pytest

from tinymlp import MLP


@pytest.mark.parametrize(
    ("weights", "biases", "words"),
    [
        ([], [], "0 layers"),
        ([[[1]]], [], "1 layers and biases has 0"),
        ([[[1], [2]]], [[1]], r"layer 0: weights \(2, 1\) and biases \(1,\)"),
        ([[1, 2]], [[1]], "layer 0"),
        ([[[1], [2]], [[1, 2, 3]]], [[0, 0], [0]], "layer 1: .* take 3 inputs, but layer 0 has 2 units"),
        ([[["a"]]], [[0]], "dtype"),
        ([[[1j]]], [[0]], "dtype complex"),
    ],
)
def test_weights_that_do_not_fit(weights, biases, words):
    """Catches: broadcasting that makes ill-fitting weights work."""
    with pytest.raises(ValueError, match=words):
        MLP.from_weights(weights, biases)


@pytest.mark.parametrize("sizes", [[], [1], [1, 0, 1], [1, -2, 1], [1, 2.5, 1], "abc", None, [1, None]])
def test_bad_sizes(sizes):
    """Catches: a network without layers or with a fractional width."""
    with pytest.raises(ValueError, match="sizes is"):
        MLP(sizes)
