"""Solutions of 09_shuffle.py."""

import numpy as np

from tinymlp import Dataset, Ensemble, sample, train
from tinymlp.measures import mean_squared_error

data = sample("sine", (-10, 10))
EPOCHS = 90


def median_error(data, epochs=EPOCHS, width=10, **how):
    """Of eight networks."""
    nets = Ensemble([1, width, width, width, 1], range(8))
    train(nets, data, epochs, **how)
    return np.median([mean_squared_error(net, data) for net in nets.nets])


ordered = median_error(data, shuffle=False)
print(f"in order of x {ordered:.4f}, shuffled {median_error(data, shuffle=True):.4f}")

# 1. Yes, and for these eight networks it is even better: a batch must be a fair sample of the axis, not always another.
order = np.random.default_rng(0).permutation(len(data))
once = median_error(Dataset(data.x[order], data.y[order]), shuffle=False)
print(f"1. shuffled once {once:.4f}")
assert once < ordered / 2

# 2. Better than slices, since nothing contradicts itself; but not better than shuffled batches, and each step costs
#    eight times as much. That one gradient is exact is no merit of its own.
whole = median_error(data, 8 * EPOCHS, shuffle=False, batch_size=10_000)
print(f"2. all samples in each of as many steps {whole:.4f}")
assert whole < ordered

# 3. Epochs: what is slow arrives in the end. Width does not help here. And shuffling costs nothing.
wide, long = median_error(data, width=30, shuffle=False), median_error(data, 8 * EPOCHS, shuffle=False)
print(f"3. width 30 {wide:.4f}, eight times the epochs {long:.4f}")
assert long < ordered
