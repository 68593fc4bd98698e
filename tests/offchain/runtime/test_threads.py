import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.runtime.threads import Lane, in_thread


def test_in_thread__function_returns__gives_its_result():
    assert asyncio.run(in_thread(divmod, 7, 2)) == (3, 1)


def test_in_thread__function_raises__lets_it_through():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divmod, 7, 0))


@pytest.mark.parametrize("outcome", ["returns", "raises"])
def test_in_thread__cancelled_meanwhile__waits_until_the_function_has_ended(outcome):
    started, release, ended = threading.Event(), threading.Event(), []

    def work():
        started.set()
        release.wait(10)
        ended.append(1)
        if outcome == "raises":
            raise ZeroDivisionError

    async def main():
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [1]

    asyncio.run(main())


def lane_at_work(width, queue, calls):
    """How many of `calls` calls ran at once, and how many were turned away."""
    release, running, most = threading.Event(), [], []
    lock = threading.Lock()

    def work():
        with lock:
            running.append(1)
            most.append(len(running))
        release.wait(10)
        with lock:
            running.pop()

    async def main():
        lane = Lane("questions", width, queue)
        tasks = [asyncio.create_task(lane.run(work)) for _ in range(calls)]
        while len(running) < min(width, calls):
            await asyncio.sleep(0)
        release.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert await lane.run(divmod, 7, 2) == (3, 1)
        return [outcome for outcome in outcomes if outcome is not None]

    refused = asyncio.run(main())
    return max(most), refused


def test_lane__more_calls_than_threads__wait_for_their_turn():
    assert lane_at_work(width=2, queue=10, calls=12) == (2, [])


def test_lane__more_calls_than_may_wait__are_told_to_come_back():
    most, refused = lane_at_work(width=2, queue=1, calls=5)
    assert most == 2
    assert [str(error) for error in refused] == ["too many questions at once, try again later"] * 2


def test_lane__full__leaves_threads_to_others():
    """A lane that strangers fill keeps nobody else from finding a thread."""
    release = threading.Event()

    async def main():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        lane = Lane("questions", 1, 10)
        tasks = [asyncio.create_task(lane.run(release.wait, 10)) for _ in range(10)]
        await asyncio.sleep(0)
        assert await in_thread(divmod, 7, 2) == (3, 1)
        release.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_lane__call_that_fails_or_is_cancelled__gives_its_thread_back():
    async def main():
        lane = Lane("questions", 1, 0)
        with pytest.raises(ZeroDivisionError):
            await lane.run(divmod, 7, 0)
        task = asyncio.create_task(lane.run(divmod, 7, 2))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await lane.run(divmod, 7, 2)

    assert asyncio.run(main()) == (3, 1)
