import asyncio
import json

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession

from offchain.errors import Busy, Corrupted, DiskFull, Invalid, InvalidProof, NotFound, PeerUnavailable
from offchain.net.exchange import Call, Stream, Text, adapt
from offchain.net.http_server import Limits, serving
from offchain.net.jsonrpc import RpcError

MIB = 1 << 20


def exchanged(exchange, method="GET", path="/x/5?first=7", **options):
    """Status, headers and body with which `exchange` answers one request."""

    async def main():
        routes = [(method, "/x/{number}", adapt(exchange))]
        async with (
            serving("127.0.0.1:0", routes, Limits(MIB, 4)) as url,
            ClientSession() as session,
            session.request(method, url + path, **options) as response,
        ):
            return response.status, response.headers, await response.read()

    return asyncio.run(main())


def answering(value):
    """An exchange that always answers the same, or raises it."""

    async def exchange(_):
        if isinstance(value, Exception):
            raise value
        return value

    return exchange


async def pieces(*parts):
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


@pytest.mark.parametrize("value", [{"missing": [[0, 5]]}, [], {}, [1, None, "é"]])
def test_adapt__value__is_sent_as_json(value):
    status, headers, body = exchanged(answering(value))
    assert (status, json.loads(body)) == (200, value)
    assert headers["Content-Type"] == "application/json"


def test_adapt__text__is_sent_with_its_type_and_status():
    status, headers, body = exchanged(answering(Text(b"metric 1\n", "text/plain; version=1", 503)))
    assert (status, headers["Content-Type"], body) == (503, "text/plain; version=1", b"metric 1\n")


def test_adapt__stream_of_known_length__is_sent_with_it():
    stream = Stream(pieces(b"ab", bytearray(b"cd"), memoryview(b"e")), 5, "text/x", {"X-Extra": "1"})
    status, headers, body = exchanged(answering(stream))
    assert (status, body) == (200, b"abcde")
    assert (headers["Content-Length"], headers["Content-Type"], headers["X-Extra"]) == ("5", "text/x", "1")


def test_adapt__stream_of_unknown_length__is_sent_in_chunks():
    status, headers, body = exchanged(answering(Stream(pieces(*[bytes(100_000)] * 30))))
    assert (status, len(body)) == (200, 3_000_000)
    assert headers["Transfer-Encoding"] == "chunked"
    assert headers["Content-Type"] == "application/octet-stream"


def test_adapt__stream_of_nothing__is_an_empty_body():
    assert exchanged(answering(Stream(pieces())))[::2] == (200, b"")


@pytest.mark.parametrize("length", [None, 1000])
def test_adapt__stream_that_fails_on_its_way__is_cut_off(length):
    stream = Stream(pieces(b"abc", NotFound("segment 7 is damaged")), length)
    with pytest.raises((ClientPayloadError, ClientConnectionError)):
        exchanged(answering(stream))


def test_adapt__stream_that_fails__leaves_the_server_working():
    async def main():
        answers = iter([Stream(pieces(b"abc", NotFound("gone"))), {"ok": 1}])

        async def exchange(_):
            return next(answers)

        routes = [("GET", "/", adapt(exchange))]
        async with serving("127.0.0.1:0", routes, Limits(MIB, 1)) as url, ClientSession() as session:
            with pytest.raises((ClientPayloadError, ClientConnectionError)):
                async with session.get(url) as response:
                    await response.read()
            async with session.get(url) as response:
                return await response.json()

    assert asyncio.run(main()) == {"ok": 1}


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (NotFound("no such file"), 404, {"code": 404, "message": "no such file", "data": None}),
        (Busy("try later"), 503, {"code": 503, "message": "try later", "data": None}),
        (Invalid("wrong"), 400, {"code": 400, "message": "wrong", "data": None}),
        (InvalidProof("cut off"), 400, {"code": 400, "message": "cut off", "data": None}),
        (DiskFull("no room"), 500, {"code": 500, "message": "no room", "data": None}),
        (Corrupted("damaged"), 500, {"code": 500, "message": "damaged", "data": None}),
        (PeerUnavailable("silent"), 500, {"code": 500, "message": "silent", "data": None}),
        (RpcError(-32602, "own words", "why"), 400, {"code": -32602, "message": "own words", "data": "why"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_adapt__error__is_a_status_with_a_reason(error, status, body):
    told, headers, text = exchanged(answering(error))
    assert (told, json.loads(text)) == (status, body)
    assert headers["Content-Type"] == "application/json"


def test_adapt__path_query_and_body__reach_the_exchange():
    seen = {}

    async def exchange(call):
        seen.update(number=call.number("number"), first=call.number("first"))
        seen["body"] = b"".join([piece async for piece in call.body])
        return {}

    assert exchanged(exchange, "POST", data=b"abc")[0] == 200
    assert seen == {"number": 5, "first": 7, "body": b"abc"}


def test_adapt__body_beyond_the_limit_of_calls__streams_through():
    async def exchange(call):
        return {"bytes": sum([len(piece) async for piece in call.body])}

    async def upload():
        for _ in range(50):
            yield bytes(100_000)

    assert json.loads(exchanged(exchange, "POST", data=upload())[2]) == {"bytes": 5_000_000}


def test_adapt__client_that_leaves_in_the_middle__ends_the_pieces_quietly(caplog):
    async def main():
        ended = asyncio.Event()

        async def endless():
            try:
                while True:
                    yield bytes(100_000)
            finally:
                ended.set()

        routes = [("GET", "/", adapt(answering(Stream(endless()))))]
        async with serving("127.0.0.1:0", routes, Limits(MIB, 1)) as url:
            async with ClientSession() as session, session.get(url) as response:
                await response.content.readexactly(10)
            async with asyncio.timeout(10):
                await ended.wait()

    asyncio.run(main())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def call(path=None, query=None):
    return Call(path or {}, query or {}, pieces())


def test_number__in_path_or_query__is_read_the_path_first():
    assert call({"a": "5"}, {"a": "6"}).number("a") == 5
    assert call(query={"a": "00"}).number("a") == 0
    assert call(query={"a": "9" * 20}).number("a") == 10**20 - 1


def test_number__absent__is_its_default_or_refused():
    assert call().number("a", 0) == 0
    with pytest.raises(Invalid, match="^a must be a number, not None$"):
        call().number("a")


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "0x1", "1e3", " 1", "1_0", "9" * 21, "²"])
def test_number__anything_else__is_refused(text):
    with pytest.raises(Invalid, match="^a must be a number, not "):
        call(query={"a": text}).number("a", 5)
