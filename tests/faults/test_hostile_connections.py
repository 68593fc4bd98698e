"""Connections that nobody honest opens, too many, too slow or no HTTP: each gets an answer or the door in the end."""

import random
import resource
import socket
from contextlib import ExitStack, suppress

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.narrow_node import MAX_REQUESTS, frames_path, narrow_cluster, unharmed
from tests.doubles.polling import eventually
from tests.doubles.raw_client import answer_to, connection, post
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Zgs

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SEGMENT = 262_144


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with narrow_cluster(tmp_path_factory.mktemp("connections")) as cluster:
        yield cluster


@pytest.fixture
def node(cluster):
    with unharmed(cluster) as node:
        yield node


NOT_HTTP = {
    "nothing": b"",
    "line ends": b"\r\n" * 1000,
    "TLS": bytes.fromhex("160301020001000001fc0303") + bytes(500),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "random bytes": random.Random(2).randbytes(100_000),
    "an endless line": b"GET /" + b"a" * 1_000_000,
    "endless headers": b"GET / HTTP/1.1\r\n" + b"X-Header: 1\r\n" * 100_000,
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    "a negative length": b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of 2^64 bytes": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "an unknown encoding": b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345",
}


@pytest.mark.parametrize("noise", NOT_HTTP, ids=str)
def test_connection__something_else_than_http__is_closed_or_refused(node, noise):
    try:
        answer = answer_to(node, NOT_HTTP[noise], half_close=True)
    except OSError:
        return  # closed before it had heard everything
    assert answer[9:10] in (b"", b"4") or b'"error"' in answer


def test_bodies__that_do_not_come__make_room_for_others(node):
    """As many slow uploads as the node takes at once: each is given up when nothing comes for a while."""
    with ExitStack() as stack:
        for _ in range(2 * MAX_REQUESTS):
            stack.enter_context(connection(node, post(length=1000) + b"{"))
        for _ in range(MAX_REQUESTS):
            stack.enter_context(connection(node, post(f"/v1/files/{'ab' * 32}-5/segments", length=1000) + b"\0"))
        stranger = Zgs(node.url)
        eventually(lambda: stranger.post(b"")[0] == 200, "somebody else is served", 20)


def trickling(opened, data):
    """Send a little on each connection that still takes it."""
    for each in opened:
        with suppress(OSError):
            each.sendall(data)


@pytest.mark.parametrize("path", ["/", f"/v1/files/{'ab' * 32}-5/segments"])
def test_bodies__that_trickle__make_room_for_others(node, path):
    """A byte now and then, on more connections than the node works on at once, keeps no place."""
    with ExitStack() as stack:
        slow = [
            stack.enter_context(connection(node, post(path, length=100_000) + b"{", source=f"127.0.1.{number}"))
            for number in range(1, 2 * MAX_REQUESTS)
        ]
        stranger = Zgs(node.url)

        def served():
            trickling(slow, b" ")
            return stranger.post(b"")[0] == 200

        eventually(served, "somebody else is served", 20)


def test_bodies__at_a_tolerable_pace_from_one_address__leave_places_to_others(node):
    """Whoever sends as fast as is asked may keep a place; one address keeps only some of them."""
    with ExitStack() as stack:
        steady = [
            stack.enter_context(connection(node, post(length=3_000_000) + b"{", source="127.0.1.1"))
            for _ in range(3 * MAX_REQUESTS)
        ]
        stranger = Zgs(node.url)
        for _ in range(30):
            trickling(steady, b" " * 2000)
            assert stranger.post(b"")[0] == 200


def test_heads__that_do_not_end__hold_nobody_up(node):
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connection(node, b"POST / HTTP/1.1\r\nHost: no"))
        assert Zgs(node.url).zgs_getStatus()


def test_answers__that_nobody_reads__make_room_for_others(node, cluster):
    path = frames_path(cluster.sample)
    with ExitStack() as stack:
        for _ in range(2 * MAX_REQUESTS):
            opened = stack.enter_context(connection(node))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.sendall(f"GET {path}?first=0 HTTP/1.1\r\nHost: node\r\n\r\n".encode() * 50)
        stranger = Zgs(node.url)
        eventually(lambda: stranger.post(b"")[0] == 200, "somebody else is served", 20)


def test_connections__more_than_the_system_allows__the_node_survives(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(2 * SEGMENT)
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample, [0])
        resource.prlimit(node.worker.pid, resource.RLIMIT_NOFILE, (100, 4096))
        with ExitStack() as stack:
            for _ in range(150):
                stack.enter_context(connection(node, b"POST / HTTP/1.1\r\n"))
            [unseen] = cluster.chain.submit(Sample(1000, seed="while nothing can be opened"))
            eventually(lambda: node.worker.code is not None or node.events("failed, trying again"), "it notices")
        assert node.worker.code is None, node.worker.text()[-2000:]
        eventually(node.answers, "the node answers again")
        node.wait_for(unseen)
        upload(node, seq, sample, [1])
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data
