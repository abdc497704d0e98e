"""Solutions of 08_freeze_a_network.py."""

import numpy as np

from tinymlp import Ensemble, sample, train
from tinymlp.article.measures import unexplained_variance

rising, falling = sample("exp"), sample("exp_neg")


def count_off(net, x):
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
frozen = [net for net in nets if unexplained_variance(net, falling) > 0.5]

# 1. A dead unit is off because its bias is too low. In every layer lift the biases of the dead units until each is on
#    for some sample: the gradient comes back, and with it the learning. Only biases change.
for net in frozen:
    lifted = net.copy()
    a = falling.x[None, :].astype(np.float32)
    for W, b in zip(lifted.weights[:-1], lifted.biases[:-1]):
        z = W @ a + b[:, None]
        off = (z <= 0).all(axis=1)
        b[off] += 0.5 - z[off].mean(axis=1)
        a = np.maximum(W @ a + b[:, None], 0)
    train(lifted, falling, 180, shuffle=False)
    unexplained = [unexplained_variance(n, falling) for n in (net, lifted)]
    print(f"1. unexplained: {unexplained[0]:.3f} frozen, {unexplained[1]:.3f} lifted and trained")

# 2. Where a whole layer is dead, never. Where none is, it may have been slow.
for net in frozen:
    dead, before = 10 in count_off(net, falling.x), unexplained_variance(net, falling)
    train(net, falling, 180, shuffle=False)
    after = unexplained_variance(net, falling)
    print(f"2. a dead layer: {dead}; unexplained {before:.3f}, after 180 epochs more {after:.3f}")
    assert not dead or after > 0.99

# 3. It makes it likelier, but it is not the whole story.
before, after = two_functions(range(100, 124))
for foretold in (True, False):
    shares = [
        unexplained_variance(b, falling)
        for a, b in zip(before, after)
        if (10 in count_off(a, falling.x[falling.x < -2])) == foretold
    ]
    print(f"3. off on the left {foretold}: {sum(s > 0.5 for s in shares)} of {len(shares)} explain less than half")
