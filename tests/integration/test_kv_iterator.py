"""Keys in order, forwards and backwards, now and at older versions, past deleted ones; the edges of lengths."""

import base64

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import NOTHING, KvServer, submit
from tests.doubles.streams import StreamFile, b64, some_writes, stream_id
from tests.doubles.zgs import Refused

pytestmark = pytest.mark.anvil

STREAM = stream_id(1)
HEX = "0x" + STREAM.hex()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Twenty keys, two thirds of which are deleted by a second transaction."""
    with cluster_in(tmp_path_factory.mktemp("kv-iterator"), 1) as cluster:
        kv = KvServer(cluster).start()
        values = {key: value for _, key, value in some_writes(STREAM, 20, 500)}
        [first] = submit(cluster, StreamFile(writes=[(STREAM, *pair) for pair in values.items()]))
        gone = [key for at, key in enumerate(sorted(values)) if at % 3]
        [second] = submit(cluster, StreamFile(writes=[(STREAM, key, b"") for key in gone]))
        assert [kv.wait_result(seq) for seq in (first, second)] == ["Commit", "Commit"]
        left = {key: value for key, value in values.items() if key not in gone}
        yield kv, {first: values, second: left, None: left}


def walked(kv, forwards, version):
    """All pairs of the stream, in the order of an iterator."""
    ends, steps = ("kv_getFirst", "kv_getNext") if forwards else ("kv_getLast", "kv_getPrev")
    found, pair = [], kv.call(ends, HEX, 0, 1 << 18, version)
    while pair is not None:
        found.append((base64.b64decode(pair["key"]), base64.b64decode(pair["data"])))
        assert pair["size"] == len(found[-1][1])
        pair = kv.call(steps, HEX, pair["key"], 0, 1 << 18, False, version)
    return found


@pytest.mark.parametrize("forwards", [True, False])
def test_iterate__at_every_version__gives_the_keys_of_then_in_order(network, forwards):
    kv, by_version = network
    for version, values in by_version.items():
        assert walked(kv, forwards, version) == sorted(values.items(), reverse=not forwards)


def test_seek__at_a_deleted_key__finds_its_neighbours(network):
    kv, by_version = network
    first = min(version for version in by_version if version is not None)
    left, gone = sorted(by_version[None]), sorted(by_version[first].keys() - by_version[None].keys())
    for inclusive in (True, False):
        after = kv.kv_getNext(HEX, b64(gone[0]), 0, 0, inclusive)
        before = kv.kv_getPrev(HEX, b64(gone[0]), 0, 0, inclusive)
        assert [base64.b64decode(pair["key"]) for pair in (before, after)] == left[:2]


def test_length__zero_one_and_beyond_the_end__is_cut_to_what_is_there(network):
    kv, by_version = network
    key, value = min(by_version[None].items())
    sizes = [kv.call(*call)["size"] for call in (("kv_getValue", HEX, b64(key), 0, 0), ("kv_getFirst", HEX, 0, 0))]
    assert sizes == [len(value)] * 2
    assert kv.kv_getLast(HEX, 0, 0)["data"] == kv.kv_getNext(HEX, b64(key), 0, 0, False)["data"] == ""
    assert kv.kv_getValue(HEX, b64(key), 0, 1)["data"] == kv.kv_getFirst(HEX, 0, 1)["data"] == b64(value[:1])
    half = len(value) // 2
    assert kv.kv_getValue(HEX, b64(key), half, len(value) + 1024)["data"] == b64(value[half:])
    with pytest.raises(Refused, match="start index is greater than value length"):
        kv.kv_getValue(HEX, b64(key), len(value) + 1, 1)


def test_key__never_written__is_nothing(network):
    kv, _ = network
    assert kv.kv_getValue(HEX, b64(b"\xff" * 32), 0, 1) == NOTHING
    assert kv.kv_getNext(HEX, b64(b"\xff" * 41), 0, 1, True) is None
