import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InvalidProof
from offchain.protocol import merkle
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import SEGMENT_BYTES, node_heights, padded_sector_count
from offchain.protocol.submission import Node, Submission
from offchain.storage import wire
from offchain.storage.wire import FRAME, MAX_SIBLINGS, FileInfo
from tests.doubles.files import File

ROOT = b"\x1f" * 32
HEX = "0x" + "1f" * 32
SHAPE = "^a proof has a lemma of hashes and a path of booleans$"

hashes = st.binary(min_size=32, max_size=32)


def info_of(size, **fields):
    nodes = tuple(Node(bytes([height]) * 32, height) for height in node_heights(padded_sector_count(size)))
    told = {"seq": 7, "start": 2048, "finalized": True, "is_cached": False, "uploaded": 2, "pruned": False} | fields
    return FileInfo(submission=Submission(size, b"", nodes), **told)


def told(**fields):
    """What a node says of a file of one segment, but for some members of `tx` or beside it."""
    value = wire.info_to_json(info_of(SEGMENT_BYTES))
    for name, member in fields.items():
        target = value["tx"] if name in value["tx"] else value
        target[name] = member
    return value


def without(value, *path):
    for name in path[:-1]:
        value = value[name]
    del value[path[-1]]


@given(st.lists(hashes, min_size=1, max_size=5), st.lists(st.booleans(), max_size=5))
def test_proof__there_and_back__is_the_same(lemma, path):
    proof = Proof(tuple(lemma), tuple(path))
    assert wire.proof_from_json(json.loads(json.dumps(wire.proof_to_json(proof)))) == proof


def test_proof_to_json__any__has_the_public_form():
    assert wire.proof_to_json(Proof((ROOT,), (True,))) == {"lemma": [HEX], "path": [True]}


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"lemma": [HEX]},
        {"path": []},
        {"lemma": None, "path": []},
        {"lemma": [HEX[:-1]], "path": []},
        {"lemma": [HEX + "00"], "path": []},
        {"lemma": [5], "path": []},
        {"lemma": HEX, "path": []},
        {"lemma": [HEX], "path": [1]},
        {"lemma": [HEX], "path": ["true"]},
        {"lemma": [HEX], "path": None},
    ],
)
def test_proof_from_json__anything_else__is_refused(value):
    with pytest.raises(InvalidProof, match=SHAPE):
        wire.proof_from_json(value)


@pytest.mark.parametrize("size", [5, 2 * SEGMENT_BYTES + 1])
def test_segment_to_json__any_segment__has_the_public_form_with_the_whole_proof(size):
    file = File.random(size)
    for index in file.segments:
        proof = file.tree.proof(index)
        assert wire.segment_to_json(file.segment(index), file.leaf(index)) == {
            "root": "0x" + file.root.hex(),
            "data": base64.b64encode(file.segment_data(index)).decode(),
            "index": index,
            "proof": {"lemma": ["0x" + each.hex() for each in proof.lemma], "path": list(proof.path)},
            "fileSize": size,
        }


@given(st.integers(1, 40 * SEGMENT_BYTES), st.booleans(), st.integers(0, 1 << 60))
def test_info__there_and_back__is_the_same(size, finalized, seq):
    info = info_of(size, finalized=finalized, seq=seq)
    assert wire.info_from_json(json.loads(json.dumps(wire.info_to_json(info)))) == info


def test_info_to_json__any_file__has_the_public_form_with_heights_counted_from_one():
    info = info_of(257, finalized=False)
    assert wire.info_to_json(info) == {
        "tx": {
            "streamIds": [],
            "data": [],
            "dataMerkleRoot": "0x" + info.root.hex(),
            "merkleNodes": [[2, "0x" + "01" * 32]],
            "startEntryIndex": 2048,
            "size": 257,
            "seq": 7,
        },
        "finalized": False,
        "isCached": False,
        "uploadedSegNum": 2,
        "pruned": False,
    }


