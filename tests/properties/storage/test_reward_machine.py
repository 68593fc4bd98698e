"""The chunk reward against its model: fees of any runs of sectors, proofs on any chunk, donations, withdrawals, time.

STO-06  Every wei: fees in = service fee + locked + claimable + distributed; the balance is what is not withdrawn yet.
STO-07  Each chunk holds and pays what the model says: no more than its fees, and what was paid is not paid again.
STO-08  A proof is owed half of what is claimable and, while the chunk is live, the base reward as far as donations go.
STO-09  Later chunks have later deadlines: what `firstRewardableChunk` leaves out has released all.
"""

import boa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from offchain.protocol import reward as model
from offchain.protocol.reward import Chunk, Release
from tests.doubles.blocks import wait
from tests.doubles.contracts import deploy
from tests.doubles.flow import actors
from tests.properties.acceptance import Acceptance

ACCEPTANCE = Acceptance("reward")
CHUNK = 4_096
TERM = 100_000
RELEASE = Release(term=TERM)
FEE_BPS = 150
MINER_ID = b"\x22" * 32


class RewardMachine(RuleBasedStateMachine):
    """One reward that the test feeds as the market, and claims from as the mine."""

    @initialize()
    def set_up(self):
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        people = actors("governor", "market", "mine", "treasury", balance=10**30)
        self.people, treasury = people, people.treasury
        self.contract = deploy(
            "ChunkReward", people.governor, people.market, people.mine, CHUNK, TERM, 0, treasury, FEE_BPS
        )
        self.payees = [boa.env.generate_address(f"miner {number}") for number in range(3)]
        self.length = 1
        self.chunks = {}
        self.fees = self.service = self.donated = self.base = self.withdrawn = 0
        self.owed = dict.fromkeys(self.payees, 0)

    def teardown(self):
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @property
    def now(self):
        return boa.env.evm.patch.timestamp

    @rule(
        sectors=st.one_of(st.integers(1, 2 * CHUNK), st.integers(1, 40 * CHUNK)),
        fee=st.one_of(st.just(0), st.integers(1, 10**6), st.integers(1, 10**24)),
    )
    def fill(self, sectors, fee):
        self.contract.fillReward(self.length, sectors, value=fee, sender=self.people.market)
        share = fee * FEE_BPS // 10_000
        for number, amount in model.split(self.length, sectors, fee - share, CHUNK):
            self.chunks[number] = model.fill(self.chunks.get(number, Chunk()), amount, self.now, RELEASE)
        self.length += sectors
        self.fees += fee
        self.service += share
        ACCEPTANCE.count(True)

    @rule(seconds=st.one_of(st.integers(1, 1_000), st.integers(1, 2 * TERM)))
    def pass_time(self, seconds):
        wait(seconds)

    @rule(pick=st.integers(0, 2**32), payee=st.integers(0, 2))
    def claim(self, pick, payee):
        number = pick % (max(self.chunks, default=0) + 2)
        self.contract.claimMineReward(number, self.payees[payee], MINER_ID, sender=self.people.mine)
        if number in self.chunks:
            self.chunks[number], paid, base = model.claim(
                self.chunks[number], self.now, RELEASE, self.base, self.donated
            )
            self.donated -= base
            self.owed[self.payees[payee]] += paid + base
        ACCEPTANCE.count(True)

    @rule(amount=st.integers(1, 10**9), base=st.integers(0, 10**8))
    def donate(self, amount, base):
        self.contract.donate(value=amount, sender=self.people.governor)
        self.contract.setBaseReward(base, sender=self.people.governor)
        self.donated += amount
        self.base = base
        ACCEPTANCE.count(True)

    @rule(payee=st.integers(0, 2))
    def withdraw(self, payee):
        before = boa.env.get_balance(self.payees[payee])
        self.contract.withdrawPayments(self.payees[payee])
        assert boa.env.get_balance(self.payees[payee]) - before == self.owed[self.payees[payee]]
        self.withdrawn += self.owed[self.payees[payee]]
        self.owed[self.payees[payee]] = 0
        ACCEPTANCE.count(True)

    @rule()
    def withdraw_service_fee(self):
        before = boa.env.get_balance(self.people.treasury)
        self.contract.withdrawServiceFee()
        assert boa.env.get_balance(self.people.treasury) - before == self.service
        self.service = 0
        ACCEPTANCE.count(True)

    @rule(stranger=st.booleans())
    def trespass(self, stranger):
        sender = boa.env.generate_address("stranger") if stranger else self.people.governor
        with boa.reverts("reward: not the mine"):
            self.contract.claimMineReward(0, sender, MINER_ID, sender=sender)
        with boa.reverts("reward: not the market"):
            self.contract.fillReward(self.length, 1, sender=sender)
        ACCEPTANCE.count(False)

    @invariant()
    def chunks_equal_the_model(self):
        if not hasattr(self, "contract"):
            return
        for number in list(self.chunks)[-3:] + list(self.chunks)[:3]:
            chunk = model.accrue(self.chunks[number], self.now, RELEASE)
            told = self.contract.rewards(number)
            seen = (told.lockedReward, told.claimableReward, told.distributedReward)
            assert seen == (chunk.locked, chunk.claimable, chunk.distributed)
            assert self.contract.rewardDeadline(number) == chunk.end

    @invariant()
    def every_wei_is_accounted(self):
        if not hasattr(self, "contract"):
            return
        held = sum(chunk.locked + chunk.claimable for chunk in self.chunks.values())
        owed = sum(self.owed.values())
        assert boa.env.get_balance(self.contract.address) == held + owed + self.service + self.donated
        assert self.contract.totalBaseReward() == self.donated
        assert [self.contract.payments(payee) for payee in self.payees] == list(self.owed.values())

    @invariant()
    def deadlines_rise(self):
        if not hasattr(self, "contract"):
            return
        ends = [self.chunks[number].end for number in sorted(self.chunks)]
        assert ends == sorted(ends)
        first = self.contract.firstRewardableChunk()[0]
        assert first == sum(end <= self.now for end in ends)


def test_reward__any_sequence__equals_model():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(RewardMachine)
    ACCEPTANCE.check()
