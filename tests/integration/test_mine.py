"""Upstream's `mine`: a miner proves what it holds epoch after epoch, is stopped, goes on. Nobody pays for storage."""

import pytest

from offchain.protocol.pora import window
from tests.doubles.cluster import account
from tests.doubles.miners import mining_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

EPOCHS = 3
SEGMENT = 262_144


@pytest.fixture
def network(tmp_path):
    """A flow that costs nothing, with data in it and a miner that has sealed it."""
    with mining_in(tmp_path, price=0, wanted=2) as network:
        network.store(Sample(10 * SEGMENT + 1000))
        network.chain.open_epoch()
        network.add_miner().wait_sealed(network.chain.flow.length() // 1024)
        yield network


def mined(chain, epoch):
    """Return once a proof was accepted in `epoch`."""
    eventually(lambda: any(proof.epoch == epoch for proof in chain.proofs()), f"epoch {epoch} is mined")


def test_mine__several_epochs__proofs_are_accepted_within_the_window_and_contexts_advance(network):
    [miner], chain, contexts = network.miners, network.chain, []
    for _ in range(EPOCHS):
        contexts.append(chain.mine_contract.worker_context(miner.id).context)
        mined(chain, contexts[-1].epoch)
        chain.open_epoch()
    assert len({context.digest for context in contexts}) == EPOCHS
    assert [context.epoch for context in contexts] == list(range(contexts[0].epoch, contexts[0].epoch + EPOCHS))
    for context in contexts:
        proofs = [proof for proof in chain.proofs() if proof.epoch == context.epoch]
        assert [proof.number for proof in proofs] == list(range(len(proofs)))
        assert len(proofs) <= chain.parameters.most
        for proof in proofs:
            assert proof.miner_id == miner.id
            assert 0 < proof.recall_position < context.flow_length
            assert proof.log.block_number in window(context, miner.id, chain.parameters)


def test_mine__stopped_and_started__proves_nothing_meanwhile_and_goes_on(network):
    [miner], chain = network.miners, network.chain
    mined(chain, chain.flow.epoch())
    miner.stop()
    before = len(chain.proofs())
    chain.open_epoch()
    skipped = chain.flow.epoch()
    chain.open_epoch()
    assert len(chain.proofs()) == before
    miner.start()
    mined(chain, chain.flow.epoch())
    assert skipped not in {proof.epoch for proof in chain.proofs()}
    assert not miner.events("sealed")


def test_mine__nobody_pays_for_storage__proofs_are_accepted_and_earn_nothing(network):
    [miner], chain = network.miners, network.chain
    mined(chain, chain.flow.epoch())
    miner.stop()
    assert [reward.amount for reward in chain.rewards()] == [0] * len(chain.proofs())
    assert {reward.beneficiary for reward in chain.rewards()} == {account(miner.account).address}
    assert miner.owed() == 0
