"""Solutions of 08_freeze_a_network.py."""

import numpy as np

from tinymlp import Ensemble, sample, train
from tinymlp.measures import explained_of


def run(rising, falling, lr=0.01, shuffle=False):
    """Eight networks after both functions, and the share each explains of what a fresh one does."""
    old, fresh = (Ensemble([1, 10, 10, 10, 1], range(8)) for _ in range(2))
    train(old, rising, 180, shuffle=shuffle)
    train(old, falling, 180, lr, shuffle=shuffle)
    train(fresh, falling, 180, lr, shuffle=shuffle)
    return old, [explained_of(a, b, falling) for a, b in zip(old.nets, fresh.nets)]


def frozen(shares):
    return sum(share < 0.5 for share in shares)


rising, falling = sample("exp"), sample("exp_neg")
nets, shares = run(rising, falling)
print(f"as in the lesson: {frozen(shares)} of 8 frozen")

# 1. A silent unit is off because its bias is too low. In every layer lift the biases of the silent units until each is
#    on for some sample: the gradient comes back, and with it the learning. Only biases change.
asleep = [net for net, share in zip(nets, shares) if share < 0.5]
for net in asleep:
    a = falling.x[None, :].astype(np.float32)
    for W, b in zip(net.weights[:-1], net.biases[:-1]):
        z = W @ a + b[:, None]
        silent = (z <= 0).all(axis=1)
        b[silent] += 0.5 - z[silent].mean(axis=1)
        a = np.maximum(W @ a + b[:, None], 0)
    before = np.mean((net(falling.x) - falling.y) ** 2)
    train(net, falling, 180, shuffle=False)
    print(f"1. woken: loss {before:.0f}, after training {np.mean((net(falling.x) - falling.y) ** 2):.1f}")

# 2. No. It is not that the steps are too long: in most of them a layer was silent left of -2 before the first step.
slow = run(rising, falling, lr=0.01 / 3)[1]
print(f"2. a third of the learning rate: {frozen(slow)} of 8 frozen")

# 3. Fewer, and none. Look at the silent units left of -2: e^(x/2) is not flat there, and has switched no layer off.
shuffled = run(rising, falling, shuffle=True)[1]
gentle = run(sample(lambda x: np.exp(x / 2)), sample(lambda x: np.exp(-x / 2)))[1]
print(f"3. shuffled: {frozen(shuffled)} of 8 frozen; e^(x/2): {frozen(gentle)} of 8")
assert frozen(gentle) < frozen(shares)
