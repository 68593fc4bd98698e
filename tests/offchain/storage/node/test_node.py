"""The wiring: all parts of a node on a chain in memory behind a real RPC."""

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
from offchain.storage.client.node import NodeClient
from offchain.storage.node.node import Node, node
from offchain.storage.node.settings import NodeSettings
from offchain.store.lock import DirectoryLock
from tests.doubles.files import File
from tests.doubles.flow_chain import FLOW, FlowChain
from tests.doubles.proxy import Proxy

FILE = File.random(262144 + 700)


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
            }
            return read_settings(NodeSettings, given | flags, {})

        yield make


@contextmanager
def built(settings):
    with node(settings, Metrics("test", "0")) as services:
        yield services


def refusal(settings):
    with pytest.raises(BadSettings) as refused, built(settings):
        pass
    return str(refused.value)


def test_node__everything_there__gives_its_services_and_keeps_others_out(make_settings):
    settings = make_settings()
    with built(settings) as services:
        assert [service.name for service in services] == [
            "serve",
            "follow the flow",
            "finish files",
            "watch peers",
            "fetch from peers",
            "scrub",
            "expire the pool",
        ]
        assert "in use by process" in refusal(settings)
    with DirectoryLock(settings.data):
        pass


def test_node__nothing_as_it_should_be__lists_all_problems_at_once(make_settings, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        stranger = "0x" + "11" * 20
        text = refusal(make_settings(flow=stranger, data=str(tmp_path / "file"), listen=address))
    assert f"there is no contract Flow at {stranger} on chain 31337" in text
    assert f"the data directory {tmp_path / 'file'} cannot be written" in text
    assert f"nothing can listen on {address}" in text


def test_node__chain_of_another_number__is_refused(make_settings):
    assert "the chain: " in refusal(make_settings(chain_id="1"))


def test_node__data_of_another_flow__is_refused(make_settings, chain):
    with built(make_settings()):
        pass
    chain.chain_id = 5
    assert f"holds files of the flow {FLOW.lower()} on chain 31337" in refusal(make_settings())


def test_node__running__takes_a_file_from_the_chain_and_a_client_and_serves_it(make_settings, chain):
    made = []

    def look(url):
        """What a client does and sees, in a thread of its own."""
        http = HttpClient(url, sleep=lambda _: None)
        client = NodeClient(http)
        assert client.missing(FILE.root, FILE.size) == [0, 1]
        client.send([FILE.segment(0)])
        chain.submit(FILE.submission())
        client.send([FILE.segment(1)])
        while not ((info := client.file(FILE.root)) and info.finalized):
            pass
        told = http.get("/health")
        frames = list(client.fetch(FILE.root, FILE.size, 0, 2))
        metrics = http.rpc("zgs_getStatus")
        http.close()
        return told, frames, metrics

    async def main():
        settings, stop = make_settings(), asyncio.Event()
        original = Node.services.fget
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Node, "services", property(lambda self: made.append(self) or original(self)))
            with built(settings) as services:
                running = asyncio.create_task(
                    supervise(services, stop, get_logger("test"), clock=SystemClock(), jitter=lambda: 0.0)
                )
                while not made[0]._server.urls:
                    await asyncio.sleep(0)
                seen = await in_thread(look, made[0]._server.urls[0])
                stop.set()
                assert await running == []
                return seen

    health, frames, status = asyncio.run(main())
    assert health == {"ok": True, "height": 1, "nextTxSeq": 1, "unfinished": 0, "connectedPeers": 0}
    assert [bytes(frame.data) for frame in frames] == [FILE.segment_data(0), FILE.segment_data(1)]
    assert status["networkIdentity"]["flowAddress"] == FLOW.lower()
