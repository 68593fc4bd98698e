import pytest

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.filter import LogFilter
from offchain.errors import Invalid, TransactionReverted, WrongChain
from tests.doubles.anvil import KEYS
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain

pytestmark = pytest.mark.anvil

SENDER = Account.from_private_key(KEYS[0]).address


def send(anvil_chain, call):
    fields = {"from": SENDER, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value)}
    return anvil_chain.transact(**fields)


def test_call__view_with_a_struct__returns_domain_values(emitter):
    number, data = emitter.call("pair", 7)
    assert (number, data) == (7, b"abc")


def test_call__contract_refuses__raises_its_reason(emitter):
    with pytest.raises(TransactionReverted, match="the contract refused: emitter: too large"):
        emitter.call("pair", 1000)


def test_call__older_block__sees_older_state(anvil_chain, client, emitter):
    before = client.head().number
    send(anvil_chain, emitter.prepare("note(uint256)", 5))
    assert (emitter.call("total"), emitter.call("total", block=before)) == (5, 0)


def test_call__address_without_code__raises_wrong_chain(client, emitter_build):
    empty = client.contract("0x" + "99" * 20, emitter_build["abi"])
    with pytest.raises(WrongChain, match="is the address right for this chain"):
        empty.call("total")


def test_prepare__overloads__are_told_apart_by_their_types(emitter):
    short, long = emitter.prepare("note(uint256)", 5), emitter.prepare("note(uint256,string)", 5, "hi", value=3)
    assert (short.to, long.to, long.value) == (emitter.address, emitter.address, 3)
    assert short.data[:4] != long.data[:4]


def test_decode__log_of_the_chain__gives_named_arguments(anvil_chain, client, emitter):
    send(anvil_chain, emitter.prepare("note(uint256,string)", 5, "hi"))
    head = client.head()
    (log,) = client.logs(LogFilter((emitter.address,), ((emitter.topic("Noted"),),)), head.number, head.number).logs
    event = emitter.decode(log)
    assert (event.name, event.arguments) == ("Noted", {"sender": SENDER, "number": 5, "text": "hi"})
    assert (log.block_hash, event.log) == (head.hash, log)


def test_decode__log_of_another_contract__is_invalid(anvil_chain, client, emitter, emitter_build):
    send(anvil_chain, emitter.prepare("note(uint256)", 5))
    head = client.head().number
    (log,) = client.logs(LogFilter((emitter.address,)), head, head).logs
    with pytest.raises(Invalid, match="no known event"):
        client.contract("0x" + "99" * 20, emitter_build["abi"]).decode(log)


def test_topic__unknown_event__is_invalid(emitter):
    with pytest.raises(Invalid, match="no event Gone"):
        emitter.topic("Gone")


def test_contract__no_address__is_invalid():
    client = ChainClient(URL, CHAIN_ID, post=FakeChain().post, clock=FakeClock())
    with pytest.raises(Invalid, match="'0x12' is not an address"):
        client.contract("0x12", [])
