"""What the owner of a miner does: make its id, take its rewards, pass them on."""

from __future__ import annotations

import re

import click

from offchain.cli.output import Interrupted, coins, tell, with_json
from offchain.cli.storage.miner.settings import MinePaySettings
from offchain.errors import BadSettings, NotFound
from offchain.runtime.settings import with_settings


class Address(click.ParamType):
    """An account on the command line."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it stands."""
        if not re.fullmatch("0x[0-9a-fA-F]{40}", str(value)):
            self.fail(f"{value!r} is no account: write 0x and 40 hexadecimal digits")
        return str(value)


@click.command()
@click.option("--beneficiary", type=Address(), help="Account that rewards go to; the one that pays if left out.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, help="Another number makes another id.")
@with_settings(MinePaySettings)
@with_json
def register(beneficiary: str | None, seed: int, settings: MinePaySettings, as_json: bool) -> None:
    """Make a miner id and keep it in the data directory.

    The id costs nothing but gas, and holds for as many machines as share it. Where the directory has one already, that
    one is told and nothing is sent; an interrupted command finds its transaction again.
    """
    from offchain.storage.miner.identity import ID_FILE, Registered, read_id, write_id
    from offchain.storage.miner.purse import once

    place, account = settings.place(), settings.payer()
    known, transaction = read_id(settings.data), None
    if known is None:
        to = beneficiary or account.address
        name = f"miner:{place.mine.address}:{settings.data.resolve()}:{to}:{seed}"
        with settings.purse(place, account, _say).sender() as sender:
            receipt = once(sender, name, place.mine.request_id(to, seed))
        known = Registered(place.client.chain_id, place.mine.address, place.mine.made_id(receipt.logs))
        write_id(settings.data, known)
        transaction = "0x" + receipt.transaction_hash.hex()
    elif (known.chain_id, known.mine) != (place.client.check(), place.mine.address):
        raise BadSettings(f"{settings.data} is of {known.mine} on chain {known.chain_id}: take another directory")
    paid = place.mine.beneficiary(known.miner_id)
    if paid and beneficiary and paid.lower() != beneficiary.lower():
        raise BadSettings(
            f"{settings.data} has a miner id already, whose rewards go to {paid}: change that with "
            "`zg storage miner transfer`, or make another id in another directory"
        )
    told = {
        "miner": "0x" + known.miner_id.hex(),
        "beneficiary": paid,
        "kept in": str(settings.data / ID_FILE),
        "transaction": transaction,
    }
    tell(told if as_json or transaction else {**told, "transaction": "none: the id was there already"}, as_json)


@click.command()
@with_settings(MinePaySettings)
@with_json
def withdraw(settings: MinePaySettings, as_json: bool) -> None:
    """Send the beneficiary of a miner all that it is owed.

    Anybody may pay for this; the money goes to the beneficiary whoever asks.
    """
    from offchain.chain.contracts.reward import RewardContract
    from offchain.storage.miner.purse import again

    place, account = settings.place(), settings.payer()
    beneficiary = _beneficiary(settings, place.mine.beneficiary(settings.id(place)))
    reward = RewardContract(place.client, place.mine.reward())
    owed, transaction = reward.owed(beneficiary), None
    if owed:
        with settings.purse(place, account, _say).sender() as sender:
            receipt = again(sender, f"withdraw:{reward.address}:{beneficiary}", reward.withdraw(beneficiary))
        owed = sum(reward.withdrawn(receipt.logs))
        transaction = "0x" + receipt.transaction_hash.hex()
    told = {"beneficiary": beneficiary, "withdrawn": owed, "transaction": transaction}
    words = {"withdrawn": coins(owed)} if transaction else {"withdrawn": "nothing is owed", "transaction": "none"}
    tell(told if as_json else {**told, **words}, as_json)


@click.command()
@click.argument("to", type=Address())
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings(MinePaySettings)
@with_json
def transfer(to: str, yes: bool, settings: MinePaySettings, as_json: bool) -> None:
    """Let the rewards of a miner go to the account TO from now on.

    The present beneficiary has to sign, and only TO can take it back. What is owed already stays with whom it is owed.
    """
    from offchain.storage.miner.purse import again

    place, account = settings.place(), settings.payer()
    miner_id = settings.id(place)
    before, transaction = _beneficiary(settings, place.mine.beneficiary(miner_id)), None
    if before.lower() != to.lower():
        if before != account.address:
            raise BadSettings(f"only {before}, who has the rewards now, can pass them on, not {account.address}")
        if not yes and not _agreed(before, to):
            raise Interrupted("nothing was changed")
        with settings.purse(place, account, _say).sender() as sender:
            receipt = again(sender, f"transfer:0x{miner_id.hex()}:{to}", place.mine.transfer(miner_id, to))
        transaction = "0x" + receipt.transaction_hash.hex()
    told = {
        "miner": "0x" + miner_id.hex(),
        "beneficiary": place.mine.beneficiary(miner_id),
        "before": before,
        "transaction": transaction,
    }
    tell(told if as_json or transaction else {**told, "transaction": "none: it is so already"}, as_json)


def _beneficiary(settings: MinePaySettings, found: str | None) -> str:
    if found is None:
        raise NotFound("the mine does not know this miner id: is it of another network?")
    return found


def _agreed(before: str, to: str) -> bool:
    try:
        return click.confirm(f"Rewards that go to {before} go to {to} from now on. Is that right?", err=True)
    except click.Abort:
        click.echo(err=True)
        return False


def _say(text: str) -> None:
    click.echo(text, err=True)
