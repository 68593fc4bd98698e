"""Trees of files, from memory and from disk."""

import json
import os
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.fast import file_tree
from offchain.protocol import file_tree as protocol
from offchain.protocol import merkle

MIB = 1 << 20
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "storage.json").read_text())["files"]
EDGES = [1, 255, 256, 257, 4096, 262143, 262144, 262145, 524288, MIB, MIB + 3, 2 * MIB - 1, 3 * MIB + 77]


@cache
def random_bytes(size):
    return np.random.default_rng(size).bytes(size)


@cache
def expected_tree(size):
    return protocol.build(random_bytes(size))


def assert_same(tree, expected):
    assert (tree.size, tree.root, len(tree.tail)) == (expected.size, expected.root, len(expected.tail))
    assert tree == expected
    assert tree.submission(b"tag") == expected.submission(b"tag")
    for index in {0, len(expected.rows[0]) // 2, len(expected.rows[0]) - 1}:
        assert tree.proof(index) == expected.proof(index)


@pytest.fixture
def file(tmp_path):
    """Writes bytes to a file and gives its path."""

    def write(data):
        path = tmp_path / "data"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_build__sizes_at_the_edges__equals_protocol(size, threads):
    assert_same(file_tree.build(random_bytes(size), threads), expected_tree(size))


@pytest.mark.parametrize("size", EDGES)
def test_build_file__sizes_at_the_edges__equals_protocol(size, file):
    assert_same(file_tree.build_file(file(random_bytes(size)), threads=3), expected_tree(size))


@given(st.integers(1, 3 * MIB), st.integers(0, 70), st.integers(1, 3))
@example(2 * MIB + 1, 1, 2)
def test_build__random_size_and_alignment__equals_protocol(size, start, threads):
    data = memoryview(random_bytes(4 * MIB))[start : start + size]
    assert file_tree.build(data, threads) == protocol.build(bytes(data))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["size"]))
def test_build__published_vectors__reproduced(vector, file):
    data = ((np.arange(vector["size"], dtype=np.uint64) * 131 + 7) & 0xFF).astype(np.uint8).tobytes()
    for tree in (file_tree.build(data), file_tree.build_file(file(data))):
        assert tree.root.hex() == vector["root"][2:]
        assert len(tree.segment_roots) == vector["numSegmentsPadded"]
        assert segment_roots(tree, vector) == vector["segmentRoots"]
        submission = tree.submission()
        nodes = [{"root": "0x" + node.root.hex(), "height": node.height} for node in submission.nodes]
        assert nodes == vector["submissionNodes"]
        assert "0x" + submission.identity.hex() == vector["submissionDigest"]
        for index, expected in vector["segmentProofs"].items():
            proof = tree.proof(int(index))
            assert ["0x" + item.hex() for item in proof.lemma] == expected["lemma"]
            assert list(proof.path) == expected["path"]


def segment_roots(tree, vector):
    """Segment roots in the form of the vector: a list, or first and last of a long one."""
    roots = ["0x" + root.hex() for root in tree.segment_roots]
    if isinstance(vector["segmentRoots"], list):
        return roots
    return {**vector["segmentRoots"], "first": roots[0], "last": roots[-1]}


def test_build__large_file_with_padding_segments__equals_protocol_on_empty_sectors():
    size = 70 * MIB + 1
    tree = file_tree.build(bytes(size))
    full = merkle.ZERO_ROOTS[10]
    assert tree.segment_roots == [full] * protocol.padded_segment_count(size)
    assert tree.root == merkle.tree_root(tree.segment_roots)


def test_build__proofs__hold_for_the_protocol():
    tree = file_tree.build(random_bytes(3 * MIB + 77))
    for index, root in enumerate(tree.segment_roots):
        merkle.verify(tree.proof(index), root, tree.root, index, len(tree.segment_roots))


def test_build__no_data__is_refused_in_the_words_of_the_protocol(file):
    with pytest.raises(Invalid) as expected:
        protocol.build(b"")
    for attempt in (lambda: file_tree.build(b""), lambda: file_tree.build_file(file(b""))):
        with pytest.raises(Invalid) as refused:
            attempt()
        assert str(refused.value) == str(expected.value)


def test_build__many_callers_at_once__all_get_their_own_tree():
    sizes, trees = EDGES * 2, {}
    callers = [
        threading.Thread(target=lambda at=at, size=size: trees.update({at: file_tree.build(random_bytes(size), 2)}))
        for at, size in enumerate(sizes)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [trees[at].root for at in range(len(sizes))] == [expected_tree(size).root for size in sizes]


def test_build_file__open_descriptor__is_read_from_its_start_and_stays_where_it_was(file):
    with file(random_bytes(MIB + 3)).open("rb") as opened:
        opened.seek(1000)
        assert file_tree.build_file(opened.fileno()).root == expected_tree(MIB + 3).root
        assert os.lseek(opened.fileno(), 0, os.SEEK_CUR) == 1000


def test_build_file__given_size__reads_only_the_beginning(file):
    path = file(random_bytes(MIB + 3) + b"more")
    assert file_tree.build_file(path, size=MIB + 3) == expected_tree(MIB + 3)


def test_build_file__fewer_bytes_than_the_given_size__raises_invalid(file):
    path = file(b"abc")
    with pytest.raises(Invalid, match="data has 3 bytes, not 4"):
        file_tree.build_file(path, size=4)


@pytest.mark.parametrize("threads", [1, 2])
def test_build_file__progress__grows_to_the_size_on_the_calling_thread(file, threads):
    told = []
    file_tree.build_file(
        file(random_bytes(3 * MIB + 77)), None, threads, lambda done: told.append((done, threading.current_thread()))
    )
    amounts = [done for done, _ in told]
    assert amounts == sorted(amounts) and amounts[-1] == 3 * MIB + 77
    assert {thread for _, thread in told} == {threading.current_thread()}


def test_build_file__file_grows_meanwhile__raises_invalid(file):
    path = file(random_bytes(MIB + 3))
    with pytest.raises(Invalid, match=f"changed its size from {MIB + 3} to {MIB + 4} bytes while it was read"):
        file_tree.build_file(path, on_progress=lambda done: os.truncate(path, MIB + 4))


@pytest.mark.parametrize("threads", [1, 2])
def test_build_file__file_is_cut_meanwhile__raises_invalid(file, threads):
    path = file(random_bytes(4 * MIB) * 5)
    with pytest.raises(Invalid, match="while it was read"):
        file_tree.build_file(path, threads=threads, on_progress=lambda done: os.truncate(path, 100))


def test_build_file__progress_raises__ends_the_work_with_that_error(file):
    def give_up(done):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        file_tree.build_file(file(random_bytes(4 * MIB)), threads=2, on_progress=give_up)


def test_build_file__no_such_file_or_a_folder__raises_os_error(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):
            file_tree.build_file(path)
