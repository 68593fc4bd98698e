"""A stake vault in boa with its token, and people who stake."""

from dataclasses import dataclass
from types import SimpleNamespace

import boa

from tests.doubles.contracts import deploy
from tests.doubles.flow import actors

WAD = 10**18
EPOCH = 1_000
PERIOD = 10_000
MINIMUM = 1_000
RICHES = 1 << 100


@dataclass
class Vault:
    """The contract, the collateral, and who is who; `slasher` is an account that plays the slasher's code."""

    contract: object
    token: object
    people: SimpleNamespace
    slasher: str

    def create_pool(self, operator, commission=0, token=None):
        """A pool of `operator` in the collateral."""
        return self.contract.createPool((token or self.token).address, commission, sender=operator)

    def deposit(self, pool, amount, owner, token=None):
        """Stake `amount`, as its owner; returns units."""
        (token or self.token).approve(self.contract.address, amount, sender=owner)
        return self.contract.deposit(pool, amount, owner, sender=owner)

    def open_pool(self, own=10**18, group=0, magnitude=WAD):
        """A pool whose operator stakes `own`, allocated to one group for an epoch already."""
        pool = self.create_pool(self.people.operator)
        self.deposit(pool, own, self.people.operator)
        self.contract.setAllocation(pool, group, magnitude, sender=self.people.operator)
        boa.env.time_travel(seconds=EPOCH)
        return pool

    def slash(self, operator, group, fraction, slash_id):
        """Slash as the slasher."""
        self.contract.slash(operator, group, fraction, slash_id, sender=self.slasher)


def deploy_vault():
    """A vault with one collateral, which everybody has plenty of."""
    people = actors("governor", "guardian", "operator", "delegator", "other", "outsider")
    token = deploy("Token")
    contract = deploy("StakeVault", people.governor, people.guardian, EPOCH, PERIOD)
    contract.setCollateral(token.address, True, MINIMUM, sender=people.governor)
    contract.initialize(token.address, sender=people.governor)  # any code will do: tests act in its name
    for person in vars(people).values():
        token.mint(person, RICHES)
    return Vault(contract, token, people, token.address)
