import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol import merkle, sealing
from offchain.protocol.epochs import SealedRange
from offchain.protocol.keccak import keccak256
from tests.doubles.mined_flow import PORA, published_flow
from tests.offchain.protocol.vectors import unhex

MINER, CONTEXT = bytes([1]) * 32, bytes([2]) * 32
POSITION = PORA["recallPosition"]


def unit_of(seed):
    return b"".join(keccak256(bytes([seed]), bytes([number])) for number in range(128))


def test_seal__published_unit__gives_the_published_bytes():
    raw, sealed = published_flow().raw(POSITION), published_flow().sealed(POSITION)
    assert keccak256(raw) == unhex(PORA["unsealedKeccak"])
    assert keccak256(sealed) == unhex(PORA["sealedKeccak"])
    assert sealed[:32] == unhex(PORA["sealedFirst32"])
    assert sealed[-32:] == unhex(PORA["sealedLast32"])


@given(st.integers(0, 255), st.integers(0, 1 << 48))
def test_unseal__sealed_unit__gives_it_back(seed, position):
    sealed = sealing.seal(unit_of(seed), MINER, CONTEXT, position)
    assert sealing.unseal(sealed, MINER, CONTEXT, position) == unit_of(seed)


def test_seal__each_word__depends_on_all_before_it():
    unit = unit_of(0)
    sealed = sealing.seal(unit, MINER, CONTEXT, 16)
    for word in (0, 1, 64, 127):
        changed = bytearray(unit)
        changed[word * 32] ^= 1
        other = sealing.seal(bytes(changed), MINER, CONTEXT, 16)
        differing = {at // 32 for at in range(4096) if other[at] != sealed[at]}
        assert differing == set(range(word, 128))


@pytest.mark.parametrize(
    ("miner", "context", "position"), [(CONTEXT, CONTEXT, 16), (MINER, MINER, 16), (MINER, CONTEXT, 32)]
)
def test_seal__other_miner_context_or_place__gives_other_bytes(miner, context, position):
    assert sealing.seal(unit_of(0), miner, context, position) != sealing.seal(unit_of(0), MINER, CONTEXT, 16)


@pytest.mark.parametrize("size", [0, 4095, 4097])
@pytest.mark.parametrize("change", [sealing.seal, sealing.unseal])
def test_seal__not_a_unit__is_refused(change, size):
    with pytest.raises(Invalid, match=f"4096 bytes, not {size}"):
        change(bytes(size), MINER, CONTEXT, 0)


def test_unit_root__sixteen_sectors__is_a_node_of_their_tree():
    unit = unit_of(3)
    leaves = [keccak256(unit[at : at + 256]) for at in range(0, 4096, 256)]
    assert sealing.unit_root(unit) == merkle.tree_root(leaves)
    assert sealing.unit_root(bytes(4096)) == merkle.ZERO_ROOTS[sealing.UNIT_HEIGHT]


@pytest.mark.parametrize(
    ("position", "digest"), [(0, b"a"), (64, b"a"), (74, b"a"), (75, b"c"), (80, b"c"), (104, b"c"), (105, None)]
)
def test_sealing_context__unit_across_two_ranges__belongs_to_the_one_of_its_last_sector(position, digest):
    ranges = [SealedRange(0, 90, b"a", 1), SealedRange(90, 90, b"b", 2), SealedRange(90, 120, b"c", 3)]
    assert sealing.sealing_context(ranges, position) == digest
