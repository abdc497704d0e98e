"""Decisions along the line between two images: pip install scikit-learn onnx; python examples/digits.py

Train scikit-learn's MLPClassifier on its 8 x 8 digits, read it as an `MLP`, send it through an ONNX file and back, and
walk in a straight line through the 64 dimensions from a 3 to a 4, past a 5 and a 7. On the line each of the ten outputs
is piecewise linear, so all that happens on the way can be said exactly: where hidden units switch, and where the
winning digit changes.
"""

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from tinymlp import MLP, argmax_changes, extract_outputs, plot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--begin", type=int, default=3, help="digit to begin at")
    parser.add_argument("--end", type=int, default=4, help="digit to end at")
    parser.add_argument("--picture", default="digits.png")
    args = parser.parse_args()

    images, digits = load_digits(return_X_y=True)
    images = images / 16
    test = slice(1500, None)
    classifier = MLPClassifier((32, 32), random_state=0, max_iter=300).fit(images[:1500], digits[:1500])
    print(f"test images classified right: {classifier.score(images[test], digits[test]):.1%}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the outputs are those before softmax, of which the greatest wins, too
        read = MLP.from_sklearn(classifier)
    assert (read(images).argmax(axis=1) == classifier.predict(images)).all()  # the same network

    with TemporaryDirectory() as folder:  # to others, and back
        read.to_onnx(Path(folder) / "digits.onnx")
        net = MLP.from_onnx(Path(folder) / "digits.onnx")
    assert (net.params == read.params).all()  # bit for bit

    a, b = (images[test][digits[test] == digit][0] for digit in (args.begin, args.end))
    line = net.along(a, b - a)  # one input t: the image a at t = 0, b at t = 1
    outputs = extract_outputs(line, (0, 1))
    changes = argmax_changes(line, (0, 1))

    print(f"hidden units switch at {len(outputs[0].boundaries)} places between the images")
    winner = int(line(0.0).argmax())
    print(f"t = 0: the network says {winner}")
    for change in changes:
        print(f"t = {change.x:.17g}: {change.before} becomes {change.after}")

    fig, (ax,) = plot.figure(size=(8, 4.5))
    for digit, f in enumerate(outputs):
        x = np.concatenate([[0], f.breakpoints, [1]])
        named = digit == winner or digit in {change.after for change in changes}
        style = {"label": str(digit), "zorder": 3} if named else {"color": "0.8"}
        ax.plot(x, f(x), ".-", **style)
    for change in changes:
        ax.axvline(change.x, color="0.3", lw=0.8, ls=":")
    ax.set_xlabel(f"t, from a {args.begin} to a {args.end}")
    ax.set_ylabel("output")
    ax.legend(title="digit", loc="upper center", ncols=2)
    plot.save(fig, args.picture)
    print(f"saved the picture in {args.picture}")


if __name__ == "__main__":
    main()
