"""`zg storage miner …` on a real chain, from the first look to the last coin, as an operator types it."""

import json

import pytest

from tests.doubles.cluster import account, private_key
from tests.doubles.miners import mining_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample
from tests.doubles.zg import zg

pytestmark = pytest.mark.anvil

OWNER, STRANGER = account(3).address, account(5).address
FRIEND, UNKNOWN_ID = "0x" + "13" * 20, "0x" + "77" * 32
SEGMENT = 262_144


class Office:
    """The commands of one operator, with a data directory of its own."""

    def __init__(self, network, folder):
        chain = network.chain
        self.data, self.network = folder / "miner", folder / "network.json"
        self.state = str(folder / "state")
        described = {
            "rpc": chain.url,
            "contracts": {"Flow": chain.flow.address, "PoraMine": chain.mine_contract.address},
            "accounts": [{"key": private_key(number)} for number in range(10)],
        }
        folder.mkdir()
        self.network.write_text(json.dumps(described))

    def run(self, command, *arguments, answer=None):
        """A command of the miner's; how it ended."""
        return zg(
            *("storage", "miner", command, *arguments, "--network", self.network, "--data", self.data),
            answer=answer,
            ZG_STATE_DIR=self.state,
        )

    def told(self, command, *arguments):
        """What it says in JSON."""
        ended = self.run(command, *arguments, "--json")
        assert ended.code == 0, ended.out + ended.err
        return ended.json


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A flow with data that was paid for."""
    with mining_in(tmp_path_factory.mktemp("mined"), wanted=2) as network:
        yield network


@pytest.fixture
def office(network, tmp_path):
    return Office(network, tmp_path / "office")


@pytest.fixture
def registered(office):
    office.told("register")
    return office


def test_commands__no_id_yet__say_how_to_make_one(office):
    for command, arguments in (("status", ()), ("withdraw", ()), ("transfer", (FRIEND, "--yes"))):
        ended = office.run(command, *arguments)
        assert ended.code == 3
        assert "zg storage miner register" in ended.err


def test_commands__id_of_another_network__say_so(office):
    for command, arguments in (("status", ()), ("withdraw", ()), ("transfer", (FRIEND, "--yes"))):
        ended = office.run(command, *arguments, "--miner-id", UNKNOWN_ID)
        assert ended.code == 3
        assert "is it of another network" in ended.err


def test_register__again__tells_the_same_id_and_sends_nothing(network, office):
    first, before = office.told("register"), network.chain.head()
    assert first["beneficiary"] == OWNER
    assert json.loads((office.data / "miner.json").read_text())["minerId"] == first["miner"]
    assert office.told("register") == {**first, "transaction": None}
    assert network.chain.head() == before
    assert "none: the id was there already" in office.run("register").out


def test_register__directory_has_an_id_for_another_beneficiary__is_refused(registered):
    ended = registered.run("register", "--beneficiary", FRIEND)
    assert ended.code == 2
    assert OWNER in ended.err and "zg storage miner transfer" in ended.err


def test_register__beneficiary__gets_the_rewards(office):
    assert office.told("register", "--beneficiary", FRIEND)["beneficiary"] == FRIEND


def test_transfer__not_the_beneficiary__says_who_can(registered):
    ended = registered.run("transfer", FRIEND, "--yes", "--devnet-account", "5")
    assert ended.code == 2
    assert ended.err == f"only {OWNER}, who has the rewards now, can pass them on, not {STRANGER}\n"


def test_transfer__not_agreed__changes_nothing(registered):
    ended = registered.run("transfer", FRIEND, answer="n\n")
    assert (ended.code, "nothing was changed" in ended.err) == (4, True)
    assert registered.told("status")["beneficiary"] == OWNER


def test_transfer__twice__is_done_once(network, registered):
    first = registered.told("transfer", FRIEND, "--yes")
    assert (first["before"], first["beneficiary"]) == (OWNER, FRIEND)
    head = network.chain.head()
    second = registered.told("transfer", FRIEND, "--yes")
    assert (second["beneficiary"], second["transaction"]) == (FRIEND, None)
    assert network.chain.head() == head


def test_estimate__nothing_stored__says_what_is_missing(tmp_path):
    with mining_in(tmp_path / "empty", nodes=0) as network:
        ended = Office(network, tmp_path / "office").run("estimate", "--hash-rate", "1000")
    assert ended.code == 2
    assert "there is nothing to mine yet" in ended.err


def test_estimate__no_hash_rate__says_how_to_get_one(office):
    ended = office.run("estimate")
    assert ended.code == 2
    assert "--hash-rate" in ended.err and "--bench" in ended.err


def test_story__register_mine_status_withdraw__everything_that_was_earned_arrives(network, registered, tmp_path):
    chain = network.chain
    network.store(Sample(20 * SEGMENT))
    assert "no: no epoch has begun" in registered.run("status").out
    chain.open_epoch()
    chain.rpc("evm_increaseTime", 600)
    chain.mine()
    told = registered.told("estimate", "--hash-rate", "1000")
    assert told["hashes per proof"] == 64
    assert told["proofs per epoch"] == chain.parameters.most
    assert told["income per epoch now"] > 0
    miner = network.add_miner(start=False)
    miner.id, miner.data = bytes.fromhex(registered.told("status")["miner"][2:]), registered.data
    miner.start()
    eventually(lambda: chain.mine_contract.left(chain.flow.epoch()) == 0, "the epoch is full")
    eventually(lambda: registered.told("status")["answers"].get("won", 0) >= chain.parameters.most, "it knows")
    words = registered.run("status").out
    assert "no: this epoch has all proofs that it takes" in words
    assert "loads, " in words and "won" in words
    miner.stop()
    told, rewards = registered.told("status"), chain.rewards()
    assert told["sealed"] == chain.flow.length() // 1024
    assert told["pending"] == 0
    assert told["owed"] == sum(reward.amount for reward in rewards) > 0
    before = chain.balance(OWNER)
    withdrawn = registered.told("withdraw", "--devnet-account", "5")
    assert withdrawn["withdrawn"] == chain.balance(OWNER) - before == told["owed"]
    assert registered.told("withdraw") == {"beneficiary": OWNER, "withdrawn": 0, "transaction": None}
    assert "nothing is owed" in registered.run("withdraw").out
