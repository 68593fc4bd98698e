"""A chain in memory behind a JSON-RPC as `ChainClient(post=…)` takes it, with forks, faults and a transaction pool."""

import json
from dataclasses import dataclass, field
from functools import cache, cached_property

import rlp
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_bloom import BloomFilter
from eth_utils import to_checksum_address
from hexbytes import HexBytes

from offchain.protocol.keccak import keccak256

URL = "http://rpc.test"
CHAIN_ID = 31337
RICH = 10**21


class RpcFault(Exception):
    """An error answer."""

    def __init__(self, message, code=-32000, data=None):
        self.error = {"code": code, "message": message} | ({"data": data} if data else {})


@dataclass(frozen=True)
class FakeLog:
    """An event before it is in a block."""

    address: str
    topics: tuple = ()
    data: bytes = b""


@dataclass(frozen=True)
class Transaction:
    """A transaction that somebody signed."""

    hash: bytes
    sender: str
    nonce: int
    to: str
    value: int
    data: bytes
    gas: int
    max_fee: int
    priority: int


@dataclass(frozen=True)
class Block:
    """A block of one fork; `salt` tells forks apart."""

    number: int
    parent: bytes
    salt: int
    logs: tuple = ()
    transactions: tuple = ()

    @cached_property
    def hash(self):
        content = repr((self.logs, self.transactions)).encode()
        return keccak256(self.parent, self.number.to_bytes(8, "big"), self.salt.to_bytes(8, "big"), content)

    @cached_property
    def bloom(self):
        bloom = BloomFilter()
        for log in self.logs:
            bloom.extend([bytes.fromhex(log.address[2:]), *log.topics])
        return int(bloom).to_bytes(256, "big")


def hexed(value):
    return hex(value) if isinstance(value, int) else "0x" + value.hex()


def log_json(block, index, log):
    return {
        "address": log.address,
        "topics": [hexed(topic) for topic in log.topics],
        "data": hexed(log.data),
        "blockNumber": hexed(block.number),
        "blockHash": hexed(block.hash),
        "transactionHash": hexed(keccak256(block.hash, bytes([index]))),
        "logIndex": hexed(index),
        "removed": False,
    }


def _transaction_json(entry):
    return {"hash": hexed(entry.hash), "from": entry.sender.lower(), "nonce": hexed(entry.nonce)}


