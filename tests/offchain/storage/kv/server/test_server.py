"""The wiring: all parts of a server on a chain in memory, with a storage node, behind real HTTP."""

import asyncio
import socket
from contextlib import contextmanager

import pytest

from offchain.errors import BadSettings
from offchain.net.http_client import HttpClient
from offchain.runtime.clock import SystemClock
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.settings import read_settings
from offchain.runtime.threads import in_thread
from offchain.runtime.worker import supervise
from offchain.storage.kv.server.server import STALE_SECONDS, Server, kv_server
from offchain.storage.kv.server.settings import KvSettings
from offchain.store.lock import DirectoryLock
from tests.doubles.flow_chain import FLOW, FlowChain
from tests.doubles.polling import eventually
from tests.doubles.proxy import Proxy
from tests.doubles.streams import StreamFile, b64, stream_id

NODE = "http://node"
FILE = StreamFile(writes=[(stream_id(1), b"k", b"value")])


@pytest.fixture
def chain():
    return FlowChain()


@pytest.fixture
def make_settings(chain, tmp_path):
    with Proxy(chain.post) as rpc:

        def make(**flags):
            given = {
                "flow": FLOW,
                "rpc": rpc.url,
                "data": str(tmp_path / "data"),
                "listen": "127.0.0.1:0",
                "listen_admin": "127.0.0.1:0",
                "min_free_disk": "0",
                "poll": "10ms",
                "nodes": NODE,
            }
            return read_settings(KvSettings, given | flags, {})

        yield make


@contextmanager
def built(settings):
    with kv_server(settings, Metrics("test", "0")) as services:
        yield services


def refusal(settings):
    with pytest.raises(BadSettings) as refused, built(settings):
        pass
    return str(refused.value)


def test_server__everything_there__gives_its_services_and_keeps_others_out(make_settings):
    settings = make_settings()
    with built(settings) as services:
        assert [service.name for service in services] == [
            "serve",
            "follow the flow",
            "replay streams",
            "remove old files",
            "fetch files",
        ]
        assert "in use by process" in refusal(settings)
    with DirectoryLock(settings.data):
        pass


def test_server__nothing_as_it_should_be__lists_all_problems_at_once(make_settings, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        stranger = "0x" + "11" * 20
        text = refusal(make_settings(flow=stranger, data=str(tmp_path / "file"), listen_admin=address))
    assert f"there is no contract Flow at {stranger} on chain 31337" in text
    assert f"the data directory {tmp_path / 'file'} cannot be written" in text
    assert f"nothing can listen on {address}" in text


def test_server__without_storage_nodes__is_refused(make_settings):
    assert refusal(make_settings(nodes="")).endswith("set --nodes or --indexer")


def test_server__data_of_another_flow__is_refused(make_settings, chain):
    with built(make_settings()):
        pass
    chain.chain_id = 5
    assert f"holds streams of the flow {FLOW.lower()} on chain 31337" in refusal(make_settings())


def test_server__running__replays_what_is_submitted_and_tells_how_it_is(make_settings, chain, web, node, monkeypatch):
    node.serve(web, NODE)
    web.servers[NODE].after = lambda call, params, answer: (
        answer | {"networkIdentity": answer["networkIdentity"] | {"flowAddress": FLOW}}
        if call == "zgs_getStatus"
        else answer
    )
    made = []
    original = Server.services.fget
    monkeypatch.setattr(Server, "services", property(lambda self: made.append(self) or original(self)))

    def look(public, admin):
        """What a reader and the operator see, in a thread of its own."""
        reader, operator = (HttpClient(url, sleep=lambda _: None) for url in (public, admin))
        chain.submit(FILE.submission())
        node.hold(FILE)
        eventually(lambda: reader.rpc("kv_getTransactionResult", 0), "the transaction is decided")
        value = reader.rpc("kv_getValue", "0x" + stream_id(1).hex(), b64(b"k"), 0, 10)
        root = operator.rpc("admin_getStateRoot")
        health = reader.get("/health")
        for client in (reader, operator):
            client.close()
        return value, root["streams"], health

    async def main():
        settings, stop = make_settings(), asyncio.Event()
        with built(settings) as services:
            running = asyncio.create_task(
                supervise(services, stop, get_logger("test"), clock=SystemClock(), jitter=lambda: 0.0)
            )
            while len(made[0]._endpoint.urls) < 2:
                await asyncio.sleep(0)
            seen = await in_thread(look, *made[0]._endpoint.urls)
            stop.set()
            assert await running == []
            return seen

    value, streams, health = asyncio.run(main())
    assert value == {"version": 0, "data": b64(b"value"), "size": 5}
    assert streams == 1
    assert health == {"ok": True, "height": 1, "nextTxSeq": 1, "appliedSeq": 1, "waiting": 0, "missing": 0}


def test_health__chain_that_was_not_heard_of_for_long__is_not_well(make_settings, monkeypatch):
    made = []
    original = Server.services.fget
    monkeypatch.setattr(Server, "services", property(lambda self: made.append(self) or original(self)))
    with built(make_settings()):
        [server] = made
        assert server._health()["ok"]
        server._follower.looked -= STALE_SECONDS
        assert server._health() == {
            "ok": False,
            "height": 0,
            "nextTxSeq": 0,
            "appliedSeq": 0,
            "waiting": 0,
            "missing": 0,
        }
