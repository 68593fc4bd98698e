"""Relays before servers that falsify what these say, and the lies for it."""

import json
from contextlib import contextmanager

from tests.doubles.cluster import cluster_in
from tests.doubles.relay import Answer, Relay
from tests.doubles.samples import Sample

SIZE = 3 * 262_144 + 5000
"""Bytes of the file about which is lied."""


@contextmanager
def honest_cluster(folder):
    """Two honest nodes with one file, `sample`, as submission `seq`."""
    with cluster_in(folder, 2) as cluster:
        cluster.sample = Sample(SIZE)
        cluster.seq = cluster.store(cluster.sample)
        yield cluster


@contextmanager
def lying(url, before=None, after=None):
    """A relay before the server at `url` that lies as told."""
    with Relay(url) as relay:
        relay.before = before or relay.before
        relay.after = after or relay.after
        yield relay


def frames(lie):
    """A lie about the body of downloaded frames."""

    def after(request, answer):
        if "/segments?" not in request.path:
            return answer
        return Answer(200, lie(answer.body))

    return after


def call(method, lie):
    """A lie about the answer of a JSON-RPC method."""
    return lambda request, answer: lie(answer) if request.is_call(method) else answer


def altered(answer, **fields):
    """File information with other fields in its submission."""
    told = json.loads(answer.body)["result"]
    return answer.result(told | {"tx": told["tx"] | fields})


def flipped(body, at):
    """The body with a bit of byte `at` turned."""
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
