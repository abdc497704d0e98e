"""Solutions of 04_train_with_adam.py."""

import numpy as np

from tinymlp import MLP, Adam, Dataset, sample, train

# 1. m = 0.1 g and v = 0.001 g^2, so m / sqrt(v) = 0.1 / sqrt(0.001) = 3.16: the first step is 3.16 lr instead of lr.
g = np.array([1e-3, 1.0, -50.0])
uncorrected = 0.1 * g / np.sqrt(0.001 * g**2)
assert np.allclose(np.abs(uncorrected), np.sqrt(10))
params = np.zeros(3)
Adam(lr=1.0).step(params, g)
assert np.allclose(params, -np.sign(g), atol=1e-4)

# 2. As small as rounding allows, nearly: three points are no task for 251 parameters.
history = train(MLP([1, 10, 10, 10, 1]), Dataset([-1, 0, 2], [3, -1, 0.5]), 1000)
print(f"2. loss {history.losses[-1]:.1e}")
assert history.losses[-1] < 1e-3

# 3. Each call makes a fresh Adam, whose means start at 0 again, and draws the same orders again. Hand over the
#    optimizer; and do without shuffling, or the second call repeats the orders of the first.
data = sample("sine", n=1000)
once, twice, same = (MLP([1, 10, 1]) for _ in range(3))
train(once, data, 200, shuffle=False)
for _ in range(2):
    train(twice, data, 100, shuffle=False)
adam = Adam(lr=0.01)
for _ in range(2):
    train(same, data, 100, shuffle=False, optimizer=adam)
assert (once.params != twice.params).any()
assert (once.params == same.params).all()
