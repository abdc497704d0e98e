"""Solutions of 07_watch_the_segments_move.py."""

from itertools import pairwise

import numpy as np

from tinymlp import MLP, extract_segments, plot, sample, train
from tinymlp.article.measures import carried_in


def snapshots(seed, shuffle):
    """The network after each of 0 to 40 epochs of e^x."""
    net = MLP([1, 10, 10, 10, 1], seed=seed)
    history = train(net, sample("exp"), epochs=40, shuffle=shuffle, snapshots=range(41), seed=seed)
    return [net.with_params(params) for _, params in sorted(history.snapshots.items())]


nets = snapshots(seed=0, shuffle=False)

# 1. The boundaries of the first layer are where w x + b = 0.
first, last = (-n.biases[0].astype(float) / n.weights[0][:, 0] for n in (nets[0], nets[-1]))
k = int(np.argmax(np.abs(last - first)))
print(f"1. unit (0, {k}) carried its breakpoint from {first[k]:.2f} to {last[k]:.2f}")
assert first[k] < 5 < last[k]  # out of the samples, to the right

# 2. No: in none of these networks does more come in than goes out, in whatever order. Breakpoints move to the right, as
#    the picture of the paths shows, and some go too far.
counts = {}
for shuffle in (False, True):
    trained = [snapshots(seed, shuffle) for seed in range(8)]
    counts[shuffle] = [sum(carried_in(n, m, 5) for n, m in pairwise(nets)) for nets in trained]
    print(f"2. shuffle={shuffle}: carried in, for each seed: {counts[shuffle]}")
    assert np.median(counts[shuffle]) < 0

# 3. A breakpoint with several owners counts for each of their layers once.
counts = np.zeros((len(nets), 3), int)
for epoch, net in enumerate(nets):
    for b in extract_segments(net, (-5, 5)).boundaries:
        if b.label == "visible":
            for layer in {layer for layer, _ in b.owners}:
                counts[epoch, layer] += 1
_, (ax,) = plot.figure()
for layer in range(3):
    ax.plot(counts[:, layer], color=plot.LAYER_COLORS[layer], label=f"layer {layer}")
ax.set(xlabel="epoch", ylabel="breakpoints on (-5, 5)")
ax.legend()
ax.figure.savefig("07_breakpoints_by_layer.png")
print(f"3. breakpoints of each layer: {counts[0].tolist()} untrained, {counts[-1].tolist()} after 40 epochs")
