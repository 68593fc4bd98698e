"""Following the flow: every submission is recorded once, whoever forks, breaks or kills what."""

import pytest

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher
from offchain.errors import ChainInconsistent, ChainUnavailable
from offchain.storage.kv.server.follow import Follower
from tests.doubles.clock import FakeClock
from tests.doubles.flow_chain import FLOW, SUBMITTER, FlowChain, submit_log
from tests.doubles.flow_log import made_up
from tests.doubles.killing import Killed
from tests.doubles.rpc import CHAIN_ID, URL, RpcFault
from tests.doubles.running import run_service
from tests.doubles.streams import StreamFile, stream_id

A, B = stream_id(1), stream_id(2)


class Following:
    """A server's parts that follow a chain in memory."""

    def __init__(self, parts, chain, page=1000):
        self.parts, self.chain, self.page = parts, chain, page
        self.restart()

    def restart(self):
        """The same after its process has ended and begun again."""
        client = ChainClient(URL, CHAIN_ID, post=self.chain.post, clock=FakeClock(), jitter=lambda: 0.0)
        flow = FlowContract(client, FLOW)
        watcher = EventWatcher(client, [FLOW], flow.topics, page=self.page)
        parts = self.parts
        self.metrics = type(parts.metrics)("test", "0")
        self.follower = Follower(
            parts.database, flow, watcher, parts.book, parts.replay, parts.replayer, parts.looking, self.metrics,
            0.1, parts.clock.now,
        )  # fmt: skip

    def step(self, count=1):
        """Pauses that the service asks for in its next steps."""
        waited = run_service(self.follower.service, count).waited
        self.parts.work()
        return waited

    def known(self):
        """Root, size and streams of all submissions on record, by sequence number."""
        entries = map(self.parts.book.entry, range(self.parts.book.progress()[0]))
        return [entry and (entry.root, entry.size) for entry in entries]

    def truth(self):
        submissions = [log.submission for log in self.chain.submitted()]
        return [(each.data_root, each.length) if each.tags else None for each in submissions]

    def gauge(self, name):
        return self.metrics.values()[name]


def tagged(number, stream=A):
    return StreamFile(writes=[(stream, b"k", b"%d" % number)]).submission()


@pytest.fixture
def chain():
    return FlowChain()


@pytest.fixture
def following(parts, chain):
    return Following(parts, chain)


def test_step__submissions_of_all_kinds__those_to_streams_are_recorded(following, chain):
    chain.submit(made_up(300, 1), tagged(1))
    chain.submit(tagged(2, B), made_up(900, 2), made_up(900, 3, b"other tags"))
    assert following.step() == [0.1]
    assert following.known()[:4] == following.truth()[:4]
    assert following.known()[4] is None
    entry = following.parts.book.entry(1)
    assert (entry.block, entry.streams, entry.start) == (1, (A,), chain.submitted()[0].tree.length + 0)
    assert sorted(following.parts.looking.entries) == [1, 2]
    assert (following.follower.height, following.follower.block_hash) == (2, chain.blocks[2].hash)
    assert following.gauge("zg_chain_height") == 2


def test_step__sender__is_the_caller_where_the_flow_names_one(following, chain):
    impostor = "0x" + "66" * 20
    log = submit_log(tagged(1), 0, chain.tree(), sender=impostor)
    chain.mine(log)
    following.step()
    assert following.parts.book.entry(0).sender == bytes.fromhex(impostor[2:])
    chain.submit(tagged(2))
    following.step()
    assert following.parts.book.entry(1).sender == bytes.fromhex(SUBMITTER[2:])


def test_step__far_behind__goes_on_without_a_pause(parts, chain):
    following = Following(parts, chain, page=3)
    chain.submit(tagged(1))
    chain.mine(count=9)
    assert following.step(4) == [0.0, 0.0, 0.0, 0.1]
    assert following.gauge("zg_chain_blocks_behind") == 0


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_step__reorganisation__is_followed_to_any_depth(following, chain, depth):
    for number in range(3):
        chain.submit(tagged(number), made_up(300, number))
    following.step()
    chain.fork(depth)
    for number in range(depth + 1):
        chain.submit(tagged(10 + number, B))
    assert following.step(2) == [0.0, 0.1]
    assert following.known() == following.truth()
    assert sorted(following.parts.looking.entries) == following.parts.waiting()
    assert following.gauge("zg_chain_reorganisations_total") == 1


def test_step__restarted__goes_on_where_it_was(following, chain):
    chain.submit(tagged(1))
    following.step()
    height = following.follower.height
    following.restart()
    assert following.follower.height == height
    chain.submit(tagged(2))
    following.step()
    assert following.known() == following.truth()


@pytest.mark.parametrize("when", ["before", "after"])
def test_step__killed_around_the_commit__records_every_event_once(following, chain, monkeypatch, when):
    chain.submit(tagged(1))
    following.step()
    chain.submit(tagged(2))
    save = following.parts.book.save_cursor

    def dying(*arguments):
        save(*arguments)
        if when == "before":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(following.parts.book, "save_cursor", dying)
        if when == "after":
            patch.setattr(following.parts.replayer, "added", lambda _: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            following.step()
    assert len(following.known()) == (2 if when == "after" else 1)
    following.restart()
    following.step()
    following.parts.replayer.begin()
    following.parts.work()
    assert following.known() == following.truth()
    assert sorted(following.parts.looking.entries) == [0, 1]


def test_step__chain_unavailable__changes_nothing_and_can_be_tried_again(following, chain):
    chain.submit(tagged(1))

    def broken(method, _):
        raise RpcFault("internal error", -32603)

    chain.before = broken
    with pytest.raises(ChainUnavailable):
        following.step()
    assert following.parts.book.cursor() is None
    chain.before = None
    following.step()
    assert following.known() == following.truth()


def test_step__submission_that_skips_a_number__is_not_believed(following, chain):
    chain.mine(submit_log(tagged(1), 1, chain.tree()))
    with pytest.raises(ChainInconsistent, match="showed submission 1 where 0 was due"):
        following.step()
    assert following.known() == []


def test_step__each_one__tells_when_the_chain_answered(following, chain):
    following.parts.clock.sleep(50)
    following.step()
    assert following.follower.looked == following.parts.clock.now()
