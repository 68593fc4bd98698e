import pytest

from offchain.chain.refusals import Broadcast, RpcError, as_exception, broadcast_verdict, error_from, revert_reason
from offchain.errors import ChainUnavailable, RangeTooLarge, RemoteRefused, TransactionReverted

HELLO = "0x08c379a0" + "20".zfill(64) + "05".zfill(64) + b"hello".hex().ljust(64, "0")

RANGES = [
    (-32602, "range 1000000 exceeds limit of 10000"),  # Infura
    (-32005, "query returned more than 10000 results. Try with this block range [0xBDE5F8, 0x102DBCC]."),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),  # Alchemy
    (-32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range."),
    (-32614, "eth_getLogs is limited to a 10,000 range"),  # QuickNode
    (-32000, "exceed maximum block range: 5000"),  # BSC, publicnode
    (-32600, "block range too high"),
    (-32000, "block range is larger than max block range, block range = 5120, max block range = 5000"),
    (-32000, "logs matched by query exceeds limit of 10000"),
    (-32000, "maximum [from, to] blocks distance: 10000"),  # Ethermint
    (-32000, "query timeout exceeded"),
    (-32002, "log query timed out"),
    (-32005, "limit exceeded"),
    (-32602, "requested too many blocks from 1 to 9000, maximum is set to 2048"),
    (-32701, "Please specify an address or narrower range"),
    (-32000, "block range should not exceed 1000 blocks"),
]

BROADCASTS = [
    ("already known", Broadcast.KNOWN),  # geth
    ("INTERNAL_ERROR: existing tx with same hash", Broadcast.KNOWN),  # Erigon
    ("AlreadyKnown", Broadcast.KNOWN),  # Nethermind
    ("Known transaction", Broadcast.KNOWN),  # Besu
    ("transaction already imported", Broadcast.KNOWN),  # anvil
    ("tx already in mempool", Broadcast.KNOWN),  # Ethermint
    ("nonce too low: next nonce 5, tx nonce 4", Broadcast.NONCE_TOO_LOW),
    ("Transaction nonce is too low. Try incrementing the nonce.", Broadcast.NONCE_TOO_LOW),
    ("OldNonce", Broadcast.NONCE_TOO_LOW),
    ("invalid nonce; got 3, expected 5: invalid sequence", Broadcast.NONCE_TOO_LOW),
    ("replacement transaction underpriced", Broadcast.UNDERPRICED),
    ("ReplacementNotAllowed", Broadcast.UNDERPRICED),
    ("transaction underpriced", Broadcast.FEE_TOO_LOW),
    ("max fee per gas less than block base fee", Broadcast.FEE_TOO_LOW),
    ("FeeTooLow, EffectivePriorityFeePerGas too low 1 < 2", Broadcast.FEE_TOO_LOW),
    ("insufficient funds for gas * price + value: balance 0", Broadcast.UNFUNDED),
    ("Insufficient funds for gas * price + value", Broadcast.UNFUNDED),
    ("InsufficientFunds, Account balance: 0", Broadcast.UNFUNDED),
    ("Upfront cost exceeds account balance", Broadcast.UNFUNDED),  # Besu
    ("tx fee (1.20 ether) exceeds the configured cap (1.00 ether)", Broadcast.FEE_TOO_HIGH),  # geth, Erigon
    ("tx fee (1.10 FTM) exceeds the configured cap (1.00 FTM)", Broadcast.FEE_TOO_HIGH),
    ("tx fee (1200000000000000000 wei) exceeds the configured cap (1000000000000000000 wei)", Broadcast.FEE_TOO_HIGH),
    ("Transaction fee cap exceeded", Broadcast.FEE_TOO_HIGH),  # Besu
]


@pytest.mark.parametrize(("code", "message"), RANGES)
def test_as_exception__range_refused_in_any_dialect__asks_for_fewer_blocks(code, message):
    assert isinstance(as_exception(RpcError(code, message), "eth_getLogs", "rpc"), RangeTooLarge)


def test_as_exception__range_explained_in_data_only__asks_for_fewer_blocks():
    data = {"error_id": "4ed9", "payload": "range 9009594 is bigger than range limit 2000"}
    assert isinstance(as_exception(RpcError(-32602, "invalid params", data), "eth_getLogs", "rpc"), RangeTooLarge)


@pytest.mark.parametrize(
    "message",
    [
        "daily request count exceeded, request rate limited",
        "Too Many Requests",
        "exceeded its compute units per second",
    ],
)
def test_as_exception__rate_limit__is_retried_and_not_taken_for_a_range(message):
    error = as_exception(RpcError(-32005, message), "eth_getLogs", "rpc")
    assert type(error) is ChainUnavailable


def test_as_exception__method_missing__is_final():
    assert isinstance(as_exception(RpcError(-32601, "method not found"), "eth_getLogs", "rpc"), RemoteRefused)


def test_as_exception__pruned_state__is_final():
    assert isinstance(as_exception(RpcError(-32000, "missing trie node 12ab"), "eth_call", "rpc"), RemoteRefused)


def test_as_exception__unknown_failure__is_retried():
    assert type(as_exception(RpcError(-32603, "boom"), "eth_getBalance", "rpc")) is ChainUnavailable


def test_as_exception__revert__carries_the_reason():
    error = as_exception(RpcError(3, "execution reverted: flow: paused"), "eth_call", "rpc")
    assert isinstance(error, TransactionReverted)
    assert error.reason == "flow: paused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RpcError(3, "execution reverted: x", HELLO), "hello"),
        (RpcError(-32015, "VM execution error.", "Reverted 0x4e487b71" + "11".zfill(64)), "arithmetic overflow"),
        (RpcError(3, "execution reverted", "0x4e487b71" + "77".zfill(64)), "panic 0x77"),
        (RpcError(3, "execution reverted", "0x12345678"), "custom error 0x12345678"),
        (RpcError(-32000, "VM Exception: reverted with reason string 'market: too little'"), "market: too little"),
        (RpcError(3, "execution reverted"), "no reason given"),
        (RpcError(3, "execution reverted", "0x"), "no reason given"),
        (RpcError(3, "execution reverted", {"inner": "0x12345678"}), "custom error 0x12345678"),
        (RpcError(3, "execution reverted", "0x08c379a0ff"), "an unreadable reason 0x08c379a0ff"),
    ],
)  # fmt: skip
def test_revert_reason__any_dialect__gives_the_contract_s_words(error, reason):
    assert revert_reason(error) == reason


@pytest.mark.parametrize(("message", "verdict"), BROADCASTS)
def test_broadcast_verdict__any_dialect__is_understood(message, verdict):
    assert broadcast_verdict(RpcError(-32000, message), "rpc") is verdict


@pytest.mark.parametrize("message", ["txpool is full", "nonce too high", "rate limit reached"])
def test_broadcast_verdict__full_pool__is_retried(message):
    with pytest.raises(ChainUnavailable):
        broadcast_verdict(RpcError(-32000, message), "rpc")


@pytest.mark.parametrize("message", ["intrinsic gas too low", "unknown transaction type", "exceeds block gas limit"])
def test_broadcast_verdict__hopeless_transaction__is_refused_with_the_node_s_words(message):
    with pytest.raises(RemoteRefused, match=message):
        broadcast_verdict(RpcError(-32000, message), "rpc")


def test_error_from__bare_text_instead_of_an_object__is_kept():
    assert error_from("quota exceeded") == RpcError(0, "quota exceeded")
