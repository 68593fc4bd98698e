"""What the sender needs written down before anything leaves the machine; `offchain.store.journal` keeps it."""

from collections.abc import Sequence
from typing import Protocol


class Entry(Protocol):
    """A signed transaction on record."""

    @property
    def key(self) -> str:
        """The intent it serves."""
        ...

    @property
    def nonce(self) -> int:
        """Its nonce."""
        ...

    @property
    def transaction_hash(self) -> bytes:
        """Its hash, 32 bytes."""
        ...

    @property
    def raw(self) -> bytes:
        """The signed bytes as they are broadcast; empty once they are too old for that."""
        ...

    @property
    def unsigned(self) -> str:
        """Its fields in JSON, for a replacement with higher fees; empty when `raw` is."""
        ...

    @property
    def cancels(self) -> bool:
        """Whether it takes the intent back instead of serving it."""
        ...


class Agreement(Protocol):
    """What somebody agreed to pay."""

    @property
    def owner(self) -> str:
        """The intent it was agreed for."""
        ...

    @property
    def cap(self) -> int:
        """Wei that gas may cost at most, for the owner and all keys that share with it."""
        ...


class Journal(Protocol):
    """Transactions of one account on one chain, durable when a method returns, and safe between threads.

    What is kept: everything of an intent that is not settled; of a settled one the bytes as long as a reorganisation
    could undo it, and then its key with the hash of what was mined. A key that is asked for again would be paid for
    again if it were forgotten, so only who named it can `release` it.
    """

    def record(
        self, key: str, nonce: int, transaction_hash: bytes, raw: bytes, unsigned: str, cancels: bool = False
    ) -> Entry:
        """Write a transaction down; raises `Corrupted` if another intent has the nonce."""
        ...

    def of_key(self, key: str) -> Sequence[Entry]:
        """All transactions of an intent, oldest first."""
        ...

    def of_nonce(self, nonce: int) -> Sequence[Entry]:
        """All transactions with a nonce, oldest first."""
        ...

    def unsettled(self) -> Sequence[Entry]:
        """The newest transaction of each intent without a settled one, by nonce."""
        ...

    def next_nonce(self) -> int:
        """One more than the highest nonce on record; 0 without any."""
        ...

    def settle(self, key: str, transaction_hash: bytes, block: int | None = None) -> None:
        """Note which transaction has the nonce of an intent for good, and the number of its block."""
        ...

    def settled(self, key: str) -> bytes | None:
        """The hash that `settle` noted."""
        ...

    def unsettle(self, key: str) -> None:
        """Forget what `settle` noted: a deep reorganisation took it back."""
        ...

    def release(self, key: str) -> None:
        """Note that nobody asks for `key` again: `prune` may forget it as a whole once it is settled."""
        ...

    def prune(self, block: int) -> None:
        """Drop what is not kept of some intents that were settled before `block`; a bounded number at a time."""
        ...

    def agree(self, key: str, cap: int) -> None:
        """Write down what the gas of an intent may cost at most, in wei."""
        ...

    def share(self, key: str, owner: str) -> None:
        """Count what `key` costs against the cap of `owner`, too."""
        ...

    def agreement(self, key: str) -> Agreement | None:
        """What `key` counts against; None without a cap."""
        ...

    def sharing(self, owner: str) -> Sequence[str]:
        """All keys that count against the cap of `owner`, itself among them; none without a cap."""
        ...
