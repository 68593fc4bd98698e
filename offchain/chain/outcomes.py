"""What may keep an intent from its receipt, beside what `offchain.errors` names: each says what its caller can do."""

from offchain.errors import Retryable, ZgError


class Cancelled(ZgError):
    """The intent was taken back: its nonce went to another transaction, and its call is never mined."""

    def __init__(self, key: str, transaction_hash: bytes) -> None:
        """`transaction_hash` is the transaction that has the nonce."""
        self.key = key
        self.transaction_hash = "0x" + transaction_hash.hex()
        super().__init__(f"{key} was cancelled: {self.transaction_hash} has its nonce")


class CapReached(Retryable):
    """Gas costs more than was agreed to; carries the `cap`, what is `needed` and what is `missing`, in wei.

    Whatever was signed within the cap stays out and is mined when the chain asks less. Submitting the same key with a
    cap of at least `needed` offers more.
    """

    def __init__(self, key: str, cap: int, needed: int) -> None:
        """`key` is the intent that was agreed to."""
        self.key = key
        self.cap = cap
        self.needed = needed
        super().__init__(
            f"gas for {key} was to cost {cap} wei at most, and {self.missing} wei more are needed now: "
            "agree to more, wait until the chain asks less, or cancel it"
        )

    @property
    def missing(self) -> int:
        """Wei by which the cap is too small."""
        return self.needed - self.cap


class Blocked(Retryable):
    """An earlier transaction of the account cannot be sent, and later ones wait for it."""

    def __init__(self, key: str, blocker: str, reason: Exception) -> None:
        """`blocker` is the intent that has the earlier nonce, `reason` what was said about it."""
        self.key = key
        self.blocker = blocker
        self.reason = reason
        super().__init__(
            f"{key} waits behind {blocker}, which stays unsent until that is solved or cancelled: {reason}"
        )


class Stopping(Retryable):
    """The process was asked to end while it waited for a chain."""
