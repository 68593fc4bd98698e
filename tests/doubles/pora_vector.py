"""The answer in tests/vectors that the existing mine contract accepted with all its checks on."""

import json
from pathlib import Path

from offchain.protocol.epochs import Context, SealedRange
from offchain.protocol.pora import PoraAnswer, SealedUnit
from offchain.protocol.recall import RecallRange
from offchain.protocol.sealing import UNIT_BYTES, seal
from offchain.protocol.sectors import SECTOR_BYTES
from tests.doubles.files import vector_bytes

_ALL = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "storage.json").read_text())
_VECTOR = _ALL["pora"]


def _hash(name):
    return bytes.fromhex(_VECTOR[name].removeprefix("0x"))


def _unit():
    position = _VECTOR["recallPosition"]
    holding = next(
        each for each in _ALL["flow"]["submissions"] if each["startPos"] <= position < each["startPos"] + each["length"]
    )
    start = (position - holding["startPos"]) * SECTOR_BYTES
    data = vector_bytes(holding["fileSize"])[start : start + UNIT_BYTES]
    return seal(data, _hash("minerId"), _hash("sealedContextDigest"), position)


CONTEXT = Context(
    _VECTOR["epoch"],
    _VECTOR["mineStart"],
    _hash("flowRoot"),
    _VECTOR["flowLength"],
    _hash("blockDigest"),
    _hash("contextDigest"),
)

SUBTASK_BLOCK = _hash("subtaskBlockHash")
"""Hash of the block in which the subtask starts: the first of the epoch."""

OUTPUT = _hash("poraOutput")

RANGES = tuple(
    SealedRange(each["start"], each["end"], bytes.fromhex(each["digest"].removeprefix("0x")), number)
    for number, each in enumerate(_VECTOR["epochRanges"], 1)
)

ANSWER = PoraAnswer(
    CONTEXT.digest,
    _hash("nonce"),
    _hash("minerId"),
    RecallRange(*(_VECTOR["range"][name] for name in ("startPosition", "mineLength", "shardId", "shardMask"))),
    _VECTOR["recallPosition"],
    _VECTOR["sealOffset"],
    SealedUnit(
        _hash("sealedContextDigest"),
        _unit(),
        tuple(bytes.fromhex(each.removeprefix("0x")) for each in _VECTOR["merkleProof"]),
    ),
)
