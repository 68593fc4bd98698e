"""`make soak`: its verdict fails on wrong facts, its tally repeats what may be repeated, and a short one holds."""

import random
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner

from offchain.errors import Invalid, NotFound, PeerUnavailable
from scripts import soak
from scripts._lib.books import Books
from scripts._lib.network import Network
from scripts._lib.processes import Services
from scripts._lib.soak import campaign, verdict
from scripts._lib.soak import tally as tallies
from scripts._lib.soak.archive import Archive, Kept, same
from scripts._lib.soak.campaign import MAX_FINDINGS, Campaign
from scripts._lib.soak.chaos import Chaos
from scripts._lib.soak.streams import COUNTER, Ledger
from scripts._lib.soak.tally import Tally
from scripts._lib.soak.town import Town
from scripts._lib.soak.verdict import Accounts, Copy, Mined, State
from scripts._lib.stories.narrator import Stage

STREAM = bytes(31) + b"\x01"
BOOKS = Books(balance=90, pending=10, held_for_miners=40, owed_to_miners=30, service_fee=10, donated=0)
ACCOUNTS = Accounts(BOOKS, charged=120, withdrawn=30, distributed=60)
MINED = Mined("miner-1", epochs=3, earned=5, owed=0)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Copy("a", "node", promised=True, held=True), []),
        (Copy("a", "node", promised=True, held=True, problem="other bytes"), ["a from node: other bytes"]),
        (
            Copy("a", "node", promised=True, held=False),
            ["a: node said that it has it, and does not", "a: no node has it"],
        ),
        (Copy("a", "node", promised=False, held=False), ["a: no node has it"]),
    ],
)
def test_copies__one_node__tells_what_it_lost_or_spoiled(found, told):
    assert list(verdict.copies([found])) == told


def test_copies__held_by_another_node__is_enough_where_nothing_was_promised():
    assert not list(verdict.copies([Copy("a", "one", False, held=True), Copy("a", "two", False, held=False)]))


def test_payments__a_root_twice__is_told_with_its_submissions():
    one, two = b"\1" * 32, b"\2" * 32
    assert not list(verdict.payments([one, two]))
    assert list(verdict.payments([one, two, one])) == [f"0x{one.hex()} was announced 2 times, as submissions [0, 2]"]


def test_states__a_server_differs__is_told_with_the_stream():
    state = State("model", "0xaa", {"0x01": "0x11"})
    assert not list(verdict.states([state, replace(state, teller="server")]))
    other = State("server", "0xbb", {"0x01": "0x12"})
    assert list(verdict.states([state, other])) == [
        "state root: model 0xaa, server 0xbb",
        "root of stream 0x01: model 0x11, server 0x12",
    ]


@pytest.mark.parametrize("read", [{}, {(STREAM, b"key"): b"older"}])
def test_values__not_what_was_committed__are_told(read):
    expected = {(STREAM, b"key"): b"value"}
    assert not list(verdict.values(expected, expected))
    [told] = verdict.values(expected, read)
    assert "key key of stream 0x" in told and "committed b'value'" in told


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ACCOUNTS, charged=121),
        replace(ACCOUNTS, withdrawn=31, distributed=61),
        replace(ACCOUNTS, distributed=59),
        replace(ACCOUNTS, books=replace(BOOKS, pending=9)),
    ],
)
def test_accounts__a_wei_is_missing__is_told(wrong):
    assert not list(verdict.accounts(ACCOUNTS))
    assert len(list(verdict.accounts(wrong))) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (replace(MINED, epochs=0, earned=0), "miner-1 answered no epoch"),
        (replace(MINED, earned=0), "miner-1 answered 3 epochs and earned nothing"),
        (replace(MINED, owed=7), "miner-1 is still owed 7 wei"),
    ],
)
def test_miners__idle_or_unpaid__are_told(wrong, told):
    assert not list(verdict.miners([MINED]))
    assert list(verdict.miners([MINED, wrong])) == [told]


def test_ledger__several_writers__expects_the_last_values_and_the_sum_of_a_counter():
    ledger = Ledger()
    ledger.put({(STREAM, b"a"): b"1", (STREAM, b"b"): b"2"})
    ledger.put({(STREAM, b"a"): b""})
    ledger.count(STREAM)
    ledger.count(STREAM)
    assert ledger.expected() == {(STREAM, b"a"): b"", (STREAM, b"b"): b"2", (STREAM, COUNTER): b"2"}


def test_tally__errors_that_pass__are_repeated_and_counted(monkeypatch):
    monkeypatch.setattr(tallies, "PAUSE", 0)
    errors = [PeerUnavailable("dead"), NotFound("its only node is dead")]

    def action():
        if errors:
            raise errors.pop()
        return "done"

    tally = Tally()
    assert tally.persist(action) == "done"
    assert tally.counts["retries"] == 2
    assert "2 retries · 0 findings" in tally.line(61)


