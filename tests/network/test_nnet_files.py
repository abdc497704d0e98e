"""The .nnet format, by a file written by hand."""

import numpy as np
import pytest
from support.damage import with_a_byte_flipped

from tinymlp import MLP

FILE = """// a comment
2,2,1,3,
2,3,1,
0,
-1.0,-1.0,
1.0,1.0,
10.0,20.0,7.0,
2.0,4.0,3.0,
1.0,0.0,
0.0,1.0,
1.0,-1.0,
0.5,
-0.5,
0.25,
1.0,2.0,-3.0,
0.125,
"""


def test_with_and_without_normalisation(tmp_path):
    """Catches: means and ranges mixed up or applied the wrong way round; the output's forgotten; a row lost."""
    path = tmp_path / "net.nnet"
    path.write_text(FILE)
    W, b = np.array([[1, 0], [0, 1], [1, -1]]), np.array([0.5, -0.5, 0.25])

    def bare(x):
        return np.maximum(x @ W.T + b, 0) @ [[1], [2], [-3]] + 0.125

    x = np.random.default_rng(0).normal(size=(20, 2))
    assert MLP.from_nnet(path, normalised=False)(x) == pytest.approx(bare(x))
    x = x * [2, 4] + [10, 20]
    assert MLP.from_nnet(path)(x) == pytest.approx(3 * bare((x - [10, 20]) / [2, 4]) + 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ends too early"),
        (FILE[:-9], "ends too early"),
        (FILE + "1.0,\n", "goes on after the last layer"),
        (FILE.replace("2,3,1,", "2,3,2,"), "1 outputs, and the sizes"),
        (FILE.replace("1.0,-1.0,\n0.5", "1.0,\n0.5"), "a row has 1 numbers where 2"),
        (FILE.replace("10.0,20.0,7.0", "10.0,20.0,7.0,8.0"), r"4 means and 3 ranges, not 3.*normalised=False"),
        (FILE.replace("2.0,4.0,3.0", "2.0,0.0,3.0"), "none of the ranges 0"),
        (FILE.replace("2,3,1,", "nan,3,1,"), "are not whole numbers"),
        (FILE.replace("2,3,1,", "1.5,3,1,"), "are not whole numbers"),
        (FILE.replace("2,3,1,", "1e300,3,1,"), "are not whole numbers"),
        (FILE.replace("0.125", "nan"), "NaN or infinite"),
        ("1,99999999999,1,1\n99999999999,1\n0\n0\n0\n0\n0\n", "need 100000000000 numbers, and it has 42 bytes"),
        ("1,1,1,1\n1,1\n0\n0\n0\n0,0\n1e-320,1\n1e300\n0\n", "become so where layers are folded"),
        ("1,60000,1,1\n60000,1\n0\n0\n0\n" + 2 * ("1," * 60001 + "\n"), "ends too early"),  # no (inputs, inputs)
        (FILE.replace("0.125", "x"), "line 16 is 'x,', not numbers"),
    ],
)
def test_broken_files(tmp_path, text, words):
    """Catches: a StopIteration, an IndexError, a broken file that loads."""
    path = tmp_path / "broken.nnet"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"broken\.nnet is no.*{words}"):
        MLP.from_nnet(path)


def test_flipped_bytes(tmp_path):
    """Catches: anything but a ValueError that names the file."""
    path = tmp_path / "flipped.nnet"
    path.write_text(FILE)
    for _ in with_a_byte_flipped(path, 1000):
        try:
            MLP.from_nnet(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
