import asyncio

import pytest
from aiohttp import ClientSession

from offchain.net.audience import Operator
from offchain.net.exchange import adapt
from offchain.net.http_server import Limits, serving

JSON = {"Content-Type": "application/json"}


def asked(method="POST", headers=JSON, hosts=()):
    """Status, headers and text of the answer that the operator's address gives."""

    async def told(_):
        return {"told": 1}

    async def main():
        routes = [(each, "/", adapt(told)) for each in ("GET", "POST")]
        async with (
            serving("127.0.0.1:0", routes, Limits(1000, 4), Operator(hosts)) as url,
            ClientSession(skip_auto_headers=["Content-Type"]) as session,
            session.request(method, url, headers=headers, data=b"{}" if method == "POST" else None) as response,
        ):
            return response.status, response.headers, await response.text()

    return asyncio.run(main())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_operator__program__is_answered_without_cross_origin_headers(method):
    status, headers, text = asked(method)
    assert (status, text) == (200, '{"told": 1}')
    assert not [name for name in headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1"])
def test_operator__page_of_any_origin__is_refused(method, origin):
    status, headers, text = asked(method, {**JSON, "Origin": origin})
    assert (status, text) == (403, "this address does not answer web pages")
    assert not [name for name in headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5679", "127.0.0.1", "127.9.9.9:1", "localhost:5679", "LocalHost", "[::1]:5679", "localhost."]
)
def test_operator__name_of_the_loopback__is_answered(host):
    assert asked(headers={**JSON, "Host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5679", "localhost.evil.example", "1.2.3.4:5679", "", ":80", "[::1", "a b"]
)
def test_operator__any_other_name__is_refused(host):
    status, _, text = asked(headers={**JSON, "Host": host})
    assert status == 403
    assert text.startswith("this address does not answer under the name ")


@pytest.mark.parametrize("host", ["node-1", "NODE-1:5679", "10.0.0.7:5679", "[2001:db8::7]:5679"])
def test_operator__name_from_the_settings__is_answered(host):
    assert asked(headers={**JSON, "Host": host}, hosts=["node-1", "10.0.0.7", "2001:db8::7"])[0] == 200
    assert asked(headers={**JSON, "Host": f"x{host}"}, hosts=["node-1", "10.0.0.7", "2001:db8::7"])[0] == 403


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/octet-stream", 200),
        ("Application/JSON", 200),
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("text/plain; x=application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_operator__body_that_a_page_may_send_unasked__is_refused(kind, status):
    told, _, text = asked(headers={} if kind is None else {"Content-Type": kind})
    assert told == status
    assert status == 200 or text == "send Content-Type: application/json"
