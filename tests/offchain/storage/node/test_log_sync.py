import pytest
from structlog.testing import capture_logs

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher
from offchain.errors import ChainInconsistent, ChainUnavailable, Corrupted
from offchain.storage.node.log_sync import LogSync
from offchain.storage.node.zgs_api import SyncProgress
from tests.doubles.clock import FakeClock
from tests.doubles.flow_chain import FLOW, FlowChain, submit_log
from tests.doubles.flow_log import made_up
from tests.doubles.killing import Killed
from tests.doubles.rpc import CHAIN_ID, URL, RpcFault
from tests.doubles.running import run_service


class Follower:
    """A node's parts that follow a chain in memory."""

    def __init__(self, node, chain, page=1000, confirmations=0):
        self.node, self.chain = node, chain
        self.added, self.page, self.confirmations = [], page, confirmations
        self.sync = self.restarted()

    def restarted(self):
        """The same after its process has ended and begun again."""
        client = ChainClient(URL, CHAIN_ID, post=self.chain.post, clock=FakeClock(), jitter=lambda: 0.0)
        flow = FlowContract(client, FLOW)
        watcher = EventWatcher(client, [FLOW], flow.topics, page=self.page, confirmations=self.confirmations)
        self.metrics = type(self.node.metrics)("test", "0")
        deadline = self.node.pool.deadline
        self.sync = LogSync(flow, watcher, self.node.catalog, self.metrics, 0.5, deadline, self.added.append)
        return self.sync

    def step(self, count=1):
        """Pauses that the service asks for in its next steps."""
        return run_service(self.sync.service, count).waited

    def known(self):
        """Submissions in the catalogue."""
        entries = [self.node.catalog.entry(seq) for seq in range(self.node.catalog.next_seq())]
        return [entry.submission for entry in entries]

    def truth(self):
        return [log.submission for log in self.chain.submitted()]

    def gauge(self, name):
        return self.metrics.values()[name]


@pytest.fixture
def chain():
    return FlowChain()


@pytest.fixture
def follower(node, chain):
    return Follower(node, chain)


def test_step__new_submissions__are_in_the_catalogue_with_their_roots(follower, chain):
    chain.submit(made_up(300, 1), made_up(262145, 2, b"tags"))
    chain.submit(made_up(1, 3))
    assert follower.step() == [0.5]
    assert follower.known() == follower.truth()
    assert follower.node.catalog.last().flow_root == chain.tree().root
    assert [entry.seq for entry in follower.added[-1]] == [0, 1, 2]
    assert follower.sync.progress == SyncProgress(2, chain.blocks[2].hash)
    assert (follower.gauge("zg_chain_height"), follower.gauge("zg_flow_submissions")) == (2, 3)


def test_progress__before_the_first_step__is_nowhere(follower):
    assert follower.sync.progress == SyncProgress(0, bytes(32))


def test_step__nothing_new__tells_that_the_chain_was_looked_at(follower, chain):
    follower.step()
    before = follower.node.catalog.cursor()
    follower.added.clear()
    follower.step()
    assert follower.added == [[]]
    assert follower.node.catalog.cursor() == before


def test_step__far_behind__goes_on_without_a_pause(node, chain):
    follower = Follower(node, chain, page=3)
    chain.submit(made_up(300))
    chain.mine(count=9)
    assert follower.step(4) == [0.0, 0.0, 0.0, 0.5]
    assert follower.sync.progress.height == 10
    assert follower.gauge("zg_chain_blocks_behind") == 0


def test_step__blocks_without_confirmation__wait(node, chain):
    follower = Follower(node, chain, confirmations=2)
    chain.submit(made_up(300))
    follower.step()
    assert follower.known() == []
    chain.mine(count=2)
    follower.step()
    assert follower.known() == follower.truth()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_step__reorganisation__is_followed_to_any_depth(follower, chain, depth):
    for seed in range(3):
        chain.submit(made_up(300, seed))
    follower.step()
    chain.fork(depth)
    for seed in range(depth + 1):
        chain.submit(made_up(5000, seed))
    with capture_logs() as logs:
        waited = follower.step(2)
    assert waited == [0.0, 0.5]
    assert follower.known() == follower.truth()
    assert follower.node.catalog.last().flow_root == chain.tree().root
    assert [each["submissions"] for each in logs if each["event"] == "reorganisation"] == [list(range(3 - depth, 3))]
    assert follower.gauge("zg_chain_reorganisations_total") == 1


def test_step__restarted__goes_on_where_it_was(follower, chain):
    chain.submit(made_up(300, 1))
    follower.step()
    progress = follower.sync.progress
    follower.restarted()
    assert follower.sync.progress == progress
    chain.calls.clear()
    chain.submit(made_up(300, 2))
    follower.step()
    assert follower.known() == follower.truth()


def test_step__reorganisation_while_the_node_was_off__is_followed(follower, chain):
    for seed in range(3):
        chain.submit(made_up(300, seed))
    follower.step()
    chain.fork(2)
    for seed in range(3):
        chain.submit(made_up(900, seed))
    follower.restarted()
    follower.step(2)
    assert follower.known() == follower.truth()


@pytest.mark.parametrize("when", ["before", "after"])
def test_step__killed_around_the_commit__applies_every_event_once(follower, chain, monkeypatch, when):
    chain.submit(made_up(300, 1))
    follower.step()
    chain.submit(made_up(300, 2))
    apply = follower.node.catalog.apply

    def dying(*arguments):
        if when == "after":
            apply(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(follower.node.catalog, "apply", dying)
        with pytest.raises(Killed):
            follower.step()
    assert len(follower.known()) == (2 if when == "after" else 1)
    follower.restarted()
    follower.step()
    assert follower.known() == follower.truth()


def test_step__chain_unavailable__changes_nothing_and_can_be_tried_again(follower, chain):
    chain.submit(made_up(300))

    def broken(method, _):
        raise RpcFault("internal error", -32603)

    chain.before = broken
    with pytest.raises(ChainUnavailable):
        follower.step()
    assert follower.node.catalog.cursor() is None
    chain.before = None
    follower.step()
    assert follower.known() == follower.truth()


def test_step__events_that_the_contract_s_root_denies__are_not_believed(follower, chain):
    chain.submit(made_up(300, 1))
    honest = chain._root_after
    chain._root_after = lambda seq: b"\xff" * 32
    with pytest.raises(ChainInconsistent, match="events and its flow root disagree at submission 0"):
        follower.step()
    assert follower.known() == []
    chain._root_after = honest
    follower.step()
    assert follower.known() == follower.truth()


def test_step__submission_that_skips_a_number__is_not_believed(follower, chain):
    chain.mine(submit_log(made_up(300), 1, chain.tree()))
    with pytest.raises(ChainInconsistent, match="showed submission 1 where 0 was due"):
        follower.step()


def test_step__stored_cursor_unreadable__is_corrupted(follower):
    follower.node.catalog.apply([], None, "nonsense", None, 0.0)
    with pytest.raises(Corrupted, match="a stored cursor is unreadable"):
        follower.restarted()
