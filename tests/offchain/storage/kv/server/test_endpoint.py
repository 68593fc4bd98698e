"""Whom the two addresses answer."""

import asyncio
import json

import pytest
from aiohttp import ClientSession

from offchain.net.http_server import Limits
from offchain.runtime.clock import SystemClock
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context
from offchain.storage.kv.server.endpoint import Endpoint

PUBLIC, ADMIN = 0, 1


async def ping():
    return "pong"


async def add():
    return "added"


def ask(*requests, **headers):
    """Status and answer to each (which address, JSON-RPC method)."""
    endpoint = Endpoint(
        ("127.0.0.1:0", "127.0.0.1:0"),
        ["operator.example"],
        Limits(1000, 4),
        {"kv_ping": ping},
        {"admin_add": add},
        lambda: {"ok": True},
        Metrics("test", "0"),
    )

    async def main():
        stop = asyncio.Event()
        running = asyncio.create_task(endpoint.service.run(Context(stop, SystemClock(), lambda: None)))
        while not endpoint.urls and not running.done():
            await asyncio.sleep(0)
        answers = []
        async with ClientSession() as session:
            for which, method in requests:
                call = {"jsonrpc": "2.0", "id": 1, "method": method}
                async with session.post(endpoint.urls[which], json=call, headers=headers) as response:
                    answers.append((response.status, await response.read()))
        stop.set()
        await running
        return answers

    return asyncio.run(main())


def test_endpoint__methods__operator_s_are_on_the_second_address_only():
    asked = [(which, method) for which in (PUBLIC, ADMIN) for method in ("kv_ping", "admin_add")]
    assert [json.loads(body).get("result") for _, body in ask(*asked)] == ["pong", None, "pong", "added"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "rebound.evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Host": "operator.example"}, 200),
    ],
)
def test_endpoint__web_page__reaches_the_public_address_only(headers, status):
    public, admin = ask((PUBLIC, "kv_ping"), (ADMIN, "admin_add"), **headers)
    assert (public[0], admin[0]) == (200, status)
