"""Upstream's `mine_with_market`: a miner of one shard is paid from what users paid for the data that it proves."""

import pytest

from tests.doubles.cluster import PRICE, account
from tests.doubles.miners import mining_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

WANTED, EPOCHS = 2, 3
SHARDS, SHARD = 4, 3
LOADS = 48
SEGMENT = 262_144
HALF_TERM = 1_800
SERVICE_FEE = 100  # of 10,000
BASE = 10**15


@pytest.fixture
def network(tmp_path):
    """A flow that was paid for, and a miner that has sealed its shard of it."""
    with mining_in(tmp_path, wanted=WANTED) as network:
        network.store(Sample(LOADS * SEGMENT))
        network.chain.open_epoch()
        network.chain.rpc("evm_increaseTime", HALF_TERM)
        miner = network.add_miner("--shard-id", SHARD, "--num-shards", SHARDS)
        miner.wait_sealed(network.chain.flow.length() // 1024 // SHARDS)
        yield network


def full(chain):
    """Return once the present epoch takes no more; its proofs and what they earned."""
    epoch = chain.flow.epoch()
    eventually(lambda: chain.mine_contract.left(epoch) == 0, f"epoch {epoch} is full")
    pairs = list(zip(chain.proofs(), chain.rewards(), strict=True))
    return [(proof, reward) for proof, reward in pairs if proof.epoch == epoch]


def paid(chain):
    """Wei that users paid for storage."""
    return PRICE * sum(each.submission.sectors for each in chain.submissions())


def test_mine_with_market__several_epochs__each_is_filled_and_paid_from_fees(network):
    [miner], chain, earned = network.miners, network.chain, []
    for _ in range(EPOCHS):
        pairs = full(chain)
        assert len(pairs) == 2 * WANTED
        for proof, reward in pairs:
            assert proof.recall_position // 1024 % SHARDS == SHARD
            assert reward.chunk == proof.recall_position // chain.parameters.pricing_sectors
            assert (reward.miner_id, reward.beneficiary) == (miner.id, account(miner.account).address)
            assert reward.amount > 0
        earned += [reward.amount for _, reward in pairs]
        chain.open_epoch()
    miner.stop()
    chunks = range(-(-chain.flow.length() // chain.parameters.pricing_sectors))
    fees = [chain.reward.fees(chunk) for chunk in chunks]
    assert miner.owed() == sum(reward.amount for reward in chain.rewards()) >= sum(earned)
    assert sum(each.distributed for each in fees) == miner.owed()
    due = chain.reward.service_fee_due()
    assert due == paid(chain) * SERVICE_FEE // 10_000
    assert sum(each.locked + each.claimable + each.distributed for each in fees) + due == paid(chain)


def test_mine_with_market__proof__takes_half_of_what_its_chunk_has_released(network):
    chain = network.chain
    pairs = full(chain)
    network.miners[0].stop()
    for proof, reward in pairs:
        block = proof.log.block_number
        before, after = (chain.reward.fees(reward.chunk, block=number) for number in (block - 1, block))
        assert after.distributed - before.distributed == reward.amount
        assert after.claimable in (reward.amount, reward.amount + 1)


def test_mine_with_market__somebody_donates__each_proof_earns_that_more(network):
    chain = network.chain
    full(chain)
    before = len(chain.rewards())
    chain.donate(100 * BASE, BASE)
    chain.open_epoch()
    pairs = full(chain)
    network.miners[0].stop()
    assert len(pairs) == 2 * WANTED
    for reward in chain.rewards()[before:]:
        assert reward.amount > BASE
    assert chain.reward.base_reward() == (BASE, (100 - (len(chain.rewards()) - before)) * BASE)


def test_mine_with_market__enough_owed__is_sent_to_the_beneficiary_once(network):
    [miner], chain = network.miners, network.chain
    full(chain)
    miner.stop()
    other = network.add_miner("--shard-id", SHARD, "--num-shards", SHARDS, "--withdraw-above", "1gwei", start=False)
    other.id, other.account = miner.id, 9  # another account pays; the money goes to the beneficiary
    before, owed = chain.balance(account(miner.account).address), miner.owed()
    assert owed > 10**9
    chain.open_epoch()
    other.start()
    eventually(lambda: other.metric("zg_miner_withdrawals_total") > 0, "the rewards are sent")
    other.stop()
    total = sum(reward.amount for reward in chain.rewards())
    assert chain.balance(account(miner.account).address) - before == total - miner.owed() >= owed
