"""The fused training kernel on the CPU; its builds, as a pure function of the GPU's shared memory."""

import pytest
import strict_cupy
from train_checks import *  # noqa: F403

from tinymlp import Ensemble, sample, train
from tinymlp.gpu import train_kernel
from tinymlp.network.parameters import count_parameters

SHARED = {75: 64, 80: 163, 86: 99, 90: 227, 100: 227, 120: 99}  # KiB a block may have, CUDA C++ Programming Guide


def test_losses_and_snapshots_come_back_once(cupy):
    """Catches: a read every epoch, or every launch. One is for all losses, one for all snapshots."""
    for snapshots, reads in ((None, 1), ([0, 2, 4], 2)):
        before = strict_cupy.reads
        train(Ensemble([1, 5, 1], range(3), device="gpu"), sample("exp", n=300), 6, snapshots=snapshots, engine="fused")
        assert strict_cupy.reads - before == reads


@pytest.mark.parametrize("architecture", SHARED)
@pytest.mark.parametrize("layers", train_kernel.LAYERS)
@pytest.mark.parametrize("width", [1, 10, 12, 13, 20, 30, 32, 40, 48, 50, 64])
def test_configurations(architecture, width, layers):
    """Catches: a build that needs more than a GPU has, pads more than needed, or cannot put its gradients together."""
    limit, hidden = SHARED[architecture] * 1024, [width] * layers
    config = train_kernel.configuration(hidden, limit)
    if config is None:
        assert limit < 100 * 1024
        assert width > 32
        return
    count = count_parameters([1, *hidden, 1])
    assert count == Ensemble([1, *hidden, 1], [0]).params.size
    assert config.layers == layers
    assert config.width == min(w for w in train_kernel.WIDTHS if w >= width)
    assert config.shared_bytes(count) <= limit
    assert config.threads % 32 == 0
    assert config.threads <= 256
    if config.chunk < 128:  # a larger chunk would not fit, even with the sums outside
        assert config._replace(chunk=2 * config.chunk, sums_in_shared=False).shared_bytes(count) > limit
    if not config.sums_in_shared:
        assert config._replace(sums_in_shared=True).shared_bytes(count) > limit


@pytest.mark.parametrize(
    ("hidden", "kib", "name"),
    [
        ([10, 10, 10], 227, "train<12, 3, 128, true>"),
        ([10, 10, 10], 64, "train<12, 3, 128, true>"),
        ([30, 30, 30], 227, "train<32, 3, 128, true>"),
        ([30, 30, 30], 99, "train<32, 3, 128, false>"),
        ([64, 64, 64], 227, "train<64, 3, 128, false>"),
        ([64, 64, 64], 163, "train<64, 3, 64, false>"),
        ([64, 64, 64, 64], 99, None),
        ([65], 227, None),
        ([10] * 5, 227, None),
        ([], 227, None),
    ],
)
def test_some_configurations(hidden, kib, name):
    """Catches: a rule that changes unnoticed."""
    config = train_kernel.configuration(hidden, kib * 1024)
    assert (config and config.name) == name


def test_its_shared_memory_is_counted_right(cupy, monkeypatch):
    """Catches: fewer bytes than the kernel uses (the address sanitizer sees that), or more than it needs."""
    asked = []
    launch = strict_cupy.RawKernel.__call__
    monkeypatch.setattr(
        strict_cupy.RawKernel, "__call__", lambda *args, **kw: asked.append(kw["shared_mem"]) or launch(*args, **kw)
    )
    train(Ensemble([1, 10, 10, 10, 1], [0], device="gpu"), sample("sine", n=100), 1, engine="fused")
    floats = 4 * 12 * 132 + 2 * 2 * 12 * 12 + 2 * (5 * 12 + 4) + 2 * 128 + 2 * 251
    assert asked == [4 * floats]
