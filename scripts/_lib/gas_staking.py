"""Gas of staking on a vault of three pools of one operator, in the wrapped coin."""

from __future__ import annotations

from typing import Any

from scripts._lib.anvil import LocalChain

Measured = dict[str, int]

WAD = 10**18
EPOCH = 600
PERIOD = 3_600
COIN = 10**18
PART = WAD // 20


class Staking:
    """A vault whose slasher is an account of the chain, and an operator who is the chain's sender."""

    def __init__(self, local: LocalChain) -> None:
        self.local, me = local, local.sender
        self.vault = local.deploy("StakeVault", me, me, EPOCH, PERIOD)
        self.tokens: list[Any] = []
        self.pools = [self._pool() for _ in range(3)]
        # Any code will do for the slasher: the chain lets us send in its name.
        self.slasher = self.tokens[0].address
        local.send(self.vault.functions.initialize(self.slasher))
        local.impersonate(self.slasher)

    def _pool(self) -> int:
        local, me = self.local, self.local.sender
        token = local.deploy("WrappedNative", "Wrapped coin", "WC")
        self.tokens.append(token)
        local.send(token.functions.deposit(), value=100 * COIN)
        local.send(token.functions.approve(self.vault.address, 2**256 - 1))
        local.send(self.vault.functions.setCollateral(token.address, True, COIN))
        local.send(self.vault.functions.createPool(token.address, 500))
        pool = len(self.tokens)
        local.send(self.vault.functions.deposit(pool, 10 * COIN, me))
        local.send(self.vault.functions.setAllocation(pool, 0, WAD))
        return pool

    def slash(self, number: int) -> int:
        """Gas of slashing every pool."""
        function = self.vault.functions.slash(self.local.sender, 0, PART, number.to_bytes(32, "big"))
        return self.local.send(function, **{"from": self.slasher})


def staking(local: LocalChain) -> Measured:
    """What an owner pays for each step of a stake's life, and what a slash of three pools takes."""
    made = Staking(local)
    vault, me, pool = made.vault.functions, local.sender, made.pools[0]
    other = str(list(local.web3.eth.accounts)[1])
    local.wait_for(2 * EPOCH)
    measured = {"restaking.deposit": local.send(vault.deposit(pool, COIN, me))}
    measured["restaking.deposit_again"] = local.send(vault.deposit(pool, COIN, me))
    measured["restaking.deposit_new_owner"] = local.send(vault.deposit(pool, COIN, other))
    measured["restaking.request_withdrawal"] = local.send(vault.requestWithdrawal(pool, COIN))
    measured["restaking.request_withdrawal_again"] = local.send(vault.requestWithdrawal(pool, COIN))
    local.wait_for(2 * PERIOD)
    measured["restaking.claim"] = local.send(vault.claim(pool, 1))
    measured["restaking.request_withdrawal_new_epoch"] = local.send(vault.requestWithdrawal(pool, COIN))
    return measured | _slashes(made, other)


def _slashes(made: Staking, reporter: str) -> Measured:
    local, vault = made.local, made.vault.functions
    first, second = (number.to_bytes(32, "big") for number in (1, 2))
    as_slasher = {"from": made.slasher}
    measured = {"restaking.slash_3_pools": made.slash(1)}
    measured["restaking.annul"] = local.send(vault.annul(first, made.pools[0]), **as_slasher)
    made.slash(2)
    release = vault.release(second, made.pools[0], reporter, COIN // 100, reporter, 0)
    measured["restaking.release"] = local.send(release, **as_slasher)
    return measured