@pytest.mark.parametrize("error", [Invalid("wrong"), PeerUnavailable("dead for good")])
def test_tally__errors_that_stay__are_raised(monkeypatch, error):
    monkeypatch.setattr(tallies, "PATIENCE", -1)

    def action():
        raise error

    with pytest.raises(type(error)):
        Tally().persist(action)


def test_same__directories__differ_in_a_byte_or_a_name(tmp_path):
    left, right = tmp_path / "left", tmp_path / "right"
    for top in (left, right):
        (top / "inner").mkdir(parents=True)
        (top / "inner" / "file").write_bytes(b"same")
    assert same(left, right)
    (right / "inner" / "file").write_bytes(b"some")
    assert not same(left, right)
    (right / "inner" / "file").write_bytes(b"same")
    (right / "more").touch()
    assert not same(left, right)


class Spoiler:
    """A client that gives back other bytes."""

    def download(self, roots, path, openers):
        path.write_bytes(b"other")


def test_kept__other_bytes_come_back__is_seen_and_the_copy_removed(tmp_path):
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.write_bytes(b"bytes")
    kept = Kept(original, (bytes(32),), ())
    assert not kept.fetch(Spoiler(), copy)
    assert not copy.exists()
    original.write_bytes(b"other")
    assert kept.fetch(Spoiler(), copy)


def test_archive__the_same_content_again__is_not_new(tmp_path):
    archive = Archive(tmp_path / "originals")
    assert archive.is_new(b"a") and not archive.is_new(b"a")
    assert archive.place() != archive.place()


class Hamlet(Town):
    """A town of one process, that does nothing."""

    names = nodes = ["storage-1"]

    def __init__(self, folder):
        super().__init__(Stage(Network(Services(folder)), folder), [])

    def start(self, name):
        self.network.services.start(name, ["sleep", "600"])


@pytest.fixture
def hamlet(tmp_path):
    hamlet = Hamlet(tmp_path / "services")
    hamlet.start("storage-1")
    yield hamlet
    hamlet.network.services.stop()


@pytest.fixture
def chaos(hamlet):
    """Somebody who does not pause: all is over."""
    stop = threading.Event()
    stop.set()
    return Chaos(hamlet, random.Random(1), Tally(), stop)


def test_chaos__a_process__is_ended_and_started_again(hamlet, chaos):
    before = hamlet.network.services.running()
    chaos.step()
    after = hamlet.network.services.running()
    assert set(before) == set(after) and before != after
    assert not chaos._tally.findings
    assert sum(chaos._tally.counts[kind] for kind in ("kills", "orderly ends")) == 1


def test_chaos__a_process_ended_by_itself__is_found_and_started_again(hamlet, chaos):
    hamlet.network.services.kill("storage-1")
    chaos.step()
    [told] = chaos._tally.findings
    assert told.startswith("storage-1 ended by itself")
    assert not hamlet.dead()


class Grumbler:
    """Somebody whose every step fails."""

    name = "grumbler"

    def step(self):
        raise Invalid("wrong")


def test_campaign__errors_that_repeating_does_not_overcome__are_findings_and_end_it(hamlet):
    begun = Campaign(hamlet, 1, print)
    begun._run(Grumbler())
    assert begun.tally.findings == ["grumbler: Invalid: wrong"] * MAX_FINDINGS


@pytest.fixture
def staged(tmp_path, monkeypatch):
    """`scripts.soak` on a town of one process; the campaign finds what is in this list."""
    problems = []

    class Play:
        def __init__(self, town, seed, say):
            say(f"seed {seed}")

        def work(self, seconds, every):
            pass

        def settle(self):
            pass

        def judge(self):
            return problems

    monkeypatch.setattr(soak, "HOME", tmp_path / "soak")
    monkeypatch.setattr("scripts._lib.soak.campaign.Campaign", Play)
    monkeypatch.setattr(Town, "found", lambda stage_of, services, say: services.start("chain", ["sleep", "600"]))
    yield problems
    Services(soak.HOME).stop()


def test_soak__all_holds__says_so_and_leaves_no_process(staged):
    told = CliRunner().invoke(soak.cli, ["--seed", "7"])
    assert (told.exit_code, told.output.splitlines()[-1]) == (0, "Everything held.")
    assert "to repeat it: --seed 7" in told.output and "  seed 7" in told.output.splitlines()
    assert not Services(soak.HOME).running()


def test_soak__something_differs__prints_it_and_exits_with_1(staged):
    staged.append("a file is gone")
    told = CliRunner().invoke(soak.cli, ["--seed", "7"])
    assert told.exit_code == 1
    assert told.output.splitlines()[-2:] == ["Error: 1 findings, seed 7", "a file is gone"]
    assert not Services(soak.HOME).running()


@pytest.mark.anvil
def test_soak__a_few_seconds__everything_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "HOME", tmp_path / "soak")
    monkeypatch.setattr(campaign, "EPOCHS", 1)
    told = CliRunner().invoke(soak.cli, ["--minutes", "0.2", "--seed", "1"])
    assert told.exit_code == 0, told.output
    assert not Services(soak.HOME).running()
