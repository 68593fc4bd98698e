"""The stake vault against its model: any sequence of deposits, withdrawals, allocations, slashes, annuls and time.

VLT-01  Every token: deposited = held + paid out; what is held covers units, shares, escrows and payments, to the dust.
VLT-02  A slash takes no more than its group may slash.
VLT-03  A slash in one group leaves what backs every other as it was.
VLT-04  What is on its way out and not mature is cut by the same part as what stays.
VLT-05  Nothing is paid before its withdrawal period is over.
VLT-06  Nobody gets out more than went in for it.
VLT-07  The stake told of any epoch is what it was at that epoch's start.
VLT-08  Claims of mature shares are paid whatever happened to the pool, and annulled slashes are paid back exactly.
"""

import boa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from offchain.errors import Invalid
from offchain.protocol.restaking import pool as model
from offchain.protocol.restaking.groups import STEP, WAD
from offchain.protocol.restaking.pool import Clock, Pool
from tests.doubles.vault import EPOCH, MINIMUM, PERIOD, deploy_vault
from tests.properties.acceptance import Acceptance

ACCEPTANCE = Acceptance("vault")
GROUPS = (0, 1, 7)
OWN = 10**18
BURN = "0x000000000000000000000000000000000000dEaD"

amounts = st.one_of(st.integers(1, 10), st.integers(1, 10**6), st.integers(1, 10**24))
fractions = st.one_of(st.just(1), st.just(WAD // 20), st.integers(1, WAD), st.just(WAD))
owners = st.integers(0, 2)
picks = st.integers(0, 2**32)


class VaultMachine(RuleBasedStateMachine):
    """One pool with an operator, who keeps a stake of its own, and two delegators."""

    @initialize()
    def set_up(self):
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.vault = deploy_vault()
        self.contract, people = self.vault.contract, self.vault.people
        self.owners = [people.operator, people.delegator, people.other]
        self.number = self.vault.create_pool(people.operator)
        self.started = boa.env.evm.patch.timestamp
        self.pool = Pool(operator=people.operator)
        self.history = {}
        self.escrowed = {}
        self.slashes = 0
        self.received = dict.fromkeys(self.owners, 0)
        self.given = dict.fromkeys(self.owners, 0)
        self.steps = 0
        self.burned = 0
        self._deposit(people.operator, OWN)
        self.contract.setAllocation(self.number, 0, WAD // 2, sender=people.operator)
        self.pool = model.allocate(self.pool, 0, WAD // 2, self.clock)
        self._deposit(people.delegator, OWN)
        # From here on there is a share that is mature, and one that is not.
        for _ in range(2):
            self._request(people.delegator, 40)
            self._pass(PERIOD)

    def teardown(self):
        if not hasattr(self, "anchor"):
            return
        if hasattr(self, "pool"):
            self._pay_out()
        self.anchor.__exit__(None, None, None)

    def _pay_out(self):
        """However it went, in the end slashes are undone exactly and what is on its way out is paid."""
        for name in list(self.pool.escrows):
            self._annul(name)
            self.equals_the_model()
        self._pass(2 * PERIOD)
        for period, owner in list(self.pool.leaving):
            self._claim(period, owner)

    @property
    def clock(self):
        return Clock(boa.env.evm.patch.timestamp, EPOCH, PERIOD, self.started)

    def _attempt(self, expected, call):
        """`expected()` of the model and `call()` of the contract agree; the model's result, None if both refuse."""
        self.steps += 1
        try:
            result = expected()
        except Invalid as refusal:
            with boa.reverts(f"{refusal}"):
                call()
            ACCEPTANCE.count(False)
            return None, None
        ACCEPTANCE.count(True)
        return result, call()

    def _deposit(self, owner, amount):
        result, units = self._attempt(
            lambda: model.deposit(self.pool, owner, amount),
            lambda: self.vault.deposit(self.number, amount, owner),
        )
        if result:
            self.pool, expected = result
            assert units == expected
            self.given[owner] += amount

    @rule(owner=owners, amount=amounts)
    def deposit(self, owner, amount):
        self._deposit(self.owners[owner], amount)

    @rule(owner=owners, part=st.integers(1, 100))
    def request_withdrawal(self, owner, part):
        self._request(self.owners[owner], part)

    def _request(self, owner, part):
        units = self.pool.units.get(owner, 0) * part // 100
        if owner == self.pool.operator:
            keep = -(-MINIMUM * WAD // self.pool.max) if self.pool.max else 0
            units = min(units, max(self.pool.units[owner] - keep, 0))
        if not units:
            return
        result, _ = self._attempt(
            lambda: model.request(self.pool, owner, units, self.clock),
            lambda: self.contract.requestWithdrawal(self.number, units, sender=owner),
        )
        self.pool = result

    @rule(pick=picks, early=st.sampled_from((False, False, False, True)))
    def claim(self, pick, early):
        shares = [share for share in self.pool.leaving if early or share[0] < self.clock.current]
        if not shares:
            return
        self._claim(*shares[pick % len(shares)])

    def _claim(self, period, owner):
        before = self.vault.token.balanceOf(owner)
        result, amount = self._attempt(
            lambda: model.claim(self.pool, owner, period, self.clock),
            lambda: self.contract.claim(self.number, period, sender=owner),
        )
        if result:
            self.pool, expected = result
            assert amount == expected == self.vault.token.balanceOf(owner) - before
            self.received[owner] += amount

    @rule(group=st.sampled_from(GROUPS), steps=st.integers(0, WAD // STEP // 3))
    def allocate(self, group, steps):
        if self.pool.value(self.pool.units[self.pool.operator]) < MINIMUM:
            return
        result, _ = self._attempt(
            lambda: model.allocate(self.pool, group, steps * STEP, self.clock),
            lambda: self.contract.setAllocation(self.number, group, steps * STEP, sender=self.pool.operator),
        )
        if result:
            self.pool = result

    @rule(group=st.sampled_from((0, *GROUPS)), fraction=fractions)
    def slash(self, group, fraction):
        others = {other: self.contract.stakeOf(self.number, other) for other in GROUPS if other != group}
        limit, before = self.contract.slashable(self.number, group), self.pool
        self.slashes += 1
        name = self.slashes.to_bytes(32, "big")
        result, _ = self._attempt(
            lambda: model.slash(self.pool, group, fraction, name, self.clock),
            lambda: self.vault.slash(self.pool.operator, group, fraction, name),
        )
        self.pool = result
        assert others == {other: self.contract.stakeOf(self.number, other) for other in others}
        if name in self.pool.escrows:
            escrow = self.pool.escrows[name]
            assert self.contract.escrowOf(name, self.number) == (escrow.amount, escrow.own)
            assert escrow.amount <= limit
            self._same_part(before)

    def _same_part(self, before):
        for (period, owner), units in self.pool.leaving.items():
            if period >= self.clock.current:
                was, now = units * before.max_after(period) // WAD, units * self.pool.max_after(period) // WAD
                assert abs(now * before.max - was * self.pool.max) <= 2 * WAD
                assert owner in self.owners

    @rule(pick=picks)
    def release(self, pick):
        if not self.pool.escrows:
            return
        name = list(self.pool.escrows)[pick % len(self.pool.escrows)]
        escrow, nobody = self.pool.escrows[name], boa.env.generate_address("nobody")
        with boa.reverts("vault: bounty too high"):
            self.contract.release(name, self.number, nobody, escrow.own // 2 + 1, nobody, 0, sender=self.vault.slasher)
        bounty = escrow.own // 2
        self.contract.release(name, self.number, nobody, bounty, nobody, 0, sender=self.vault.slasher)
        self.pool = model.release(self.pool, name)
        self.burned += escrow.amount
        assert self.contract.payments(self.vault.token.address, nobody) >= bounty
        ACCEPTANCE.count(True)

    @rule(pick=picks)
    def annul(self, pick):
        if not self.pool.escrows:
            return
        self._annul(list(self.pool.escrows)[pick % len(self.pool.escrows)])

    def _annul(self, name):
        self.contract.annul(name, self.number, sender=self.vault.slasher)
        self.pool = model.annul(self.pool, name, self.clock)
        ACCEPTANCE.count(True)

    @rule(seconds=st.sampled_from((1, EPOCH // 2, EPOCH, PERIOD, 2 * PERIOD)), pick=picks)
    def pass_time(self, seconds, pick):
        self._pass(seconds)
        epoch = list(self.history)[pick % len(self.history)]
        for group in GROUPS:
            expected = self.history[epoch].stake(group, epoch * EPOCH)
            assert self.contract.stakeAt(self.number, group, epoch) == expected

    def _pass(self, seconds):
        first = self.clock.now // EPOCH + 1
        boa.env.time_travel(seconds=seconds)
        for epoch in range(first, self.clock.now // EPOCH + 1):
            self.history[epoch] = self.pool

    @invariant()
    def equals_the_model(self):
        if not hasattr(self, "pool"):
            return
        pool, now = self.pool, self.clock.now
        active, worth, _, escrows = self.contract.poolState(self.number)
        assert (active, worth, escrows) == (pool.active, pool.max, len(pool.escrows))
        for group in GROUPS:
            state = pool.group(group, now)
            told = self.contract.allocation(self.number, group)
            assert told == (state.now, state.next if state.since else 0, state.since)
        assert pool.allocated(now) <= pool.max <= WAD

    @invariant()
    def every_token_is_accounted(self):
        if not hasattr(self, "pool"):
            return
        pool, token = self.pool, self.vault.token
        held = token.balanceOf(self.contract.address)
        assert held == sum(self.given.values()) - sum(self.received.values())
        shares = sum(
            units * pool.max_after(period) // WAD - pool.paid.get((period, owner), 0)
            for (period, owner), units in pool.leaving.items()
        )
        stakes = sum(pool.value(units) for units in pool.units.values())
        escrows = sum(escrow.amount for escrow in pool.escrows.values())
        owed = stakes + shares + escrows + self.burned
        assert 0 <= held - owed <= 4 * self.steps + 4

    @invariant()
    def nobody_profits(self):
        if hasattr(self, "pool"):
            for owner in self.owners:
                assert self.received[owner] + self.pool.value(self.pool.units.get(owner, 0)) <= self.given[owner]


@pytest.mark.filterwarnings("ignore")
def test_vault__any_sequence__equals_model():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(VaultMachine)
    ACCEPTANCE.check()
