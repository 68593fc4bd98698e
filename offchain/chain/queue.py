"""The nonces of an account as a queue: only its head can be mined, so whoever waits has to move what is before."""

import logging

from offchain.chain.allowance import Allowances
from offchain.chain.client import ChainClient
from offchain.chain.envelope import Envelope
from offchain.chain.journal import Entry, Journal
from offchain.chain.nonces import NonceUse, find_use
from offchain.chain.offers import Offers
from offchain.chain.outbox import Outbox
from offchain.chain.outcomes import Blocked, CapReached
from offchain.chain.types import PreparedCall
from offchain.errors import ChainInconsistent, InsufficientFunds, RemoteRefused

FILLER = "gap:"
"""How keys of the sender's own transactions begin: they fill nonces that nobody uses."""

log = logging.getLogger(__name__)


class Queue:
    """What was signed and not mined; its caller holds a lock around each method."""

    def __init__(
        self, client: ChainClient, address: str, journal: Journal, offers: Offers, outbox: Outbox, confirmations: int
    ) -> None:
        """`confirmations` as in `SendPolicy`."""
        self._client = client
        self._address = address
        self._journal = journal
        self._allowances = Allowances(journal)
        self._offers = offers
        self._outbox = outbox
        self._confirmations = confirmations
        self._held: dict[str, CapReached] = {}

    def free_nonce(self) -> int:
        """A nonce for a new transaction."""
        # Pending transactions that are not ours count as well: competing with them would risk both.
        return max(self._journal.next_nonce(), self._client.nonce(self._address, "pending"))

    def advance(self, key: str) -> None:
        """Move what keeps `key` from being mined: itself, an earlier transaction, or a nonce that nobody uses.

        Raises what `Outbox.broadcast` does, and `CapReached`, on account of `key`; `Blocked` on account of another.
        """
        entry = self._journal.of_key(key)[-1]
        mined = self._client.nonce(self._address)
        if entry.nonce < mined:
            self._examine_loss(entry)
        elif entry.nonce == mined:
            self._push(entry)
        else:
            self._unblock(mined, entry)

    def held(self, key: str) -> CapReached | None:
        """Why `key` offers no more although it waits; its offer is what others pay, so waiting should be enough."""
        return self._held.get(key)

    def let_go(self, key: str) -> None:
        """`key` may cost more than before: offer it, if only its cap was in the way."""
        if self._held.pop(key, None):
            self._outbox.hurry(key)

    def _push(self, entry: Entry) -> None:
        try:
            better = self._better(entry) if self._outbox.wants_more(entry.key) else None
        except CapReached:
            self._outbox.repeat(entry)
            raise
        if better:
            self._outbox.broadcast(better)
        else:
            self._outbox.repeat(entry)

    def _better(self, entry: Entry) -> Entry | None:
        self._held.pop(entry.key, None)
        envelope = Envelope.from_json(entry.unsigned)
        try:
            better = self._offers.better(entry.key, envelope, self._allowances.of(entry.key))
        except CapReached as reached:
            if self._outbox.is_underpriced(entry.key) or self._offers.lags(envelope):
                raise
            log.warning("%s waits: %s", entry.key, reached)
            self._held[entry.key] = reached
            better = None
        if better is None:
            self._outbox.wait(entry.key)
            return None
        log.info("%s waits: nonce %d now offers %d wei per gas", entry.key, entry.nonce, better.fees.maximum)
        return self._outbox.sign(entry.key, better, entry.cancels)

    def _unblock(self, nonce: int, waiting: Entry) -> None:
        blockers = self._journal.of_nonce(nonce)
        try:
            if blockers:
                self._revive(blockers[-1])
            elif self._outbox.is_due(waiting.key) and self._client.nonce(self._address, "pending") <= nonce:
                self._fill(nonce, waiting)
        except (RemoteRefused, InsufficientFunds, CapReached) as error:
            self._outbox.repeat(waiting)
            if isinstance(error, CapReached) and error.key == waiting.key:
                raise
            raise Blocked(waiting.key, blockers[-1].key if blockers else f"nonce {nonce}", error) from error
        self._outbox.repeat(waiting)

    def _fill(self, nonce: int, waiting: Entry) -> None:
        log.warning("nonce %d of %s is used by nobody and blocks %s: filling it", nonce, self._address, waiting.key)
        key = f"{FILLER}{nonce}"
        self._allowances.share(key, waiting.key)
        filler = self._offers.first(PreparedCall(self._address), self._allowances.of(key))
        self._outbox.broadcast(self._outbox.sign(key, filler.numbered(nonce)))

    def _revive(self, entry: Entry) -> None:
        # An intent that was signed again under another nonce must not get the first one as well.
        if self._journal.of_key(entry.key)[-1].nonce != entry.nonce:
            return
        if not entry.raw:
            raise ChainInconsistent(
                f"the RPC counts nonce {entry.nonce} of {self._address} as free, where {entry.key} was mined long ago"
            )
        if self._journal.settled(entry.key):
            self._journal.unsettle(entry.key)  # a reorganisation took it back
        self._push(entry)

    def _examine_loss(self, entry: Entry) -> None:
        """The nonce is used, and not by what the journal has for it, as far as receipts tell."""
        if not self._outbox.is_due(entry.key):
            return
        self._outbox.asked(entry.key)
        use = find_use(self._client, self._address, entry.nonce)
        if use.transaction_hash in {ours.transaction_hash for ours in self._journal.of_nonce(entry.nonce)}:
            return  # the node that was asked for receipts lags
        if self._client.head().number - use.block < self._confirmations:
            return  # a fork may still undo the other transaction, and mine ours
        log.error(
            "nonce %d of %s was used by transaction 0x%s, which is not ours: somebody else holds this key",
            entry.nonce, self._address, use.transaction_hash.hex(),
        )  # fmt: skip
        self._replace_lost(entry, use)

    def _replace_lost(self, entry: Entry, use: NonceUse) -> None:
        if entry.cancels:
            self._journal.settle(entry.key, use.transaction_hash, use.block)
            return
        log.error("signing %s again with another nonce", entry.key)
        envelope = self._offers.again(Envelope.from_json(entry.unsigned), self._allowances.of(entry.key))
        self._outbox.broadcast(self._outbox.sign(entry.key, envelope.numbered(self.free_nonce())))
