import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.errors import Invalid, InvalidProof, InvalidSegment
from offchain.protocol import file_tree, merkle
from offchain.protocol.file_tree import FileTree
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import EMPTY_SECTOR_HASH, ZERO_ROOTS
from offchain.protocol.sectors import (
    SEGMENT_BYTES,
    SEGMENT_SECTORS,
    padded_sector_count,
    padded_segment_count,
    segment_count,
)
from tests.doubles.files import random_bytes, vector_bytes
from tests.offchain.protocol.vectors import VECTORS, proof_of, size_of, unhex

PADDED = 16 * SEGMENT_BYTES + 1
"""Bytes of a file whose last segment, number 17, is all padding."""


@pytest.fixture(scope="module")
def padded():
    """A file with a padding segment: 16 full segments, one byte, 18 segments in all."""
    return file_tree.build(bytes(PADDED))


def with_false_padding(tree, index, root=bytes(32)):
    """The same tree, but padding segment `index` holds something."""
    roots = [*tree.segment_roots]
    roots[index] = root
    return FileTree(tree.size, merkle.levels(roots), tree.tail)


@pytest.mark.parametrize("vector", VECTORS["files"], ids=size_of)
def test_build__published_files__reproduced(vector):
    tree = file_tree.build(vector_bytes(vector["size"]))
    assert tree.root == unhex(vector["root"])
    assert len(tree.segment_roots) == vector["numSegmentsPadded"]
    if isinstance(vector["segmentRoots"], list):
        assert list(tree.segment_roots) == [unhex(root) for root in vector["segmentRoots"]]
    for index, proof in vector["segmentProofs"].items():
        assert tree.proof(int(index)) == proof_of(proof)


@settings(max_examples=15)
@given(st.integers(1, 600_000))
def test_build__any_size__submission_nodes_fold_to_the_root(size):
    tree = file_tree.build(random_bytes(size))
    submission = tree.submission()
    folded = submission.nodes[-1].root
    for node in reversed(submission.nodes[:-1]):
        folded = keccak256(node.root, folded)
    assert folded == tree.root == submission.data_root


@settings(max_examples=15)
@given(st.integers(1, 40_000))
def test_submission__any_size__its_nodes_are_trees_of_consecutive_sectors(size):
    data = random_bytes(size)
    leaves = merkle.sector_hashes(data, padded_sector_count(size))
    at = 0
    for node in file_tree.build(data).submission().nodes:
        assert node.root == merkle.tree_root(leaves[at : at + node.sectors])
        at += node.sectors
    assert at == len(leaves)


@pytest.mark.parametrize("size", [1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES + 77])
def test_proof__every_segment__is_verified_at_its_place(size):
    tree = file_tree.build(random_bytes(size))
    count = padded_segment_count(size)
    for index, root in enumerate(tree.segment_roots):
        proof = tree.proof(index)
        merkle.verify(proof, root, tree.root, index, count)
        assert proof == merkle.prove(tree.segment_roots, index)
        file_tree.check_rear_padding(proof.siblings, size, min(index, segment_count(size) - 1))


@pytest.mark.parametrize("index", [-1, 2])
def test_proof__no_such_segment__is_refused(index):
    with pytest.raises(InvalidSegment, match=f"^no segment {index} among 2$"):
        file_tree.build(bytes(2 * SEGMENT_BYTES)).proof(index)


def test_build__no_data__is_refused():
    with pytest.raises(Invalid, match="^a file needs at least one byte$"):
        file_tree.build(b"")


def test_build__zeros_behind_the_last_byte__share_the_root():
    roots = {file_tree.build(b"a" + bytes(zeros)).root for zeros in (0, 1, 255)}
    assert len(roots) == 1
    assert file_tree.build(b"a" + bytes(256)).root not in roots


@pytest.mark.parametrize(
    ("size", "tail"), [(1, 1), (SEGMENT_BYTES - 1, 0), (SEGMENT_BYTES, 0), (SEGMENT_BYTES + 1, 128), (PADDED, 0)]
)
def test_tail_length__last_segment__counts_its_padded_sectors_unless_full(size, tail):
    assert file_tree.tail_length(size) == tail
    assert len(file_tree.build(bytes(size)).tail) == tail


@pytest.mark.parametrize(("index", "length"), [(0, SEGMENT_BYTES), (1, 256)])
def test_check_segment__right_length__passes(index, length):
    file_tree.check_segment(SEGMENT_BYTES + 1, index, length)
    with pytest.raises(InvalidSegment, match=f"^segment {index} of a file of {SEGMENT_BYTES + 1} bytes has {length}"):
        file_tree.check_segment(SEGMENT_BYTES + 1, index, length - 1)


@pytest.mark.parametrize("index", [-1, 2])
def test_check_segment__no_such_segment__is_refused(index):
    with pytest.raises(InvalidSegment, match=f"^no segment {index} in a file of {SEGMENT_BYTES + 1} bytes$"):
        file_tree.check_segment(SEGMENT_BYTES + 1, index, 256)


def test_check_rear_padding__honest_file__passes_for_every_segment(padded):
    for index in range(segment_count(PADDED)):
        file_tree.check_rear_padding(padded.proof(index).siblings, PADDED, index)


def test_check_rear_padding__something_in_the_padding__is_refused_wherever_a_proof_shows_it(padded):
    false = with_false_padding(padded, 17)
    refused = []
    for index in range(segment_count(PADDED)):
        siblings = false.proof(index).siblings
        assert merkle.fold(false.segment_roots[index], siblings, merkle.expected_path(index, 18)) == false.root
        try:
            file_tree.check_rear_padding(siblings, PADDED, index)
        except InvalidProof as error:
            assert str(error) == "invalid proof node value in the padding range"
            refused.append(index)
    # Segments 0 to 15 see the padding only mixed with segment 16; that one sees it bare.
    assert refused == [16]


def test_check_rear_padding__siblings_of_another_shape__is_an_error(padded):
    with pytest.raises(ValueError):
        file_tree.check_rear_padding(padded.proof(0).siblings[:-1], PADDED, 0)


@pytest.mark.parametrize("size", [PADDED, 40 * SEGMENT_BYTES + 5, 100 * SEGMENT_BYTES + 1])
def test_padding_root__any_stretch_of_padding__is_the_tree_of_empty_segments(size):
    first = segment_count(size)
    count = padded_segment_count(size) - first
    assert count
    expected = merkle.tree_root([ZERO_ROOTS[10]] * count)
    assert file_tree.padding_root(size, first, count) == expected


def test_padding_root__segment_that_ends_early__has_fewer_leaves():
    # A file of 1,025 sectors is padded to 1,152: its second segment has 128 leaves.
    size = SEGMENT_SECTORS * 256 + 1
    assert file_tree.padding_root(size, 1, 1) == merkle.tree_root([EMPTY_SECTOR_HASH] * 128) == ZERO_ROOTS[7]
