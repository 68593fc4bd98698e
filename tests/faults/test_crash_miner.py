"""kill -9 of miners at random moments: nothing is sealed wrongly, nothing is sent twice, mining goes on."""

import random

import pytest

from offchain.fast.sealing import unseal
from offchain.protocol.keccak import keccak256
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.plan import Planner
from offchain.storage.miner.raw_load import load_levels
from offchain.storage.miner.sealed_file import SealedFile, checksum
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.miner.state import DATABASE, SCHEMAS
from offchain.storage.node.catalog import Catalog
from offchain.store.database import Database
from tests.doubles.cluster import account
from tests.doubles.miners import Trap, mining_in
from tests.doubles.polling import eventually
from tests.doubles.reaper import Reaper
from tests.doubles.samples import Sample

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

SEGMENT = 262_144


def assert_sealed_rightly(miner):
    """Every load that counts unseals to what the flow's root commits to; returns how many there are."""
    with Database(miner.data / DATABASE, *SCHEMAS) as database:
        loads, planner = SealedLoads(database, Holding()), Planner(Catalog(database), SealedRanges(database))
        file, slots = SealedFile(miner.data / "sealed.data"), range(planner.sealable() // 1024)
        for slot in (slot for slot in slots if loads.has(slot)):
            plan, known, data = planner.plan(slot), loads.find(slot), bytearray(SEGMENT)
            file.read_into(slot, memoryview(data))
            assert (known.plan, known.checksum) == (plan.digest, checksum(data))
            unseal(data, data, miner.id, plan.contexts, plan.position)
            node, number = load_levels(data, slot)[-1][0], slot
            for sibling in known.siblings:
                node, number = keccak256(sibling, node) if number & 1 else keccak256(node, sibling), number // 2
            assert node == plan.anchor.root
        file.close()
        return loads.count


def sent(chain, miner):
    """Every transaction that a miner sent to the mine: what it says, and whether it succeeded."""
    found = []
    for number in range(chain.head() + 1):
        for each in chain.rpc("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if each["from"] == account(miner.account).address.lower() and each["input"].startswith("0xae722e82"):
                receipt = chain.rpc("eth_getTransactionReceipt", each["hash"])
                found.append((each["input"], receipt["status"] == "0x1"))
    return found


def test_miner__killed_again_and_again_while_it_seals__seals_everything_rightly(tmp_path, full_scale):
    with mining_in(tmp_path) as network:
        dice, chain = random.Random(1), network.chain
        miner = network.add_miner("--no-open-epochs", "--fetch-at-once", "1")
        with Reaper(miner, seed=1, longest=0.4) as reaper:
            for number in range(30 if full_scale else 6):
                network.store(Sample(dice.choice([700, 50_000, dice.randrange(1, 30 * SEGMENT)]), seed=number))
                chain.open_epoch()
            eventually(lambda: reaper.kills > (40 if full_scale else 8), "the miner dies often enough", 300)
        miner.wait_sealed(chain.flow.length() // 1024)
        miner.stop()
        assert assert_sealed_rightly(miner) == chain.flow.length() // 1024


def settle(miner):
    """Let what is on its way come to its end, send nothing new, and stop; answers by what became of them."""
    miner.start("--min-reward", "1ether")
    eventually(lambda: not {"found", "sent"} & set(miner.health()["answers"]), "all answers are settled")
    answers = miner.health()["answers"]
    miner.stop()
    return answers


def assert_nothing_twice(network, miner, answers):
    """Each answer was sent once, what the chain accepted is what the miner knows of, and what it is owed."""
    chain, told = network.chain, sent(network.chain, miner)
    assert len({data for data, _ in told}) == len(told)
    assert sum(succeeded for _, succeeded in told) == len(chain.proofs()) == answers["won"]
    assert "known" not in answers
    withdrawn = chain.withdrawn()
    assert miner.owed() + sum(withdrawn) == sum(reward.amount for reward in chain.rewards())
    assert all(withdrawn)


def test_miner__killed_again_and_again_while_it_mines__sends_nothing_twice(tmp_path, full_scale):
    with mining_in(tmp_path, wanted=100, difficulty=2_000, epoch_blocks=240, mine_blocks=240) as network:
        chain = network.chain
        network.store(Sample(20 * SEGMENT))
        chain.open_epoch()
        miner = network.add_miner()
        miner.wait_sealed(chain.flow.length() // 1024)
        with Reaper(miner, seed=2, longest=0.8) as reaper:
            enough = 150 if full_scale else 15
            eventually(
                lambda: len(chain.proofs()) >= enough and reaper.kills > enough / 3, "it wins between deaths", 600
            )
        miner.kill()
        assert_nothing_twice(network, miner, settle(miner))


ANSWERED = "eth_sendRawTransaction"
MOMENTS = [
    ("eth_estimateGas", False),  # found and noted, not signed
    (ANSWERED, False),  # signed and on record, sent to nobody
    (ANSWERED, True),  # sent, and nobody told the miner
    ("eth_getTransactionReceipt", False),  # sent and noted, the receipt not seen
    ("eth_getTransactionReceipt", True),
]


def test_miner__killed_around_each_call_that_sends_an_answer__sends_nothing_twice(tmp_path):
    with mining_in(tmp_path, wanted=100, difficulty=2_000) as network, Trap(network.chain.url) as trap:
        chain = network.chain
        network.store(Sample(8 * SEGMENT))
        chain.open_epoch()
        miner = network.add_miner(start=False)
        miner.rpc = trap.url
        miner.start().wait_sealed(chain.flow.length() // 1024)
        for method, after in MOMENTS:
            trap.arm(method, after)
            chain.open_epoch()
            eventually(trap.caught.is_set, f"the miner calls {method}")
            miner.kill()
            trap.spring()
            before = len(chain.proofs())
            miner.start()
            chain.open_epoch()
            eventually(lambda before=before: len(chain.proofs()) > before, f"it mines on after {method}")
        miner.kill()
        assert_nothing_twice(network, miner, settle(miner))


def test_miner__killed_around_each_call_that_withdraws__pays_once_what_is_owed(tmp_path):
    with mining_in(tmp_path, wanted=100, difficulty=2_000) as network, Trap(network.chain.url) as trap:
        chain = network.chain
        network.store(Sample(8 * SEGMENT))
        chain.open_epoch()
        chain.rpc("evm_increaseTime", 600)
        miner = network.add_miner("--withdraw-above", "1", start=False)
        miner.rpc = trap.url
        miner.start()
        for after in (False, True):
            chain.open_epoch()
            eventually(miner.owed, "something is owed")
            trap.arm(ANSWERED, after, of=chain.reward.address)
            miner.kill()  # it looks at what is owed when it starts
            miner.launch()
            eventually(trap.caught.is_set, "the miner withdraws")
            miner.kill()
            count = len(chain.withdrawn())
            assert count == (2 if after else 0)
            trap.spring()
            miner.start()
            eventually(lambda: len(chain.withdrawn()) > 0, "it is paid")
        miner.kill()
        assert_nothing_twice(network, miner, settle(miner))


def test_miner__sealed_data_damaged_while_it_is_down__proves_only_what_is_right_and_heals(tmp_path):
    with mining_in(tmp_path, wanted=100) as network:
        chain = network.chain
        network.store(Sample(12 * SEGMENT))
        chain.open_epoch()
        miner = network.add_miner("--check-every", "1")
        loads = chain.flow.length() // 1024
        miner.wait_sealed(loads)
        miner.kill()
        with (miner.data / "sealed.data").open("r+b") as file:
            for load in range(loads):
                file.seek(load * SEGMENT + 5000)
                file.write(b"damage")
        before = len(chain.proofs())
        miner.start()
        chain.open_epoch()
        eventually(lambda: len(chain.proofs()) > before + 2, "what was damaged is sealed again and proven")
        miner.wait_sealed(loads)
        miner.stop()
        assert assert_sealed_rightly(miner) == loads
        assert all(succeeded for _, succeeded in sent(chain, miner))


def test_miner__chain_forks_under_it__forgets_what_changed_and_proves_the_rest(tmp_path):
    with mining_in(tmp_path, wanted=100) as network:
        chain = network.chain
        network.store(Sample(8 * SEGMENT))
        chain.open_epoch()
        miner = network.add_miner("--no-open-epochs")
        miner.wait_sealed(chain.flow.length() // 1024)
        snapshot, head = chain.rpc("evm_snapshot"), chain.head()
        network.store(Sample(9 * SEGMENT, seed="undone"))
        chain.open_epoch()
        miner.wait_sealed(chain.flow.length() // 1024)
        depth = chain.head() - head
        assert chain.rpc("evm_revert", snapshot)
        chain.mine(depth)  # a fork is noticed once it is as long
        network.store(Sample(20 * SEGMENT, seed="instead"))
        chain.open_epoch()
        miner.wait_sealed(chain.flow.length() // 1024)
        before = len(chain.proofs())
        chain.open_epoch()
        eventually(lambda: len(chain.proofs()) > before, "a proof is accepted on the new fork")
        assert miner.events("reorganisation")
        miner.stop()
        assert assert_sealed_rightly(miner) == chain.flow.length() // 1024
        assert all(succeeded for _, succeeded in sent(chain, miner))
