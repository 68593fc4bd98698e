"""A single segment in the middle of a file can be stored, read and proven."""

import base64

import pytest

from offchain.protocol import merkle
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import verify
from offchain.storage.wire import from_hex, proof_from_json
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import SECTORS, Refused

pytestmark = pytest.mark.anvil

MIDDLE = 2
SECTOR = MIDDLE * SECTORS + 77


@pytest.fixture(scope="module")
def partial(plain):
    """Node, submission and file, of which only the middle segment was uploaded."""
    node, sample = plain.nodes[0], Sample(5 * SECTORS * 256 - 1000, seed="partial")
    [seq] = plain.chain.submit(sample)
    node.wait_for(seq)
    upload(node, seq, sample, [MIDDLE])
    return node, seq, sample


def test_info__one_segment__counts_it_and_is_not_finalized(partial):
    node, seq, _ = partial
    info = node.info(seq)
    assert (info["uploadedSegNum"], info["finalized"]) == (1, False)


def test_download__the_segment_that_is_there__comes_with_its_proof(partial):
    node, seq, sample = partial
    for told in (
        node.zgs_downloadSegmentWithProofByTxSeq(seq, MIDDLE),
        node.zgs_downloadSegmentWithProof(sample.hex, MIDDLE),
    ):
        assert told == sample.posted(MIDDLE)


def test_download__part_of_the_segment__is_exact(partial):
    node, _, sample = partial
    first, end = MIDDLE * SECTORS + 3, MIDDLE * SECTORS + 700
    told = node.zgs_downloadSegment(sample.hex, first, end)
    assert base64.b64decode(told) == sample.data[first * 256 : end * 256]


def test_download__beyond_what_is_there__has_nothing(partial):
    node, seq, sample = partial
    for index in (0, 1, 3, 4):
        assert node.zgs_downloadSegmentWithProofByTxSeq(seq, index) is None
        assert node.zgs_downloadSegmentByTxSeq(seq, index * SECTORS, index * SECTORS + 1) is None
    straddling = MIDDLE * SECTORS - 1
    assert node.zgs_downloadSegment(sample.hex, straddling, straddling + 2) is None


def test_sector_proof__other_segments_are_missing__is_made_of_what_proved_the_one_that_is_here(partial):
    node, seq, sample = partial
    start = node.info(seq)["tx"]["startEntryIndex"]
    proof = proof_from_json(node.zgs_getSectorProof(start + SECTOR, None))
    leaf = keccak256(sample.data[SECTOR * 256 : (SECTOR + 1) * 256])
    root, length = (
        bytes.fromhex(told[2:]) if index == 0 else told for index, told in enumerate(node.zgs_getFlowContext())
    )
    verify(proof, leaf, root, start + SECTOR, 1 << (length - 1).bit_length())


def test_sector_proof__segment_is_missing__says_which(partial):
    node, seq, _ = partial
    start = node.info(seq)["tx"]["startEntryIndex"]
    with pytest.raises(Refused, match="segment 4 is not stored here"):
        node.zgs_getSectorProof(start + 4 * SECTORS, None)


def test_upload__the_rest__completes_the_file(partial):
    node, seq, sample = partial
    upload(node, seq, sample, [4, 0, 3, 1])
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_sector_proof__complete_file__leads_to_the_root_that_the_contract_has(partial, plain):
    node, seq, sample = partial
    upload(node, seq, sample, [index for index in sample.segments if node.segment(seq, index) is None])
    node.wait_finalized(seq)
    start = node.info(seq)["tx"]["startEntryIndex"]
    root, _ = node.zgs_getFlowContext()
    assert from_hex(root) == plain.chain.flow.root_after(plain.chain.flow.submissions() - 1)
    proof = proof_from_json(node.zgs_getSectorProof(start + SECTOR, root))
    assert proof.lemma[0] == keccak256(sample.data[SECTOR * 256 : SECTOR * 256 + 256])
    assert merkle.fold(proof.lemma[0], proof.siblings, proof.path) == proof.lemma[-1] == from_hex(root)
