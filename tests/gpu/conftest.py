"""The GPU: CuPy, or a skip that says why there is none (a failure, with --require-gpu)."""

from contextlib import contextmanager

import pytest

from tinymlp import devices
from tinymlp.gpu import kernels


@pytest.fixture
def cupy(request, need):
    """CuPy itself."""
    try:
        found, reason = devices.array_module("gpu"), ""
    except RuntimeError as error:
        found, reason = None, str(error)
    need(request, "--require-gpu", found, reason)
    kernels.compiled.cache_clear()
    return found


@pytest.fixture
def no_reads():
    """A context in which CuPy raises DeviceSynchronized where the CPU waits for the GPU."""
    import cupyx

    @contextmanager
    def context():
        with pytest.warns(UserWarning, match="allow_synchronize"), cupyx.allow_synchronize(False):
            yield

    return context
