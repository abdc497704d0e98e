"""The kernels, and all of the GPU's path, on the CPU: see `cupy` in conftest.py."""

import pytest
import strict_cupy
from device_checks import *  # noqa: F403
from kernel_checks import *  # noqa: F403

from tinymlp import MLP, Ensemble, extract_segments, sample, train


@pytest.mark.parametrize(
    ("options", "reads"), [({}, 1), ({"snapshots": [2, 4]}, 2), ({"callback": lambda *_: None}, 6)]
)
def test_losses_come_back_once(cupy, options, reads):
    """Catches: a read every epoch. One is for the losses, or one a callback; one for all snapshots."""
    before = strict_cupy.reads
    train(MLP([1, 5, 1], device="gpu"), sample("exp", n=300), 6, batch_size=50, **options)
    assert strict_cupy.reads - before == reads


def test_an_extraction_of_many_rarely_waits(cupy):
    """Catches: a look at the GPU for each network."""
    ensemble = Ensemble([1, 5, 5, 1], range(50), device="gpu")
    before = strict_cupy.reads
    extract_segments(ensemble, -5, 5)
    assert strict_cupy.reads - before < 15
