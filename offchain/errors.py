"""Every error this project raises on purpose.

ZgError
├── Invalid                 the caller's input is wrong; asking again changes nothing
│   ├── InvalidProof        a Merkle proof does not lead to the root it claims
│   ├── InvalidSegment      a segment's length, index or file size does not fit its file
│   └── InvalidSubmission   a submission breaks the rules of `Flow`
├── Fatal                   the worker must stop and a person must act
│   ├── BadSettings         the settings contradict themselves or the world
│   ├── WrongChain          the RPC answers for another chain or another contract
│   ├── Untrusted           peers contradict each other or their own proofs
│   ├── Corrupted           stored data no longer matches its own hashes
│   ├── DiskFull            no room is left for the worker's data
│   ├── InsufficientFunds   the account cannot pay for what it is asked to send
│   └── NonceConflict       somebody else sends from the worker's account
└── Retryable               the same call may succeed later
    ├── ChainUnavailable    the RPC is silent, slow or broken
    │   ├── ChainTimeout    the RPC did not answer in time
    │   └── RangeTooLarge   the RPC wants to search fewer blocks at once
    ├── ChainInconsistent   the RPC contradicts itself, as it does while a reorganisation passes
    ├── PeerUnavailable     a node or an indexer is silent, slow or broken
    └── Busy                a limit on concurrent work is reached
Refused(Fatal)              a chain or a peer understood and said no: `TransactionReverted`, `RemoteRefused`
NotFound(ZgError)           nobody asked knows what was asked for
"""

from decimal import Decimal


class ZgError(Exception):
    """Base of all; its text is fit for an operator's eyes."""


class Invalid(ZgError, ValueError):
    """The caller's input is wrong."""


class InvalidProof(Invalid):
    """A Merkle proof does not lead to the root it claims."""


class InvalidSegment(Invalid):
    """A segment's length, index or file size does not fit its file."""


class InvalidSubmission(Invalid):
    """A submission breaks the rules of `Flow`."""


class Fatal(ZgError):
    """The worker must stop and a person must act."""


class BadSettings(Fatal):
    """The settings contradict themselves or the world."""


class WrongChain(Fatal):
    """The RPC answers for another chain or another contract."""


class Untrusted(Fatal):
    """Peers contradict each other or their own proofs, and nobody can tell who is right."""


class Corrupted(Fatal):
    """Stored data no longer matches its own hashes."""


class DiskFull(Fatal):
    """No room is left for the worker's data."""


class InsufficientFunds(Fatal):
    """The account cannot pay for what it is asked to send; carries address and missing wei."""

    def __init__(self, address: str, missing: int, purpose: str) -> None:
        """`missing` in wei; `purpose` reads on from "lacks … wei"."""
        self.address = address
        self.missing = missing
        coins = f"{Decimal(missing).scaleb(-18).normalize():f}"
        super().__init__(f"{address} lacks {missing} wei ({coins} coins) {purpose}: send it at least that much")


class NonceConflict(Fatal):
    """Somebody else sends from the worker's account."""


class Refused(Fatal):
    """A chain or a peer understood the request and said no."""


class TransactionReverted(Refused):
    """A transaction was mined and failed, or would fail; carries the contract's reason."""

    def __init__(self, reason: str, transaction_hash: str | None = None) -> None:
        """`reason` in the contract's words; `transaction_hash` once something was mined."""
        self.reason = reason
        self.transaction_hash = transaction_hash
        where = f" in {transaction_hash}" if transaction_hash else ""
        super().__init__(f"the contract refused{where}: {reason}")


class RemoteRefused(Refused):
    """A node or an indexer answered with an error; carries its JSON-RPC code, message and data."""

    def __init__(self, url: str, code: int, message: str, data: object = None) -> None:
        """`url` without credentials, for it is shown."""
        self.url = url
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{url} refused: {message}" + (f": {data}" if data else ""))


class Retryable(ZgError):
    """The same call may succeed later."""


class ChainUnavailable(Retryable):
    """The RPC is silent, slow or broken."""


class ChainTimeout(ChainUnavailable):
    """The RPC did not answer in time."""


class RangeTooLarge(ChainUnavailable):
    """The RPC wants to search fewer blocks at once."""


class ChainInconsistent(Retryable):
    """The RPC contradicts itself, as it does while a reorganisation passes."""


class PeerUnavailable(Retryable):
    """A node or an indexer is silent, slow or broken."""


class Busy(Retryable):
    """A limit on concurrent work is reached."""


class NotFound(ZgError):
    """Nobody asked knows what was asked for."""
