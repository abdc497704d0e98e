"""Solutions of 06_see_what_the_detector_sees.py."""

import numpy as np

from tinymlp import MLP, detect_segments, extract_segments, sample, train


def trained(seed):
    net = MLP([1, 10, 10, 10, 1], seed=seed)
    train(net, sample("exp"), epochs=60, shuffle=False)
    return net


net = trained(seed=0)
f = extract_segments(net, (-2, 5))

# 1. Once every breakpoint has a cell to itself, with an empty one on either side, each counts twice unless it lies on a
#    grid point: 2 * breakpoints + 1 segments, of those breakpoints whose jump exceeds epsilon.
fine = [len(detect_segments(net, (-2, 5), points=300 * 2**k, dtype=np.float64)) for k in range(7)]
print("1. float64:", fine)
loud = int(np.sum(np.abs(f.jumps) > 1e-3))
assert fine[-1] == 2 * loud + 1

# 2. Each doubling halves the cells and so doubles the error of every difference: soon the detector sees nothing but
#    rounding.
coarse = [len(detect_segments(net, (-2, 5), points=300 * 2**k, dtype=np.float32)) for k in range(7)]
print("2. float32:", coarse)
assert coarse[-1] > 100 * fine[-1]

# 3. For one network some epsilon gives the right number, by missing true breakpoints and counting others twice. It
#    means nothing: the next network needs another.
epsilons = 10.0 ** np.arange(-4, 2, 0.01)


def right_for(net):
    count = len(extract_segments(net, (-2, 5)))
    return {
        k for k, e in enumerate(epsilons) if len(detect_segments(net, (-2, 5), epsilon=e, dtype=np.float64)) == count
    }


right = [right_for(trained(seed)) for seed in range(4)]
print(
    "3. epsilons that are right:", [f"{epsilons[min(r)]:.2g} to {epsilons[max(r)]:.2g}" if r else "none" for r in right]
)
assert not set.intersection(*right)
