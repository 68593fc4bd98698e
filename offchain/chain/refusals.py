"""What the error answers of the many kinds of node mean; there is no standard, so their words decide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from offchain.errors import ChainUnavailable, RangeTooLarge, RemoteRefused, TransactionReverted, ZgError

ERROR_STRING = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")
PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "value outside its enumeration",
    0x31: "pop of an empty array",
    0x32: "index out of bounds",
    0x41: "too much memory",
}

METHOD_NOT_FOUND, INVALID_PARAMS, INVALID_REQUEST, EXECUTION_REVERTED = -32601, -32602, -32600, 3

# Asking again soon helps. Looked for first: a rate limit often names the method or the range as well.
_RATE = re.compile(
    r"rate.?limit|too many requests|request count exceeded|compute units|capacity|throttl|try again|credits"
    r"|requests per (second|minute)|busy|overloaded"
)
# A smaller range helps. Seen at: geth, Erigon, Nethermind, Alchemy, Infura, QuickNode, Ankr, BSC, Tenderly, Ethermint.
_RANGE = re.compile(
    r"block range|blocks? (distance|span)|range (is )?too|range \d+ (exceeds|is bigger)|exceed\w* .*range|\brange limit"
    r"|limited to .*(range|blocks)|max\w* (allowed )?(number of )?(requested )?(blocks|range)|too many blocks"
    r"|query returned more than|more than \d+ (results|logs)|(too many|max\w*) (results|logs|events)|exceeds? limit of"
    r"|response (size|is too)|response too (large|big)|result\w* (size|set) .*(exceed|too large)|logs matched by query"
    r"|query timeout|limit exceeded|narrower range|at most \d[\d,]* blocks|timed? ?out|took too long"
)
# No node that prunes ever answers.
_PRUNED = re.compile(r"missing trie node|pruned|historical state|archive|state .*not available|exceeds maximum proof")
_REVERT = re.compile(r"revert|vm execution error|invalid opcode|always failing transaction")

_HEX = re.compile(r"(?:Reverted )?0x((?:[0-9a-fA-F]{2})+)")
_KNOWN = re.compile(
    r"already known|\bknown transaction|already imported|already exists|already in (the )?(mem)?pool|tx already"
    r"|existing tx with same hash|alreadyknown|already in cache"
)
_NONCE_TOO_LOW = re.compile(
    r"nonce.{0,20}too low|old ?nonce|stale nonce|nonce has already been used|invalid (nonce|sequence)"
)
_UNDERPRICED = re.compile(
    r"replacement.*(too low|underpriced|not ?allowed)|gas price too low to replace|fee too low to compete"
    r"|another transaction with same nonce"
)
_FEE_TOO_LOW = re.compile(
    r"underpriced|less than block base fee|lower than.*base fee|feetoolow|insufficient fee|tip.*below"
    r"|(gas price|max fee|fee).*(too low|below|less than|minimum)"
)
_UNFUNDED = re.compile(
    r"insufficient (funds|balance|account balance)|insufficientfunds|not enough (funds|balance)|out of balance"
    r"|exceeds (the )?(balance|account)"
)
# Seen at: geth and its forks, Erigon, reth; Besu.
_FEE_TOO_HIGH = re.compile(r"tx ?fee .*exceeds the configur\w+ cap|transaction fee cap exceeded")
_LATER = re.compile(r"pool is full|pool overflow|nonce too high|nonce gap|too many pending|limit reached|syncing")


class Broadcast(Enum):
    """What a node made of a signed transaction."""

    ACCEPTED = "taken into the pool"
    KNOWN = "it had the transaction already"
    NONCE_TOO_LOW = "a mined transaction uses the nonce"
    UNDERPRICED = "a waiting transaction of this nonce pays as much"
    FEE_TOO_LOW = "it pays less than the chain or the node accepts now"
    FEE_TOO_HIGH = "its gas may cost more than the node passes on"
    UNFUNDED = "the account cannot pay for it"


_VERDICTS = (
    (_FEE_TOO_HIGH, Broadcast.FEE_TOO_HIGH),
    (_KNOWN, Broadcast.KNOWN),
    (_NONCE_TOO_LOW, Broadcast.NONCE_TOO_LOW),
    (_UNDERPRICED, Broadcast.UNDERPRICED),
    (_FEE_TOO_LOW, Broadcast.FEE_TOO_LOW),
    (_UNFUNDED, Broadcast.UNFUNDED),
)


@dataclass(frozen=True, slots=True)
class RpcError:
    """The error member of a JSON-RPC answer."""

    code: int
    message: str
    data: object = None

    @property
    def text(self) -> str:
        """All its words in lower case; some nodes hide the cause in `data`."""
        detail = self.data if isinstance(self.data, Mapping) else {}
        return " ".join([self.message, *(value for value in detail.values() if isinstance(value, str))]).lower()


def error_from(raw: object) -> RpcError:
    """The error of an answer; nodes that send bare text or odd codes are understood too."""
    if not isinstance(raw, Mapping):
        return RpcError(0, str(raw))
    code = raw.get("code")
    return RpcError(code if isinstance(code, int) else 0, str(raw.get("message") or "no message"), raw.get("data"))


def as_exception(error: RpcError, method: str, origin: str) -> ZgError:
    """The exception that tells a caller of `method` at the RPC `origin` what to do about `error`."""
    if _RATE.search(error.text):
        return ChainUnavailable(f"{origin} limits our requests: {error.message}")
    if method == "eth_getLogs" and (_RANGE.search(error.text) or error.code == -32005):
        return RangeTooLarge(f"{origin} refuses to search so many blocks: {error.message}")
    if method in ("eth_call", "eth_estimateGas") and is_revert(error):
        return TransactionReverted(revert_reason(error))
    if error.code in (METHOD_NOT_FOUND, INVALID_PARAMS, INVALID_REQUEST) or _PRUNED.search(error.text):
        return RemoteRefused(origin, error.code, f"{method}: {error.message}", error.data)
    return ChainUnavailable(f"{origin} failed at {method}: {error.message} (code {error.code})")


def is_revert(error: RpcError) -> bool:
    """Whether the contract, not the node, said no."""
    return error.code == EXECUTION_REVERTED or bool(_REVERT.search(error.text)) or len(revert_data(error)) >= 4


def revert_data(error: RpcError) -> bytes:
    """The bytes a contract reverted with, wherever the node put them."""
    candidates = error.data.values() if isinstance(error.data, Mapping) else [error.data]
    matches = (_HEX.fullmatch(candidate) for candidate in candidates if isinstance(candidate, str))
    return next((bytes.fromhex(found[1]) for found in matches if found), b"")


def revert_reason(error: RpcError) -> str:
    """The reason string, or the best words for what the contract returned instead."""
    data = revert_data(error)
    selector, body = data[:4], data[4:]
    try:
        if selector == ERROR_STRING:
            return str(decode(["string"], body)[0])
        if selector == PANIC:
            (code,) = decode(["uint256"], body)
            return PANICS.get(code, f"panic 0x{code:02x}")
    except (DecodingError, UnicodeDecodeError):
        return f"an unreadable reason 0x{data.hex()}"
    if data:
        return f"custom error 0x{data.hex()}"
    said = re.sub(r"^.*?revert(ed)?( with reason string)?:?\s*", "", error.message, flags=re.IGNORECASE | re.DOTALL)
    return said.strip("'\" ") or "no reason given"


def broadcast_verdict(error: RpcError, origin: str) -> Broadcast:
    """What a refused `eth_sendRawTransaction` means; raises `ChainUnavailable` or `RemoteRefused` for all the rest."""
    for words, verdict in _VERDICTS:
        if words.search(error.text):
            return verdict
    if _LATER.search(error.text) or _RATE.search(error.text):
        raise ChainUnavailable(f"{origin} takes no transactions now: {error.message}")
    if error.code in (-32603, -32005):
        raise ChainUnavailable(f"{origin} failed to take the transaction: {error.message} (code {error.code})")
    raise RemoteRefused(origin, error.code, f"the transaction: {error.message}", error.data)
