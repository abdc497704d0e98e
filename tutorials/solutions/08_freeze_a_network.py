"""Solutions of 08_freeze_a_network.py."""

import numpy as np

from tinymlp import Ensemble, sample, train
from tinymlp.article.measures import unexplained

rising, falling = sample("exp"), sample("exp_neg")


def silent(net, x):
    """For each hidden layer, how many units are off for every x."""
    a, counts = x[None, :], []  # (units, n)
    for W, b in zip(net.weights[:-1], net.biases[:-1]):
        a = np.maximum(W @ a + b[:, None], 0)
        counts.append(int((a == 0).all(axis=1).sum()))
    return counts


def two_functions(seeds):
    """Networks after e^x, and the same after e^-x, too."""
    nets = Ensemble([1, 10, 10, 10, 1], seeds)
    train(nets, rising, 180, shuffle=False)
    before = [net.copy() for net in nets.nets]
    train(nets, falling, 180, shuffle=False)
    return before, nets.nets


_, nets = two_functions(range(8))
asleep = [net for net in nets if unexplained(net, falling) > 0.5]

# 1. A silent unit is off because its bias is too low. In every layer lift the biases of the silent units until each is
#    on for some sample: the gradient comes back, and with it the learning. Only biases change.
for net in asleep:
    woken = net.copy()
    a = falling.x[None, :].astype(np.float32)
    for W, b in zip(woken.weights[:-1], woken.biases[:-1]):
        z = W @ a + b[:, None]
        off = (z <= 0).all(axis=1)
        b[off] += 0.5 - z[off].mean(axis=1)
        a = np.maximum(W @ a + b[:, None], 0)
    train(woken, falling, 180, shuffle=False)
    print(
        f"1. unexplained: {unexplained(net, falling):.3f} asleep, {unexplained(woken, falling):.3f} woken and trained"
    )

# 2. Where a layer is silent for every sample, never. Where none is, it may have been slow.
for net in asleep:
    dead, before = 10 in silent(net, falling.x), unexplained(net, falling)
    train(net, falling, 180, shuffle=False)
    after = unexplained(net, falling)
    print(f"2. silent layer: {dead}; unexplained {before:.3f}, after 180 epochs more {after:.3f}")
    assert not dead or after > 0.99

# 3. It makes it likelier, but it is not the whole story.
before, after = two_functions(range(100, 124))
for foretold in (True, False):
    shares = [
        unexplained(b, falling)
        for a, b in zip(before, after)
        if (10 in silent(a, falling.x[falling.x < -2])) == foretold
    ]
    print(f"3. silent on the left {foretold}: {sum(s > 0.5 for s in shares)} of {len(shares)} explain less than half")
