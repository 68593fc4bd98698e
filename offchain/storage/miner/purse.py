"""An account that pays for single transactions of a miner's owner, with the journal that its uploads use too."""

from __future__ import annotations

from itertools import count

from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import TransactionSender
from offchain.chain.types import PreparedCall, Receipt
from offchain.errors import NotFound, TransactionReverted
from offchain.storage.client.wallet import Wallet


class Purse(Wallet):
    """The wallet of a miner's owner, who sends what is no upload."""


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
