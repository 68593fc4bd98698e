"""Plans carried out on a real chain: everything once, wired, recorded, whatever happens in between."""

import copy
import json

import ape
import click
import pytest
import yaml

from scripts._lib import records
from scripts._lib.accounts import address_of, senders_of
from scripts._lib.deployment import Deployment
from scripts._lib.plan import read
from scripts._lib.plan_form import BadPlan
from scripts._lib.status import findings
from tests.doubles.killing import Fuse, Killed
from tests.doubles.plans import ADDRESS, BLOCKS_PER_EPOCH, PARAMS, PLAN, PRICE, written

pytestmark = pytest.mark.anvil

GOVERNOR, GUARDIAN, TREASURY = (ADDRESS[f"test:{number}"] for number in range(3))
UNKNOWN = "neither a parameter, an account nor a contract deployed before"
TRANSACTIONS = len(PLAN["steps"])

SMALL = {
    "chain_id": PLAN["chain_id"],
    "accounts": PLAN["accounts"],
    "parameters": {"service_fee_bps": PLAN["parameters"]["service_fee_bps"]},
    "steps": [
        *PLAN["steps"][:2],
        {
            "call": "FixedPriceMarket.proposeGovernor",
            "with": {"successor": "$guardian"},
            "done": {"pendingGovernor": "$guardian"},
        },
    ],
}
"""Two contracts and a call, for tests that carry it out often."""
BOUNDARIES = 8  # twice intent, transaction, note; then the call and its note


class Deployer:
    """Runs plans as `ape run deploy` does, and looks at what came of them."""

    def __init__(self, provider, folder):
        self.provider = provider
        self.folder = folder
        self.record = folder / "record.json"
        self.said = []

    def deployment(self, plan=PLAN):
        loaded = read(written(self.folder, plan), address_of)
        return Deployment(ape, loaded, self.record, senders_of(loaded, None, True), self.said.append)

    def run(self, plan=PLAN):
        self.said.clear()
        return self.deployment(plan).run()

    def refusal(self, plan=PLAN):
        """What a run that is refused says, having sent nothing."""
        before = self.sent(), self.record.read_bytes() if self.record.exists() else None
        with pytest.raises(BadPlan) as bad:
            self.run(plan)
        assert (self.sent(), self.record.read_bytes() if self.record.exists() else None) == before
        return bad.value.problems

    def sent(self):
        return self.provider.get_nonce(GOVERNOR)

    def noted(self):
        return json.loads(self.record.read_text())

    def note(self, **fields):
        """Change the record."""
        self.record.write_text(json.dumps(self.noted() | fields))

    def contract(self, name):
        return ape.project.contracts[name].at(self.noted()["contracts"][name]["address"])

    def problems(self, plan=PLAN):
        """What `ape run status` finds."""
        found = findings(ape, self.deployment(plan).plan, records.load(self.record))
        return {each.contract: each.problem for each in found if each.problem}


@pytest.fixture
def deployer(anvil, tmp_path):
    return Deployer(anvil, tmp_path)


@pytest.fixture
def mortal(anvil, monkeypatch):
    """Before everything that lasts, a record written or a transaction sent, the process may die."""

    def die_at(boundary):
        fuse = Fuse(boundary)
        for place, name in ((records, "save"), (type(anvil), "send_transaction")):
            monkeypatch.setattr(place, name, burning(fuse, getattr(place, name)))
        return fuse

    yield die_at


def burning(fuse, function):
    def call(*arguments, **options):
        fuse.burn()
        return function(*arguments, **options)

    return call


def changed(plan, path, value):
    """The plan with another value at `path`."""
    plan = copy.deepcopy(plan)
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plan


def test_run__parameters_of_the_development_network__wire_contracts_and_roles(deployer):
    plan = yaml.safe_load((PARAMS / "local.yaml").read_text())
    values = {name: parameter["value"] for name, parameter in plan["parameters"].items()}
    deployer.run(plan)
    names = ("FixedPriceMarket", "ChunkReward", "PoraMine", "Flow")
    market, reward, mine, flow = (deployer.contract(name) for name in names)
    assert {each.governor() for each in (market, reward, mine, flow)} == {GOVERNOR}
    assert flow.guardian() == GUARDIAN
    assert (market.flow(), market.reward()) == (flow.address, reward.address)
    assert (mine.flow(), mine.reward()) == (flow.address, reward.address)
    assert (flow.market(), reward.market(), reward.mine()) == (market.address, market.address, mine.address)
    assert mine.pricingChunk() == reward.pricingChunk() == values["pricing_chunk"]
    assert not mine.twoHops() and mine.targetSubmissions() == values["target_submissions"]
    assert (reward.treasury(), reward.serviceFeeRateBps()) == (TREASURY, values["service_fee_bps"])
    assert flow.blocksPerEpoch() == values["blocks_per_epoch"]
    assert flow.pricePerSector() == market.pricePerSector() == values["price_per_sector"]
    assert deployer.sent() == len(plan["steps"])


