import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InvalidSubmission
from offchain.protocol import file_tree
from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import SECTOR_BYTES, node_heights, padded_sector_count
from offchain.protocol.submission import (
    MAX_NODE_HEIGHT,
    MAX_NODES,
    MAX_TAG_BYTES,
    Node,
    Submission,
    check,
    padding_limit,
)
from tests.doubles.files import vector_bytes
from tests.offchain.protocol.vectors import VECTORS, size_of, unhex


def nodes_of(*heights):
    return tuple(Node(keccak256(b"%d" % height), height) for height in heights)


def of_sectors(sectors, length, tags=b""):
    return Submission(length, tags, nodes_of(*node_heights(sectors)))


@pytest.mark.parametrize("vector", VECTORS["files"], ids=size_of)
def test_submission__published_files__reproduced(vector):
    submission = file_tree.build(vector_bytes(vector["size"])).submission(b"tags")
    assert submission == Submission(
        vector["size"],
        b"tags",
        tuple(Node(unhex(node["root"]), node["height"]) for node in vector["submissionNodes"]),
    )
    assert submission.identity == unhex(vector["submissionDigest"])
    assert submission.data_root == unhex(vector["root"])
    assert submission.sectors == vector["paddedChunks"]
    assert check(submission) == vector["paddedChunks"]


def test_data_root__several_nodes__is_their_right_fold():
    one, two, three = nodes_of(5, 4, 2)
    assert Submission(1, b"", (one,)).data_root == one.root
    assert Submission(1, b"", (one, two, three)).data_root == keccak256(one.root, keccak256(two.root, three.root))


def test_identity__heights_length_and_tags__are_not_part_of_it():
    first = Submission(1, b"", (Node(bytes(32), 3), Node(bytes(32), 2)))
    second = Submission(2, b"tags", (Node(bytes(32), 5), Node(bytes(32), 4)))
    assert first.identity == second.identity


@given(st.one_of(st.integers(1, 1 << 16), st.integers(1, 1 << 53)))
def test_check__padding_of_the_protocol__is_accepted(size):
    sectors = padded_sector_count(size)
    assert check(of_sectors(sectors, size)) == sectors


def is_accepted(submission):
    try:
        return check(submission) == submission.sectors
    except InvalidSubmission:
        return False


@pytest.mark.parametrize("first", range(1, 601, 200))
def test_check__any_other_padding__is_refused(first):
    """Each length fits exactly one count of sectors: nobody is charged for another."""
    for sectors in range(first, first + 200):
        accepted = {real for real in range(1, sectors + 2) if is_accepted(of_sectors(sectors, real * SECTOR_BYTES))}
        assert accepted == {real for real in range(1, sectors + 1) if padded_sector_count(real * 256) == sectors}


@pytest.mark.parametrize("sectors", [1, 15, 16, 18, 288, 1152, 4608])
def test_check__lengths_at_both_edges__are_bounded_to_the_byte(sectors):
    heights = node_heights(sectors)
    least = (sectors - padding_limit(sectors, len(heights), heights[0])) * SECTOR_BYTES
    for length in (least + 1, sectors * SECTOR_BYTES):
        assert check(of_sectors(sectors, length)) == sectors
    for length in (least, sectors * SECTOR_BYTES + 1):
        with pytest.raises(InvalidSubmission, match=f"^{length} bytes do not fill {sectors} sectors as the padding"):
            check(of_sectors(sectors, length))


@pytest.mark.parametrize("heights", [(), (7, 6, 5, 4, 3)])
def test_check__no_nodes_or_too_many__are_refused(heights):
    with pytest.raises(InvalidSubmission, match=f"^a submission has 1 to {MAX_NODES} nodes and at most"):
        check(Submission(256, b"", nodes_of(*heights)))


def test_check__tags__are_taken_up_to_their_bound():
    assert check(of_sectors(1, 1, bytes(MAX_TAG_BYTES))) == 1
    with pytest.raises(InvalidSubmission, match=f"at most {MAX_TAG_BYTES} bytes of tags$"):
        check(of_sectors(1, 1, bytes(MAX_TAG_BYTES + 1)))


@pytest.mark.parametrize("heights", [(3, 3), (2, 3), (5, 4, 4), (5, 3, 4)])
def test_check__heights_that_do_not_fall__are_refused(heights):
    with pytest.raises(InvalidSubmission, match="^node heights must fall strictly$"):
        check(Submission(256, b"", nodes_of(*heights)))


@pytest.mark.parametrize("heights", [(4, 0), (5, 4, 1), (MAX_NODE_HEIGHT + 1,), (10**9,), (MAX_NODE_HEIGHT, 42)])
def test_check__heights_too_large_or_too_far_apart__are_refused(heights):
    with pytest.raises(InvalidSubmission, match=f"^node heights stay below {MAX_NODE_HEIGHT + 1} and within 4 of each"):
        check(Submission(256, b"", nodes_of(*heights)))


def test_check__largest_file__is_accepted():
    sectors = sum(1 << height for height in (46, 45, 44, 43))
    assert check(of_sectors(sectors, sectors * SECTOR_BYTES)) == sectors


def test_check__length_of_nothing__is_refused():
    with pytest.raises(InvalidSubmission, match="^0 bytes do not fill 1 sectors"):
        check(of_sectors(1, 0))
