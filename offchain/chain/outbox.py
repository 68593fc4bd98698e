"""Signing, writing down, broadcasting: in this order, so that after a crash the same intent is the same transaction."""

from collections.abc import Iterator

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.clock import Clock
from offchain.chain.envelope import Envelope
from offchain.chain.journal import Entry, Journal
from offchain.chain.refusals import Broadcast
from offchain.errors import InsufficientFunds, Invalid, RemoteRefused

MAX_TRANSACTION_BYTES = 128 * 1024  # what geth's pool takes; a recorded transaction that no node takes blocks its nonce
_LONG_AGO = float("-inf")


class Outbox:
    """The transactions of an account on their way to the chain, and when each was last signed and sent."""

    def __init__(
        self,
        client: ChainClient,
        account: Account,
        journal: Journal,
        clock: Clock,
        repeat_after: float,
        raise_after: float,
    ) -> None:
        """`repeat_after` and `raise_after` in seconds, as in `SendPolicy`."""
        self._client = client
        self._account = account
        self._journal = journal
        self._clock = clock
        self._repeat_after = repeat_after
        self._raise_after = raise_after
        self._signed_at: dict[str, float] = {}
        self._sent_at: dict[str, float] = {}
        self._too_dear: set[str] = set()

    def sign(self, key: str, envelope: Envelope, cancels: bool = False) -> Entry:
        """A transaction of `key`, on record and not sent yet; raises `Invalid` for one that no node would take."""
        raw, transaction_hash = self._account.sign_transaction(envelope.as_web3())
        if len(raw) > MAX_TRANSACTION_BYTES:
            raise Invalid(f"{key} makes a transaction of {len(raw)} bytes; nodes take {MAX_TRANSACTION_BYTES} at most")
        entry = self._journal.record(key, envelope.nonce, transaction_hash, raw, envelope.to_json(), cancels)
        self._signed_at[key] = self._clock.now()
        return entry

    def broadcast(self, entry: Entry) -> None:
        """Offer a transaction to the RPC.

        Raises `RemoteRefused` or `InsufficientFunds` when it is not taken, `ChainUnavailable` when nobody knows.
        """
        self._sent_at.pop(entry.key, None)  # due again at once if it is not taken
        verdict = self._offered(entry)
        if verdict is Broadcast.UNFUNDED:
            self.require(Envelope.from_json(entry.unsigned).cost, "for transactions that wait")
            raise InsufficientFunds(self._account.address, 1, "or more for all the transactions that wait together")
        self._sent_at[entry.key] = self._clock.now()
        if verdict in (Broadcast.UNDERPRICED, Broadcast.FEE_TOO_LOW):
            self._signed_at[entry.key] = _LONG_AGO

    def repeat(self, entry: Entry) -> None:
        """Broadcast again what was sent a while ago, as nodes forget."""
        if self.is_due(entry.key):
            self.broadcast(entry)

    def is_due(self, key: str) -> bool:
        """Whether it is time to ask about `key` again."""
        return self._clock.now() - self._sent_at.get(key, _LONG_AGO) >= self._repeat_after

    def asked(self, key: str) -> None:
        """Ask about `key` again only after a while."""
        self._sent_at[key] = self._clock.now()

    def wants_more(self, key: str) -> bool:
        """Whether it is time to offer more for `key`; never when a node refused an offer for being too high."""
        now = self._clock.now()
        waited = now - self._signed_at.setdefault(key, now)
        return waited >= self._raise_after and key not in self._too_dear

    def is_underpriced(self, key: str) -> bool:
        """Whether a node refused the newest offer for being too low."""
        return self._signed_at.get(key) == _LONG_AGO

    def wait(self, key: str) -> None:
        """Think of offering more for `key` only after a while."""
        self._signed_at[key] = self._clock.now()

    def hurry(self, key: str) -> None:
        """Think of offering more for `key` at once."""
        self._signed_at[key] = self._clock.now() - self._raise_after

    def done(self, key: str) -> None:
        """Nothing of `key` is on its way any more."""
        self._signed_at.pop(key, None)
        self._sent_at.pop(key, None)
        self._too_dear.discard(key)

    def require(self, cost: int, purpose: str) -> None:
        """Raises `InsufficientFunds` unless the account holds `cost` wei."""
        balance = self._client.balance(self._account.address)
        if balance < cost:
            raise InsufficientFunds(self._account.address, cost - balance, purpose)

    def _offered(self, entry: Entry) -> Broadcast:
        """The verdict on the highest offer that the RPC passes on; a raise it refuses must not lose what it took."""
        for offer in self._from_the_highest(entry):
            verdict = self._client.send_raw(offer.raw)
            if verdict is not Broadcast.FEE_TOO_HIGH:
                if offer is entry:
                    self._too_dear.discard(entry.key)
                return verdict
            self._too_dear.add(entry.key)
        cost = Envelope.from_json(entry.unsigned).gas_cost
        raise RemoteRefused(
            self._client.origin,
            0,
            f"{entry.key}: its gas may cost {cost} wei, more than this RPC passes on; use another one, or cancel it",
        )

    def _from_the_highest(self, entry: Entry) -> Iterator[Entry]:
        yield entry
        for other in reversed(self._journal.of_nonce(entry.nonce)):
            if other.transaction_hash != entry.transaction_hash and other.cancels == entry.cancels:
                yield other
