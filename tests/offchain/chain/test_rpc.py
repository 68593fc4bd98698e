import json

import pytest

from offchain.chain.rpc import ATTEMPTS, Rpc
from offchain.errors import BadSettings, ChainUnavailable, RangeTooLarge, RemoteRefused, WrongChain
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, RpcFault


def make(chain, chain_id=CHAIN_ID, post=None):
    clock = FakeClock()
    return Rpc(URL, chain_id, post=post or chain.post, clock=clock, jitter=lambda: 1.0), clock


class Failing:
    """Fails the first exchanges, then lets them through."""

    def __init__(self, chain, failures):
        self.chain = chain
        self.failures = failures

    def post(self, body):
        if self.failures:
            self.failures -= 1
            raise ChainUnavailable("no answer")
        return self.chain.post(body)


def test_request__first_call__verifies_the_chain_id_once():
    chain = FakeChain()
    rpc, _ = make(chain)
    rpc.request("eth_blockNumber")
    rpc.request("eth_blockNumber")
    assert chain.calls == ["eth_chainId", "eth_blockNumber", "eth_blockNumber"]


def test_request__another_chain__raises_wrong_chain_in_the_operator_s_words():
    rpc, _ = make(FakeChain(chain_id=5))
    with pytest.raises(WrongChain, match="http://rpc.test answers for chain 5 instead of 31337: point the settings"):
        rpc.request("eth_blockNumber")


def test_request__chain_changes_after_a_broken_exchange__raises_wrong_chain():
    chain = FakeChain()
    failing = Failing(chain, 0)
    rpc, _ = make(chain, post=failing.post)
    rpc.request("eth_blockNumber")
    failing.failures, chain.chain_id = 1, 5
    with pytest.raises(WrongChain):
        rpc.request("eth_blockNumber")


def test_request__chain_changes_without_a_sign__is_noticed_within_a_minute():
    chain = FakeChain()
    rpc, clock = make(chain)
    rpc.request("eth_blockNumber")
    chain.chain_id = 5
    clock.time += 61
    with pytest.raises(WrongChain):
        rpc.request("eth_blockNumber")


def test_request__no_chain_id_given__holds_the_rpc_to_its_first_answer():
    chain = FakeChain(chain_id=7)
    rpc, clock = make(chain, chain_id=None)
    assert rpc.chain_id == 7
    chain.chain_id = 8
    clock.time += 61
    with pytest.raises(WrongChain):
        rpc.request("eth_blockNumber")


def test_request__a_few_failures__waits_longer_each_time_and_succeeds():
    rpc, clock = make(FakeChain(), post=Failing(FakeChain(), 3).post)
    assert rpc.request("eth_blockNumber") == "0x0"
    assert clock.slept == [0.25, 0.5, 1.0]


def test_request__rpc_stays_away__gives_up():
    rpc, clock = make(FakeChain(), post=Failing(FakeChain(), 99).post)
    with pytest.raises(ChainUnavailable, match="no answer"):
        rpc.request("eth_blockNumber")
    assert len(clock.slept) == ATTEMPTS - 1


def test_request__write__is_tried_once():
    chain = FakeChain()
    rpc, _ = make(chain)
    rpc.check()
    chain.before = lambda method, params: (_ for _ in ()).throw(RpcFault("internal", -32603))
    with pytest.raises(ChainUnavailable):
        rpc.request("evm_mine")
    assert chain.calls.count("evm_mine") == 1


def test_request__invalid_params__is_not_retried():
    def refuse(method, params):
        if method == "eth_getCode":
            raise RpcFault("invalid argument", -32602)

    chain = FakeChain(before=refuse)
    rpc, clock = make(chain)
    with pytest.raises(RemoteRefused, match="eth_getCode: invalid argument"):
        rpc.request("eth_getCode", "0x", "latest")
    assert clock.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"7",
        b'{"id": 1}',
        b'{"id": 99, "jsonrpc": "2.0", "result": "0x1"}',
        b"\xff",
        b'{"id":1,"result":"x"}',
    ],
)
def test_request__garbage__is_unavailable(answer):
    rpc, _ = make(None, post=lambda body: answer)
    with pytest.raises(ChainUnavailable):
        rpc.request("eth_blockNumber")


def test_batch__accepted__takes_one_exchange():
    chain = FakeChain()
    bodies = []
    rpc, _ = make(chain, post=lambda body: bodies.append(body) or chain.post(body))
    assert rpc.batch([("eth_blockNumber", ()), ("eth_chainId", ())]) == ["0x0", hex(CHAIN_ID)]
    assert [isinstance(json.loads(body), list) for body in bodies] == [False, True]


def test_batch__refused__is_asked_one_by_one():
    rpc, _ = make(FakeChain(batches=False))
    assert rpc.batch([("eth_blockNumber", ()), ("eth_chainId", ())]) == ["0x0", hex(CHAIN_ID)]


def test_batch__answers_in_another_order__are_sorted():
    chain = FakeChain()

    def shuffled(body):
        answer = json.loads(chain.post(body))
        return json.dumps(answer[::-1] if isinstance(answer, list) else answer)

    rpc, _ = make(chain, post=shuffled)
    assert rpc.batch([("eth_blockNumber", ()), ("eth_chainId", ())]) == ["0x0", hex(CHAIN_ID)]


def test_batch__an_answer_missing__is_unavailable():
    chain = FakeChain()

    def short(body):
        answer = json.loads(chain.post(body))
        return json.dumps(answer[1:] if isinstance(answer, list) else answer)

    rpc, _ = make(chain, post=short)
    with pytest.raises(ChainUnavailable, match="answered 1 of 2 calls"):
        rpc.batch([("eth_blockNumber", ()), ("eth_chainId", ())])


def test_batch__one_call_refused__raises_its_error_at_once():
    chain = FakeChain(max_range=1)
    rpc, clock = make(chain)
    query = {"fromBlock": "0x0", "toBlock": "0x9", "address": [], "topics": []}
    with pytest.raises(RangeTooLarge):
        rpc.batch([("eth_getLogs", (query,)), ("eth_chainId", ())])
    assert clock.slept == []


def test_is_connected__silent_rpc__is_false():
    rpc, _ = make(None, post=Failing(None, 9).post)
    assert not rpc.is_connected()


def test_rpc__websocket_address__is_refused():
    with pytest.raises(BadSettings, match="must start with http"):
        Rpc("ws://rpc.test")
