import pytest

from offchain.chain.contracts.flow import Opened
from offchain.chain.types import Log
from offchain.errors import ChainInconsistent
from offchain.protocol.epochs import UNKNOWN, SealedRange
from offchain.protocol.keccak import keccak256
from offchain.storage.miner.sealed_ranges import following


def digest(epoch):
    return keccak256(bytes([epoch]))


def opened(epoch, length, context=None):
    log = Log("0x", (), b"", 10 * epoch, bytes(32), bytes(32), 0)
    return Opened(epoch, bytes(32), length, context or digest(epoch), log)


def honest(*events):
    """What a contract says that opened these epochs."""
    sealed, covered = {}, 0
    for each in events:
        if each.digest != UNKNOWN:
            sealed[each.digest], covered = (covered, each.length), each.length
    return lambda context: sealed.get(context, (0, 0))


EPOCHS = [opened(1, 100), opened(2, 100), opened(4, 150, UNKNOWN), opened(5, 3000)]


def test_following__epochs__seal_what_no_earlier_one_does():
    found = following(0, EPOCHS, honest(*EPOCHS))
    assert [each.range for each in found] == [SealedRange(0, 100, digest(1), 1), SealedRange(100, 3000, digest(5), 5)]
    assert [each.block for each in found] == [10, 50]


@pytest.mark.parametrize(
    "told", [[opened(1, 50)], [opened(1, 100), opened(2, 90)], [opened(3, 100)]], ids=["shorter", "falls", "unknown"]
)
def test_following__events_that_the_contract_contradicts__are_refused(told):
    with pytest.raises(ChainInconsistent, match="disagree about what epoch"):
        following(0, told, honest(*EPOCHS))


def test_following__epoch_left_out__is_noticed():
    with pytest.raises(ChainInconsistent, match="what epoch 5 seals"):
        following(0, EPOCHS[2:], honest(*EPOCHS))


def test_replace__reorganisation__leaves_what_is_older(miner):
    ranges = miner.ranges
    ranges.replace(-1, following(0, EPOCHS, honest(*EPOCHS)))
    assert (ranges.covered(), ranges.covered(49), ranges.covered(9)) == (3000, 100, 0)
    ranges.replace(10, [])
    assert ranges.covered() == 100
    ranges.replace(10, following(100, [opened(6, 700)], honest(EPOCHS[0], opened(6, 700))))
    ranges.replace(10, following(100, [opened(6, 700)], honest(EPOCHS[0], opened(6, 700))))
    assert [each.end for each in ranges.over(0, 1 << 40)] == [100, 700]


def test_over__ranges_with_sectors_in_between__are_told_in_order(miner):
    miner.ranges.replace(-1, following(0, EPOCHS, honest(*EPOCHS)))
    assert [each.epoch for each in miner.ranges.over(0, 100)] == [1]
    assert [each.epoch for each in miner.ranges.over(99, 101)] == [1, 5]
    assert miner.ranges.over(3000, 4000) == []
    assert [each.epoch for each in miner.ranges.named(digest(5), digest(9))] == [5]
