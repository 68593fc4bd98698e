"""Numbers that contracts, interfaces and the specification each write down, and the published ones."""

import re
from pathlib import Path

import pytest

from offchain.protocol import (
    difficulty,
    epochs,
    fees,
    flow,
    merkle,
    recall,
    reward,
    sealing,
    sectors,
    shards,
    submission,
)
from tests.offchain.protocol.vectors import VECTORS, unhex

CONTRACTS = Path(__file__).parents[3] / "contracts"
CONSTANT = re.compile(r"^([A-Z_]+): constant\((\w+)\) = (.+?)(?:\s*#.*)?$", re.MULTILINE)


def constants_of(path):
    """Constants of a Vyper file by name; those that are plain numbers or hashes."""
    found = {}
    for name, kind, text in CONSTANT.findall((CONTRACTS / path).read_text()):
        if kind == "bytes32" and text.startswith("0x"):
            found[name] = unhex(text)
        elif re.fullmatch(r"[\d_ *+\-()]+", text):
            found[name] = eval(text)  # digits and operators only
    return found


BOUNDS = {
    "MAX_NODES": submission.MAX_NODES,
    "MAX_NODE_HEIGHT": submission.MAX_NODE_HEIGHT,
    "MAX_TAG_BYTES": submission.MAX_TAG_BYTES,
    "MAX_BATCH": submission.MAX_BATCH,
}


@pytest.mark.parametrize(("name", "value"), BOUNDS.items(), ids=BOUNDS)
def test_bounds__shared_by_contracts__equal_those_of_the_protocol(name, value):
    assert constants_of("common/bounds.vy")[name] == value


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("common/block_hash.vy", "OPCODE_WINDOW", epochs.OPCODE_WINDOW),
        ("common/block_hash.vy", "HISTORY_WINDOW", epochs.HISTORY_WINDOW),
        ("storage/flow_head.vy", "MAX_LENGTH", flow.MAX_LENGTH),
        ("storage/flow_head.vy", "MAX_PRICE", fees.MAX_PRICE),
        ("storage/flow_tree.vy", "SEGMENT_SECTORS", sectors.SEGMENT_SECTORS),
        ("storage/flow_tree.vy", "EMPTY_SECTOR", merkle.EMPTY_SECTOR_HASH),
        ("storage/submission.vy", "PADDING_SHARE", sectors.PADDING_SHARE),
        ("storage/service_fee.vy", "BPS", fees.BPS),
        ("storage/pora_work.vy", "GATE", recall.GATE),
        ("storage/pora_work.vy", "WORDS", sealing.UNIT_BYTES // sealing.WORD_BYTES),
        ("storage/recall_range.vy", "LOAD", recall.LOAD_SECTORS),
        ("storage/recall_range.vy", "UNITS", recall.LOAD_UNITS),
        ("storage/recall_range.vy", "MAX_LENGTH", recall.MAX_RANGE),
        ("storage/sealed_unit.vy", "SECTORS", sealing.UNIT_SECTORS),
        ("storage/sealed_unit.vy", "WORDS", sealing.UNIT_BYTES // sealing.WORD_BYTES),
        ("storage/mine_pace.vy", "MAX_SHARDS", shards.MAX_SHARDS),
        ("storage/mine_pace.vy", "MAX_SKIPPED", difficulty.MAX_SKIPPED),
        ("storage/chunk_release.vy", "AMOUNT_MASK", reward.MAX_HELD),
        ("storage/chunk_release.vy", "TIME_BITS", reward.TIME_BITS),
        ("storage/chunk_release.vy", "ONE", 1 << reward.SHARE_BITS),
    ],
)
def test_constants__of_a_contract__equal_those_of_the_protocol(path, name, value):
    assert constants_of(path)[name] == value


def test_pad__steps_of_the_contract__are_those_of_the_protocol():
    work = constants_of("storage/pora_work.vy")
    assert work["QUARTERS"] * work["QUARTER_STEPS"] == recall.PAD_STEPS


def test_unknown_block_hash__in_the_contract__is_the_digest_of_nothing():
    written = re.search(r"^UNKNOWN: constant\(bytes32\) = (.+)$", _text("storage/flow_epochs.vy"), re.MULTILINE)
    assert written[1] == 'keccak256(b"")'
    assert epochs.UNKNOWN.hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    ("path", "declaration", "bound"),
    [
        ("interfaces/IFlow.vyi", r"tags: Bytes\[(\d+)\]", submission.MAX_TAG_BYTES),
        ("interfaces/IFlow.vyi", r"nodes: DynArray\[Node, (\d+)\]", submission.MAX_NODES),
        ("interfaces/IFlowFallback.vyi", r"DynArray\[[\w.]+, (\d+)\]", submission.MAX_BATCH),
        ("storage/mine_pace.vy", r"(?:target|max_value\(uint256\)) >> (\d+)", difficulty.SPARE_BITS),
    ],
)
def test_number__in_a_declaration__equals_the_protocols(path, declaration, bound):
    declared = re.findall(declaration, _text(path))
    assert declared
    assert {int(each) for each in declared} == {bound}


def test_units__published_constants__are_ours():
    published = VECTORS["constants"]
    assert published["sectorBytes"] == sectors.SECTOR_BYTES
    assert published["segmentSectors"] == sectors.SEGMENT_SECTORS == 1 << sectors.SEGMENT_HEIGHT
    assert published["segmentBytes"] == sectors.SEGMENT_BYTES
    assert unhex(published["flowGenesisLeaf"]) == flow.GENESIS_LEAF
    assert unhex(published["emptySectorHash"]) == merkle.EMPTY_SECTOR_HASH


def _text(path):
    return (CONTRACTS / path).read_text()
