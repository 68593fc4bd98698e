import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.epochs import HISTORY_WINDOW, OPCODE_WINDOW, UNKNOWN, Context, SealedRange, begin, open_due
from offchain.protocol.flow import GENESIS_LEAF
from offchain.protocol.keccak import keccak256

ROOT = keccak256(b"root")


def hash_of(block):
    return keccak256(block.to_bytes(8, "big"))


def remembering(window, now):
    """A chain that tells the hashes of its last `window` blocks."""
    return lambda block: hash_of(block) if now - window <= block < now else None


def digest_of(start, root, length):
    return keccak256(hash_of(start), root, length.to_bytes(32, "big"))


def opened(epochs, block, window=HISTORY_WINDOW, root=ROOT, length=100, limit=2):
    return open_due(epochs, block, remembering(window, block), root, length, limit)


def test_begin__fresh_flow__has_an_epoch_nobody_can_mine_in():
    epochs = begin(first_block=7, blocks_per_epoch=10)
    assert epochs.context == Context(0, 7, GENESIS_LEAF, 1, UNKNOWN, UNKNOWN)
    assert (epochs.ranges, epochs.unsealed, epochs.due) == ((), 0, 17)


@pytest.mark.parametrize("block", [0, 16, 17])
def test_open_due__before_the_block_after_the_start__does_nothing(block):
    epochs = begin(7, 10)
    assert opened(epochs, block) is epochs


def test_open_due__first_block_in_which_it_may_be__opens_the_epoch():
    epochs = opened(begin(7, 10), 18)
    digest = digest_of(17, ROOT, 100)
    assert epochs.context == Context(1, 17, ROOT, 100, hash_of(17), digest)
    assert epochs.ranges == (SealedRange(0, 100, digest, 1),)
    assert (epochs.unsealed, epochs.due) == (100, 27)


def test_open_due__several_epochs_passed__oldest_seals_and_newest_is_mined():
    epochs = opened(begin(7, 10), 50)
    assert epochs.context.epoch == 4
    assert [(each.start, each.end, each.epoch) for each in epochs.ranges] == [(0, 100, 1), (100, 100, 4)]


def test_open_due__limit_of_one__opens_the_oldest_only():
    epochs = opened(begin(7, 10), 50, limit=1)
    assert epochs.context.epoch == 1
    assert [each.epoch for each in epochs.ranges] == [1]
    assert opened(epochs, 50).context.epoch == 4


def test_open_due__limit_of_none__does_nothing():
    epochs = begin(7, 10)
    assert opened(epochs, 50, limit=0) is epochs


def test_open_due__again_in_the_same_block__does_nothing():
    epochs = opened(begin(7, 10), 50)
    assert opened(epochs, 50) is epochs


def test_open_due__no_block_hash_known__opens_the_newest_without_a_range():
    epochs = opened(begin(7, 10), 50, window=0)
    assert epochs.context == Context(4, 47, ROOT, 100, UNKNOWN, UNKNOWN)
    assert (epochs.ranges, epochs.unsealed) == ((), 0)


def test_open_due__after_an_epoch_without_a_hash__the_next_range_takes_its_sectors_too():
    epochs = opened(begin(7, 10), 50, window=0, length=100)
    epochs = opened(epochs, 58, length=300)
    assert [(each.start, each.end) for each in epochs.ranges] == [(0, 300)]


@pytest.mark.parametrize(("behind", "oldest"), [(HISTORY_WINDOW, 1), (HISTORY_WINDOW + 1, 2), (HISTORY_WINDOW + 10, 2)])
def test_open_due__start_at_the_edge_of_the_history__is_sealed_by_the_oldest_still_known(behind, oldest):
    epochs = begin(0, 10)
    epochs = opened(epochs, 10 + behind, limit=1)
    assert epochs.context.epoch == oldest
    assert epochs.context.digest != UNKNOWN


@given(
    st.integers(0, 50),
    st.integers(1, 400),
    st.lists(st.integers(1, 12_000), min_size=1, max_size=6),
    st.sampled_from([0, OPCODE_WINDOW, HISTORY_WINDOW]),
    st.integers(1, 2),
)
def test_open_due__any_pauses__opens_the_oldest_known_and_the_newest(first_block, per_epoch, pauses, window, limit):
    epochs, block = begin(first_block, per_epoch), first_block
    for number, pause in enumerate(pauses):
        block += pause
        length = 100 * (number + 1)
        before = epochs
        epochs = opened(epochs, block, window, length=length, limit=limit)
        due = [epoch for epoch in range(before.context.epoch + 1, block) if first_block + epoch * per_epoch < block]
        known = [epoch for epoch in due if block - window <= first_block + epoch * per_epoch]
        if not due:
            assert epochs is before
            continue
        newest = due[-1] if limit == 2 else (known or due[-1:])[0]
        assert epochs.context.epoch == newest
        fresh = epochs.ranges[len(before.ranges) :]
        assert [each.epoch for each in fresh] == list(dict.fromkeys([*known[:1], *known[-1:]]))[:limit]
        if fresh:
            assert (fresh[0].start, fresh[-1].end) == (before.unsealed, length)
    ends = [each.end for each in epochs.ranges]
    assert [each.start for each in epochs.ranges] == [0, *ends[:-1]][: len(ends)]
