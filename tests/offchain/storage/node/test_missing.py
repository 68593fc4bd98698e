"""What a node tells to lack, of files of any size."""

import asyncio

import pytest

from offchain.net.exchange import Call
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.node import segment_api
from tests.doubles.files import File
from tests.doubles.flow_log import made_up
from tests.doubles.neighbours import Announced

FILE = File.random(9 * SEGMENT_BYTES + 700)
TWO = File.random(SEGMENT_BYTES + 700)
HUGE = made_up(1 << 53)


def asked(node, file):
    name = file if isinstance(file, str) else f"{file.root.hex()}-{file.size}"
    return asyncio.run(node.segments.missing(Call({"content": name}, {}, None)))


def test_missing__file_on_its_way__lists_stretches(node):
    node.submit(FILE)
    assert asked(node, FILE) == {"missing": [[0, 10]]}
    node.put(FILE, [0, 3, 4, 9])
    assert asked(node, FILE) == {"missing": [[1, 2], [5, 4]]}
    node.put(FILE, [1, 2, 5, 6, 7, 8])
    assert asked(node, FILE) == {"missing": []}


def test_missing__shard__lists_what_it_owns(make_node):
    node = make_node(shard=Shard(0, 2))
    node.submit(FILE)
    assert asked(node, FILE) == {"missing": [[0, 1], [2, 1], [4, 1], [6, 1], [8, 1]]}


@pytest.mark.parametrize(("shard", "stretches"), [(Shard(), [[0, 1 << 35]]), (Shard(1, 2), [[1, 1], [3, 1], [5, 1]])])
def test_missing__file_of_many_terabytes__lists_some_stretches_at_once(make_node, monkeypatch, shard, stretches):
    """What is left out is listed when these have come."""
    monkeypatch.setattr(segment_api, "MAX_STRETCHES", 3)
    node = make_node(shard=shard)
    node.submit(Announced(HUGE))
    name = f"{HUGE.data_root.hex()}-{HUGE.length}"
    assert asked(node, name) == {"missing": stretches}


def test_missing__more_stretches_than_are_listed__are_told_bit_by_bit(node, monkeypatch):
    monkeypatch.setattr(segment_api, "MAX_STRETCHES", 2)
    node.submit(FILE)
    node.put(FILE, [1, 3, 5, 7])
    told, missing = [], asked(node, FILE)["missing"]
    while missing:
        told.append(missing)
        node.put(FILE, [index for first, count in missing for index in range(first, first + count)])
        missing = asked(node, FILE)["missing"]
    assert told == [[[0, 1], [2, 1]], [[4, 1], [6, 1]], [[8, 2]]]


def test_missing__file_at_places_of_different_shards__lists_all_that_is_owned(make_node):
    node = make_node(shard=Shard(0, 2))
    node.submit(TWO, File.random(SEGMENT_BYTES), TWO)
    assert [entry.start // 1024 for entry in node.catalog.of_content(TWO.content)] == [1, 4]
    assert asked(node, TWO) == {"missing": [[0, 2]]}
    node.shelve(TWO, [0])
    assert asked(node, TWO) == {"missing": [[1, 1]]}


@pytest.mark.parametrize("size", [600, (1 << 54) - 1])
def test_missing__unknown_file_of_any_size__is_all_of_it_at_once(node, size):
    count = -(-size // SEGMENT_BYTES)
    assert asked(node, f"{'11' * 32}-{size}") == {"missing": [[0, count]]}