def test_run__empty_chain__records_what_others_need(deployer):
    deployer.run()
    noted = deployer.noted()
    assert (noted["chain_id"], noted["intent"]) == (31337, None)
    flow = noted["contracts"]["Flow"]
    assert flow["arguments"] == {
        "governor": GOVERNOR,
        "guardian": GUARDIAN,
        "market": noted["contracts"]["FixedPriceMarket"]["address"],
        "first_block": 0,
        "blocks_per_epoch": BLOCKS_PER_EPOCH,
    }
    receipt = ape.chain.provider.get_receipt(flow["transaction"])
    assert (receipt.contract_address, receipt.block_number) == (flow["address"], flow["block"])
    assert flow["deployer"] == receipt.sender == GOVERNOR
    assert noted["calls"]["FixedPriceMarket.initialize"]["pricePerSector"] == PRICE
    assert not list(deployer.folder.glob("*.new"))


def test_run__a_second_time__sends_nothing(deployer):
    deployer.run()
    before = deployer.record.read_bytes()
    deployer.run()
    assert deployer.sent() == TRANSACTIONS
    assert deployer.record.read_bytes() == before
    assert len([line for line in deployer.said if "already" in line]) == TRANSACTIONS


def test_run__record_lost__deploys_anew_and_says_where(deployer):
    first = deployer.run().addresses
    deployer.record.unlink()
    assert set(deployer.run().addresses.values()).isdisjoint(first.values())


@pytest.mark.parametrize("boundary", range(BOUNDARIES))
def test_run__killed_and_started_again__does_nothing_twice(deployer, mortal, boundary):
    fuse = mortal(boundary)
    with pytest.raises(Killed):
        deployer.run(SMALL)
    fuse.left = BOUNDARIES
    deployer.run(SMALL)
    assert deployer.sent() == len(SMALL["steps"])
    assert deployer.problems(SMALL) == {}
    assert deployer.noted()["intent"] is None


def test_run__never_killed__passes_as_many_boundaries_as_are_tested(deployer, mortal):
    fuse = mortal(BOUNDARIES)
    deployer.run(SMALL)
    assert fuse.left == 0


def test_run__killed_before_noting_a_deployment__finds_it_at_the_address_it_had_to_get(deployer, mortal):
    fuse = mortal(2)
    with pytest.raises(Killed):
        deployer.run(SMALL)
    intended = deployer.noted()["intent"]["address"]
    fuse.left = BOUNDARIES
    deployer.run(SMALL)
    market = deployer.noted()["contracts"]["FixedPriceMarket"]
    assert (market["address"], market["transaction"], market["block"]) == (intended, None, None)
    assert f"FixedPriceMarket     {intended} was sent before a crash" in deployer.said


def test_run__refused_by_a_constructor__goes_on_once_the_parameter_is_right(deployer):
    bad = changed(SMALL, ["parameters", "service_fee_bps", "value"], 2001)
    with ape.reverts("fee: rate too high"):
        deployer.run(bad)
    assert set(deployer.noted()["contracts"]) == {"FixedPriceMarket"}
    deployer.run(SMALL)
    assert deployer.problems(SMALL) == {}
    assert (
        "FixedPriceMarket     " + deployer.contract("FixedPriceMarket").address + " is there already" in deployer.said
    )


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["parameters", "service_fee_bps", "value"], 99, "ChunkReward: service_fee_bps was 100"),
        (["accounts", "treasury"], "test:5", f"ChunkReward: treasury was {TREASURY}"),
        (["steps", 1, "with", "market"], "$governor", "ChunkReward: market was 0x"),
        (["steps", 2, "with", "successor"], "$treasury", f"FixedPriceMarket.proposeGovernor: successor was {GUARDIAN}"),
    ],
)
def test_run__parameters_changed_since__is_refused_and_told_by_status(deployer, path, value, problem):
    deployer.run(SMALL)
    plan = changed(SMALL, path, value)
    change, advice = deployer.refusal(plan)
    assert change.startswith(problem)
    assert " when this was sent, the parameters now say " in change
    assert advice == "deploy anew with another --record, or put the parameters back"
    assert deployer.problems(plan) == {change.partition(":")[0].partition(".")[0]: change}


