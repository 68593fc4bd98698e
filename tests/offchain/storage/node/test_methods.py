"""Every method of the public tables answers in the public shape, and there is no method that is not in them."""

import base64
import json
import re
from pathlib import Path

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.wire import segment_to_json, to_hex
from tests.doubles.files import File
from tests.doubles.running import run_service

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "node_methods.json").read_text())["methods"]
COMPLETE, UNFINISHED, EARLY = File.random(SEGMENT_BYTES + 700), File.random(600), File.random(300)
HERE, PEER = "http://here", "http://peer"


def fits(value, shape):
    """Whether a JSON value has a shape of the vectors."""
    if isinstance(shape, str):
        return any(SIMPLE[name](value) for name in shape.split("|"))
    if isinstance(shape, list):
        if not isinstance(value, list):
            return False
        if len(shape) == 1:
            return all(fits(each, shape[0]) for each in value)
        return len(value) == len(shape) and all(fits(*pair) for pair in zip(value, shape, strict=True))
    if not isinstance(value, dict):
        return False
    if set(shape) == {"*"}:
        return all(fits(each, shape["*"]) for each in value.values())
    return set(value) == set(shape) and all(fits(value[name], shape[name]) for name in shape)


def is_base64(value):
    return isinstance(value, str) and bool(value) and base64.b64encode(base64.b64decode(value)).decode() == value


SIMPLE = {
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "hash": lambda value: isinstance(value, str) and bool(re.fullmatch("0x[0-9a-f]{64}", value)),
    "base64": is_base64,
}


class Asked:
    """A node in the state that the vectors describe, with a peer that holds the complete file."""

    def __init__(self, web, make_node):
        peer = make_node("peer")
        peer.serve(web, PEER)
        node = make_node("here", peers=[PEER])
        (first,) = node.hold(COMPLETE)
        peer.hold(COMPLETE)
        node.submit(UNFINISHED)
        run_service(node.peers.service)
        node.sync.start(1)
        web.serve(HERE, {**node.zgs.methods, **node.admin.methods})
        self.client = web.client(HERE)
        self.methods = {*node.zgs.methods, *node.admin.methods}
        self._placeholders = {
            "$root": to_hex(COMPLETE.root),
            "$unfinishedRoot": to_hex(UNFINISHED.root),
            "$segment": segment_to_json(UNFINISHED.segment(0), UNFINISHED.leaf(0)),
            "$earlySegment": segment_to_json(EARLY.segment(0), EARLY.leaf(0)),
            "$flowRoot": to_hex(first.flow_root),
        }

    def filled(self, value):
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return self._placeholders.get(value, value) if isinstance(value, str) else value


@pytest.fixture
def asked(web, make_node):
    return Asked(web, make_node)


def test_methods__of_the_vectors__are_all_there_are(asked):
    assert {vector["method"] for vector in VECTORS} == asked.methods


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['params']}"[:60])
def test_method__called_as_public_clients_do__answers_in_the_public_shape(asked, vector):
    result = asked.client.rpc(vector["method"], *asked.filled(vector["params"]))
    assert fits(result, vector["result"]), result


@pytest.mark.parametrize(
    ("value", "shape", "is_fit"),
    [
        (None, "null", True),
        (True, "number", False),
        (1, "bool", False),
        ("0x" + "1f" * 32, "hash", True),
        ("0x" + "1f" * 31, "hash", False),
        (["0x" + "1f" * 32, 5], ["hash", "number"], True),
        (["0x" + "1f" * 32], ["hash", "number"], False),
        ([], ["number"], True),
        ([1], [], False),
        ({"a": 1}, {"a": "number", "b": "number"}, False),
        ({"a": 1, "b": 2}, {"a": "number"}, False),
        ({"a": 1, "b": 2}, {"*": "number"}, True),
        (None, "string|null", True),
    ],
)
def test_fits__shapes__are_told_apart(value, shape, is_fit):
    assert fits(value, shape) is is_fit
