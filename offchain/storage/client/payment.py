"""Announces files to `Flow`: says what it costs, pays once, tells which submission each file became."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract, Submitted
from offchain.chain.outcomes import Cancelled, CapReached
from offchain.chain.sender import TransactionSender
from offchain.chain.types import PreparedCall, Receipt
from offchain.errors import ChainInconsistent, NotFound, TransactionReverted, ZgError
from offchain.protocol.submission import MAX_BATCH
from offchain.storage.client.intents import Identity, Intents, Wanted, identity_of

GAS_FOR_ONE = 150_000  # shown before paying where the chain cannot estimate; never used to send


class Declined(ZgError):
    """The user did not agree to the price."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What announcing some files costs, in wei: `fee` for their sectors, `gas` for the transactions, at most."""

    files: int
    sectors: int
    price_per_sector: int
    fee: int
    gas: int

    @property
    def total(self) -> int:
        """Fee and gas together."""
        return self.fee + self.gas


Agree = Callable[[Quote], bool]


@dataclass(frozen=True, slots=True)
class Paid:
    """A file's submission, and the transaction that made it."""

    seq: int
    transaction_hash: str


class Payments:
    """Pays from one account for files in one flow."""

    def __init__(self, client: ChainClient, flow: FlowContract, sender: TransactionSender, intents: Intents) -> None:
        """`intents` and the sender's journal belong to the same account on the same chain."""
        self._client = client
        self._flow = flow
        self._sender = sender
        self._intents = intents

    def recall(self, wanted: Sequence[Wanted]) -> dict[bytes, Paid]:
        """Files, by root, that an earlier run paid for or was about to: waits until their transactions are settled."""
        found: dict[Identity, Paid] = {}
        for key in dict.fromkeys(self._intents.key_of(each) for each in wanted):
            if key is not None:
                found |= self._settled(key)
        return {each.root: found[each.identity] for each in wanted if each.identity in found}

    def quote(self, wanted: Sequence[Wanted]) -> Quote:
        """What it costs to announce these files now."""
        price = self._flow.price_per_sector()
        return self._quote(wanted, price, sum(self._gas(batch, price) for batch in batches(wanted)))

    def pay(self, wanted: Sequence[Wanted], agree: Agree) -> dict[bytes, Paid]:
        """Announce these files, up to 64 in a transaction; returns their submissions by root.

        What was agreed to for gas is never exceeded: when the chain asks for more, `agree` is shown the new price of
        what remains. Raises Declined, InsufficientFunds or TransactionReverted before anything is paid for that, and
        CapReached when more was asked for and not agreed to.
        """
        price = self._flow.price_per_sector()
        caps = [self._gas(batch, price) for batch in batches(wanted)]
        quote = self._quote(wanted, price, sum(caps))
        if not agree(quote):
            raise Declined(f"{quote.total} wei were not agreed to; nothing was paid")
        paid: dict[Identity, Paid] = {}
        for batch, cap in zip(batches(wanted), caps, strict=True):
            key = self._intents.decide(batch)
            paid |= self._outcome(key, self._send(key, batch, price, cap, agree))
        return {each.root: paid[each.identity] for each in wanted}

    def _quote(self, wanted: Sequence[Wanted], price: int, gas: int) -> Quote:
        sectors = sum(each.submission.sectors for each in wanted)
        return Quote(len(wanted), sectors, price, sectors * price, gas)

    def _call(self, batch: Sequence[Wanted], price: int) -> PreparedCall:
        submissions = [each.submission for each in batch]
        fee = sum(submission.sectors for submission in submissions) * price
        return self._flow.submit(submissions, self._sender.address, fee)

    def _gas(self, batch: Sequence[Wanted], price: int) -> int:
        """Wei that the gas of a batch may cost."""
        call = self._call(batch, price)
        if self._client.balance(self._sender.address) < call.value:
            # No chain would estimate it; paying will say how much is missing.
            return GAS_FOR_ONE * len(batch) * self._client.fees().maximum
        return self._sender.quote(call)

    def _settled(self, key: str) -> dict[Identity, Paid]:
        try:
            self._sender.check(key)
            receipt = self._sender.send(key, PreparedCall(self._flow.address))
        except (NotFound, TransactionReverted, Cancelled):
            # Decided on and never signed, mined and failed, or taken back: in each case nothing was paid.
            self._intents.forget(key)
            return {}
        return self._outcome(key, receipt)

    def _send(self, key: str, batch: Sequence[Wanted], price: int, cap: int, agree: Agree) -> Receipt:
        call = self._call(batch, price)
        try:
            while True:
                try:
                    return self._sender.send(key, call, cap=cap)
                except CapReached as reached:
                    if not agree(self._quote(batch, price, reached.needed)):
                        raise
                    cap = reached.needed
        except (TransactionReverted, Cancelled):
            # Refused before or after mining, or taken back: in each case the next attempt is a new transaction.
            self._intents.forget(key)
            raise

    def _outcome(self, key: str, receipt: Receipt) -> dict[Identity, Paid]:
        submitted = self._flow.submitted(log for log in receipt.logs if self._flow.speaks(log))
        if not submitted:
            raise ChainInconsistent(f"the receipt of {key} holds no submission")
        return {identity_of(each.submission): _paid(each, receipt) for each in submitted}


def batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Files in groups that one transaction takes."""
    for at in range(0, len(wanted), MAX_BATCH):
        yield wanted[at : at + MAX_BATCH]


def _paid(submitted: Submitted, receipt: Receipt) -> Paid:
    return Paid(submitted.seq, "0x" + receipt.transaction_hash.hex())
