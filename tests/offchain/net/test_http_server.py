import asyncio
import json
import socket

import pytest
from aiohttp import ClientSession, web

from offchain.errors import BadSettings, NotFound
from offchain.net.audience import ANYBODY
from offchain.net.exchange import adapt
from offchain.net.http_server import Limits, serving, split
from offchain.net.parameters import U64
from offchain.net.rpc_server import RpcServer
from tests.doubles.observer import Observed

MAX_BODY = 2000


async def add(first: U64, second: U64):
    return first + second


async def missing(_):
    raise NotFound("no such file")


async def bug(_):
    raise ZeroDivisionError


def routes():
    server = RpcServer({"add": add}, Observed(), MAX_BODY)
    return [("POST", "/", server.handle), ("GET", "/missing", adapt(missing)), ("GET", "/bug", bug)]


def asked(*requests, served=None, limits=None):
    """Status, headers and body of the answer to each (method, path, body)."""

    async def main():
        limit = limits or Limits(MAX_BODY, 4)
        async with serving("127.0.0.1:0", served or routes(), limit) as url, ClientSession() as session:
            answers = []
            for method, path, body in requests:
                async with session.request(method, url + path, data=body) as response:
                    answers.append((response.status, response.headers, await response.read()))
            return answers

    return asyncio.run(main())


def call(method="add", *params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def test_rpc__call_over_http__is_answered_as_json():
    ((status, headers, body),) = asked(("POST", "/", call("add", 1, 2)))
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"jsonrpc": "2.0", "result": 3, "id": 1}


@pytest.mark.parametrize("body", [b"{", call("nothing"), call("add", -1, 2), b"[]", b""])
def test_rpc__errors_of_calls__have_status_200(body):
    ((status, _, answer),) = asked(("POST", "/", body))
    assert status == 200
    assert json.loads(answer)["error"]["code"] < 0


def test_rpc__notification__is_an_empty_answer():
    body = json.dumps({"jsonrpc": "2.0", "method": "add", "params": [1, 2]}).encode()
    assert asked(("POST", "/", body))[0][::2] == (200, b"")


def test_rpc__body_as_large_as_the_limit__is_read():
    assert asked(("POST", "/", call("add", 1, 2).ljust(MAX_BODY)))[0][0] == 200


@pytest.mark.parametrize("streamed", [False, True])
def test_rpc__body_beyond_the_limit__has_status_413_and_says_so(streamed):
    async def pieces():
        for _ in range(3):
            yield bytes(1000)

    body = pieces() if streamed else bytes(MAX_BODY + 1)
    ((status, _, answer), (after, _, _)) = asked(("POST", "/", body), ("POST", "/", call("add", 1, 2)))
    assert status == 413
    assert json.loads(answer) == {
        "jsonrpc": "2.0",
        "error": {"code": -32007, "message": "Request is too big", "data": f"Exceeded max limit of {MAX_BODY}"},
        "id": None,
    }
    assert after == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/", call("add", 1, 2), 200),
        ("POST", "/", b"{", 200),
        ("POST", "/", bytes(MAX_BODY + 1), 413),
        ("GET", "/missing", None, 404),
        ("GET", "/nowhere", None, 404),
        ("GET", "/", None, 405),
        ("GET", "/bug", None, 500),
        ("OPTIONS", "/", None, 200),
        ("OPTIONS", "/nowhere", None, 200),
    ],
)
def test_server__any_answer__is_open_to_every_origin(method, path, body, status):
    ((told, headers, _),) = asked((method, path, body))
    assert told == status
    assert {name: headers[name] for name in ANYBODY} == ANYBODY
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_server__more_requests_than_it_works_on__are_told_to_come_back():
    async def main():
        started, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_):
            started.set()
            await go_on.wait()
            return web.Response(text="done")

        limits = Limits(MAX_BODY, 1, max_waiting=0)
        async with serving("127.0.0.1:0", [("GET", "/", slow)], limits) as url, ClientSession() as session:
            first = asyncio.create_task(session.get(url))
            await started.wait()
            async with session.get(url) as refused:
                told = refused.status, refused.headers["Retry-After"], await refused.text()
                assert refused.headers["Access-Control-Allow-Origin"] == "*"
            async with session.options(url) as preflight:
                assert preflight.status == 200
            go_on.set()
            assert (await first).status == 200
            async with session.get(url) as again:
                return told, again.status

    assert asyncio.run(main()) == ((503, "1", "too many requests at once"), 200)


def test_server__request_that_fails__gives_its_place_back():
    answers = asked(*[("GET", "/missing", None)] * 3, ("GET", "/bug", None), limits=Limits(MAX_BODY, 1))
    assert [status for status, _, _ in answers] == [404, 404, 404, 500]


def test_serving__taken_address__is_refused_with_what_to_do():
    async def main():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(BadSettings, match=f"^nothing can listen at {address}: .*; choose another address$"):
                async with serving(address, [], Limits(MAX_BODY, 1)):
                    pass

    asyncio.run(main())


def test_serving__block_ends__stops_listening():
    async def main():
        async with serving("127.0.0.1:0", [], Limits(MAX_BODY, 1)) as url:
            pass
        host, port = split(url.removeprefix("http://"))
        with socket.socket() as probe:
            return probe.connect_ex((host, port))

    assert asyncio.run(main()) != 0


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:5678", ("127.0.0.1", 5678)), ("a.b:0", ("a.b", 0)), ("[::1]:65535", ("[::1]", 65535))],
)
def test_split__host_and_port__are_told_apart(address, parts):
    assert split(address) == parts


@pytest.mark.parametrize(
    "address", ["", "5678", ":5678", "host", "host:", "host:x", "host:-1", "host:65536", "host:1.5"]
)
def test_split__anything_else__is_refused_with_an_example(address):
    with pytest.raises(BadSettings, match="is no address: write host:port, for example 127.0.0.1:5678$"):
        split(address)
