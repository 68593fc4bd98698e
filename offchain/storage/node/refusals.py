"""Why a node refuses a segment, in the words that existing clients read."""

from __future__ import annotations

from offchain.errors import Invalid
from offchain.net.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, SERVER_ERROR, RpcError


class Refusal(Invalid):
    """A parameter is wrong: `param` in the public RPC's spelling, `reason` in its words."""

    def __init__(self, param: str, reason: str) -> None:
        """Clients match on both texts."""
        self.param = param
        self.reason = reason
        super().__init__(f"{param}: {reason}")

    @property
    def rpc_error(self) -> RpcError:
        """The same as a JSON-RPC error."""
        return RpcError(INVALID_PARAMS, f"Invalid params: {self.param}", self.reason)


class WrongFile(Refusal):
    """The segment is of another file than the submission it was sent for."""

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("root", "data root and tx seq not match")

    @property
    def rpc_error(self) -> RpcError:
        """Existing nodes call this an internal error."""
        return RpcError(INTERNAL_ERROR, "Internal error", self.reason)


class AlreadyStored(Refusal):
    """The segment is here, or on its way."""

    def __init__(self) -> None:
        """One text for all."""
        super().__init__("index", "segment has already been uploaded or is being uploaded")

    @property
    def rpc_error(self) -> RpcError:
        """Existing nodes give the reason as the message."""
        return RpcError(SERVER_ERROR, self.reason)


def already_finalized() -> Refusal:
    """The file is complete here."""
    return Refusal("root", "already uploaded and finalized")


def bad_length() -> Refusal:
    """Segments travel as whole sectors, all of them but the last one full."""
    return Refusal("data", "invalid data length")


def wrong_size() -> Refusal:
    """The segment claims another file size than the transaction."""
    return Refusal("file_size", "segment file size not matched with tx file size")


def too_large_to_wait() -> Refusal:
    """The file has no transaction yet and is too large for the pool."""
    return Refusal("file_size", "caching of large file when tx is unavailable is not supported")


def beyond_the_end() -> Refusal:
    """There is no such segment."""
    return Refusal("index", "index out of bound")
