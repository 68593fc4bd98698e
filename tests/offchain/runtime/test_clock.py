import asyncio
import time

from offchain.runtime.clock import SystemClock


def test_wait__event_set__returns_early():
    async def main():
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon(event.set)
        await SystemClock().wait(event, 3600)

    asyncio.run(main())


def test_wait__event_never_set__returns_after_the_time():
    async def main():
        before = SystemClock().now()
        await SystemClock().wait(asyncio.Event(), 0.01)
        return SystemClock().now() - before

    started = time.monotonic()
    assert asyncio.run(main()) >= 0.01
    assert time.monotonic() - started < 5
