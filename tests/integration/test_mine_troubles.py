"""What may happen to a miner in its life: each trouble is told, stops nothing else, and passes when its cause does."""

import pytest

from tests.doubles.cluster import account
from tests.doubles.miners import mining_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

SEGMENT = 262_144
FRIEND = account(8).address


@pytest.fixture
def network(tmp_path):
    """A flow with data in it, and an epoch that seals it."""
    with mining_in(tmp_path, wanted=2) as network:
        network.store(Sample(12 * SEGMENT))
        network.chain.open_epoch()
        yield network


def told(miner, words):
    """Return once /health is 503 and says so."""

    def says():
        status, body = miner.page.get("/health")
        return status == 503 and words in body.decode()

    eventually(says, f"/health tells: {words}")


def well(miner):
    """Return once /health tells of no problem."""
    eventually(lambda: miner.page.get("/health")[0] == 200, "/health is well")


def proves(network):
    """Return once a proof was accepted in an epoch that begins now."""
    chain = network.chain
    chain.open_epoch()
    epoch = chain.flow.epoch()
    eventually(lambda: any(proof.epoch == epoch for proof in chain.proofs()), f"epoch {epoch} is mined")


def test_miner__no_wei_left__says_so_goes_on_sealing_and_proves_once_it_has_some(network):
    chain = network.chain
    miner = network.add_miner("--minimum-balance", "0", "--no-open-epochs", start=False)
    address = account(miner.account).address
    before = chain.balance(address)
    chain.rpc("anvil_setBalance", address, "0x0")
    miner.start()
    told(miner, f"{address} lacks")
    eventually(lambda: miner.metric("zg_miner_seals_done") == chain.flow.length() // 1024, "all is sealed")
    assert chain.proofs() == []
    chain.rpc("anvil_setBalance", address, hex(before))
    proves(network)
    well(miner)
    miner.stop()


def test_miner__disk_full_while_it_seals__says_so_and_goes_on_once_there_is_room(network):
    miner, chain = network.add_miner(start=False), network.chain
    miner.launch().worker.limit_file_size(5 * SEGMENT)
    eventually(miner.is_serving, "the miner serves")
    told(miner, "no room is left")
    assert miner.metric("zg_miner_seals_done") < chain.flow.length() // 1024
    miner.worker.limit_file_size(None)
    well(miner)
    miner.wait_sealed(chain.flow.length() // 1024)
    proves(network)
    miner.stop()


def test_miner__id_passed_on_while_it_mines__goes_on_and_says_who_is_paid_now(network):
    chain, miner = network.chain, network.add_miner()
    proves(network)
    call, address = chain.mine_contract.transfer(miner.id, FRIEND), account(miner.account).address
    assert chain.transact(**{"from": address, "to": call.to, "data": "0x" + call.data.hex()})["status"] == "0x1"
    number = len(chain.rewards())
    proves(network)
    eventually(lambda: miner.events("rewards go to another beneficiary now"), "it says who is paid now")
    assert miner.health()["beneficiary"] == FRIEND
    miner.stop()
    assert {reward.beneficiary for reward in chain.rewards()[number:]} == {FRIEND}
    assert miner.owed() == sum(reward.amount for reward in chain.rewards() if reward.beneficiary == address)


def test_miner__directory_of_another_shard__does_not_start_and_changes_nothing(network):
    chain, miner = network.chain, network.add_miner()
    miner.wait_sealed(chain.flow.length() // 1024)
    miner.stop()
    miner.launch("--num-shards", "2")
    assert miner.worker.wait() == 2
    assert "take another directory" in miner.worker.text()
    miner.start()
    assert miner.health()["sealed"] == chain.flow.length() // 1024
    miner.stop()


def test_miner__cannot_begin__says_what_to_do_and_begins_once_that_is_done(network):
    miner = network.add_miner(start=False)
    for options, words in [
        (["--miner-id", "0x" + "77" * 32], "knows no miner id"),
        (["--num-shards", "32"], "takes at most 16 shards"),
        (["--mine", account(9).address], "there is no contract PoraMine"),
        (["--minimum-balance", "20000ether"], "send it at least"),
        (["--min-free-disk", "1000TiB"], "make room on it"),
    ]:
        before = len(miner.worker.text()) if miner.worker else 0
        miner.launch(*options)
        assert miner.worker.wait() == 2
        assert words in miner.worker.text()[before:]
    miner.start()
    miner.stop()
