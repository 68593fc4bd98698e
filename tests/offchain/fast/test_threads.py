"""Work spread over threads."""

import threading

import pytest

from offchain.fast.threads import core_count, spread


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_spread__all_items__are_worked_on_once(threads):
    done = []
    spread(done.append, range(3, 100, 4), threads, lambda: None)
    assert sorted(done) == list(range(3, 100, 4))


@pytest.mark.parametrize("threads", [1, 3])
def test_spread__watching__happens_on_the_calling_thread(threads):
    watchers = []
    spread(lambda item: None, range(50), threads, lambda: watchers.append(threading.current_thread()))
    assert set(watchers) <= {threading.current_thread()}


@pytest.mark.parametrize("threads", [1, 3])
def test_spread__an_error__is_raised_and_ends_all_threads(threads):
    done = []

    def work(item):
        if item == 5:
            raise RuntimeError("item 5")
        done.append(item)

    with pytest.raises(RuntimeError, match="item 5"):
        spread(work, range(10**9), threads, lambda: None)
    assert 5 not in done


def test_spread__an_error_of_the_watcher__is_raised():
    def watch():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(lambda item: None, range(10**9), 2, watch)


def test_spread__two_threads__work_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    spread(lambda item: both.wait() and None, range(2), 2, lambda: None)


def test_core_count__this_process__has_some():
    assert core_count() >= 1
