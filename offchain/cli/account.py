"""`zg account …`: what an account has signed that is not mined yet, and a way to take it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from offchain.cli.client_settings import AccountSettings
from offchain.cli.output import Interrupted, coins, tell, with_json
from offchain.errors import NotFound
from offchain.runtime.settings import with_settings

if TYPE_CHECKING:
    from offchain.chain.journal import Entry
    from offchain.chain.sender import TransactionSender
    from offchain.chain.types import Receipt

Agree = Callable[[int], bool]
"""Asked whether gas may cost so many wei."""


@click.group()
def account() -> None:
    """See what an account has signed that is not mined, and take it back.

    An account's transactions are mined in the order of their nonces: one that cannot be mined keeps all later ones
    waiting. These commands know what uploads, key-value writes and the owner of a miner sent from this machine, as kept
    in `~/.local/state/zg` or $ZG_STATE_DIR.
    """


@account.command()
@with_settings(AccountSettings)
@with_json
def pending(settings: AccountSettings, as_json: bool) -> None:
    """List the transactions of the account that are signed and not mined, by nonce. Nothing is sent."""
    with settings.wallet(_say).sender(alone=False) as sender:
        found = [_described(entry) for entry in sender.pending()]
        waiting = found if as_json else [_in_words(each) for each in found] or "nothing"
        tell({"account": sender.address, "pending": waiting}, as_json)


@account.command()
@click.argument("transaction")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings(AccountSettings)
@with_json
def cancel(transaction: str, yes: bool, settings: AccountSettings, as_json: bool) -> None:
    """Take back TRANSACTION, given by its nonce or name as `zg account pending` lists it, and wait for the outcome.

    A transfer of nothing to the account itself takes its place, for a higher fee. Only one of the two can be mined, and
    which of them was is told. What was to be done can be done again afterwards.
    """
    with settings.wallet(_say).sender() as sender:
        entry = _found(sender, transaction)

        def agree(wei: int) -> bool:
            return yes or (not as_json and _asked(entry, wei))

        if not entry.cancels and not agree(sender.quote_cancel(entry.key)):
            raise Interrupted("nothing was taken back")
        receipt = _taken_back(sender, entry.key, agree)
    told = {"account": sender.address, "nonce": entry.nonce, "name": entry.key}
    mined = "0x" + receipt.transaction_hash.hex() if receipt else None
    words = f"too late: it was mined as {mined}" if mined else "taken back: it will never be mined"
    tell({**told, "cancelled": not mined, "transaction": mined} if as_json else {**told, "outcome": words}, as_json)


def _taken_back(sender: TransactionSender, key: str, agree: Agree) -> Receipt | None:
    """The receipt of what was to be taken back, where that was mined all the same."""
    from offchain.chain.outcomes import Cancelled, CapReached

    cap: int | None = None
    while True:
        try:
            sender.cancel(key, cap)
            return sender.wait(key)
        except Cancelled:
            return None
        except CapReached as reached:
            if not agree(reached.needed):
                raise
            cap = reached.needed


def _found(sender: TransactionSender, transaction: str) -> Entry:
    waiting: Sequence[Entry] = sender.pending()
    for entry in waiting:
        if transaction in (str(entry.nonce), entry.key):
            return entry
    raise NotFound(f"no transaction {transaction} of {sender.address} waits: `zg account pending` lists those that do")


def _described(entry: Entry) -> dict[str, object]:
    from offchain.chain.envelope import Envelope

    envelope = Envelope.from_json(entry.unsigned)
    return {
        "nonce": entry.nonce,
        "name": entry.key,
        "transaction": "0x" + entry.transaction_hash.hex(),
        "to": envelope.call.to,
        "value": envelope.call.value,
        "gas": envelope.gas_cost,
        "cancels": entry.cancels,
    }


def _in_words(told: dict[str, object]) -> str:
    value, gas = int(str(told["value"])), int(str(told["gas"]))
    state = ", being taken back" if told["cancels"] else ""
    return f"nonce {told['nonce']}: {told['name']}, {coins(value)} to {told['to']}, gas at most {coins(gas)}{state}"


def _asked(entry: Entry, wei: int) -> bool:
    question = f"Take back nonce {entry.nonce}, {entry.key}? It costs at most {coins(wei)} for gas."
    try:
        return click.confirm(question, default=False, err=True)
    except click.Abort:
        click.echo(err=True)
        return False


def _say(text: str) -> None:
    click.echo(text, err=True)
