import asyncio
import random

import pytest

from offchain.errors import Busy
from offchain.net.shares import Shares

LONG, SHORT = 10.0, 0.01


class Crowd:
    """Owners that take and give; who got something, in order."""

    def __init__(self, total, each, longest=100):
        self.shares = Shares("nothing is free", total, each, longest)
        self.served = []

    async def want(self, owner, count=1, seconds=LONG):
        await self.shares.take(owner, count, seconds)
        self.served.append(owner)

    async def queue(self, *owners):
        """All of them want one, in this order."""
        tasks = []
        for owner in owners:
            tasks.append(asyncio.create_task(self.want(owner)))
            await asyncio.sleep(0)
        return tasks


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_take__free__is_had_at_once():
    async def main():
        crowd = Crowd(3, 3)
        for owner in "aab":
            await crowd.want(owner, seconds=0)
        assert crowd.served == ["a", "a", "b"]
        with pytest.raises(Busy, match="^nothing is free$"):
            await crowd.want("c", seconds=SHORT)
        crowd.shares.give("a", 1)
        await crowd.want("c", seconds=0)

    asyncio.run(main())


def test_take__more_than_one_owner_s_share__waits_though_others_find_something():
    async def main():
        crowd = Crowd(4, 2)
        await crowd.want("a")
        await crowd.want("a")
        (waiting,) = await crowd.queue("a")
        await crowd.want("b")
        assert crowd.served == ["a", "a", "b"]
        crowd.shares.give("a", 1)
        await waiting
        assert crowd.served == ["a", "a", "b", "a"]

    asyncio.run(main())


def test_give__many_wait__serves_each_owner_in_turn():
    async def main():
        crowd = Crowd(1, 1)
        await crowd.want("x")
        await crowd.queue("a", "a", "a", "b", "b", "c")
        holder = "x"
        for _ in range(6):
            crowd.shares.give(holder, 1)
            await settle()
            holder = crowd.served[-1]
        assert crowd.served == ["x", "a", "b", "c", "a", "b", "a"]

    asyncio.run(main())


def test_take__line_of_one_owner_or_of_all_is_full__is_busy_at_once():
    async def main():
        crowd = Crowd(1, 1, longest=4)
        await crowd.want("x")
        tasks = await crowd.queue("a", "a")
        for owner in ("a", "a"):
            with pytest.raises(Busy):
                await crowd.want(owner)
        tasks += await crowd.queue("b", "c")
        with pytest.raises(Busy):
            await crowd.want("d")
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def test_take__more_than_there_is__is_busy_at_once():
    async def main():
        with pytest.raises(Busy):
            await Crowd(8, 4).want("a", 5)
        with pytest.raises(Busy):
            await Crowd(3, 4).want("a", 4)

    asyncio.run(main())


def test_take__nothing_comes_free__leaves_the_line_to_those_behind():
    async def main():
        crowd = Crowd(4, 4)
        await crowd.want("a", 3)
        with pytest.raises(Busy):
            await crowd.want("b", 2, SHORT)
        large = asyncio.create_task(crowd.want("b", 2, SHORT))
        await asyncio.sleep(0)
        small = asyncio.create_task(crowd.want("b", 1))
        await asyncio.gather(large, return_exceptions=True)
        await small
        assert crowd.served == ["a", "b"]

    asyncio.run(main())


@pytest.mark.parametrize("granted", [False, True])
def test_take__cancelled_in_line__loses_nothing(granted):
    async def main():
        crowd = Crowd(1, 1)
        await crowd.want("a")
        first, second = await crowd.queue("b", "c")
        if granted:
            crowd.shares.give("a", 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        if not granted:
            crowd.shares.give("a", 1)
        await second
        assert crowd.served == ["a", "c"]

    asyncio.run(main())


def test_shares__any_order_of_taking_and_giving__never_exceeds_its_bounds():
    async def main():
        dice, held = random.Random(5), dict.fromkeys("abcd", 0)
        shares = Shares("no", 20, 8, 50)

        async def live(owner):
            for _ in range(60):
                count = dice.randint(1, 4)
                try:
                    await shares.take(owner, count, LONG)
                except Busy:
                    continue
                held[owner] += count
                assert held[owner] <= 8 and sum(held.values()) <= 20
                for _ in range(dice.randint(0, 3)):
                    await asyncio.sleep(0)
                held[owner] -= count
                shares.give(owner, count)

        await asyncio.gather(*(live(owner) for owner in held for _ in range(4)))
        assert not any(held.values())
        for owner in held:
            await shares.take(owner, 5, 0)

    asyncio.run(main())
