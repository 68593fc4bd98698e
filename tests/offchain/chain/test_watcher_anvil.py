"""The watcher on a real chain, directly and behind an RPC that misbehaves."""

import pytest

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.cursor import Cursor
from offchain.chain.watcher import EventWatcher
from offchain.errors import ChainInconsistent, ChainTimeout, WrongChain
from tests.doubles.anvil import KEYS
from tests.doubles.consumer import Consumer
from tests.doubles.proxy import Proxy, Stall
from tests.doubles.rpc import RpcFault

pytestmark = pytest.mark.anvil

SENDER = Account.from_private_key(KEYS[0]).address


@pytest.fixture
def proxy(anvil_chain):
    with Proxy(anvil_chain.post) as running:
        yield running


@pytest.fixture
def note(anvil_chain, emitter):
    """Emit events, each in a block of its own."""

    def emit(*numbers):
        for number in numbers:
            call = emitter.prepare("note(uint256)", number)
            anvil_chain.transact(**{"from": SENDER, "to": call.to, "data": "0x" + call.data.hex()})

    return emit


class Reader:
    """A consumer that decodes what it applied."""

    def __init__(self, client, emitter, start, **options):
        self.watcher = EventWatcher(client, [emitter.address], [[emitter.topic("Noted")]], start_block=start, **options)
        self.emitter, self.cursor, self.numbers = emitter, Cursor(), {}

    def poll(self):
        step = self.watcher.poll(self.cursor)
        if step.rolled_back_to is not None:
            self.numbers = {block: seen for block, seen in self.numbers.items() if block <= step.rolled_back_to}
        for log in step.logs:
            self.numbers.setdefault(log.block_number, []).append(self.emitter.decode(log).arguments["number"])
        self.cursor = step.cursor
        return step

    def follow(self):
        while (before := self.cursor) != self.poll().cursor or self.cursor != before:
            pass
        return [number for block in sorted(self.numbers) for number in self.numbers[block]]


@pytest.fixture
def start(anvil_chain, emitter):
    return anvil_chain.head()


def test_poll__events_of_a_real_chain__arrive_decoded_in_order(client, emitter, note, start):
    note(1, 2, 3)
    assert Reader(client, emitter, start).follow() == [1, 2, 3]


def test_poll__long_history_and_narrow_rpc__arrives_completely(anvil_chain, proxy, emitter, note, start):
    def limit(method, params):
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 50:
            raise RpcFault("eth_getLogs is limited to a 50 block range", -32614)

    for number in range(4):
        note(number)
        anvil_chain.mine(200)
    proxy.before = limit
    assert Reader(ChainClient(proxy.url), emitter, start).follow() == [0, 1, 2, 3]


def test_poll__anvil_reorg__takes_back_what_was_lost(anvil_chain, client, emitter, note, start):
    reader = Reader(client, emitter, start)
    note(1, 2, 3)
    assert reader.follow() == [1, 2, 3]
    anvil_chain.rpc("anvil_reorg", 2, [])
    step = reader.poll()
    assert (step.rolled_back_to, step.logs) == (anvil_chain.head() - 2, ())
    assert reader.follow() == [1]
    note(4)
    assert reader.follow() == [1, 4]


def test_poll__chain_set_back_and_mined_differently__ends_on_the_new_fork(anvil_chain, client, emitter, note, start):
    reader = Reader(client, emitter, start)
    note(1)
    snapshot = anvil_chain.rpc("evm_snapshot")
    note(2, 3)
    assert reader.follow() == [1, 2, 3]
    anvil_chain.rpc("evm_revert", snapshot)
    assert reader.follow() == [1, 2, 3]  # a lower head alone proves nothing
    note(7, 8, 9)
    assert reader.follow() == [1, 7, 8, 9]


def test_poll__fork_deeper_than_all_checkpoints__starts_over(anvil_chain, client, emitter, note):
    snapshot = anvil_chain.rpc("evm_snapshot")
    reader = Reader(client, emitter, anvil_chain.head() + 1)
    note(1, 2)
    assert reader.follow() == [1, 2]
    anvil_chain.rpc("evm_revert", snapshot)
    note(5, 6, 7)
    assert reader.follow() == [5, 6, 7]


def test_poll__rpc_that_stalls_on_logs__times_out_and_goes_on_later(proxy, emitter, note, start):
    def stall(method, params):
        if method == "eth_getLogs":
            raise Stall

    note(1)
    proxy.before = stall
    reader = Reader(ChainClient(proxy.url, timeout=0.2), emitter, start)
    with pytest.raises(ChainTimeout, match="did not answer within 0.2 s"):
        reader.poll()
    proxy.before = lambda method, params: None
    assert reader.follow() == [1]


def test_poll__rpc_turns_to_another_chain__stops_for_good(proxy, emitter, note, start):
    reader = Reader(ChainClient(proxy.url, 31337, timeout=0.2), emitter, start)
    note(1)
    reader.follow()
    proxy.after = lambda method, params, result: "0x5" if method == "eth_chainId" else result

    def stall_once(method, params):
        proxy.before = lambda method, params: None
        raise Stall

    proxy.before = stall_once
    with pytest.raises(WrongChain, match="answers for chain 5 instead of 31337"):
        reader.poll()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda log: log | {"blockHash": "0x" + "77" * 32}, "another fork"),
        (lambda log: log | {"address": "0x" + "99" * 20}, "nobody asked for"),
        (lambda log: log | {"removed": True}, "removed by a fork"),
        (lambda log: log | {"blockNumber": "0x1"}, "outside the blocks"),
        (lambda log: None, "left out 1 logs"),
    ],
)
def test_poll__rpc_that_lies_about_logs__is_not_believed(proxy, emitter, note, start, change, complaint):
    def tamper(method, params, result):
        if method != "eth_getLogs" or "blockHash" in params[0]:
            return result
        return [changed for log in result if (changed := change(log))]

    note(1)
    proxy.after = tamper
    reader = Reader(ChainClient(proxy.url), emitter, start)
    with pytest.raises(ChainInconsistent, match=complaint):
        reader.poll()
    assert reader.cursor == Cursor()
    proxy.after = lambda method, params, result: result
    assert reader.follow() == [1]


def test_poll__reorg_between_logs_and_headers__delivers_the_new_fork_only(anvil_chain, proxy, emitter, note, start):
    consumer = Consumer()
    watcher = EventWatcher(ChainClient(proxy.url), [emitter.address], start_block=start)

    def reorganise(method, params, result):
        if method == "eth_getLogs":
            proxy.after = lambda method, params, result: result
            anvil_chain.rpc("anvil_reorg", 2, [])
        return result

    note(1, 2, 3)
    proxy.after = reorganise
    with pytest.raises(ChainInconsistent, match="exchanged while"):
        watcher.poll(consumer.cursor)
    consumer.follow(watcher)
    assert len(consumer.applied) == 1
