"""Worker processes: what they are started with."""

import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from tinymlp.system.processes import worker_processes


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_ctrl_c_reaches_no_worker():
    """Catches: a worker, any but the first, that Ctrl-C meets while it loads; a mask that stays on the parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    others = active_children()
    with worker_processes(3) as pool:
        done = [pool.submit(time.sleep, 0.1) for _ in range(3)]
        workers = set(active_children()).difference(others)
        assert len(workers) == 3
        for worker in workers:
            status = Path(f"/proc/{worker.pid}/status").read_text()
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            assert blocked >> (signal.SIGINT - 1) & 1
        for job in done:
            job.result()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
