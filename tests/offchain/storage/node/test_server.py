import asyncio
import json

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import make_mocked_request

from offchain.errors import BadSettings, NotFound
from offchain.net.http_server import Limits
from offchain.runtime.clock import SystemClock
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context
from offchain.storage.node.server import STALE_SECONDS, Heartbeat, NodeServer
from tests.doubles.clock import FakeClock


async def ping():
    return "pong"


async def shut():
    return "closed"


async def segment(call):
    if call.path["name"] == "none":
        raise NotFound("no such file")
    return {"name": call.path["name"]}


class Served:
    """A server with one method for everybody and one for the operator."""

    def __init__(self, listen="127.0.0.1:0", listen_admin="127.0.0.1:0"):
        self.health = {"ok": True, "height": 7}
        self.metrics = Metrics("test", "0")
        self.server = NodeServer(
            listen,
            listen_admin,
            ["operator.example"],
            Limits(1000, 4),
            {"zgs_ping": ping},
            {"admin_shut": shut},
            [("GET", "/v1/{name}", segment)],
            lambda: self.health,
            self.metrics,
        )

    def ask(self, *requests, **headers):
        """Status and body of the answer to each (which address, method, path, JSON-RPC method)."""

        async def main():
            stop = asyncio.Event()
            running = asyncio.create_task(self.server.service.run(Context(stop, SystemClock(), lambda: None)))
            while not self.server.urls and not running.done():
                await asyncio.sleep(0)
            answers = []
            async with ClientSession() as session:
                for which, method, path, called in requests:
                    call = {"jsonrpc": "2.0", "id": 1, "method": called}
                    url = self.server.urls[which] + path
                    async with session.request(method, url, json=call if called else None, headers=headers) as response:
                        answers.append((response.status, response.content_type, await response.read()))
            stop.set()
            await running
            return answers

        return asyncio.run(main())


PUBLIC, ADMIN = 0, 1


def told(answer):
    return json.loads(answer[2])


def test_server__methods__operator_s_are_on_the_second_address_only():
    answers = Served().ask(
        (PUBLIC, "POST", "/", "zgs_ping"),
        (PUBLIC, "POST", "/", "admin_shut"),
        (ADMIN, "POST", "/", "zgs_ping"),
        (ADMIN, "POST", "/", "admin_shut"),
    )
    assert [answer[0] for answer in answers] == [200] * 4
    assert [told(answer).get("result") for answer in answers] == ["pong", None, "pong", "closed"]
    assert told(answers[1])["error"] == {"code": -32601, "message": "Method not found", "data": "admin_shut"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Host": "operator.example"}, 200),
        ({"Host": "localhost:1"}, 200),
    ],
)
def test_server__web_page__reaches_the_public_address_only(headers, status):
    public, admin = Served().ask((PUBLIC, "POST", "/", "zgs_ping"), (ADMIN, "POST", "/", "admin_shut"), **headers)
    assert (public[0], admin[0]) == (200, status)


def test_server__address_of_the_operator_s_network__is_a_name_to_answer_under():
    audience = Served(listen_admin="10.1.2.3:5679").server._served[ADMIN][2]
    assert audience.reply(make_mocked_request("GET", "/", {"Host": "10.1.2.3:5679"})) is None
    assert audience.reply(make_mocked_request("GET", "/", {"Host": "10.1.2.4:5679"})).status == 403


@pytest.mark.parametrize("which", [PUBLIC, ADMIN])
def test_server__exchanges__are_on_both_addresses(which):
    found, missing = Served().ask((which, "GET", "/v1/a", None), (which, "GET", "/v1/none", None))
    assert (found[0], told(found)) == (200, {"name": "a"})
    assert (missing[0], told(missing)["message"]) == (404, "no such file")


def test_health__well__is_json():
    ((status, kind, body),) = Served().ask((PUBLIC, "GET", "/health", None))
    assert (status, kind, json.loads(body)) == (200, "application/json", {"ok": True, "height": 7})


def test_health__unwell__has_status_503_and_says_what():
    served = Served()
    served.health = {"ok": False, "height": 7}
    ((status, kind, body),) = served.ask((ADMIN, "GET", "/health", None))
    assert (status, kind, body) == (503, "text/plain", b"ok: False\nheight: 7\n")


def test_metrics__calls__are_counted_over_both_addresses():
    served = Served()
    *_, (status, kind, body) = served.ask(
        (PUBLIC, "POST", "/", "zgs_ping"), (ADMIN, "POST", "/", "zgs_ping"), (PUBLIC, "GET", "/metrics", None)
    )
    assert (status, kind) == (200, "text/plain")
    assert b'zg_rpc_calls_total{method="zgs_ping",outcome="ok"} 2.0' in body


def test_server__address_that_is_none__is_refused():
    with pytest.raises(BadSettings, match="'5678' is no address"):
        Served(listen="5678").ask()


def test_heartbeat__no_look_at_the_chain_for_long__is_dead_until_the_next():
    clock = FakeClock()
    heart = Heartbeat(clock.now)
    clock.time += STALE_SECONDS - 1
    assert heart.alive
    clock.time += 1
    assert not heart.alive
    heart.beat()
    assert heart.alive
