"""Transactions of one account: each intent is mined at most once, whatever crashes, stalls or reorganises."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offchain.chain.account import Account
from offchain.chain.allowance import Allowances
from offchain.chain.client import ChainClient
from offchain.chain.clock import Clock, SystemClock
from offchain.chain.envelope import Envelope
from offchain.chain.journal import Entry, Journal
from offchain.chain.offers import Offers
from offchain.chain.outbox import Outbox
from offchain.chain.outcomes import Blocked, Cancelled, CapReached
from offchain.chain.queue import FILLER, Queue
from offchain.chain.types import PreparedCall, Receipt
from offchain.errors import (
    ChainInconsistent,
    ChainUnavailable,
    InsufficientFunds,
    Invalid,
    NotFound,
    RemoteRefused,
    Retryable,
    TransactionReverted,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """How transactions are paid for, watched and believed."""

    max_fee: int = 500 * 10**9
    """Wei per gas that is never exceeded; a transaction waits while the chain asks more."""
    confirmations: int = 0
    """Blocks on top of a transaction's own before it counts; a deeper fork is noticed when it is asked for again."""
    raise_after: float = 45.0
    """Seconds before a transaction that waits offers more."""
    repeat_after: float = 15.0
    """Seconds before a transaction that waits is broadcast again, as nodes forget."""
    poll: float = 0.2
    """Seconds between looks at a transaction that `send` waits for."""
    gas_margin: int = 25
    """Percent added to estimates, as state moves before the transaction is mined."""
    keep_blocks: int = 50_000
    """Blocks after which no reorganisation is expected: the journal drops the bytes of what was settled before."""


