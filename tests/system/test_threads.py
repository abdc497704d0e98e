"""How many threads BLAS uses: narrow and wide networks side by side, in threads and in processes."""

import multiprocessing
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tinymlp import MLP, sample, train
from tinymlp.system.threads import blas_threads

DATA = sample("sine", n=200)


def threads():
    """The numbers of threads of all BLAS libraries here, asked of them and not of tinymlp."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    """So that one thread can be told from what was before, on every machine."""
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread")
        yield


def test_small_networks_use_one_thread():
    """Catches: the limit forgotten, or kept for wide networks, or not lifted afterwards."""
    with blas_threads(64):
        assert threads() == {1}
        with blas_threads(64):
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}
    with blas_threads(65):
        assert threads() == {2}


def test_the_last_of_many_gives_back():
    """Catches: a limit that each thread saves and restores for itself, so that one restores another's."""
    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            for net in [MLP([1, 5, 1]) for _ in range(8)]:
                pool.submit(train, net, DATA, 20)
        assert threads() == {2}


def test_foreign_code_is_not_limited():
    """Catches: a callback whose own products run on one thread, because the network that it looks at is narrow."""
    watching, seen = Watching(), []
    train(MLP([1, 5, 1]), DATA, 2, optimizer=watching, callback=lambda *_: seen.append(threads()))
    assert (watching.seen, seen) == ({1}, [{2}, {2}])


def test_an_error_gives_back():
    """Catches: a limit that stays because training stopped."""

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(MLP([1, 5, 1]), DATA, 3, callback=stop)
    with pytest.raises(ArithmeticError), blas_threads(5):
        raise ArithmeticError
    assert threads() == {2}


class Watching:
    """An optimizer that learns nothing, and notes how many threads there are in each step."""

    def __init__(self):
        self.seen, self.times = set(), []

    def step(self, params, grad):
        self.seen |= threads()
        self.times.append(time.perf_counter())


def test_wide_and_narrow_networks_take_turns():
    """Catches: a wide network that computes on one thread because a narrow one trains beside it; one that starves."""
    narrow, wide = Watching(), Watching()
    both = [
        threading.Thread(target=train, args=(MLP([1, 5, 1]), DATA, 60), kwargs={"optimizer": narrow}),
        threading.Thread(target=train, args=(MLP([1, 70, 1]), DATA, 60), kwargs={"optimizer": wide}),
        threading.Thread(target=train, args=(MLP([1, 5, 1]), DATA, 60), kwargs={"optimizer": narrow}),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert (narrow.seen, wide.seen) == ({1}, {2})
    assert threads() == {2}
    assert min(narrow.times) < max(wide.times)
    assert min(wide.times) < max(narrow.times)


def test_training_inside_training():
    """Catches: a network that waits for itself, from a callback or from an optimizer."""
    train(MLP([1, 5, 1]), DATA, 2, callback=lambda *_: train(MLP([1, 70, 1]), DATA, 1))

    class Nested:
        def step(self, params, grad):
            train(MLP([1, 70, 1]), DATA, 1)

    train(MLP([1, 5, 1]), DATA, 1, optimizer=Nested())
    assert threads() == {2}


def test_a_callback_may_wait_for_another_kind():
    """Catches: a room that is held while foreign code runs in it."""
    with ThreadPoolExecutor(1) as pool:
        train(MLP([1, 5, 1]), DATA, 2, callback=lambda *_: pool.submit(train, MLP([1, 70, 1]), DATA, 1).result(20))


def in_child(_):
    """How many threads a process has before, while and after it trains a narrow network."""
    before, watching = threads(), Watching()
    train(MLP([1, 5, 1]), DATA, 1, optimizer=watching)
    return before, watching.seen, threads()


@pytest.mark.skipif(not hasattr(multiprocessing, "get_context") or sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_fork_while_a_network_trains():
    """Catches: a process that is born with one thread, or waits for a network that trains in its parent."""
    with blas_threads(5):
        assert threads() == {1}
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            assert pool.submit(in_child, 0).result(30) == ({2}, {1}, {2})
    assert threads() == {2}


def test_a_process_that_starts_afresh():
    """Catches: a worker that stays at one thread after its first narrow network."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(sample, "sine", n=9).result(60)  # which loads NumPy, and BLAS
        before = pool.submit(threadpool_info).result(60)
        pool.submit(train, MLP([1, 5, 1]), DATA, 2).result(60)
        assert pool.submit(threadpool_info).result(60) == before != []
