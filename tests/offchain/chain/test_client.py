import pytest
from eth_utils import to_checksum_address

from offchain.chain.client import ChainClient
from offchain.chain.filter import LogFilter
from offchain.chain.types import Fees, PreparedCall
from offchain.errors import ChainInconsistent, ChainUnavailable, RangeTooLarge, TransactionReverted
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, FakeLog, RpcFault

EMITTER = to_checksum_address("0x" + "aa" * 20)
PAYER = "0x" + "11" * 20


def client_of(chain):
    return ChainClient(URL, CHAIN_ID, post=chain.post, clock=FakeClock(), jitter=lambda: 0.0)


def test_head__after_mining__is_the_newest_block():
    chain = FakeChain()
    block = chain.mine(count=3)
    head = client_of(chain).head()
    assert (head.number, head.hash, head.parent) == (block.number, block.hash, block.parent)
    assert (head.base_fee, head.gas_limit) == (10**9, 30_000_000)


def test_header__unknown_block__is_inconsistent():
    with pytest.raises(ChainInconsistent, match="does not know block 9"):
        client_of(FakeChain()).header(9)


def test_header__another_block_than_asked__is_inconsistent():
    chain = FakeChain()
    chain.mine(count=2)
    chain._find = lambda tag: chain.blocks[1]
    with pytest.raises(ChainInconsistent, match="sent block 1 instead of 2"):
        client_of(chain).header(2)


def test_headers__more_than_a_batch__come_all():
    chain = FakeChain()
    chain.mine(count=130)
    headers = client_of(chain).headers(range(131))
    assert [headers[number].hash for number in range(131)] == [block.hash for block in chain.blocks]


def test_headers__malformed_block__is_unavailable():
    chain = FakeChain()
    chain.eth_getBlockByNumber = lambda tag, full: {"number": "0x0", "hash": "0x12"}
    with pytest.raises(ChainUnavailable, match="malformed"):
        client_of(chain).headers([0])


def test_logs__of_a_range__come_with_its_last_header():
    chain = FakeChain()
    chain.mine(FakeLog(EMITTER, (b"\1" * 32,), b"hello"))
    chain.mine()
    page = client_of(chain).logs(LogFilter((EMITTER,)), 0, 2)
    assert [(log.data, log.block_hash, log.topics) for log in page.logs] == [
        (b"hello", chain.blocks[1].hash, (b"\1" * 32,))
    ]
    assert page.end.hash == chain.blocks[2].hash


def test_logs__range_refused__is_not_retried():
    chain = FakeChain(max_range=1)
    chain.mine()
    with pytest.raises(RangeTooLarge):
        client_of(chain).logs(LogFilter((EMITTER,)), 0, 1)
    assert chain.calls.count("eth_getLogs") == 1


def test_logs_of_block__node_without_block_hash_queries__is_asked_by_number():
    def refuse(method, params):
        if method == "eth_getLogs" and "blockHash" in params[0]:
            raise RpcFault("invalid params", -32602)

    chain = FakeChain(before=refuse)
    chain.mine(FakeLog(EMITTER))
    client = client_of(chain)
    assert len(client.logs_of_block(LogFilter((EMITTER,)), client.head())) == 1


def test_logs_of_block__block_gone__fails():
    chain = FakeChain()
    chain.mine(FakeLog(EMITTER))
    client = client_of(chain)
    head = client.head()
    chain.fork(1, [])
    with pytest.raises(ChainUnavailable, match="unknown block"):
        client.logs_of_block(LogFilter((EMITTER,)), head)


def test_fees__chain_with_base_fee__survive_its_doubling():
    assert client_of(FakeChain(base_fee=7)).fees() == Fees(14 + 10**9, 10**9)


def test_fees__node_without_priority_suggestion__derives_it():
    def refuse(method, params):
        if method == "eth_maxPriorityFeePerGas":
            raise RpcFault("method not found", -32601)

    assert client_of(FakeChain(base_fee=7, before=refuse)).fees() == Fees(14 + 10**9, 10**9)


def test_fees__legacy_chain__is_a_gas_price():
    assert client_of(FakeChain(base_fee=None)).fees() == Fees(2 * 10**9)


def test_estimate__contract_refuses__raises_its_reason():
    chain = FakeChain(reverts={EMITTER: "flow: paused"})
    with pytest.raises(TransactionReverted, match="flow: paused"):
        client_of(chain).estimate(PreparedCall(EMITTER), PAYER)


def test_receipt__shown_while_it_waits__is_none():
    chain = FakeChain()
    chain.eth_getTransactionReceipt = lambda digest: {"transactionHash": digest, "blockHash": None}
    assert client_of(chain).receipt(bytes(32)) is None


def test_origin__key_in_the_path__is_left_out():
    client = ChainClient("https://user:word@rpc.test:8443/v3/0123456789abcdef", CHAIN_ID)
    assert client.origin == "https://rpc.test:8443"