def test_run__contract_added_to_the_parameters__is_all_that_is_sent(deployer):
    deployer.run(changed(SMALL, ["steps"], SMALL["steps"][:2]))
    deployer.run(SMALL)
    assert deployer.sent() == len(SMALL["steps"])


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["chain_id"], 1, "these parameters are for chain 1, this is 31337"),
        (["steps", 1, "deploy"], "RewardPoool", "RewardPoool: there is no contract RewardPoool"),
        (["steps", 1, "deploy"], "IReward", "IReward: there is no contract IReward"),
        (["steps", 1, "as"], "clerk", "ChunkReward: nobody is called clerk"),
        (["steps", 1, "with", "market"], "$Flow", f"ChunkReward: market: $Flow is {UNKNOWN}"),
    ],
)
def test_run__bad_plan__sends_nothing(deployer, path, value, problem):
    assert problem in deployer.refusal(changed(SMALL, path, value))
    assert deployer.sent() == 0


def test_run__record_of_another_chain__is_refused_and_kept(deployer):
    deployer.run(SMALL)
    deployer.note(chain_id=16661)
    (problem,) = deployer.refusal(SMALL)
    assert "records chain 16661 with genesis 0x" in problem
    assert problem.endswith(": name another --record")


def test_run__record_of_another_chain_with_the_same_number__is_refused_unless_it_is_a_local_one(deployer, monkeypatch):
    deployer.run(SMALL)
    deployer.note(genesis="0x" + "11" * 32)
    monkeypatch.setattr(type(deployer.provider.network), "is_local", False)
    (problem,) = deployer.refusal(SMALL)
    assert f"records chain 31337 with genesis 0x{'11' * 32}, this is chain 31337 with genesis 0x" in problem


def test_run__local_chain_that_was_restarted__gets_a_new_record(deployer):
    deployer.run(SMALL)
    deployer.note(genesis="0x" + "11" * 32, contracts={"Gone": {}})
    deployer.run(SMALL)
    assert "record.json is of a chain that is gone: starting a new record" in deployer.said
    assert deployer.sent() == 2 * len(SMALL["steps"])
    assert set(deployer.noted()["contracts"]) == {"FixedPriceMarket", "ChunkReward"}


def test_status__before_and_after__tells_what_is_missing(deployer):
    deployer.run(SMALL)
    missing = {"Flow": "not deployed", "FixedPriceMarket": "not called yet: FixedPriceMarket.initialize"}
    assert deployer.problems(PLAN) == missing
    deployer.run(PLAN)
    assert deployer.problems(PLAN) == {}


def test_status__contracts_answer__with_their_state(deployer):
    deployer.run(SMALL)
    market, _ = findings(ape, deployer.deployment(SMALL).plan, records.load(deployer.record))
    assert (market.state["governor"], market.state["pendingGovernor"]) == (GOVERNOR, GUARDIAN)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("0x", "no code at this address: another chain, or one that was restarted"),
        ("0x6001", "other code than recorded"),
    ],
)
def test_status__code_is_not_what_was_deployed__is_told(deployer, code, problem):
    deployer.run(SMALL)
    reward = deployer.contract("ChunkReward").address
    deployer.provider.make_request("anvil_setCode", [reward, code])
    assert deployer.problems(SMALL) == {"ChunkReward": problem}


@pytest.mark.parametrize("text", ["nobody", "test:20", "test:x", "0x12", 5, None])
def test_address_of__an_account_that_nobody_knows__is_refused(text):
    with pytest.raises(BadPlan, match=f"^account {text} is neither an address"):
        address_of(text)


def test_address_of__address__is_checksummed():
    assert address_of(GOVERNOR.lower()) == GOVERNOR


def test_senders_of__public_network_without_account__says_what_is_missing(deployer):
    with pytest.raises(click.UsageError) as refused:
        senders_of(deployer.deployment(SMALL).plan, None, local=False)
    assert refused.value.message == f"nobody signs for governor ({GOVERNOR}): give --account with its alias"
