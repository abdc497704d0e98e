"""The fused training kernel on the GPU."""

from train_checks import *  # noqa: F403