@cache  # recovering the sender takes milliseconds
def parse_raw(raw):
    """The fields of a signed transaction, legacy or EIP-1559."""
    sender, transaction_hash = Account.recover_transaction(raw), keccak256(raw)
    if raw[0] >= 0xC0:
        nonce, price, gas, to, value, data, *_ = rlp.decode(raw)
        numbers = [int.from_bytes(number, "big") for number in (nonce, price, gas, value)]
        nonce, price, gas, value = numbers
        address = to_checksum_address(to)
        return Transaction(transaction_hash, sender, nonce, address, value, data, gas, price, price)
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    to, fees = to_checksum_address(fields["to"]), (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"])
    content = (fields["value"], bytes(fields["data"]), fields["gas"])
    return Transaction(transaction_hash, sender, fields["nonce"], to, *content, *fees)


@dataclass
class FakeChain:
    """One node's view: `blocks` is the fork it believes in. Tests change its fields at will."""

    blocks: list = field(default_factory=lambda: [Block(0, bytes(32), 0)])
    chain_id: int = CHAIN_ID
    base_fee: int | None = 10**9
    floor: int = 0
    """Wei per gas below which a transaction waits, as it does below the base fee."""
    fee_cap: int | None = None
    """Wei of gas above which a transaction is refused, as geth's `--rpc.txfeecap` does."""
    max_range: int | None = None
    batches: bool = True
    blooms: bool = True
    balances: dict = field(default_factory=dict)
    reverts: dict = field(default_factory=dict)
    """Reason by address: calls, estimates and mined transactions to it fail."""
    pool: dict = field(default_factory=dict)
    """Waiting transactions by sender and nonce."""
    before: object = None
    """Called with method and params before each answer; may raise `RpcFault`, or change the chain."""
    calls: list = field(default_factory=list)
    broadcast: list = field(default_factory=list)
    """Every raw transaction that arrived, also those refused."""
    salt: int = 0

    def mine(self, *logs, count=1):
        """Add a block with `logs` and what waits in the pool, then empty ones; returns the newest."""
        for position in range(count):
            tip = self.blocks[-1]
            transactions = self._take() if position == 0 else ()
            own = logs if position == 0 else ()
            self.blocks.append(Block(tip.number + 1, tip.hash, self.salt, tuple(own), tuple(transactions)))
        return self.blocks[-1]

    def fork(self, depth, *blocks_of_logs):
        """Drop the newest `depth` blocks and mine others; what was in them is forgotten."""
        self.salt += 1
        del self.blocks[len(self.blocks) - depth :]
        for logs in blocks_of_logs:
            self.mine(*logs)

    def mined(self):
        """All transactions on this fork, in order."""
        return [transaction for block in self.blocks for transaction in block.transactions]

    def post(self, body):
        """Bytes in, bytes out, as over HTTP."""
        request = json.loads(body)
        if isinstance(request, list):
            if not self.batches:
                return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}})
            return json.dumps([self._answer(call) for call in request])
        return json.dumps(self._answer(request))

    def _answer(self, call):
        self.calls.append(call["method"])
        try:
            if self.before:
                self.before(call["method"], call["params"])
            result = getattr(self, call["method"])(*call["params"])
        except RpcFault as fault:
            return {"jsonrpc": "2.0", "id": call["id"], "error": fault.error}
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    def _take(self):
        taken = []
        while ready := [entry for entry in self.pool.items() if self._is_ready(*entry, taken)]:
            for place, transaction in ready:
                del self.pool[place]
                taken.append(transaction)
        return taken

    def _is_ready(self, place, transaction, taken):
        sender, nonce = place
        least = max(self.floor, self.base_fee or 0)
        return nonce == self._count(sender, taken) and transaction.max_fee >= least

    def _count(self, sender, more=(), upto=None):
        blocks = self.blocks if upto is None else self.blocks[: upto + 1]
        found = [entry for block in blocks for entry in block.transactions] + list(more)
        return sum(entry.sender == sender for entry in found)

    def _find(self, tag):
        number = len(self.blocks) - 1 if tag in ("latest", "pending", "safe", "finalized") else int(tag, 16)
        return self.blocks[number] if 0 <= number < len(self.blocks) else None

    # The methods below are called by their JSON-RPC names.

    def eth_chainId(self):
        return hexed(self.chain_id)

    def eth_blockNumber(self):
        return hexed(self.blocks[-1].number)

    def eth_getBlockByNumber(self, tag, full):
        block = self._find(tag)
        if block is None:
            return None
        fees = {} if self.base_fee is None else {"baseFeePerGas": hexed(self.base_fee)}
        entries = [_transaction_json(entry) if full else hexed(entry.hash) for entry in block.transactions]
        return fees | {
            "number": hexed(block.number),
            "hash": hexed(block.hash),
            "parentHash": hexed(block.parent),
            "timestamp": hexed(1_700_000_000 + block.number),
            "logsBloom": hexed(block.bloom if self.blooms else bytes(256)),
            "gasLimit": hexed(30_000_000),
            "transactions": entries,
        }

    def eth_getLogs(self, query):
        if "blockHash" in query:
            blocks = [block for block in self.blocks if hexed(block.hash) == query["blockHash"]]
            if not blocks:
                raise RpcFault("unknown block")
        else:
            first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
            if self.max_range and last - first + 1 > self.max_range:
                raise RpcFault(f"exceed maximum block range: {self.max_range}")
            blocks = self.blocks[first : last + 1]
        return [
            log_json(block, index, log)
            for block in blocks
            for index, log in enumerate(block.logs)
            if self._wanted(log, query)
        ]

    def _wanted(self, log, query):
        if log.address.lower() not in [address.lower() for address in query["address"]]:
            return False
        alternatives = query["topics"]
        if len(log.topics) < len(alternatives):
            return False
        return all(not some or hexed(topic) in some for topic, some in zip(log.topics, alternatives, strict=False))

    def eth_getCode(self, address, _tag):
        return "0x6000" if address in self.reverts else "0x"

    def eth_getBalance(self, address, _tag):
        return hexed(self.balances.get(address, RICH))

    def eth_gasPrice(self):
        return hexed((self.base_fee or 10**9) + 10**9)

    def eth_maxPriorityFeePerGas(self):
        return hexed(10**9)

    def eth_getTransactionCount(self, address, tag):
        if tag != "pending":
            return hexed(self._count(address, upto=self._find(tag).number))
        count = self._count(address)
        while (address, count) in self.pool:
            count += 1
        return hexed(count)

    def eth_call(self, call, _tag):
        self._revert(call["to"])
        return "0x"

    def eth_estimateGas(self, call):
        self._revert(call["to"])
        return hexed(21000)

    def _revert(self, to):
        reason = self.reverts.get(to_checksum_address(to))
        if reason:
            text = reason.encode().ljust(-(-len(reason) // 32) * 32, b"\0")
            data = bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + len(reason).to_bytes(32, "big") + text
            raise RpcFault(f"execution reverted: {reason}", 3, hexed(data))

    def eth_sendRawTransaction(self, raw):
        raw = bytes.fromhex(raw[2:])
        self.broadcast.append(raw)
        new = parse_raw(raw)
        if self.fee_cap is not None and new.gas * new.max_fee > self.fee_cap:
            ether = f"{new.gas * new.max_fee / 10**18:.2f} ether", f"{self.fee_cap / 10**18:.2f} ether"
            raise RpcFault("tx fee ({}) exceeds the configured cap ({})".format(*ether))
        waiting = self.pool.get((new.sender, new.nonce))
        if waiting and waiting.hash == new.hash:
            raise RpcFault("already known")
        if new.nonce < self._count(new.sender):
            raise RpcFault("nonce too low")
        if new.value + new.gas * new.max_fee > self.balances.get(new.sender, RICH):
            raise RpcFault("insufficient funds for gas * price + value")
        if waiting and (new.max_fee * 10 < waiting.max_fee * 11 or new.priority * 10 < waiting.priority * 11):
            raise RpcFault("replacement transaction underpriced")
        self.pool[new.sender, new.nonce] = new
        return hexed(new.hash)

    def eth_getTransactionReceipt(self, transaction_hash):
        for block in self.blocks:
            for entry in block.transactions:
                if hexed(entry.hash) == transaction_hash:
                    return {
                        "transactionHash": transaction_hash,
                        "blockNumber": hexed(block.number),
                        "blockHash": hexed(block.hash),
                        "status": hexed(0 if entry.to in self.reverts else 1),
                        "gasUsed": hexed(21000),
                        "effectiveGasPrice": hexed(entry.max_fee),
                        "logs": [],
                        "contractAddress": None,
                    }
        return None
