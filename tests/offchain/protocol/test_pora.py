from dataclasses import replace
from functools import cache

import pytest

from offchain.errors import Invalid
from offchain.fast.recall import Batch
from offchain.protocol import pora, recall
from offchain.protocol.epochs import UNKNOWN, SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.recall import ALL, GATE, LOAD_SECTORS, MAX_RANGE, RecallRange, Task
from offchain.protocol.shards import Shard
from tests.doubles.mined_flow import (
    EASIEST,
    PORA,
    PUBLISHED_CONTEXT,
    published_answer,
    published_flow,
    surroundings,
)
from tests.offchain.protocol.vectors import unhex

OTHER = keccak256(b"another")
ANSWER = published_answer()
OUTPUT = unhex(PORA["poraOutput"])


def assert_refused(cause, answer=ANSWER, **changes):
    with pytest.raises(Invalid) as refused:
        pora.verify(answer, surroundings(**changes))
    assert str(refused.value) == f"mine: {cause}"


def in_range(**changes):
    return replace(ANSWER, range=replace(ANSWER.range, **changes))


def in_unit(**changes):
    return replace(ANSWER, unit=replace(ANSWER.unit, **changes))


def test_verify__published_answer__has_the_published_quality():
    assert pora.verify(ANSWER, surroundings()) == OUTPUT


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (replace(ANSWER, miner_id=OTHER), "unknown miner"),
        (replace(ANSWER, context_digest=OTHER), "wrong context"),
        (in_range(shard_id=1), "bad shard"),
        (in_range(shard_mask=ALL - 1), "too many shards"),
        (in_range(start=LOAD_SECTORS), "bad start"),
        (in_range(length=ANSWER.range.length - LOAD_SECTORS), "bad length"),
        (in_range(length=ANSWER.range.length + LOAD_SECTORS), "beyond the flow"),
        (in_unit(context_digest=OTHER), "wrong seal context"),
        (in_unit(context_digest=PUBLISHED_CONTEXT.digest), "wrong seal context"),
        (in_unit(data=bytes([ANSWER.unit.data[0] ^ 1]) + ANSWER.unit.data[1:]), "wrong data"),
        (in_unit(data=ANSWER.unit.data[:-1] + bytes([ANSWER.unit.data[-1] ^ 1])), "wrong data"),
        (in_unit(proof=ANSWER.unit.proof[:-1]), "wrong data"),
        (in_unit(proof=(*ANSWER.unit.proof, OTHER)), "wrong data"),
        (in_unit(proof=()), "wrong data"),
        (replace(ANSWER, recall_position=ANSWER.recall_position + 16), "wrong data"),
        (replace(ANSWER, recall_position=ANSWER.recall_position + 1), "wrong data"),
        (replace(ANSWER, recall_position=PORA["flowLength"]), "wrong seal context"),
        (replace(ANSWER, nonce=OTHER), "wrong position"),
        (replace(ANSWER, seal_offset=ANSWER.seal_offset + 4), "wrong position"),
        (replace(ANSWER, seal_offset=ANSWER.seal_offset + 64), "wrong position"),
    ],
)
def test_verify__field_changed__is_refused_for_its_reason(answer, cause):
    assert_refused(cause, answer)


@pytest.mark.parametrize("number", range(len(ANSWER.unit.proof)))
def test_verify__any_hash_of_the_proof_changed__is_refused(number):
    proof = list(ANSWER.unit.proof)
    proof[number] = bytes([proof[number][0] ^ 1]) + proof[number][1:]
    assert_refused("wrong data", in_unit(proof=tuple(proof)))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"miners": set()}, "unknown miner"),
        ({"context": replace(PUBLISHED_CONTEXT, digest=OTHER)}, "wrong context"),
        ({"answers": 20}, "epoch is full"),
        ({"block": PORA["mineStart"]}, "outside the window"),
        ({"block": PORA["mineStart"] + 101}, "outside the window"),
        ({"block_hash": lambda block: None}, "start is forgotten"),
        ({"max_shards": 0}, "too many shards"),
        ({"ranges": ()}, "wrong seal context"),
        ({"context": replace(PUBLISHED_CONTEXT, flow_root=OTHER)}, "wrong data"),
        ({"block_hash": lambda block: OTHER}, "wrong position"),
        ({"target": int.from_bytes(OUTPUT, "big") >> 1}, "not good enough"),
        ({"seen": {OUTPUT}}, "known answer"),
    ],
)
def test_verify__surroundings_changed__is_refused_for_its_reason(changes, cause):
    assert_refused(cause, **changes)


@pytest.mark.parametrize(
    "changes",
    [{"answers": 19}, {"block": PORA["mineStart"] + 100}, {"target": int.from_bytes(OUTPUT, "big") + (1 << 64)}],
)
def test_verify__at_the_edge__is_accepted(changes):
    assert pora.verify(ANSWER, surroundings(**changes)) == OUTPUT


def test_verify__context_without_a_block_hash__nobody_can_mine_in():
    assert_refused(
        "wrong context",
        replace(ANSWER, context_digest=UNKNOWN),
        context=replace(PUBLISHED_CONTEXT, digest=UNKNOWN),
    )


