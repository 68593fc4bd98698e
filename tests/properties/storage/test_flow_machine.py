"""Flow against its model: random submissions in all four forms, epochs, prices, failing markets, pauses.

STO-01  Every submission lies where the model places it, and the root after it is the model's.
STO-02  Contexts, sealed ranges and the unsealed rest equal the model's after any sequence of blocks.
STO-03  Every wei: paid = refunded + held by the flow + forwarded to the reward + service fee.
STO-04  What the model refuses the contract refuses, and changes nothing.
STO-05  Nothing but a pause, a bad submission or a short payment refuses a submission.
"""

import boa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offchain.errors import InvalidSubmission
from offchain.protocol import epochs, fees
from offchain.protocol.flow import FlowTree
from offchain.protocol.submission import MAX_NODE_HEIGHT, Node, Submission, check
from tests.doubles.blocks import block_hash, install_history, mine, remove_history, wait
from tests.doubles.contracts import deploy
from tests.doubles.flow import FORMS, actors, deploy_flow, submission_of
from tests.properties.acceptance import Acceptance

ACCEPTANCE = Acceptance("flow")
SERVICE_FEE_BPS = 100
PAUSE = 7 * 86_400
EPOCH_LENGTHS = (50, 300, 9_000)  # within the opcode's window, within the history's, beyond both

sizes = st.one_of(st.integers(1, 5_000), st.integers(1, 600_000), st.integers(1, 1 << 34))


@st.composite
def wild(draw):
    """Nearly valid: few neighbouring heights in any order, a length close to what they hold."""
    base = draw(st.sampled_from([0, 0, 5, MAX_NODE_HEIGHT - 3]))
    heights = draw(st.lists(st.integers(base, base + 5), max_size=4))
    length = sum(256 << height for height in heights) - draw(st.integers(-1, 600))
    return Submission(max(length, 0), b"", tuple(Node(bytes([height] * 32), height) for height in heights))


