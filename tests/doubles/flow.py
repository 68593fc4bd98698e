"""A flow with its market, mine and reward in boa, and a client that speaks all four ways of submitting."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import boa
from boa.contracts.abi.abi_contract import ABIContractFactory

from offchain.protocol.keccak import keccak256
from offchain.protocol.pora import Parameters
from offchain.protocol.sectors import node_heights, padded_sector_count
from offchain.protocol.submission import Node, Submission
from scripts._lib.abis import compiled_abi, contract_paths, old_flow, with_fallback
from tests.doubles.blocks import tell_hashes
from tests.doubles.contracts import deploy

PRICE = 30_733_644_962
BLOCKS_PER_EPOCH = 100
TERM = 1_000_000
PARAMETERS = Parameters(subtasks=2, interval=50, mine_blocks=50, max_shards=16, wanted=4, pricing_sectors=4_096)
FORMS = ("submit", "batch", "old submit", "old batch")

_ABI = compiled_abi(next(path for path in contract_paths() if path.stem == "Flow"))
_EVENTS = [entry for entry in _ABI if entry["type"] == "event"]
_NEW = ABIContractFactory("Flow", with_fallback(_ABI))
_OLD = ABIContractFactory("OldFlow", old_flow(_ABI)[:2] + _EVENTS)


@dataclass(frozen=True)
class Placed:
    """What `submit` returns."""

    index: int
    identity: bytes
    start: int
    sectors: int


class Flow:
    """The contracts of a flow and who owns them. `last` is the contract object of the last submission."""

    def __init__(self, flow, market, mine, reward, governor, guardian):
        self.flow = flow
        self.market = market
        self.mine = mine
        self.reward = reward
        self.governor = governor
        self.guardian = guardian
        self.last = flow

    def submit(self, submissions, sender, form="batch", submitter=None, value=None):
        """Submit in the given form; pays the exact fee unless told otherwise."""
        if value is None:
            value = sum(each.sectors for each in submissions) * self.flow.pricePerSector()
        named = [(encode(each), submitter or sender) for each in submissions]
        bare = [encode(each) for each in submissions]
        self.last = (_OLD if form.startswith("old") else _NEW).at(self.flow.address)
        function = self.last.submit if form.endswith("submit") else self.last.batchSubmit
        arguments = bare if form.startswith("old") else named
        result = function(arguments[0] if form.endswith("submit") else arguments, value=value, sender=sender)
        rows = [result] if form.endswith("submit") else zip(*result, strict=True)
        return [Placed(*row) for row in rows]

    def pooled(self):
        """Wei that the reward holds for miners."""
        return boa.env.get_balance(self.reward.address) - self.reward.serviceFeeDue()

    def events(self, name):
        """What the last submission logged under `name`."""
        return events(self.last, name)

    def calldata(self, submission, submitter):
        """Bytes of a call to `submit`."""
        return self.flow.submit.prepare_calldata((encode(submission), submitter))


def encode(submission):
    """The tuple that the ABI wants."""
    return (submission.length, submission.tags, [(node.root, node.height) for node in submission.nodes])


def submission_of(size, seed=0, tags=b""):
    """A valid submission of `size` bytes with made-up roots."""
    heights = node_heights(padded_sector_count(size))
    nodes = tuple(Node(keccak256(b"%d/%d/%d" % (size, seed, height)), height) for height in heights)
    return Submission(size, tags, nodes)


def actors(*names, balance=10**24):
    """Fresh accounts by role, with coins."""
    people = SimpleNamespace()
    for name in names:
        account = boa.env.generate_address(name)
        boa.env.set_balance(account, balance)
        setattr(people, name, account)
    return people


def deploy_flow(
    price=PRICE, blocks_per_epoch=BLOCKS_PER_EPOCH, first_block=0, service_fee_bps=100, parameters=None, **mining
):
    """A flow whose governor is also the treasury; `parameters` and `mining` as deploy_mine takes them."""
    tell_hashes()
    people = actors("governor", "guardian")
    market = deploy("FixedPriceMarket", people.governor)
    flow = deploy("Flow", people.governor, people.guardian, market.address, first_block, blocks_per_epoch)
    parameters = parameters or replace(PARAMETERS, mine_blocks=1, interval=0)
    mine = deploy_mine(flow, people.governor, parameters, **mining)
    chunk = parameters.pricing_sectors
    fee = (people.governor, service_fee_bps)
    reward = deploy("ChunkReward", people.governor, market.address, mine.address, chunk, TERM, 0, *fee)
    market.initialize(price, flow.address, reward.address, sender=people.governor)
    mine.setReward(reward.address, sender=people.governor)
    return Flow(speaking(flow), market, mine, reward, people.governor, people.guardian)


def deploy_mine(flow, governor, parameters=PARAMETERS, difficulty=1, fixed=False):
    """The mine alone."""
    chunk, easiest, ratio = parameters.pricing_sectors, 1, 20
    pace = (parameters.wanted, parameters.mine_blocks, parameters.subtasks, parameters.interval)
    rest = (*pace, parameters.max_shards, ratio, parameters.two_hops)
    return deploy("PoraMine", governor, flow.address, chunk, difficulty, easiest, fixed, *rest)


def speaking(flow):
    """The deployed `flow` with the entry points that its fallback answers."""
    return _NEW.at(flow.address)


def events(contract, name):
    """What the last call to `contract` logged under `name`."""
    return [log for log in contract.get_logs() if type(log).__name__ == name]
