"""What the binary endpoint says of a root: the public RPC tells of one file, and several may share it."""

import asyncio

import pytest

from offchain.errors import NotFound
from offchain.net.exchange import Call
from offchain.storage.node import segment_api
from offchain.storage.wire import info_from_json
from tests.doubles.files import File

OTHER = File.random(600)


def listed(node, root, **query):
    call = Call({"root": root}, {k: str(v) for k, v in query.items()}, None)
    return [info_from_json(each) for each in asyncio.run(node.segments.files(call))["files"]]


def test_files__with_one_root__are_told_once_for_each_size(node):
    short, long = File(b"data"), File(b"data\0")
    node.submit(long, short, OTHER, short)
    node.put(short, seq=1)
    node.submit(long)
    node.shelf.complete(short.content)
    told = listed(node, short.root.hex())
    assert [(info.size, info.seq, info.finalized) for info in told] == [(5, 0, False), (4, 1, True)]
    assert listed(node, "0x" + short.root.hex(), size=4) == told[1:]
    assert listed(node, short.root.hex(), size=6) == []
    assert listed(node, "11" * 32) == []
    assert listed(node, short.root.hex(), size=10**19) == []


def test_files__more_sizes_than_are_listed__are_told_when_they_are_asked_for(node, monkeypatch):
    monkeypatch.setattr(segment_api, "MAX_SIZES", 2)
    node.submit(*(File(b"data" + bytes(zeros)) for zeros in range(3)))
    assert [info.size for info in listed(node, File(b"data").root.hex())] == [4, 5]
    assert [info.size for info in listed(node, File(b"data").root.hex(), size=6)] == [6]


def test_files__of_what_is_no_root__is_not_found(node):
    with pytest.raises(NotFound, match="^roots are 64 hexadecimal digits$"):
        listed(node, "12")
