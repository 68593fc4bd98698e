"""One chain as the workers see it: typed answers, bounded waiting, errors that say whether asking again helps."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from web3 import Web3

from offchain.chain import parse
from offchain.chain.clock import Clock
from offchain.chain.contract import Contract
from offchain.chain.filter import LogFilter
from offchain.chain.parse import parsed
from offchain.chain.refusals import Broadcast, RpcError, broadcast_verdict
from offchain.chain.rpc import ATTEMPTS, Rpc
from offchain.chain.types import BlockTag, Fees, Header, Log, LogPage, PreparedCall, Receipt
from offchain.errors import ChainInconsistent, RemoteRefused


class ChainClient:
    """A chain behind one RPC; safe to share between threads.

    Reads raise `ChainUnavailable` after a few tries, `ChainInconsistent` where the RPC lacks what it should have,
    `WrongChain` when it answers for another chain. Only calls and estimates raise `TransactionReverted`.
    """

    def __init__(
        self,
        url: str,
        chain_id: int | None = None,
        timeout: float = 10.0,
        *,
        post: Callable[[bytes], bytes] | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Connects at the first call. `timeout` in seconds for one exchange; the rest is replaced in tests."""
        self._rpc = Rpc(url, chain_id, timeout, post=post, clock=clock, jitter=jitter)
        self._web3 = Web3(self._rpc, middleware=[])

    @property
    def origin(self) -> str:
        """Scheme, host and port of the RPC, fit for logs."""
        return self._rpc.origin

    @property
    def chain_id(self) -> int:
        """The chain this client is for, once asked."""
        return self._rpc.chain_id

    def check(self) -> int:
        """The chain id, asked for now; raises `WrongChain` if it is not the expected one."""
        return self._rpc.check_with_patience()

    def contract(self, address: str, abi: Sequence[Mapping[str, Any]]) -> Contract:
        """A contract of this chain; makes no call."""
        return Contract(self._web3, address, abi)

    def head(self) -> Header:
        """The newest block."""
        return self.header("latest")

    def header(self, block: BlockTag) -> Header:
        """A block by number or tag; raises `ChainInconsistent` if the RPC does not have it."""
        return self._header(self._rpc.request("eth_getBlockByNumber", _tag(block), False), block)

    def headers(self, numbers: Sequence[int]) -> dict[int, Header]:
        """Blocks by number; raises `ChainInconsistent` if the RPC lacks one."""
        raws = self._rpc.batch([("eth_getBlockByNumber", (hex(number), False)) for number in numbers])
        return {number: self._header(raw, number) for number, raw in zip(numbers, raws, strict=True)}

    def logs(self, wanted: LogFilter, first: int, last: int) -> LogPage:
        """Logs of blocks `first` to `last`, and the header of `last` from the same exchange.

        Tried once. Raises `RangeTooLarge` when the RPC wants fewer blocks, `ChainTimeout` when it takes too long.
        """
        query = {"fromBlock": hex(first), "toBlock": hex(last), **wanted.as_rpc()}
        calls = [("eth_getLogs", (query,)), ("eth_getBlockByNumber", (hex(last), False))]
        logs, end = self._rpc.batch(calls, attempts=1)
        return LogPage(parsed(parse.logs, logs), self._header(end, last))

    def logs_of_block(self, wanted: LogFilter, block: Header) -> tuple[Log, ...]:
        """Logs of exactly this block, whatever the number now stands for; fails if the RPC does not know it."""
        query = {"blockHash": _hex(block.hash), **wanted.as_rpc()}
        try:
            return parsed(parse.logs, self._rpc.request("eth_getLogs", query, attempts=1))
        except RemoteRefused:  # a node without EIP-234
            page = self.logs(wanted, block.number, block.number)
        if page.end.hash != block.hash:
            raise ChainInconsistent(f"{self.origin} exchanged block {block.number} while it was read")
        return page.logs

    def code_at(self, address: str) -> bytes:
        """The code of a contract; empty where there is none."""
        return parsed(parse.octets, self._rpc.request("eth_getCode", address, "latest"))

    def balance(self, address: str, block: BlockTag = "latest") -> int:
        """Wei of the native coin."""
        return parsed(parse.quantity, self._rpc.request("eth_getBalance", address, _tag(block)))

    def nonce(self, address: str, block: BlockTag = "latest") -> int:
        """How many transactions of `address` are mined by `block`, or mined and waiting for `pending`."""
        return parsed(parse.quantity, self._rpc.request("eth_getTransactionCount", address, _tag(block)))

    def fees(self) -> Fees:
        """What a transaction should offer now, to be mined within a few blocks although the base fee may double."""
        base_fee = self.head().base_fee
        if base_fee is None:
            return Fees(parsed(parse.quantity, self._rpc.request("eth_gasPrice")))
        priority = self._priority_fee(base_fee)
        return Fees(2 * base_fee + priority, priority)

    def estimate(self, call: PreparedCall, sender: str) -> int:
        """Gas that `call` needs now; raises `TransactionReverted` with the contract's reason."""
        return parsed(parse.quantity, self._rpc.request("eth_estimateGas", _transaction(call, sender)))

    def replay(self, call: PreparedCall, sender: str, block: BlockTag = "latest") -> bytes:
        """What `call` would return at `block`; raises `TransactionReverted` with the contract's reason."""
        return parsed(parse.octets, self._rpc.request("eth_call", _transaction(call, sender), _tag(block)))

    def send_raw(self, raw: bytes) -> Broadcast:
        """Offer a signed transaction, once; raises `ChainUnavailable` when nobody can tell whether it was taken.

        Raises `RemoteRefused` for reasons that no `Broadcast` names.
        """
        answer = self._rpc.answer("eth_sendRawTransaction", _hex(raw))
        return broadcast_verdict(answer, self.origin) if isinstance(answer, RpcError) else Broadcast.ACCEPTED

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """What became of a transaction; None while it is not mined."""
        raw = self._rpc.request("eth_getTransactionReceipt", _hex(transaction_hash))
        # Some nodes show waiting transactions as receipts without a block.
        if raw is None or (isinstance(raw, Mapping) and raw.get("blockHash") is None):
            return None
        return parsed(parse.receipt, raw)

    def transactions_of(self, sender: str, block: int) -> dict[int, bytes]:
        """Hashes by nonce of the transactions that `sender` has in a block."""
        raw = self._rpc.request("eth_getBlockByNumber", hex(block), True)
        if raw is None:
            raise ChainInconsistent(f"{self.origin} does not know block {block}")
        return parsed(lambda block: parse.sent_by(block, sender), raw)

    def _header(self, raw: Any, block: BlockTag) -> Header:
        if raw is None:
            raise ChainInconsistent(f"{self.origin} does not know block {block}")
        header = parsed(parse.header, raw)
        if isinstance(block, int) and header.number != block:
            raise ChainInconsistent(f"{self.origin} sent block {header.number} instead of {block}")
        return header

    def _priority_fee(self, base_fee: int) -> int:
        answer = self._rpc.answer("eth_maxPriorityFeePerGas", attempts=ATTEMPTS)
        if not isinstance(answer, RpcError):
            return parsed(parse.quantity, answer)
        return max(0, parsed(parse.quantity, self._rpc.request("eth_gasPrice")) - base_fee)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _tag(block: BlockTag) -> str:
    return hex(block) if isinstance(block, int) else block


def _transaction(call: PreparedCall, sender: str) -> dict[str, str]:
    fields = {"from": sender, "to": call.to, "data": _hex(call.data), "value": hex(call.value)}
    return fields if call.gas is None else {**fields, "gas": hex(call.gas)}
