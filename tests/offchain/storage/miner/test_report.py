"""What `zg storage miner status` reads from the data directory."""

from offchain.storage.miner.identity import Identity
from offchain.storage.miner.report import report
from offchain.storage.miner.rounds import Find
from tests.doubles.files import File
from tests.doubles.mine import MINE

SEGMENT = 262_144


def test_report__no_miner_ran_there__is_none_and_makes_nothing(tmp_path):
    assert report(tmp_path / "nowhere", 5) is None
    assert not (tmp_path / "nowhere").exists()


def test_report__before_the_directory_was_claimed__is_none(miner):
    assert report(miner.folder, 5) is None


def test_report__while_the_miner_runs__tells_what_is_sealed_and_what_became_of_answers(miner):
    Identity(1, bytes(32), MINE, miner.miner_id, miner.holding).claim(miner.database)
    miner.submit(File.random(3 * SEGMENT, 1))
    miner.open_epoch()
    miner.seal()
    sealed = miner.loads.count
    miner.announce(File.random(2 * SEGMENT, 2).submission())
    miner.open_epoch()
    job = miner.job()
    for number in range(4):
        miner.book.note(Find(job, number.to_bytes(32, "big"), 0, number, bytes(32)), float(number))
    names = [answer.name for answer in miner.book.found()]
    miner.book.won(names[0], bytes(32), 5)
    miner.book.won(names[1], bytes(32), 6)
    miner.book.lost(names[2], "late")
    told = report(miner.folder, 1)
    assert (told.sealed, told.pending) == (sealed, miner.sealing.pending())
    assert told.pending > 0
    assert told.answers == {"won": 2, "late": 1, "found": 1}
    assert [answer.reward for answer in told.last_won] == [6]
