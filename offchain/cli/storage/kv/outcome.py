"""How a write is agreed to and told on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from offchain.cli.output import coins, tell

if TYPE_CHECKING:
    from offchain.storage.client.payment import Quote
    from offchain.storage.kv.client.api import KvClient
    from offchain.storage.kv.client.batch import Batch

IF_VERSION = click.option(
    "--if-version",
    type=click.IntRange(0),
    metavar="SEQ",
    help="Only if none of the keys was written after this submission.",
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Consent:
    """Asks for each price, and remembers what was agreed to."""

    yes: bool
    as_json: bool
    quotes: list[Quote] = field(default_factory=list)

    def __call__(self, quote: Quote) -> bool:
        """Whether to pay; nobody is asked where a program reads the answers."""
        self.quotes.append(quote)
        if self.yes or self.as_json:
            return self.yes
        click.echo(
            f"{quote.sectors} sectors of 256 bytes at {quote.price_per_sector} wei: {coins(quote.fee)}, and at most "
            f"{coins(quote.gas)} for gas",
            err=True,
        )
        try:
            return click.confirm("Pay this?", default=False, err=True)
        except click.Abort:
            click.echo(err=True)  # nobody is there to answer, or Ctrl-C was the answer
            return False


def paying(command: F) -> F:
    """Add the options of commands that write."""
    for option in (
        click.option("--yes", is_flag=True, help="Pay without being asked."),
        click.option("--public-format", is_flag=True, help="Encrypt so that public servers read it, unauthenticated."),
        click.option("--replicas", default=1, show_default=True, help="How many times storage nodes are to hold it."),
    ):
        command = option(command)
    return command


def send(client: KvClient, batch: Batch, stream: bytes, yes: bool, as_json: bool, version: int | None = None) -> None:
    """Send a batch and tell what became of it; raises Conflict or NotCommitted unless it took effect."""
    consent = Consent(yes, as_json)
    outcome = client.commit(batch, consent, version).check()
    fee = sum(quote.fee for quote in consent.quotes)
    tell(
        {
            "stream": "0x" + stream.hex(),
            "result": outcome.state,
            "sequence": outcome.seq,
            "transaction": outcome.transaction_hash,
            "fee": fee if as_json else coins(fee) if fee else "nothing: an earlier run had paid",
            "provisional": outcome.provisional,
        },
        as_json,
    )
