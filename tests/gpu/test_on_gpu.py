"""The kernels, and all of the GPU path, on the GPU."""

from device_checks import *  # noqa: F403
from kernel_checks import *  # noqa: F403
