"""Whatever the chain asks, forgets and mines, and whenever the process restarts: nothing is paid twice, or too much."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offchain.chain.outcomes import Blocked, Cancelled, CapReached
from offchain.errors import RemoteRefused
from tests.doubles.rpc import FakeChain
from tests.doubles.sending import GWEI, PAYER, World, most, transfer

GAS = 21000 * 125 // 100
KEYS = st.integers(1, 4)
EXPECTED = (CapReached, Blocked, RemoteRefused, Cancelled)


def name(value):
    return f"intent {value}"


class Sending(RuleBasedStateMachine):
    """Intent number n transfers n wei; `agreed` is what its owner said last, or more often."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name), FakeChain())
        self.agreed = {}
        self.outcomes = {}

    @initialize(base_fee=st.integers(1, 9))
    def start(self, base_fee):
        self.world.chain.base_fee = base_fee * GWEI

    def attempt(self, action):
        try:
            return action()
        except EXPECTED as error:
            return error

    @rule(value=KEYS, fee=st.integers(0, 60))
    def submit(self, value, fee):
        cap = fee * GWEI * GAS
        self.agreed[value] = max(cap, self.agreed.get(value, 0))
        self.attempt(lambda: self.world.sender.submit(name(value), transfer(value), cap))

    @precondition(lambda self: self.agreed)
    @rule(data=st.data())
    def agree_to_what_is_needed(self, data):
        value = data.draw(st.sampled_from(sorted(self.agreed)))
        error = self.attempt(lambda: self.world.sender.submit(name(value), transfer(value), self.agreed[value]))
        if isinstance(error, CapReached):
            self.agreed[value] = max(error.needed, self.agreed[value])
            self.attempt(lambda: self.world.sender.submit(name(value), transfer(value), error.needed))

    @precondition(lambda self: self.world.journal.unsettled())
    @rule(data=st.data(), seconds=st.sampled_from([0, 16, 46]))
    def check(self, data, seconds):
        value = data.draw(st.sampled_from(self.known()))
        self.world.tick(seconds)
        error = self.attempt(lambda: self.world.sender.check(name(value)))
        if isinstance(error, CapReached):
            assert error.key == name(value)
            assert error.missing > 0

    @precondition(lambda self: self.known())
    @rule(data=st.data())
    def cancel(self, data):
        value = data.draw(st.sampled_from(self.known()))
        self.attempt(lambda: self.world.sender.cancel(name(value)))

    @rule(fee=st.integers(0, 40))
    def fees_change(self, fee):
        self.world.chain.base_fee = fee * GWEI

    @rule(fee=st.one_of(st.none(), st.integers(1, 40)))
    def rpc_limits_fees(self, fee):
        self.world.chain.fee_cap = fee and fee * GWEI * GAS

    @rule()
    def mine(self):
        self.world.chain.mine()

    @rule(data=st.data())
    def nodes_forget(self, data):
        for place in sorted(self.world.chain.pool):
            if data.draw(st.booleans()):
                del self.world.chain.pool[place]

    @rule()
    def restart(self):
        self.world.restarted()

    @rule()
    def somebody_else_sends(self):
        self.world.chain.fee_cap = None
        self.world.outsider_sends(int(self.world.chain.eth_getTransactionCount(PAYER.address, "pending"), 16))

    def known(self):
        return [value for value in sorted(self.agreed) if self.world.journal.of_key(name(value))]

    @invariant()
    def each_is_mined_once(self):
        values = [value for _, value in self.world.mined() if value not in (0, 999)]
        assert len(values) == len(set(values))

    @invariant()
    def nothing_costs_more_than_agreed(self):
        offers = {offer.hash: offer for offer in self.world.offers() if offer.value != 999}
        costs = {}
        for value in self.agreed:
            entries = self.world.journal.of_key(name(value))
            own = [offers.pop(entry.transaction_hash) for entry in entries if entry.transaction_hash in offers]
            costs[value] = max((offer.gas * offer.max_fee for offer in own), default=0)
            assert costs[value] <= self.agreed[value]
        fillers = most(offers.values())
        assert sum(costs.values()) + fillers <= sum(self.agreed.values())

    def teardown(self):
        self.world.chain.base_fee, self.world.chain.fee_cap = GWEI, None
        waiting = set(self.known())
        for _ in range(80):
            for value in sorted(waiting):
                outcome = self.settled(value)
                waiting -= {value} if outcome is not None else set()
            self.world.tick(50)
            self.world.chain.mine()
        assert not waiting
        self.world.database.close()
        self.folder.cleanup()

    def settled(self, value):
        """Whether it was mined; None while it waits."""
        outcome = self.attempt(lambda: self.world.sender.check(name(value)))
        if isinstance(outcome, CapReached):
            self.attempt(lambda: self.world.sender.submit(name(value), transfer(value), outcome.needed))
            return None
        if outcome is None or isinstance(outcome, (Blocked, RemoteRefused)):
            return None
        was_mined = not isinstance(outcome, Cancelled)
        assert (value in [value for _, value in self.world.mined()]) == was_mined
        return was_mined


TestSending = Sending.TestCase
TestSending.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
