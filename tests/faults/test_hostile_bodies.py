"""Bodies that nobody honest sends, too large or malformed: each is refused, what was good before it is kept."""

import gzip
import json
import random
import select
import struct
from contextlib import ExitStack, suppress

import pytest

from offchain.net.rpc_server import MAX_ANSWER, MAX_BATCH
from offchain.storage.wire import FRAME
from tests.doubles.narrow_node import MAX_BODIES, MAX_BODY, MAX_REQUESTS, frames_path, narrow_cluster, unharmed
from tests.doubles.polling import eventually
from tests.doubles.raw_client import connection, head, post
from tests.doubles.samples import Sample, upload

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SEGMENT = 262_144
CHUNK = 32 << 10
SLACK = 24 << 20  # bytes for buffers of connections and what the allocator keeps; all bodies would be 60 MiB


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with narrow_cluster(tmp_path_factory.mktemp("bodies")) as cluster:
        yield cluster


@pytest.fixture
def node(cluster):
    with unharmed(cluster) as node:
        yield node


def test_body__larger_than_the_limit__is_refused(node):
    status, body = node.post(b"x" * (MAX_BODY + 1))
    assert status == 413
    assert json.loads(body)["error"]["message"] == "Request is too big"


def test_body__endless__is_refused_at_the_limit(node):
    """In chunks, so that nothing announces the length; a node that read on would never answer."""
    chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    with connection(node, head("POST", "/", "Transfer-Encoding: chunked")) as opened:
        sent = 0
        while not select.select([opened], [], [], 0)[0]:
            opened.sendall(chunk)
            sent += 65536
            assert sent < 64 * MAX_BODY
        assert opened.recv(100)[9:12] == b"413"


def test_body__many_large_ones_at_once__take_a_bounded_share_of_memory(node):
    """All places hold bodies of the greatest size but for a byte: the node keeps few of them, and answers others."""
    before = node.worker.peak()
    with ExitStack() as stack:
        opened = [
            stack.enter_context(connection(node, post(length=MAX_BODY), source=f"127.0.1.{number}"))
            for number in range(1, MAX_REQUESTS)
        ]
        for each in opened:
            each.setblocking(False)
        for _ in range(MAX_BODY // CHUNK - 1):
            for each in opened:
                with suppress(OSError):
                    each.send(b"x" * CHUNK)
            assert node.answers()
    assert node.worker.peak() - before < MAX_BODIES + SLACK


def test_batch__of_large_answers__is_worked_on_up_to_a_size(node):
    """Four kilobytes of questions used to fetch seventy megabytes, and nobody else was answered meanwhile."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "zgs_getDataByNodeIndex", "params": [1]}
    before = node.worker.peak()
    status, body = node.post(json.dumps([call] * MAX_BATCH))
    answers = json.loads(body)
    assert (status, len(answers)) == (200, MAX_BATCH)
    assert len(body) < MAX_ANSWER + (2 << 20)
    assert "result" in answers[0]
    assert answers[-1]["error"]["message"] == "Response is too big"
    assert node.worker.peak() - before < 6 * MAX_ANSWER


def test_body__of_many_small_values__is_refused_before_it_swells(node):
    before = node.worker.peak()
    body = b"[" + b"[]," * (MAX_BODY // 3 - 2) + b"1]"
    error = json.loads(node.post(body)[1])["error"]
    assert (error["code"], error["data"]) == (-32600, "it holds more values than any method takes")
    assert node.worker.peak() - before < 4 * MAX_BODY


@pytest.mark.parametrize("path", ["/", f"/v1/files/{'ab' * 32}-5000000/segments"])
def test_body__small_and_swelling_when_unpacked__is_refused_as_it_is(node, path):
    """A gigabyte of zeros in one megabyte: nobody unpacks it."""
    packed = gzip.compress(bytes(64 << 20), 9) * 16
    status, answer = node.post(packed, path, **{"Content-Encoding": "gzip"})
    assert status == 400 or json.loads(answer)["error"]["code"] == -32700


def frame(sample, index):
    segment = sample.segment(index)
    head = FRAME.pack(index, len(segment.data), len(segment.siblings))
    return head + b"".join(segment.siblings) + bytes(segment.data)


def submitted(cluster, seed, segments=4):
    sample = Sample(segments * SEGMENT, seed=seed)
    [seq] = cluster.chain.submit(sample)
    cluster.nodes[0].wait_for(seq)
    return seq, sample


def test_frames__cut_in_the_middle__those_long_before_are_kept(node, cluster):
    """Frames are checked and stored a few at a time; those that came with the cut are sent again."""
    seq, sample = submitted(cluster, "cut", segments=9)
    whole = b"".join(frame(sample, index) for index in sample.segments)
    with connection(node, post(frames_path(sample), len(whole)) + whole[: len(whole) - SEGMENT // 2]):
        pass
    eventually(lambda: node.info(seq)["uploadedSegNum"] == 8, "all whole groups of frames are stored")
    assert node.segment(seq, 8) is None
    upload(node, seq, sample, [8])
    node.wait_finalized(seq)


BAD_FRAMES = {
    "a length of four gigabytes": struct.pack(">QIB", 0, 0xFFFFFFFF, 2),
    "255 siblings": struct.pack(">QIB", 0, SEGMENT, 255),
    "an index of 2^64 - 1": struct.pack(">QIB", (1 << 64) - 1, SEGMENT, 2) + bytes(64 + SEGMENT),
    "no length": struct.pack(">QIB", 0, 0, 2),
    "zeros": bytes(SEGMENT + 64 + FRAME.size),
    "half a head": b"\0" * 5,
    "random bytes": random.Random(1).randbytes(1 << 20),
}


@pytest.mark.parametrize("bad", BAD_FRAMES, ids=str)
def test_frames__malformed__are_refused_with_a_reason(node, cluster, bad):
    seq, sample = submitted(cluster, bad)
    status, body = node.post(BAD_FRAMES[bad], frames_path(sample))
    assert status == 400
    assert json.loads(body)["message"]
    assert node.info(seq)["uploadedSegNum"] == 0


def test_frames__a_bad_one_after_good_ones__keeps_those(node, cluster):
    seq, sample = submitted(cluster, "mixed")
    body = frame(sample, 0) + frame(sample, 1) + bytes(frame(sample, 2)[:-1]) + b"?"
    status, _ = node.post(body, frames_path(sample))
    assert status == 400
    assert node.zgs_getFileInfo(sample.hex, False)["uploadedSegNum"] == 2
    assert node.segment(seq, 2) is None