def test_verify__everything_wrong__reasons_come_in_their_order():
    wrong = {
        "miners": set(),
        "answers": 20,
        "block": 0,
        "max_shards": 0,
        "block_hash": lambda block: None,
        "ranges": (),
        "target": 0,
        "seen": {OUTPUT},
    }
    answer = in_unit(proof=())
    answer = replace(answer, context_digest=OTHER, range=RecallRange(1, 5, 1, ALL), nonce=OTHER)
    reasons = []
    repairs = [
        lambda: wrong.pop("miners"),
        lambda: answer_with(context_digest=PUBLISHED_CONTEXT.digest),
        lambda: wrong.pop("answers"),
        lambda: wrong.pop("block"),
        lambda: answer_with(range=RecallRange(1, 5, 0, ALL)),
        lambda: wrong.pop("max_shards"),
        lambda: answer_with(range=RecallRange(0, 5, 0, ALL)),
        lambda: answer_with(range=RecallRange(0, MAX_RANGE, 0, ALL)),
        lambda: answer_with(range=ANSWER.range),
        lambda: wrong.pop("block_hash"),
        lambda: wrong.pop("ranges"),
        lambda: answer_with(unit=ANSWER.unit),
        lambda: answer_with(nonce=ANSWER.nonce),
        lambda: wrong.pop("target"),
        lambda: wrong.pop("seen"),
    ]

    def answer_with(**changes):
        nonlocal answer
        answer = replace(answer, **changes)

    for repair in repairs:
        with pytest.raises(Invalid) as refused:
            pora.verify(answer, surroundings(**wrong))
        reasons.append(str(refused.value).removeprefix("mine: "))
        repair()
    assert reasons == [
        "unknown miner",
        "wrong context",
        "epoch is full",
        "outside the window",
        "bad shard",
        "too many shards",
        "bad start",
        "bad length",
        "beyond the flow",
        "start is forgotten",
        "wrong seal context",
        "wrong data",
        "wrong position",
        "not good enough",
        "known answer",
    ]
    assert pora.verify(answer, surroundings(**wrong)) == OUTPUT


def test_verify__load_beyond_the_range__is_refused():
    """Shard 3 of 4 has loads 3, 7, 11, 15 and 19 of 17."""
    chosen = RecallRange.widest(PORA["flowLength"], Shard(3, 4))
    task = Task(ANSWER.miner_id, unhex(PORA["subtaskDigest"]), chosen)
    nonces = [number.to_bytes(32, "big") for number in range(200)]
    positions = Batch(len(nonces)).recall(task, nonces)
    beyond = nonces[positions.index(None)]
    assert set(positions) == {None, 3 * LOAD_SECTORS, 7 * LOAD_SECTORS, 11 * LOAD_SECTORS, 15 * LOAD_SECTORS}
    assert_refused("load beyond the range", replace(ANSWER, range=chosen, nonce=beyond), max_shards=4)


@pytest.mark.parametrize(
    ("flow_length", "chosen", "cause"),
    [
        (17_920, RecallRange(0, 17_408), None),
        (17_920, RecallRange(0, 17_920), "beyond the flow"),
        (3 * MAX_RANGE, RecallRange(0, MAX_RANGE), None),
        (3 * MAX_RANGE, RecallRange(2 * MAX_RANGE, MAX_RANGE), None),
        (3 * MAX_RANGE, RecallRange(2 * MAX_RANGE + recall.PRICING_SECTORS, MAX_RANGE), "beyond the flow"),
        (3 * MAX_RANGE, RecallRange(0, MAX_RANGE + LOAD_SECTORS), "bad length"),
        (3 * MAX_RANGE, RecallRange(0, 2 * MAX_RANGE, 1, ALL - 1), None),
        (3 * MAX_RANGE, RecallRange(1024, 2 * MAX_RANGE, 1, ALL - 1), "bad start"),
        (2048, RecallRange(0, 2048, 0, ALL - 2047), None),
        (2048, RecallRange(0, 2048, 0, ALL - 4095), "too many shards"),
        (1023, RecallRange(0, 0), "bad length"),
        (1023, RecallRange(0, 1024), "beyond the flow"),
    ],
)
def test_check_range__flow_and_range__accepts_only_what_must_be_mined(flow_length, chosen, cause):
    parameters = surroundings(max_shards=1 << 20).parameters
    if cause is None:
        return pora.check_range(chosen, flow_length, parameters)
    with pytest.raises(Invalid) as refused:
        pora.check_range(chosen, flow_length, parameters)
    assert str(refused.value) == f"mine: {cause}"


def test_check_range__small_pricing_chunks__let_a_range_start_at_each():
    parameters = surroundings(pricing_sectors=65_536).parameters
    pora.check_range(RecallRange(65_536, MAX_RANGE), 2 * MAX_RANGE, parameters)
    with pytest.raises(Invalid, match="mine: bad start"):
        pora.check_range(RecallRange(65_536 + 1024, MAX_RANGE), 2 * MAX_RANGE, parameters)