class TransactionSender:
    """Owns the nonces of `account` on the chain of `client`; safe to share between threads.

    The signed bytes are in the journal before they leave, so after a crash the same intent is the same transaction.
    An intent's key is the caller's name for one wish, such as `"submit:<root>"`; its first content is kept for good.

    A `cap` is the most wei that the gas of an intent may ever cost: first offer, every raise, a cancellation, and what
    fills nonces before it. It is on record before anything is signed, stays when nobody names another, and is replaced
    by the next one that is named. When it does not suffice, `CapReached` says what is missing; the transaction waits.
    """

    def __init__(
        self,
        client: ChainClient,
        account: Account,
        journal: Journal,
        policy: SendPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        """The journal must hold nothing but this account on this chain."""
        policy, address = policy or SendPolicy(), account.address
        self._client = client
        self._journal = journal
        self._policy = policy
        self._clock = clock or SystemClock()
        self._allowances = Allowances(journal)
        self._offers = Offers(client, address, policy.max_fee, policy.gas_margin)
        self._outbox = Outbox(client, account, journal, self._clock, policy.repeat_after, policy.raise_after)
        self._queue = Queue(client, address, journal, self._offers, self._outbox, policy.confirmations)
        self._address = address
        self._lock = threading.RLock()
        self._unresumed: list[str] | None = None

    @property
    def address(self) -> str:
        """The account that pays."""
        return self._address

    def quote(self, call: PreparedCall) -> int:
        """Wei that the gas of `call` may cost as it would be offered now: the cap to agree on.

        Raises `TransactionReverted` with the contract's reason, also where the account cannot pay for the call.
        """
        return self._offers.quote(call)

    def send(self, key: str, call: PreparedCall, timeout: float = 600.0, cap: int | None = None) -> Receipt:
        """Submit, and block until the transaction is confirmed, or raise `ChainUnavailable` after `timeout` seconds.

        Giving up gives nothing away: the same key later finds the same transaction. Raises as `submit` and `check`;
        of what is retryable, `CapReached` and `Blocked` at once, as waiting alone may not help. After `timeout` it is
        `CapReached`, too, if the cap keeps the transaction from offering more.
        """
        return self._await(key, timeout, lambda: self.submit(key, call, cap))

    def wait(self, key: str, timeout: float = 600.0) -> Receipt:
        """As `send` for a key that was submitted before."""
        return self._await(key, timeout, None)

    def submit(self, key: str, call: PreparedCall, cap: int | None = None) -> bytes:
        """Sign, record and broadcast `call` unless `key` was submitted before; returns the newest transaction's hash.

        Raises `TransactionReverted` with the contract's reason, `InsufficientFunds` or `CapReached` before anything is
        recorded. After `ChainUnavailable` the transaction may be out; submitting the same key again is safe. For a key
        that was submitted before, `cap` takes the place of its cap; raises `CapReached` when signed offers exceed it.
        """
        if key.startswith(FILLER):
            raise Invalid(f"keys that begin with {FILLER} are the sender's own, not {key}")
        self.resume()
        entries = self._journal.of_key(key)
        if entries:
            self._agree(key, cap)
            return entries[-1].transaction_hash
        entry = self._open(key, call, cap)
        self._outbox.broadcast(entry)
        return entry.transaction_hash

    def check(self, key: str) -> Receipt | None:
        """The receipt once it is confirmed; until then keeps the transaction alive and returns None.

        Raises `TransactionReverted` if it was mined and failed, `Cancelled` if its nonce went to another transaction,
        `NotFound` for a key that was never submitted. While the transaction waits: `CapReached`, `RemoteRefused` or
        `InsufficientFunds` if nodes would not take it, `Blocked` if they would not take an earlier one.
        """
        entries = self._of_key(key)
        receipt = self._mined(key, entries)
        if receipt is None:
            with self._lock:
                self._queue.advance(key)
            return None
        if not self._is_final(receipt):
            return None
        self._settle(key, receipt)
        return self._outcome(key, receipt)

    def cancel(self, key: str, cap: int | None = None) -> None:
        """Take an intent back: replace its transaction by a transfer of nothing to this account, for a higher fee.

        Only one of the two can be mined; `check` or `wait` tell which: a receipt, or `Cancelled`. Does nothing if it is
        mined; if it is being cancelled already, only `cap` is taken note of. Raises `NotFound`, `CapReached` (the key's
        cap holds for its cancellation, and `cap` replaces it), `InsufficientFunds`, or `BadSettings` when `max_fee`
        leaves no higher fee. After `RemoteRefused` or `ChainUnavailable` the cancellation may be on record; then
        `check` goes on with it.
        """
        with self._lock:
            entries = self._of_key(key)
            if self._mined(key, entries):
                return
            self._agree(key, cap)
            if entries[-1].cancels:
                return
            envelope = Envelope.from_json(entries[-1].unsigned)
            cancelling = self._offers.cancelling(key, envelope, self._allowances.of(key))
            self._outbox.require(cancelling.cost, f"to cancel {key}")
            entry = self._outbox.sign(key, cancelling, cancels=True)
        self._outbox.broadcast(entry)

    def quote_cancel(self, key: str) -> int:
        """Wei that the gas of `cancel` may cost as it would be offered now; raises as that does."""
        envelope = Envelope.from_json(self._of_key(key)[-1].unsigned)
        return self._offers.cancelling(key, envelope, None).gas_cost

    def pending(self) -> Sequence[Entry]:
        """The newest transaction of each intent that no receipt is known of, by nonce; nothing is sent or noted."""
        return [entry for entry in self._journal.unsettled() if not self._mined(entry.key, self._of_key(entry.key))]

    def forget(self, key: str) -> None:
        """Promise never to ask for `key` again, so that the journal need not know it for ever.

        A key that is asked for after all is a new intent, once its block is old. Raises `NotFound` for a key that was
        never submitted, `Invalid` for one that is not settled.
        """
        self._of_key(key)
        if self._journal.settled(key) is None:
            raise Invalid(f"{key} is not settled: wait for it, or cancel it, before it is forgotten")
        self._journal.release(key)

    def resume(self) -> None:
        """Broadcast again what an earlier process left unfinished; the first calls of a process do it.

        A transaction that the RPC does not take keeps no other one waiting here: `check` tells the caller of its key.
        """
        with self._lock:
            if self._unresumed is None:
                self._unresumed = [entry.key for entry in self._journal.unsettled()]
            for key in tuple(self._unresumed):
                if self._resumed(key):
                    self._unresumed.remove(key)

    def _await(self, key: str, timeout: float, start: Callable[[], object] | None) -> Receipt:
        deadline = self._clock.now() + timeout
        while True:
            try:
                if start:
                    start()
                    start = None
                if receipt := self.check(key):
                    return receipt
                obstacle = "it waits for a block"
            except (CapReached, Blocked):
                raise
            except Retryable as error:
                obstacle = str(error)
            if self._clock.now() >= deadline:
                late = ChainUnavailable(f"{key} is not settled after {timeout:g} s: {obstacle}")
                raise self._queue.held(key) or late
            self._clock.sleep(self._policy.poll)

    def _open(self, key: str, call: PreparedCall, cap: int | None) -> Entry:
        if call.value:
            self._outbox.require(call.value, "to transfer")
        envelope = self._offers.first(call, self._allowances.proposed(key, cap))
        self._outbox.require(envelope.cost, "for the transaction and its gas")
        with self._lock:
            envelope = envelope.numbered(self._queue.free_nonce())
            entries = self._journal.of_key(key)
            self._agree(key, cap)
            return entries[-1] if entries else self._outbox.sign(key, envelope)

    def _agree(self, key: str, cap: int | None) -> None:
        """Takes note of a cap that the caller named, before anything is signed under it; moot once `key` is mined."""
        if cap is not None and self._journal.settled(key) is None:
            with self._lock:
                self._allowances.agree(key, cap)
                self._queue.let_go(key)

    def _of_key(self, key: str) -> Sequence[Entry]:
        entries = self._journal.of_key(key)
        if not entries:
            raise NotFound(f"nothing was submitted as {key}")
        return entries

    def _resumed(self, key: str) -> bool:
        """Whether the RPC said something about `key`."""
        entries = self._journal.of_key(key)
        receipt = self._mined(key, entries)
        if receipt and self._is_final(receipt):
            self._settle(key, receipt)
        if receipt:
            return True
        try:
            self._outbox.broadcast(entries[-1])
        except (RemoteRefused, InsufficientFunds) as error:
            log.warning("%s waits since an earlier run, and is not taken: %s", key, error)
        except Retryable as error:
            log.warning("%s waits since an earlier run, and nobody knows whether it was taken: %s", key, error)
            return False
        return True

    def _mined(self, key: str, entries: Sequence[Entry]) -> Receipt | None:
        settled = self._journal.settled(key)
        for transaction_hash in [settled] if settled else [entry.transaction_hash for entry in reversed(entries)]:
            if receipt := self._client.receipt(transaction_hash):
                return receipt
        if settled and not entries[-1].raw:
            raise ChainInconsistent(
                f"the RPC shows no receipt of 0x{settled.hex()}, which was {key} long ago: use another"
            )
        if settled:
            log.warning("%s was mined in %s, and a reorganisation took it back", key, settled.hex())
            self._journal.unsettle(key)
        return None

    def _is_final(self, receipt: Receipt) -> bool:
        if self._policy.confirmations == 0:
            return True
        if self._client.head().number - receipt.block_number < self._policy.confirmations:
            return False
        return self._client.header(receipt.block_number).hash == receipt.block_hash

    def _settle(self, key: str, receipt: Receipt) -> None:
        if self._journal.settled(key) != receipt.transaction_hash:
            self._journal.settle(key, receipt.transaction_hash, receipt.block_number)
            if key.startswith(FILLER):
                self._journal.release(key)
            self._journal.prune(receipt.block_number - self._policy.keep_blocks)
        self._outbox.done(key)

    def _outcome(self, key: str, receipt: Receipt) -> Receipt:
        entries = self._journal.of_key(key)
        serving = [
            entry for entry in entries if not entry.cancels and entry.transaction_hash == receipt.transaction_hash
        ]
        if not serving:
            raise Cancelled(key, receipt.transaction_hash)
        if not receipt.succeeded:
            raise TransactionReverted(self._reason(serving[0], receipt), "0x" + receipt.transaction_hash.hex())
        return receipt

    def _reason(self, entry: Entry, receipt: Receipt) -> str:
        if not entry.unsigned:
            return "unknown, as it was long ago"
        envelope = Envelope.from_json(entry.unsigned)
        try:
            self._client.replay(envelope.call, self.address, receipt.block_number)
        except TransactionReverted as error:
            return error.reason
        except (Retryable, RemoteRefused):
            return "unknown, the RPC has no state of that block"
        return "out of gas" if receipt.gas_used >= envelope.gas else "unknown, it would succeed after the same block"
