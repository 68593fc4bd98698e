"""Bodies on their way, over real connections: their pace, the places and the memory that they take."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from offchain.net import body as module
from offchain.net.exchange import adapt
from offchain.net.http_server import Limits, serving
from offchain.net.pace import Pace
from offchain.net.rpc_server import RpcServer
from tests.doubles.observer import Observed
from tests.doubles.slow_client import Callers

MIB = 1 << 20
QUICK = {"max_idle": 0.3, "min_rate": 10_000}
STRANGER = "127.0.0.2"


async def text(size: int):
    return "x" * size


async def upload(call):
    return {"bytes": sum([len(piece) async for piece in call.body])}


@asynccontextmanager
async def served(**limits):
    rpc = RpcServer({"text": text}, Observed(), MIB)
    routes = [("POST", "/", rpc.handle), ("POST", "/stream", adapt(upload))]
    async with serving("127.0.0.1:0", routes, Limits(**{"max_body": MIB, "max_requests": 8} | limits)) as url:
        server = Callers(url)
        try:
            yield server
        finally:
            server.close()


def call(size=1, filler=0):
    given = {"jsonrpc": "2.0", "id": 1, "method": "text", "params": [size]}
    return json.dumps(given).encode() + b" " * filler


def test_credit__pauses_and_bytes__are_weighed():
    pace = Pace(idle=20.0, rate=1000)
    assert pace.credit(20.0, 5.0, 0) == 15.0
    assert pace.credit(10.0, 5.0, 2000) == 7.0
    assert pace.credit(10.0, 5.0, 1 << 30) == 20.0


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_body__that_trickles__is_given_up_and_makes_room(path):
    """A byte now and then is no progress: as many such bodies as there are places keep nobody out for long."""

    async def main():
        async with served(max_requests=4, **QUICK) as server:
            told = []
            for client in [await server.client(STRANGER) for _ in range(4)]:
                await client.post(b"{", path, length=100_000)
                told.append(asyncio.create_task(client.status()))
                server.keep(client.trickle(b" "))
            status, _ = await server.asked(call())
            return status, await asyncio.gather(*told)

    assert asyncio.run(main()) == (200, [408] * 4)


def test_body__sent_at_the_rate__arrives_however_long_it_takes():
    async def main():
        async with served(**QUICK) as server:
            client = await server.client()
            await client.post(call(), length=len(call()) + 30_000)
            await client.trickle(b" " * 1000, times=30)
            return await client.status()

    assert asyncio.run(main()) == 200


def test_body__fast_at_first_and_then_nothing__is_given_up_all_the_same():
    async def main():
        async with served(**QUICK) as server:
            client = await server.client()
            await client.post(bytes(MIB - 1), length=MIB)
            return await client.status()

    assert asyncio.run(main()) == 408


def test_body__large__must_come_faster_than_a_small_one(monkeypatch):
    """Memory that was reserved for it is memory that others wait for."""
    monkeypatch.setattr(module, "WHOLE_SECONDS", 1.0)

    async def main():
        async with served(max_idle=0.2, min_rate=1000) as server:
            told = []
            for length in (20_000, 500_000):
                client = await server.client()
                await client.post(call(), length=length + len(call()))
                server.keep(client.trickle(b" " * 1000, times=20))
                told.append(await client.status())
            return told

    assert asyncio.run(main()) == [200, 408]


def test_body__announced_as_too_large__is_refused_before_it_comes():
    async def main():
        async with served() as server:
            client = await server.client()
            await client.post(b"", length=MIB + 1)
            told = [await client.status()]
            await client.send(bytes(MIB + 1))
            await client.post(call())
            return [*told, await client.status()]

    assert asyncio.run(main()) == [413, 200]


def test_places__one_address__leaves_some_to_others():
    async def main():
        async with served(max_requests=4, max_per_address=3, max_idle=1.0) as server:
            for _ in range(10):
                await (await server.client(STRANGER)).post(b"{", length=1000)
            return [(await server.asked(call()))[0] for _ in range(3)]

    assert asyncio.run(main()) == [200] * 3


def test_places__more_than_one_address_may_have__are_waited_for():
    """Public clients send all segments of a file at once: they are worked on one after the other."""

    async def main():
        async with served(max_requests=4, max_per_address=1) as server:
            return [status for status, _ in await asyncio.gather(*(server.asked(call()) for _ in range(30)))]

    assert asyncio.run(main()) == [200] * 30


def test_places__client_that_leaves_while_it_waits__is_not_worked_on():
    seen = []

    async def noted(request):
        seen.append(request.path)
        await request.read()
        return web.Response()

    async def main():
        routes = [("POST", "/{name}", noted)]
        async with serving("127.0.0.1:0", routes, Limits(MIB, 1)) as url:
            server = Callers(url)
            holder, leaver, last = [await server.client() for _ in range(3)]
            await holder.post(b"", "/holder", length=1)
            while not seen:
                await asyncio.sleep(0)
            await leaver.post(b"1", "/leaver")
            leaver.leave()
            await last.post(b"1", "/last")
            await holder.send(b"1")
            assert await last.status() == 200
            server.close()

    asyncio.run(main())
    assert seen == ["/holder", "/last"]


def test_memory__bodies_beyond_it__wait_or_are_told_to_come_back():
    async def main():
        async with served(max_bodies=MIB, max_idle=0.2) as server:
            holder = await server.client(STRANGER)
            await holder.post(b"{", length=MIB)
            server.keep(holder.trickle(b" " * 1000))
            small = await server.asked(call())
            large = await server.asked(call(filler=MIB // 2))
            return small[0], large[0], b"too many large requests at once" in large[1]

    assert asyncio.run(main()) == (200, 503, True)


def test_memory__more_bodies_than_fit__all_come_one_after_the_other():
    """None is begun that could not be finished: half of each would fill the memory, and nobody could go on."""

    async def main():
        async with served(max_bodies=2 * MIB, max_requests=12, max_per_address=12) as server:
            asked = [server.asked(call(filler=MIB - 1000)) for _ in range(12)]
            return [status for status, _ in await asyncio.gather(*asked)]

    assert asyncio.run(main()) == [200] * 12


def test_memory__of_a_body_that_ended__is_there_for_the_next():
    async def main():
        async with served(max_bodies=MIB) as server:
            return [(await server.asked(call(filler=MIB - 200)))[0] for _ in range(5)]

    assert asyncio.run(main()) == [200] * 5


def test_memory__answers_that_nobody_reads__are_given_up():
    """What an answer takes is counted until it has left, and nobody may leave it there for ever."""

    async def main():
        async with served(max_bodies=16 * MIB, **QUICK, max_requests=2) as server:
            for _ in range(2):
                await (await server.client(STRANGER, limit=1024)).post(call(8 * MIB))
            waiting = await server.client()
            await waiting.post(call())
            return await waiting.status()

    assert asyncio.run(main()) == 200
