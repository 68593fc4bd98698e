"""Whatever forks, limits, crashes and load balancers do, a consumer ends with the canonical events."""

import random

from hypothesis import event, given
from hypothesis import strategies as st

from offchain.chain.client import ChainClient
from offchain.chain.watcher import EventWatcher
from offchain.errors import Retryable
from tests.doubles.clock import FakeClock
from tests.doubles.consumer import Consumer
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, FakeLog

EMITTER = "0x" + "ab" * 20
STRANGER = "0x" + "cd" * 20

contents = st.lists(st.lists(st.sampled_from([EMITTER, EMITTER, STRANGER]), max_size=3), max_size=12)
actions = st.one_of(
    st.tuples(st.just("mine"), contents),
    st.tuples(st.just("mine empty"), st.integers(1, 90)),
    st.tuples(st.just("fork"), st.integers(1, 12), contents),
    st.tuples(st.just("deep fork"), st.integers(1, 200), contents),
    st.tuples(st.just("fork during poll"), st.integers(1, 6), contents, st.integers(0, 12)),
    st.tuples(st.just("limit"), st.integers(1, 50)),
    st.tuples(st.just("poll"), st.integers(1, 6)),
    st.tuples(st.just("poll"), st.integers(1, 6)),
    st.tuples(st.just("crash after poll"), st.none()),
    st.tuples(st.just("restart"), st.none()),
)


class Balanced:
    """A load balancer: each exchange goes to the leader, or to a node that lags or sits on a fork."""

    def __init__(self, leader, seed, lag, other_fork):
        self.leader, self.lag, self.other_fork = leader, lag, other_fork
        self.dice = random.Random(seed)
        self.share = 0.15

    def post(self, body):
        return (self._follower() if self.dice.random() < self.share else self.leader).post(body)

    def _follower(self):
        follower = FakeChain(
            self.leader.blocks[: max(1, len(self.leader.blocks) - self.lag)], max_range=self.leader.max_range
        )
        follower.blocks = list(follower.blocks)
        if self.other_fork and len(follower.blocks) > 1:
            follower.salt = 10**6
            follower.fork(1, [FakeLog(EMITTER, (), b"other fork")], [])
        return follower


def logs_of(addresses):
    return [FakeLog(address, (), bytes([position])) for position, address in enumerate(addresses)]


def expected(chain, start, confirmations):
    confirmed = chain.blocks[: max(0, len(chain.blocks) - confirmations)]
    return [
        (block.number, block.hash, index)
        for block in confirmed
        for index, log in enumerate(block.logs)
        if log.address == EMITTER and block.number >= start
    ]


class World:
    """The chain, its watcher and its consumer."""

    def __init__(self, post, chain, start, confirmations, page):
        self.chain = chain
        self.make = lambda: EventWatcher(
            ChainClient(URL, CHAIN_ID, post=post, clock=FakeClock(), jitter=lambda: 0.0),
            [EMITTER],
            start_block=start,
            confirmations=confirmations,
            page=page,
        )
        self.watcher = self.make()
        self.consumer = Consumer()

    def perform(self, action, *arguments):
        getattr(self, action.replace(" ", "_"))(*arguments)

    def mine(self, blocks):
        for addresses in blocks:
            self.chain.mine(*logs_of(addresses))

    def mine_empty(self, count):
        self.chain.mine(count=count)

    def fork(self, depth, blocks):
        self.chain.fork(min(depth, len(self.chain.blocks) - 1), *map(logs_of, blocks))

    deep_fork = fork

    def fork_during_poll(self, depth, blocks, after):
        calls = iter(range(after))

        def count(method, params):
            if next(calls, None) is None:
                self.chain.before = None
                self.fork(depth, blocks)

        self.chain.before = count
        self.poll(1)
        self.chain.before = None

    def limit(self, blocks):
        self.chain.max_range = blocks

    def poll(self, times):
        for _ in range(times):
            self._poll(self.consumer.apply)

    def crash_after_poll(self, _):
        self._poll(lambda step: None)
        self.restart(None)

    def restart(self, _):
        self.watcher = self.make()

    def _poll(self, apply):
        try:
            step = self.watcher.poll(self.consumer.cursor)
        except Retryable as error:
            event(type(error).__name__)
            return
        event("rollback" if step.rolled_back_to is not None else "logs" if step.logs else "no logs")
        apply(step)

    def settle(self):
        """Let the chain outgrow every fork it had: until then a lower head may as well be a node that lags."""
        last = self.consumer.cursor.last
        self.chain.mine(count=max(3, (last.number if last else 0) + 1 - len(self.chain.blocks)))
        self.consumer.follow(self.watcher)


@given(
    st.lists(actions, min_size=8, max_size=30),
    st.integers(0, 20),
    st.sampled_from([0, 0, 1, 5]),
    st.sampled_from([1, 3, 20, 500]),
    st.booleans(),
)
def test_watcher__any_forks_limits_and_crashes__consumer_ends_with_the_canonical_logs(
    history, start, confirmations, page, batches
):
    chain = FakeChain(batches=batches)
    world = World(chain.post, chain, start, confirmations, page)
    for action in history:
        world.perform(*action)
    world.settle()
    assert world.consumer.applied == expected(chain, start, confirmations)


@given(
    st.lists(actions, min_size=8, max_size=20),
    st.integers(0, 10**6),
    st.integers(0, 40),
    st.booleans(),
    st.booleans(),
)
def test_watcher__nodes_that_disagree_behind_one_address__consumer_ends_with_the_canonical_logs(
    history, seed, lag, other_fork, batches
):
    chain = FakeChain(batches=batches)
    balanced = Balanced(chain, seed, lag, other_fork)
    world = World(balanced.post, chain, 0, 0, 50)
    for action in history:
        world.perform(*action)
    balanced.share = 0
    world.settle()
    assert world.consumer.applied == expected(chain, 0, 0)
