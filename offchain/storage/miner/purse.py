"""An account that pays for single transactions of a miner's owner, with the journal that its uploads use too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import TransactionSender
from offchain.chain.types import PreparedCall, Receipt
from offchain.errors import NotFound, TransactionReverted
from offchain.storage.client.intents import INTENT_SCHEMA
from offchain.storage.client.wallet import Wallet, _make
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal


class Purse(Wallet):
    """A wallet that also sends what is no upload."""

    @contextmanager
    def sender(self) -> Iterator[TransactionSender]:
        """What sends from the account; waits while another process does."""
        chain_id = self._client.check()
        genesis = self._client.header(0).hash.hex()[:16]
        folder = self._state / f"{chain_id}-{genesis}" / self._account.address.lower()
        _make(folder)
        with ExitStack() as stack:
            self._lock(folder, stack)
            database = stack.enter_context(Database(folder / "client.sqlite", JOURNAL_SCHEMA, INTENT_SCHEMA))
            journal = TransactionJournal(database, chain_id, self._account.address)
            yield TransactionSender(self._client, self._account, journal, self._policy)


def once(sender: TransactionSender, name: str, call: PreparedCall) -> Receipt:
    """The receipt of the one transaction that this wish becomes, however often it is uttered."""
    for key in map(f"{name}:{{}}".format, count()):
        try:
            sender.check(key)
        except (TransactionReverted, Cancelled):
            continue  # an earlier attempt that failed
        except NotFound:
            pass
        return sender.send(key, call)
    raise AssertionError("counting never ends")


def again(sender: TransactionSender, name: str, call: PreparedCall) -> Receipt:
    """The receipt of a new transaction, or of one that an interrupted command left unsettled."""
    for key in map(f"{name}:{{}}".format, count()):
        try:
            if sender.check(key):
                continue  # an earlier wish, fulfilled
        except (TransactionReverted, Cancelled):
            continue
        except NotFound:
            pass
        return sender.send(key, call)
    raise AssertionError("counting never ends")
