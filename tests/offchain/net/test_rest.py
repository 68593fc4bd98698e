import asyncio
import json

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession

from offchain.errors import Busy, Corrupted, Invalid, NotFound, PeerUnavailable
from offchain.net.body import Idle
from offchain.net.http_server import Limits, serving
from offchain.net.rest import File, RestError, adapt_rest

DATA = bytes(range(256)) * 400
TAG = "abc-102400"


def asked(exchange, method="GET", path="/x", **headers):
    """Status, headers and body of an answer."""

    async def main():
        routes = [(verb, "/{path:.*}", adapt_rest(exchange)) for verb in ("GET", "HEAD", "POST")]
        async with (
            serving("127.0.0.1:0", routes, Limits(1 << 20, 4)) as url,
            ClientSession() as session,
            session.request(method, url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    return asyncio.run(main())


def answering(value):
    async def exchange(_):
        if isinstance(value, Exception):
            raise value
        return value

    return exchange


def file(name="data.bin", data=DATA, check=lambda length: None, fail_at=None):
    async def pieces(start, length):
        for at in range(start, start + length, 10_000):
            if fail_at is not None and at >= fail_at:
                raise NotFound("segment 7 is gone")
            yield data[at : min(at + 10_000, start + length)]

    return File(name, len(data), TAG, pieces, check)


@pytest.mark.parametrize("value", [{"a": 1}, [], None, "text", [None, 5]])
def test_rest__value__comes_in_an_envelope(value):
    status, headers, body = asked(answering(value))
    assert (status, json.loads(body)) == (200, {"code": 0, "message": "Success", "data": value})
    assert (headers["Content-Type"], headers["Access-Control-Allow-Origin"]) == ("application/json", "*")


@pytest.mark.parametrize(
    ("error", "status", "envelope"),
    [
        (RestError(101, "File not found"), 200, {"code": 101, "message": "File not found", "data": None}),
        (RestError(105, "Large", {"max": 5}), 200, {"code": 105, "message": "Large", "data": {"max": 5}}),
        (Invalid("no hex"), 200, {"code": 1, "message": "Invalid parameter", "data": "no hex"}),
        (Idle("too slow"), 408, {"code": 1, "message": "Invalid parameter", "data": "too slow"}),
        (Busy("later"), 503, {"code": 2, "message": "Internal server error", "data": "later"}),
        (PeerUnavailable("silent"), 500, {"code": 2, "message": "Internal server error", "data": "silent"}),
        (Corrupted("damaged"), 500, {"code": 2, "message": "Internal server error", "data": "damaged"}),
    ],
    ids=str,
)
def test_rest__error__comes_in_an_envelope(error, status, envelope):
    told, _, body = asked(answering(error))
    assert (told, json.loads(body)) == (status, envelope)


def test_rest__call__has_path_and_every_value_of_the_query():
    seen = []

    async def exchange(call):
        seen.append((call.path["path"], dict(call.query), call.one("a"), call.one("missing")))

    asked(exchange, path="/some/path?a=1&a=2&b=")
    assert seen == [("some/path", {"a": ["1", "2"], "b": [""]}, "1", None)]


def test_file__whole__is_sent_with_all_that_describes_it():
    status, headers, body = asked(answering(file("page.html")))
    assert (status, body) == (200, DATA)
    assert (headers["Content-Length"], headers["Content-Type"]) == (str(len(DATA)), "text/html")
    assert (headers["Accept-Ranges"], headers["ETag"]) == ("bytes", f'"{TAG}"')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "Content-Range" in headers["Access-Control-Expose-Headers"]


def test_file__head__tells_the_same_without_a_body():
    status, headers, body = asked(answering(file(fail_at=0)), "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(DATA)), b"")


@pytest.mark.parametrize(("wanted", "part"), [("bytes=5-9", DATA[5:10]), ("bytes=-3", DATA[-3:])])
def test_file__range__is_sent_as_a_part(wanted, part):
    status, headers, body = asked(answering(file()), Range=wanted)
    first = DATA.index(part) if wanted[6] != "-" else len(DATA) - 3
    assert (status, body) == (206, part)
    assert headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(DATA)}"
    assert headers["Content-Length"] == str(len(part))


def test_file__range_beyond_the_end__has_status_416():
    status, headers, body = asked(answering(file()), Range=f"bytes={len(DATA)}-")
    assert (status, headers["Content-Range"], body) == (416, f"bytes */{len(DATA)}", b"")


def test_file__range_of_what_it_was__is_the_whole_when_it_changed():
    assert asked(answering(file()), Range="bytes=0-4", If_Range=f'"{TAG}"')[0] == 206
    assert asked(answering(file()), Range="bytes=0-4", If_Range='"other"')[::2] == (200, DATA)


@pytest.mark.parametrize(("tags", "status"), [(f'"{TAG}"', 304), (f'W/"{TAG}", "x"', 304), ('"x"', 200), ("", 200)])
def test_file__known_to_the_client__is_not_sent_again(tags, status):
    told, headers, body = asked(answering(file()), If_None_Match=tags)
    assert (told, body) == (status, b"" if status == 304 else DATA)
    assert headers["ETag"] == f'"{TAG}"'


def test_file__empty__is_sent():
    assert asked(answering(file(data=b"")))[::2] == (200, b"")


@pytest.mark.parametrize(
    ("name", "disposition", "kind"),
    [
        ("plain.txt", "attachment; filename=\"plain.txt\"; filename*=UTF-8''plain.txt", "text/plain"),
        ("a b.json", "attachment; filename=\"a b.json\"; filename*=UTF-8''a%20b.json", "application/json"),
        ("été", "attachment; filename=\"_t_\"; filename*=UTF-8''%C3%A9t%C3%A9", "application/octet-stream"),
        ('q"\\\r\nX: 1', "attachment; filename=\"q____X: 1\"; filename*=UTF-8''q%22%5C%0D%0AX%3A%201", None),
        ("../x", "attachment; filename=\"../x\"; filename*=UTF-8''..%2Fx", "application/octet-stream"),
        ("caf\udce9", "attachment; filename=\"caf_\"; filename*=UTF-8''caf%3F", "application/octet-stream"),
    ],
    ids=ascii,
)
def test_file__name__is_written_so_that_it_can_break_nothing(name, disposition, kind):
    _, headers, _ = asked(answering(file(name)))
    assert headers["Content-Disposition"] == disposition
    assert kind is None or headers["Content-Type"] == kind
    assert "X" not in headers


def test_file__more_than_may_be_sent__is_refused_in_an_envelope():
    def check(length):
        if length > 100:
            raise RestError(105, "File size too large")

    assert json.loads(asked(answering(file(check=check)))[2])["code"] == 105
    assert asked(answering(file(check=check)), Range="bytes=0-99")[0] == 206


def test_file__fails_before_its_first_byte__is_told_in_an_envelope():
    status, headers, body = asked(answering(file(fail_at=0)))
    assert (status, json.loads(body)["code"], json.loads(body)["data"]) == (500, 2, "segment 7 is gone")
    assert headers["Content-Type"] == "application/json"


def test_file__fails_on_its_way__is_cut_off():
    with pytest.raises((ClientPayloadError, ClientConnectionError)):
        asked(answering(file(fail_at=50_000)))


def test_file__client_that_reads_too_slowly__loses_the_connection():
    endless = bytes(1 << 20)
    ended = []

    async def pieces(start, length):
        try:
            for _ in range(1000):
                yield endless
        finally:
            ended.append(True)

    async def main():
        slow = File("data", 1000 << 20, TAG, pieces, lambda length: None)
        routes = [("GET", "/", adapt_rest(answering(slow)))]
        limits = Limits(1 << 20, 4, max_idle=0.05)
        async with serving("127.0.0.1:0", routes, limits) as url, ClientSession() as session:
            with pytest.raises((ClientPayloadError, ClientConnectionError)):
                async with session.get(url) as answer:
                    while not ended:  # reads nothing until the server has given up
                        await asyncio.sleep(0)
                    await answer.read()

    asyncio.run(main())
    assert ended == [True]
