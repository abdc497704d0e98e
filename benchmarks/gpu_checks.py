"""What ``gpu.py`` looks at beside times a step: the rounding of gradients, reruns, and what a first call takes.

Each is asked for a width, a number of networks and a device, in a process of its own.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter
from typing import Any

import numpy as np
from gpu_peers import BATCH
from train_cpu import data_of
from train_peers import LR

import tinymlp
from tinymlp import Adam, Dataset, Ensemble, devices
from tinymlp.gpu import train_kernel

SAMPLES = 12_800


def sizes(width: int) -> list[int]:
    """Of all networks here."""
    return [1, width, width, width, 1]


def fused(device: str) -> bool:
    """Whether to insist on the kernel: on a GPU."""
    return device == "gpu"


def first_moment(width: int, networks: int, device: str) -> np.ndarray:
    """How far each network's M is from float64 after one step on the first batch, by its norm. M is the gradient then.

    In float32 a sample on a unit's boundary may fall on the other side; that moves a gradient by a thousandth of
    itself, whatever computes it.
    """
    found = Ensemble(sizes(width), range(networks))
    expected = Ensemble(sizes(width), range(networks), dtype=np.float64)
    expected.params = found.params
    batch, moments = Dataset(*(values[:BATCH] for values in data_of(SAMPLES))), []
    for ensemble, how in ((found.to(device), fused(device)), (expected, False)):
        adam = Adam(LR)
        tinymlp.train(ensemble, batch, 1, batch_size=BATCH, shuffle=False, optimizer=adam, fused=how)
        moments.append(devices.move(adam.running_sums(ensemble.params), "cpu")[0].astype(np.float64))
    return np.linalg.norm(moments[0] - moments[1], axis=1) / np.linalg.norm(moments[1], axis=1)


def first_call(width: int, networks: int, device: str, cache: str) -> tuple[float, float, set[str]]:
    """Seconds that the first training takes more than the second, those of compiling, and the digests of both.

    The training is five epochs. CUDA itself has been started before; ``cache`` is where CuPy keeps compiled kernels.
    """
    os.environ["CUPY_CACHE_DIR"] = cache  # CuPy has not been imported yet
    devices.move(devices.array_module(device).zeros(1), "cpu")
    began, compiled, times, digests = perf_counter(), 0.0, [], set()
    if device == "gpu":
        train_kernel.compiled(train_kernel.configuration(sizes(width)[1:-1], train_kernel.shared_memory()))
        compiled = perf_counter() - began
    for _ in range(2):
        ensemble, adam = Ensemble(sizes(width), range(networks)).to(device), Adam(LR)
        began = perf_counter()
        losses = tinymlp.train(
            ensemble, Dataset(*data_of(SAMPLES)), 5, batch_size=BATCH, optimizer=adam, fused=fused(device)
        ).losses
        times.append(perf_counter() - began)
        digest = hashlib.sha256(losses.tobytes())
        for array in (ensemble.params, adam.running_sums(ensemble.params)):
            digest.update(devices.move(array, "cpu").tobytes())
        digests.add(digest.hexdigest())
    return compiled + times[0] - times[1], compiled, digests


def apart(function: Callable, *args: object) -> Any:
    """What a function returns in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def check(width: int, networks: int, device: str) -> dict:
    """All figures for a width. Of two processes the first finds an empty cache, the second what the first left."""
    with tempfile.TemporaryDirectory() as cache:
        cold, cold_compiling, digests = apart(first_call, width, networks, device, cache)
        warm, warm_compiling, more = apart(first_call, width, networks, device, cache)
    moments = {name: apart(first_moment, width, networks, on) for name, on in (("moment", device), ("numpy", "cpu"))}
    return {
        "width": width,
        "networks": networks,
        **{name: float(np.median(errors)) for name, errors in moments.items()},
        **{f"{name}_worst": float(errors.max()) for name, errors in moments.items()},
        "cold_s": cold,
        "cold_compiling_s": cold_compiling,
        "warm_s": warm,
        "warm_compiling_s": warm_compiling,
        "same": len(digests | more) == 1,
    }