def test_info_from_json__members_that_older_nodes_lack__have_defaults():
    value = told()
    for name in ("isCached", "uploadedSegNum", "pruned"):
        del value[name]
    info = wire.info_from_json(value)
    assert (info.is_cached, info.uploaded, info.pruned) == (False, 0, False)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        told(seq=-1),
        told(seq=1.5),
        told(seq="7"),
        told(seq=None),
        told(seq=True),
        told(seq=float("inf")),
        told(startEntryIndex=-1),
        told(size=0),
        told(size=-5),
        told(size=SEGMENT_BYTES + 1),
        told(size=SEGMENT_BYTES // 2),
        told(size=1 << 80),
        told(uploadedSegNum=-1),
        told(merkleNodes=[]),
        told(merkleNodes=None),
        told(merkleNodes=[[11]]),
        told(merkleNodes=[[0, HEX]]),
        told(merkleNodes=[[-5, HEX]]),
        told(merkleNodes=[[10**9, HEX]]),
        told(merkleNodes=[[11, HEX[:-1]]]),
        told(merkleNodes=[[11, 5]]),
        told(merkleNodes=[["11", HEX]]),
        told(merkleNodes=[[11, HEX], [11, HEX]]),
        told(tx=None),
    ],
    ids=range(28),
)
def test_info_from_json__nonsense__is_an_error_that_callers_expect(value):
    with pytest.raises((KeyError, TypeError, ValueError)):
        wire.info_from_json(value)


@pytest.mark.parametrize("path", [("tx", "size"), ("tx", "merkleNodes"), ("tx", "seq"), ("finalized",)])
def test_info_from_json__member_that_is_needed__is_missed(path):
    value = told()
    without(value, *path)
    with pytest.raises(KeyError):
        wire.info_from_json(value)


@pytest.mark.parametrize("finalized", [None, 1, "true", "false", []])
def test_info_from_json__anything_but_true__is_not_finalized(finalized):
    assert not wire.info_from_json(told(finalized=finalized)).finalized


@given(st.integers(0, (1 << 64) - 1), st.integers(1, SEGMENT_BYTES), st.lists(hashes, max_size=MAX_SIBLINGS))
def test_frame__head_there_and_back__is_the_same(index, length, siblings):
    head = wire.frame_head(index, length, siblings)
    assert wire.parse_frame_head(head[: FRAME.size]) == (index, length, len(siblings))
    assert head[FRAME.size :] == b"".join(siblings)


def test_frame_head__bytes__are_the_documented_ones():
    assert wire.frame_head(5, 256, [ROOT]).hex() == "0000000000000005" + "00000100" + "01" + "1f" * 32


@pytest.mark.parametrize(
    ("length", "siblings"), [(0, 0), (SEGMENT_BYTES + 1, 0), ((1 << 32) - 1, 0), (256, 49), (256, 255)]
)
def test_parse_frame_head__out_of_bounds__is_refused(length, siblings):
    with pytest.raises(InvalidProof, match=f"^a frame announces {length} bytes and {siblings} hashes$"):
        wire.parse_frame_head(FRAME.pack(0, length, siblings))


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 5 * SEGMENT_BYTES])
def test_whole_proof__siblings_and_shape__make_the_proof_of_the_tree(size):
    file = File.random(size)
    for index, leaf in enumerate(file.tree.segment_roots):
        proof = wire.whole_proof(file.root, size, index, leaf, file.tree.proof(index).siblings)
        assert proof == file.tree.proof(index)
        merkle.verify(proof, leaf, file.root, index, len(file.tree.segment_roots))


@pytest.mark.parametrize(
    "text", ["", "0x", HEX[:-1], HEX + "0", "0x" + "zz" * 32, "0x" + " 1" * 32, 5, None, b"1f" * 32]
)
def test_from_hex__what_is_no_hash__is_an_error(text):
    assert wire.from_hex(HEX) == wire.from_hex(HEX[2:]) == ROOT
    with pytest.raises(ValueError, match="^a hash is 32 bytes of hex$"):
        wire.from_hex(text)


def test_to_hex__bytes__are_prefixed():
    assert wire.to_hex(b"\x00\xff") == "0x00ff"
