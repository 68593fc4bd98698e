"""Rewards of a pool against their model: any sequence of payments, joining, leaving and time.

VLT-09  Each owner is owed what the model says, and all of them no more than what came in.
"""

import boa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from offchain.errors import Invalid
from offchain.protocol.restaking import rewards as model
from offchain.protocol.restaking.rewards import Stream
from tests.doubles.contracts import deploy
from tests.doubles.vault import EPOCH, RICHES, deploy_vault
from tests.properties.acceptance import Acceptance

ACCEPTANCE = Acceptance("reward stream")
COMMISSION = 700


class StreamMachine(RuleBasedStateMachine):
    """A pool that may be empty, two who come and go, and rewards in a token of their own."""

    @initialize()
    def set_up(self):
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.vault = deploy_vault()
        people = self.vault.people
        self.token = deploy("Token")
        self.token.mint(people.outsider, RICHES)
        self.token.approve(self.vault.contract.address, RICHES, sender=people.outsider)
        self.vault.contract.setRewardToken(self.token.address, True, sender=people.governor)
        self.pool = self.vault.create_pool(people.operator, COMMISSION)
        self.vault.contract.allowReward(self.pool, self.token.address, sender=people.operator)
        self.owners = [people.delegator, people.other]
        self.units, self.settled, self.owed = ({owner: 0 for owner in self.owners} for _ in range(3))
        self.stream, self.commission, self.paid_in = Stream(), 0, 0

    def teardown(self):
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @property
    def now(self):
        return boa.env.evm.patch.timestamp

    def _settle(self, owner):
        self.stream = model.accrue(self.stream, sum(self.units.values()), self.now)
        self.owed[owner] += model.due(self.stream, self.units[owner], self.settled[owner])
        self.settled[owner] = self.stream.earned

    @rule(owner=st.integers(0, 1), amount=st.sampled_from((1, 10**6, 10**18, 10**24)))
    def join(self, owner, amount):
        owner = self.owners[owner]
        self._settle(owner)
        self.units[owner] += self.vault.deposit(self.pool, amount, owner)
        ACCEPTANCE.count(True)

    @rule(owner=st.integers(0, 1), part=st.sampled_from((1, 50, 100)))
    def leave(self, owner, part):
        owner = self.owners[owner]
        units = self.units[owner] * part // 100
        if not units:
            return
        self._settle(owner)
        self.vault.contract.requestWithdrawal(self.pool, units, sender=owner)
        self.units[owner] -= units
        ACCEPTANCE.count(True)

    @rule(amount=st.one_of(st.integers(1, 20), st.integers(1, 10**12), st.integers(1, 10**24), st.just(2**96 - 1)))
    def pay(self, amount):
        commission = model.commission(amount, COMMISSION)
        payer, contract = self.vault.people.outsider, self.vault.contract
        try:
            accrued = model.accrue(self.stream, sum(self.units.values()), self.now)
            self.stream = model.pour(accrued, amount - commission, self.now, EPOCH)
        except Invalid as refusal:
            with boa.reverts(f"{refusal}"):
                contract.addRewards(self.pool, self.token.address, amount, sender=payer)
            ACCEPTANCE.count(False)
            return
        contract.addRewards(self.pool, self.token.address, amount, sender=payer)
        self.commission += commission
        self.paid_in += amount
        ACCEPTANCE.count(True)

    @rule(owner=st.integers(0, 1))
    def collect(self, owner):
        self._settle(self.owners[owner])
        self.vault.contract.collectRewards(self.pool, self.owners[owner])
        ACCEPTANCE.count(True)

    @rule(seconds=st.sampled_from((1, EPOCH // 3, EPOCH, 2 * EPOCH)))
    def pass_time(self, seconds):
        boa.env.time_travel(seconds=seconds)

    @invariant()
    def everybody_is_owed_what_the_model_says(self):
        if not hasattr(self, "stream"):
            return
        told = [self.vault.contract.payments(self.token.address, owner) for owner in self.owners]
        assert told == list(self.owed.values())
        operator = self.vault.contract.payments(self.token.address, self.vault.people.operator)
        assert operator == self.commission
        assert sum(told) + operator <= self.paid_in == self.token.balanceOf(self.vault.contract.address)


def test_reward_stream__any_sequence__equals_model():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(StreamMachine)
    ACCEPTANCE.check()