class FlowMachine(RuleBasedStateMachine):
    """One flow, its market and reward, and the model of all three."""

    @initialize(with_history=st.booleans(), price=st.integers(1, 10**11), length=st.sampled_from(EPOCH_LENGTHS))
    def set_up(self, with_history, price, length):
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        (install_history if with_history else remove_history)()
        self.with_history = with_history
        self.contracts = deploy_flow(price, length, service_fee_bps=SERVICE_FEE_BPS)
        self.flow = self.contracts.flow
        self.payer = actors("payer", balance=10**40).payer
        self.start_balance = boa.env.get_balance(self.payer)
        self.tree = FlowTree()
        self.epochs = epochs.begin(self.flow.firstBlock(), length)
        self.fees = fees.Fees(price)
        self.paid = self.pooled = self.service = 0
        self.market_fails = False
        self.paused_until = 0
        self.count = 0

    def teardown(self):
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    def hash_of(self, number):
        """What the chain tells of a past block."""
        age = boa.env.evm.patch.block_number - number
        known = 0 < age <= (epochs.HISTORY_WINDOW if self.with_history else epochs.OPCODE_WINDOW)
        return block_hash(number) if known else None

    def open_due(self, limit=2):
        """Let the model open epochs and settle as the contract does; True when one was opened."""
        before = self.epochs
        self.epochs = epochs.open_due(
            before, boa.env.evm.patch.block_number, self.hash_of, self.tree.root, self.tree.length, limit
        )
        return self.epochs.context.epoch != before.context.epoch

    def settle(self):
        """Let the model settle, unless the market fails; what is owed nothing needs no market."""
        if self.market_fails and self.fees.amount:
            return
        self.fees, settlement = fees.settle(self.fees, self.tree.length)
        if settlement:
            share = fees.service_fee(settlement.amount, SERVICE_FEE_BPS)
            self.service += share
            self.pooled += settlement.amount - share

    @rule(files=st.lists(sizes, min_size=1, max_size=5), form=st.sampled_from(FORMS), extra=st.integers(0, 10**18))
    def submit(self, files, form, extra):
        files = files[:1] if form.endswith("submit") else files
        self.submit_valid([submission_of(size, self.count + at) for at, size in enumerate(files)], form, extra)

    def submit_valid(self, submissions, form, extra):
        """Submit what the model accepts, in the model and on chain."""
        due = sum(each.sectors for each in submissions) * self.fees.price
        if boa.env.evm.patch.timestamp < self.paused_until:
            with boa.reverts("flow: paused"):
                self.contracts.submit(submissions, self.payer, form, value=due + extra)
            ACCEPTANCE.count(False)
            return
        opened = self.open_due()
        placed = self.contracts.submit(submissions, self.payer, form, value=due + extra)
        assert len(self.contracts.events("Submit")) == len(submissions)
        for submission, place in zip(submissions, placed, strict=True):
            self.tree, start = self.tree.append(submission.nodes)
            assert (place.index, place.start) == (self.count, start)
            assert (place.identity, place.sectors) == (submission.identity, submission.sectors)
            assert self.flow.getFlowRootByTxSeq(self.count) == self.tree.root
            self.count += 1
            self.fees, fee = fees.charge(self.fees, submission.sectors)
            self.paid += fee
        if opened:
            self.settle()
        ACCEPTANCE.count(True)

    @rule(submission=wild())
    def submit_anything(self, submission):
        try:
            check(submission)
        except InvalidSubmission:
            with boa.reverts():
                self.contracts.submit([submission], self.payer, "submit", value=10**30)
            ACCEPTANCE.count(False)
        else:
            self.submit_valid([submission], "submit", 0)

    @precondition(lambda self: self.fees.price)
    @rule(short=st.integers(1, 10**6))
    def underpay(self, short):
        due = 16 * self.fees.price
        with boa.reverts("flow: paused" if boa.env.evm.patch.timestamp < self.paused_until else "flow: not enough fee"):
            self.contracts.submit([submission_of(4096)], self.payer, "submit", value=max(due - short, 0))
        ACCEPTANCE.count(False)

    @rule(blocks=st.one_of(st.integers(1, 300), st.integers(1, 30_000)))
    def wait(self, blocks):
        mine(blocks)
        ACCEPTANCE.count(True)

    @rule(past=st.sampled_from([0, 1]))
    def wait_until_due(self, past):
        mine(max(self.epochs.due + past - boa.env.evm.patch.block_number, 1))
        ACCEPTANCE.count(True)

    @precondition(lambda self: self.paused_until)
    @rule()
    def wait_until_the_pause_ends(self):
        wait(max(self.paused_until - boa.env.evm.patch.timestamp, 1))
        ACCEPTANCE.count(True)

    @rule(limit=st.integers(0, 3))
    def make_context(self, limit):
        if self.open_due(limit):
            self.flow.makeContextFixedTimes(limit)
            self.settle()
        else:
            self.flow.makeContextFixedTimes(limit)
        ACCEPTANCE.count(True)

    @rule()
    def settle_now(self):
        self.flow.settle()
        self.settle()
        ACCEPTANCE.count(True)

    @rule(price=st.integers(0, 10**11))
    def set_price(self, price):
        self.settle()
        self.contracts.market.setPricePerSector(price, sender=self.contracts.governor)
        self.fees = fees.Fees(price, self.fees.settled, self.fees.charged, self.fees.amount)
        ACCEPTANCE.count(True)

    @rule(fails=st.booleans())
    def break_or_mend_reward(self, fails):
        reward = deploy("RefusingMarket", 0) if fails else self.contracts.reward
        self.settle()
        self.contracts.market.setReward(reward.address, sender=self.contracts.governor)
        self.market_fails = fails
        ACCEPTANCE.count(True)

    @rule(by_guardian=st.booleans())
    def pause(self, by_guardian):
        if by_guardian:
            self.flow.unpause(sender=self.contracts.governor)
        self.flow.pause(sender=self.contracts.guardian if by_guardian else self.contracts.governor)
        self.paused_until = boa.env.evm.patch.timestamp + PAUSE
        ACCEPTANCE.count(True)

    @precondition(lambda self: self.paused_until)
    @rule()
    def unpause(self):
        self.flow.unpause(sender=self.contracts.governor)
        self.paused_until = 0
        ACCEPTANCE.count(True)

    @invariant()
    def tree_equals_model(self):
        if not hasattr(self, "flow"):
            return
        assert self.flow.tree() == (self.tree.length, 0)
        assert self.flow.numSubmissions() == self.count
        assert self.flow.computeFlowRoot() == self.tree.root

    @invariant()
    def epochs_equal_model(self):
        if not hasattr(self, "flow"):
            return
        context = self.epochs.context
        assert tuple(self.flow.getContext()) == (
            context.epoch,
            context.mine_start,
            context.flow_root,
            context.flow_length,
            context.block_digest,
            context.digest,
        )
        assert self.flow.epochStartPosition() == self.epochs.unsealed
        assert self.flow.numEpochRanges() == len(self.epochs.ranges)
        if self.epochs.ranges:
            last = self.epochs.ranges[-1]
            assert tuple(self.flow.getEpochRangeHistory(len(self.epochs.ranges) - 1)) == (
                last.start,
                last.end,
                last.digest,
            )

    @invariant()
    def every_wei_is_accounted(self):
        if not hasattr(self, "flow"):
            return
        assert self.start_balance - boa.env.get_balance(self.payer) == self.paid
        assert boa.env.get_balance(self.flow.address) == self.flow.pendingFees() == self.fees.amount
        assert boa.env.get_balance(self.contracts.market.address) == 0
        assert self.contracts.pooled() == self.pooled
        assert self.contracts.reward.serviceFeeDue() == self.service
        assert boa.env.get_balance(self.contracts.reward.address) == self.pooled + self.service
        assert self.paid == self.fees.amount + self.pooled + self.service


def test_flow__any_sequence__equals_model():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(FlowMachine)
    ACCEPTANCE.check()
