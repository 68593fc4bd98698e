"""The batchers and key-value clients of the public SDKs, unmodified: they write, read and iterate through our `Flow`, a
storage node and our server; what they write our client proves, what it writes they read."""

import json
import subprocess
from functools import cached_property
from pathlib import Path

import pytest

from offchain.storage.kv.client.api import KvClient
from offchain.storage.kv.client.batch import Batch, new_stream
from tests.doubles.cluster import account, cluster_in, private_key
from tests.doubles.kv_server import KvServer

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("npm_kv.cjs")
SDKS = {"npm 1.2 (new ABI)": ("@0gfoundation/0g-ts-sdk", 3), "npm 0.3 (old ABI)": ("@0glabs/0g-ts-sdk", 4)}
OUR_WRITER, OUTSIDER = 5, 6
PATIENCE = 200  # seconds
LARGE = 200_000
"""Bytes of a value: with more than 262,144 both SDKs ask for pieces at the wrong places."""
OURS = b"y" * 300_000


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("kv-interop"), 1) as cluster:
        cluster.kv = KvServer(cluster).start()
        yield cluster


class Stream:
    """A stream that one SDK writes to first."""

    def __init__(self, network, folder, sdk):
        self.network, self.folder = network, folder
        self.package, self.user = SDKS[sdk]
        self.id = new_stream()
        self.process = self.start("write")

    def start(self, what, **more):
        """The SDK at work."""
        job = {
            "root": str(ROOT),
            "sdk": self.package,
            "textKeys": "0glabs" in self.package,
            "rpc": self.network.chain.url,
            "node": self.network.nodes[0].url,
            "kv": self.network.kv.url,
            "flow": self.network.chain.flow.address,
            "key": private_key(self.user),
            "stream": "0x" + self.id.hex(),
            "do": what,
            "large": LARGE,
            **more,
        }
        path = self.folder / f"{what}.json"
        path.write_text(json.dumps(job))
        return subprocess.Popen(["node", SCRIPT, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def told(self, process):
        """What it told in the end."""
        told, errors = process.communicate(timeout=PATIENCE)
        if process.returncode:
            pytest.fail(f"{self.package} failed:\n{errors[-4000:]}")
        return json.loads(told.splitlines()[-1])

    @cached_property
    def written(self):
        return self.told(self.process)

    @cached_property
    def client(self):
        return KvClient(
            [self.network.kv.url],
            [self.network.nodes[0].url],
            rpc=self.network.chain.url,
            account=account(self.user),
            flow=self.network.chain.flow.address,
            state=self.folder / "state",
        )

    @property
    def accounts(self):
        return [account(number).address for number in (self.user, OUR_WRITER, OUTSIDER)]


@pytest.fixture(scope="module")
def streams(network, tmp_path_factory):
    """All SDKs write side by side: most of the time they wait."""
    made = {sdk: Stream(network, tmp_path_factory.mktemp("stream"), sdk) for sdk in SDKS}
    yield made
    for stream in made.values():
        stream.process.kill()
        stream.client.close()


@pytest.fixture(scope="module", params=SDKS, ids=str)
def stream(request, streams):
    found = streams[request.param]
    assert found.written
    return found


@pytest.fixture(scope="module")
def shared(stream):
    """The stream after our client has written to it, and what the SDK reads then."""
    batch = Batch().put(stream.id, b"ours", OURS[:LARGE]).make_special(stream.id, b"special")
    batch.grant(stream.id, stream.accounts[1]).grant(stream.id, stream.accounts[1], b"special")
    outcome = stream.client.commit(batch).check()
    return outcome, stream.told(stream.start("read", accounts=stream.accounts, past=stream.written["version"]))


def test_batcher__writes__are_committed_and_a_late_one_conflicts(stream):
    assert [each["result"] for each in stream.written["sent"]] == ["Commit", "Commit", "VersionConfliction"]


def test_batcher__what_it_wrote__our_client_proves(stream):
    first, second, _ = (each["seq"] for each in stream.written["sent"])
    found = {key: stream.client.get(stream.id, key) for key in (b"k1", b"k2", b"k3", b"large")}
    assert {key: (value.data[:5], value.version) for key, value in found.items()} == {
        b"k1": (b"uno", second),
        b"k2": (b"", second),
        b"k3": (b"three", first),
        b"large": (b"xxxxx", first),
    }
    assert len(found[b"large"].data) == LARGE
    assert all(value.evidence.agreeing for value in found.values())
    assert [value.data for value in stream.client.versions(stream.id, b"k1")] == [b"uno", b"one"]


def test_batcher__first_writer__is_the_administrator(stream):
    assert [stream.client.is_admin(stream.id, address) for address in stream.accounts] == [True, False, False]


def test_client__values__are_those_of_both_writers(shared, stream):
    outcome, told = shared
    values = told["values"]
    assert {key: values[key]["data"] for key in ("k1", "k2", "k3", "k4")} == {
        "k1": "uno",
        "k2": "",
        "k3": "three",
        "k4": "four",
    }
    assert (values["ours"]["version"], values["ours"]["data"]) == (outcome.seq, OURS[:LARGE].decode())
    assert values["large"]["data"] == "x" * LARGE
    assert values["absent"] == {"size": 0, "version": 0, "data": ""}
    assert (told["part"], told["past"]) == ("hre", "one")


def test_client__iterators__walk_both_ways_over_deleted_keys(shared):
    _, told = shared
    keys = [key for key, _, _ in told["forward"]]
    assert keys == ["k1", "k3", "k4", "large", "ours"]
    assert [key for key, _, _ in told["backward"]] == keys[::-1]
    assert [key for key, _, _ in told["after"]] == keys[1:]
    assert [key for key, _, _ in told["before"]] == ["k1"]
    assert [size for _, size, _ in told["forward"]] == [3, 5, 4, LARGE, LARGE]
    assert told.get("next", 5) == 5


def test_client__rights__are_those_that_our_client_granted(shared, stream):
    _, told = shared
    assert told["admin"] == [True, False, False]
    assert told["writer"] == [False, True, False]
    assert told["keyWriter"] == [False, True, False]
    assert told["mayWrite"] == [True, True, False]
    assert told["special"] is True
    assert "0x" + stream.id.hex() in told["streams"]


def test_granted_writer__our_client__writes_to_the_stream_of_the_sdk(shared, stream, network, tmp_path):
    flow = network.chain.flow.address
    options = {"rpc": network.chain.url, "account": account(OUR_WRITER), "flow": flow, "state": tmp_path}
    with KvClient([network.kv.url], [network.nodes[0].url], **options) as writer:
        outcome = writer.commit(Batch().put(stream.id, b"special", OURS)).check()
        assert stream.client.get(stream.id, b"special", outcome.seq).data == OURS