def test_window__several_subtasks__is_the_miners_own():
    parameters = surroundings(subtasks=5, interval=7, mine_blocks=3).parameters
    starts = set()
    for number in range(60):
        miner = keccak256(bytes([number]))
        blocks = pora.window(PUBLISHED_CONTEXT, miner, parameters)
        expected = int.from_bytes(keccak256(PUBLISHED_CONTEXT.digest, miner), "big") % 5
        assert blocks == range(PORA["mineStart"] + 7 * expected + 1, PORA["mineStart"] + 7 * expected + 4)
        starts.add(blocks.start)
    assert len(starts) == 5


def test_subtask_digest__published_context__is_the_published_one():
    assert pora.subtask_digest(PUBLISHED_CONTEXT, unhex(PORA["subtaskBlockHash"])) == unhex(PORA["subtaskDigest"])


@cache
def two_hop_answer():
    """An answer whose first unit leads to a second one, and both qualities."""
    flow = published_flow()
    task = Task(flow.miner_id, unhex(PORA["subtaskDigest"]), ANSWER.range)
    for number in range(100):
        recalled = recall.recall(task, number.to_bytes(32, "big"))
        for hit in recall.scan(recalled, flow.load(recalled.position), GATE - 1):
            first = flow.answer(task, PUBLISHED_CONTEXT, hit.nonce, recalled.position, hit.unit)
            second = flow.unit(task.range.second_position(hit.quality))
            return replace(first, second=second), recall.second_quality(hit.quality, second.data)
    raise AssertionError("a hundred loads without a quality that passes")


def test_verify__two_hops__accepts_both_units_and_gives_the_second_quality():
    answer, quality = two_hop_answer()
    assert pora.verify(answer, surroundings(two_hops=True)) == quality
    enough = int.from_bytes(quality, "big") + (1 << 64)
    assert pora.verify(answer, surroundings(two_hops=True, target=enough)) == quality


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda second: None, "wrong data"),
        (lambda second: replace(second, data=bytes(4096)), "wrong data"),
        (lambda second: replace(second, context_digest=OTHER), "wrong seal context"),
        (lambda second: replace(second, proof=second.proof[:-1]), "wrong data"),
        (lambda second: two_hop_answer()[0].unit, "wrong data"),
    ],
    ids=["missing", "data", "context", "proof", "first again"],
)
def test_verify__two_hops_and_another_second_unit__is_refused(change, cause):
    answer, _ = two_hop_answer()
    assert_refused(cause, replace(answer, second=change(answer.second)), two_hops=True)


def test_verify__two_hops_and_a_second_quality_that_is_too_large__is_refused():
    answer, quality = two_hop_answer()
    assert_refused("not good enough", answer, two_hops=True, target=int.from_bytes(quality, "big") >> 1)
    assert_refused("known answer", answer, two_hops=True, seen={quality})


def test_verify__two_hops_and_a_first_quality_that_does_not_pass__is_refused():
    assert int.from_bytes(OUTPUT, "big") >= GATE
    assert_refused("not good enough", replace(ANSWER, second=ANSWER.unit), two_hops=True)


def test_verify__two_hops_and_a_second_load_beyond_the_range__is_refused():
    flow, chosen = published_flow(), RecallRange.widest(PORA["flowLength"], Shard(3, 4))
    task = Task(flow.miner_id, unhex(PORA["subtaskDigest"]), chosen)
    batch, nonces = Batch(256), [number.to_bytes(32, "big") for number in range(256)]
    positions = batch.recall(task, nonces)
    loads = {position: flow.load(position) for position in set(positions) - {None}}
    for hit in batch.scan([loads.get(position) for position in positions], GATE - 1):
        if chosen.second_position(hit.quality) is None:
            position = positions[nonces.index(hit.nonce)]
            answer = flow.answer(task, PUBLISHED_CONTEXT, hit.nonce, position, hit.unit)
            return assert_refused("load beyond the range", answer, two_hops=True, max_shards=4)
    raise AssertionError("no second load was beyond the range")


def test_verify__one_hop__ignores_a_second_unit():
    assert pora.verify(replace(ANSWER, second=ANSWER.unit), surroundings(target=EASIEST)) == OUTPUT


def test_verify__unit_at_the_edge_of_its_range__is_sealed_by_the_one_of_its_last_sector():
    ranges = (
        SealedRange(0, ANSWER.recall_position + 15, OTHER, 1),
        SealedRange(ANSWER.recall_position + 15, 17_920, ANSWER.unit.context_digest, 2),
    )
    assert pora.verify(ANSWER, surroundings(ranges=ranges)) == OUTPUT
    later = (ranges[0], replace(ranges[1], start=ANSWER.recall_position + 16))
    assert_refused("wrong seal context", ranges=later)
    shorter = (replace(ranges[1], end=ANSWER.recall_position + 15),)
    assert_refused("wrong seal context", ranges=shorter)


def test_published_flow__root__is_the_published_one():
    assert published_flow().root == PUBLISHED_CONTEXT.flow_root
    assert published_flow().unit(ANSWER.recall_position) == ANSWER.unit
