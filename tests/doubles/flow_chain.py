"""A chain in memory with a flow on it: takes submissions as transactions or directly, tells roots, reorganises."""

from dataclasses import dataclass, field

from eth_abi import decode, encode
from eth_utils import to_checksum_address

from offchain.protocol.flow import FlowTree
from offchain.protocol.keccak import keccak256
from offchain.protocol.submission import Node, Submission
from tests.doubles.rpc import RICH, Block, FakeChain, FakeLog, RpcFault, hexed, log_json

FLOW = to_checksum_address("0x" + "f1" * 20)
MARKET = to_checksum_address("0x" + "3a" * 20)
SUBMITTER = "0x" + "5a" * 20
PRICE = 1000

DATA = "(uint256,bytes,(bytes32,uint256)[])"
NAMED = f"({DATA},address)"
SUBMIT = keccak256(f"Submit(address,bytes32,uint256,uint256,uint256,{DATA})".encode())
CALLER = keccak256(b"SubmissionCaller(uint256,address)")


def selector(signature):
    return keccak256(signature.encode())[:4]


def padded(address):
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


@dataclass(frozen=True)
class SubmitLog(FakeLog):
    """The event of a submission, with what the contract stores; `transaction` is empty where nobody sent one."""

    submission: Submission = None
    tree: FlowTree = None
    transaction: bytes = b""


def submit_log(submission, seq, before, sender=SUBMITTER, transaction=b""):
    tree, start = before.append(submission.nodes)
    nodes = [(node.root, node.height) for node in submission.nodes]
    values = (seq, start, submission.sectors, (submission.length, submission.tags, nodes))
    data = encode(["uint256", "uint256", "uint256", DATA], values)
    return SubmitLog(FLOW, (SUBMIT, padded(sender), submission.identity), data, submission, tree, transaction)


@dataclass
class FlowChain(FakeChain):
    """`FakeChain` whose account `FLOW` is a flow of `price` wei per sector."""

    price: int = PRICE
    failed: set = field(default_factory=set)
    """Hashes of mined transactions that the flow refused."""

    def submitted(self):
        """Events of all submissions on this fork."""
        return [log for block in self.blocks for log in block.logs if isinstance(log, SubmitLog)]

    def tree(self):
        found = self.submitted()
        return found[-1].tree if found else FlowTree()

    def submit(self, *submissions):
        """Somebody submits files in a new block."""
        logs, tree, seq = [], self.tree(), len(self.submitted())
        for at, submission in enumerate(submissions):
            logs.append(submit_log(submission, seq + at, tree))
            tree = logs[-1].tree
        return self.mine(*logs)

    def mine(self, *logs, count=1):
        for position in range(count):
            tip = self.blocks[-1]
            transactions = tuple(self._take()) if position == 0 else ()
            own = [*(logs if position == 0 else ())]
            for transaction in transactions:
                own += self._executed(transaction, own)
            self.blocks.append(Block(tip.number + 1, tip.hash, self.salt, tuple(own), transactions))
        return self.blocks[-1]

    def _executed(self, transaction, earlier):
        if transaction.to != FLOW:
            return []
        submissions = self._decoded(transaction.data)
        if self._refusal(submissions, transaction.value):
            self.failed.add(transaction.hash)
            return []
        told = [*self.submitted(), *earlier]
        logs = []
        for submission, sender in submissions:
            before = told[-1].tree if told else FlowTree()
            told.append(submit_log(submission, len(told), before, sender, transaction.hash))
            logs.append(told[-1])
        return logs

    def _decoded(self, data):
        if data[:4] == selector(f"submit({NAMED})"):
            found = decode([NAMED], data[4:])
        elif data[:4] == selector(f"batchSubmit({NAMED}[])"):
            (found,) = decode([f"{NAMED}[]"], data[4:])
        else:
            return []
        return [
            (Submission(length, tags, tuple(Node(root, height) for root, height in nodes)), sender)
            for (length, tags, nodes), sender in found
        ]

    def _refusal(self, submissions, value):
        if not submissions:
            return "flow: unknown call"
        if value < sum(submission.sectors for submission, _ in submissions) * self.price:
            return "flow: fee not paid"
        return None

    def eth_getCode(self, address, tag):
        return "0x6000" if to_checksum_address(address) == FLOW else super().eth_getCode(address, tag)

    def eth_call(self, call, _tag):
        self._revert(call["to"])
        if to_checksum_address(call["to"]) != FLOW:
            return "0x"
        data = bytes.fromhex((call.get("data") or call.get("input"))[2:])
        views = {
            "pricePerSector()": lambda: encode(["uint256"], [self.price]),
            "market()": lambda: encode(["address"], [MARKET]),
            "numSubmissions()": lambda: encode(["uint256"], [len(self.submitted())]),
            "tree()": lambda: encode(["uint256", "uint256"], [self.tree().length, 0]),
            "firstBlock()": lambda: encode(["uint256"], [0]),
            "paused()": lambda: encode(["bool"], [False]),
            "getFlowRootByTxSeq(uint256)": lambda: self._root_after(int.from_bytes(data[4:], "big")),
        }
        for signature, view in views.items():
            if data[:4] == selector(signature):
                return hexed(view())
        self._run(data, int(call.get("value") or "0x0", 16))
        return "0x"

    def _root_after(self, seq):
        found = self.submitted()
        return found[seq].tree.root if seq < len(found) else bytes(32)

    def eth_estimateGas(self, call):
        value = int(call.get("value") or "0x0", 16)
        if value > self.balances.get(to_checksum_address(call["from"]), RICH):
            raise RpcFault("insufficient funds for transfer")
        if to_checksum_address(call["to"]) == FLOW:
            self._revert(call["to"])
            self._run(bytes.fromhex(call["data"][2:]), value)
            return hexed(150_000)
        return super().eth_estimateGas(call)

    def _run(self, data, value):
        if reason := self._refusal(self._decoded(data), value):
            self._raise(reason)

    def _raise(self, reason):
        text = encode(["string"], [reason])
        raise RpcFault(f"execution reverted: {reason}", 3, hexed(bytes.fromhex("08c379a0") + text))

    def eth_getTransactionReceipt(self, transaction_hash):
        receipt = super().eth_getTransactionReceipt(transaction_hash)
        if receipt:
            block = self.blocks[int(receipt["blockNumber"], 16)]
            caused = [
                log_json(block, index, log)
                for index, log in enumerate(block.logs)
                if isinstance(log, SubmitLog) and hexed(log.transaction) == transaction_hash
            ]
            failed = bytes.fromhex(transaction_hash[2:]) in self.failed
            receipt |= {"logs": caused} | ({"status": "0x0"} if failed else {})
        return receipt
