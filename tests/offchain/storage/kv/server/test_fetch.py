"""When files are asked for, how often, and what becomes of them."""

import pytest

from offchain.errors import DiskFull, InvalidProof, NotFound, PeerUnavailable
from offchain.storage.client.download import Piece
from offchain.storage.kv.server.fetch import FIRST_PAUSE, LONGEST_PAUSE, Fetcher
from offchain.storage.kv.server.files import Files
from offchain.storage.kv.server.ledger import WAITING, Entry
from tests.doubles.clock import FakeClock
from tests.doubles.files import File
from tests.doubles.running import run_service

FILES = [File.random(100 + number) for number in range(12)]


def entry_of(seq, file=None, **changed):
    file = file or FILES[seq]
    fields = {"root": file.root, "size": file.size, "start": 8 * seq, "state": WAITING, "missing": False} | changed
    return Entry(seq, 1, fields["root"], fields["size"], fields["start"], b"", 0.0, fields["state"], None, None,
                 fields["missing"], False, ())  # fmt: skip


class Shelves:
    """Stands in for sources: files by sequence number, or what is raised instead."""

    def __init__(self):
        self.here = {}
        self.asked = []

    def download(self, entry):
        self.asked.append(entry.seq)
        found = self.here.get(entry.seq)
        if isinstance(found, Exception):
            raise found
        return None if found is None else _Pieces(found)


class _Pieces:
    def __init__(self, file):
        self._file = file

    def pieces(self):
        yield Piece(0, 0, memoryview(self._file.data))


class Fetching:
    """A fetcher and what it told."""

    def __init__(self, folder, at_once=4):
        self.clock, self.shelves, self.files = FakeClock(), Shelves(), Files(folder)
        self.arrived, self.absent = [], []
        self.fetcher = Fetcher(
            self.shelves, self.files, at_once, self.arrived.append, self.absent.append, self.clock.now
        )

    def run(self, ticks=1):
        """Let the service look, and finish what it began."""
        return run_service(self.fetcher.service, ticks)


@pytest.fixture
def fetching(tmp_path):
    return Fetching(tmp_path / "files")


def test_want__file_that_is_there__arrives_and_is_no_longer_wanted(fetching):
    fetching.shelves.here[0] = FILES[0]
    fetching.fetcher.want(entry_of(0))
    assert fetching.fetcher.problem(0) == "it was not asked for yet"
    fetching.run()
    assert (fetching.arrived, fetching.fetcher.count, fetching.fetcher.problem(0)) == ([0], 0, None)
    assert fetching.files.get(FILES[0].root, FILES[0].size) == FILES[0].data


def test_want__file_on_the_disk_already__arrives_without_being_asked_for(fetching):
    fetching.files.put(FILES[0].root, FILES[0].size, [memoryview(FILES[0].data)])
    fetching.fetcher.want(entry_of(0))
    fetching.run()
    assert (fetching.arrived, fetching.shelves.asked) == ([0], [])


def test_want__file_that_is_not_there__is_told_and_asked_for_again(fetching):
    fetching.fetcher.want(entry_of(0))
    fetching.run()
    assert (fetching.arrived, fetching.absent) == ([], [0])
    assert fetching.fetcher.problem(0) == "the storage nodes do not have it"
    fetching.run()
    assert fetching.absent == [0]
    fetching.clock.sleep(FIRST_PAUSE)
    fetching.shelves.here[0] = FILES[0]
    fetching.run()
    assert fetching.arrived == [0]


def test_want__again__changes_nothing(fetching):
    fetching.fetcher.want(entry_of(0))
    fetching.run()
    fetching.fetcher.want(entry_of(0, missing=True))
    fetching.run()
    assert fetching.shelves.asked == [0]


def test_want__another_file_under_the_same_number__replaces_the_first(fetching):
    fetching.fetcher.want(entry_of(0))
    fetching.run()
    fetching.shelves.here[0] = FILES[1]
    fetching.fetcher.want(entry_of(0, FILES[1]))
    fetching.run()
    assert (fetching.arrived, fetching.fetcher.count) == ([0], 0)
    assert fetching.files.has(FILES[1].root, FILES[1].size)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (PeerUnavailable("nobody answers"), "nobody answers"),
        (NotFound("no valid segment"), "no valid segment"),
        (InvalidProof("it lies"), "it lies"),
    ],
)
def test_fetch__that_fails__says_why_and_does_not_count_as_absent(fetching, problem, told):
    fetching.shelves.here[0] = problem
    fetching.fetcher.want(entry_of(0))
    fetching.run()
    assert (fetching.arrived, fetching.absent, fetching.fetcher.problem(0)) == ([], [], told)


def test_fetch__long_wanted__is_tried_ever_more_rarely(fetching):
    fetching.fetcher.want(entry_of(0))
    pauses = []
    for _ in range(400):
        [wanted] = fetching.fetcher._due()
        fetching.fetcher._fetch(wanted)
        pauses.append(wanted.due - fetching.clock.now())
        fetching.clock.sleep(pauses[-1])
    assert all(later > earlier - 1e-9 for earlier, later in zip(pauses, pauses[1:], strict=False))
    assert (pauses[0], pauses[-1]) == (pytest.approx(FIRST_PAUSE), pytest.approx(LONGEST_PAUSE))


def test_fetch__more_than_at_once__takes_the_others_later(tmp_path):
    fetching = Fetching(tmp_path / "files", at_once=2)
    for seq in range(5):
        fetching.fetcher.want(entry_of(seq))
    assert [wanted.seq for wanted in fetching.fetcher._due()] == [0, 1]
    assert fetching.fetcher._due() == []


def test_forget__numbers_that_the_chain_took_back__are_not_asked_for(fetching):
    for seq in range(4):
        fetching.fetcher.want(entry_of(seq))
    fetching.fetcher.forget(2)
    fetching.run()
    assert sorted(fetching.shelves.asked) == [0, 1]


def test_drop__number_that_is_decided__is_not_asked_for(fetching):
    for seq in range(3):
        fetching.fetcher.want(entry_of(seq))
    fetching.fetcher.drop(1)
    fetching.fetcher.drop(7)
    fetching.run()
    assert sorted(fetching.shelves.asked) == [0, 2]


def test_forget__while_it_is_fetched__does_not_bring_it_back(fetching):
    fetching.fetcher.want(entry_of(0))
    [wanted] = fetching.fetcher._due()
    fetching.fetcher.forget(0)
    fetching.fetcher._fetch(wanted)
    assert fetching.fetcher.count == 0
    assert fetching.fetcher._due() == []


def test_fetch__disk_that_is_full__stops_the_worker(fetching, monkeypatch):
    def full(*_):
        raise DiskFull("no room is left")

    monkeypatch.setattr(fetching.files, "put", full)
    fetching.shelves.here[0] = FILES[0]
    fetching.fetcher.want(entry_of(0))
    with pytest.raises(DiskFull):
        fetching.run(2)


def test_stop__during_a_download__breaks_it_off(fetching):
    fetching.shelves.here[0] = FILES[0]
    fetching.fetcher.want(entry_of(0))
    [wanted] = fetching.fetcher._due()
    fetching.fetcher._stopping = True
    fetching.fetcher._fetch(wanted)
    assert fetching.fetcher.problem(0) == "the server stops"
    assert fetching.files.all() == []
