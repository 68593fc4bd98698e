"""An RPC that stalls, lags, limits and lies: the node takes in nothing false, says what is wrong, and recovers."""

import json
import random
import re

import pytest

from offchain.protocol.keccak import keccak256
from offchain.storage.wire import from_hex
from tests.doubles.cluster import Storage, cluster_in
from tests.doubles.polling import eventually
from tests.doubles.proxy import Drop, HttpError, Proxy, Stall, Trickle
from tests.doubles.rpc import RpcFault
from tests.doubles.samples import Sample, upload

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

IMPATIENT = ["--rpc-timeout", "300ms"]
SILENCES = {
    "stalls": lambda *_: _raise(Stall),
    "trickles": lambda *_: _raise(Trickle),
    "drops connections": lambda *_: _raise(Drop),
    "is a gateway without a chain": lambda *_: _raise(HttpError(502)),
    "limits rates": lambda *_: _raise(RpcFault("too many requests", -32005)),
}


def _raise(error):
    raise error


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A chain behind a proxy, and a node with one complete file that knows only the proxy."""
    with cluster_in(tmp_path_factory.mktemp("rpc")) as cluster, Proxy(cluster.chain.post) as proxy:
        cluster.proxy = proxy
        node = cluster.add(1, *IMPATIENT, rpc=proxy.url)
        node.sample = Sample(300_000)
        [node.seq] = cluster.chain.submit(node.sample)
        node.wait_for(node.seq)
        upload(node, node.seq, node.sample)
        node.wait_finalized(node.seq)
        yield cluster


@pytest.fixture
def proxy(cluster):
    """The proxy, honest again after each test."""
    yield cluster.proxy
    honest(cluster.proxy)


@pytest.fixture
def node(cluster, proxy):
    """The node, running and well."""
    node = cluster.nodes[0]
    if node.worker.code is not None:
        node.start()
    assert_follows(node)
    node.seen = len(node.worker.text())
    return node


def honest(proxy):
    proxy.before = lambda method, params: None
    proxy.after = lambda method, params, result: result


def assert_unharmed(node):
    """What was complete is served, with the root that the contract had after it."""
    assert node.finalized(node.seq)
    assert node.content(node.seq) == node.sample.data
    assert node.worker.code is None


def assert_follows(node):
    """The node's flow is the contract's, as soon as it had time to look."""
    flow = node.cluster.chain.flow
    last = flow.submissions() - 1
    eventually(lambda: node.zgs_getStatus()["nextTxSeq"] == last + 1, f"{node} knows all submissions")
    root, length = node.zgs_getFlowContext()
    assert (from_hex(root), length) == (flow.root_after(last), flow.length())


def complaints(node):
    """Reasons why following the chain failed during this test."""
    told = [line for line in node.events("failed, trying again", node.seen) if line["service"] == "follow the flow"]
    return [line["reason"] for line in told]


@pytest.mark.parametrize("silence", SILENCES, ids=str)
def test_rpc__silent_for_a_while__the_node_serves_on_and_catches_up(cluster, proxy, node, silence):
    proxy.before = SILENCES[silence]
    eventually(lambda: complaints(node), "the node says what is wrong")
    [unseen] = cluster.chain.submit(Sample(5000, seed=silence))
    assert_unharmed(node)
    assert node.info(unseen) is None
    honest(proxy)
    assert_follows(node)
    eventually(lambda: node.events("works again", node.seen), "the node says that it is well again")
    assert_unharmed(node)


def test_rpc__silent_for_longer_than_a_minute__the_node_calls_itself_unhealthy(cluster, proxy, node, full_scale):
    assert node.health()[0] == 200
    if not full_scale:
        return  # a minute is too long for a working day
    proxy.before = SILENCES["drops connections"]
    status, told = eventually(lambda: (seen := node.health())[0] == 503 and seen, "unhealthy", 120)
    assert "ok: False" in told
    honest(proxy)
    eventually(lambda: node.health()[0] == 200, "healthy again", 120)


def test_rpc__another_chain_at_the_start__the_node_refuses_and_keeps_what_it_has(cluster, proxy, node):
    node.stop()
    proxy.after = lambda method, params, result: "0x1" if method == "eth_chainId" else result
    node.launch("--chain-id", "31337")
    assert node.worker.wait() == 2
    assert "answers for chain 1 instead of 31337" in node.worker.text()
    honest(proxy)
    node.start()
    assert_unharmed(node)


def test_rpc__another_chain_at_the_start_and_none_named__the_node_refuses_for_the_sake_of_its_data(
    cluster, proxy, node
):
    node.stop()
    proxy.after = lambda method, params, result: "0x1" if method == "eth_chainId" else result
    node.launch()
    assert node.worker.wait() == 2
    assert "chain 31337" in node.worker.text().splitlines()[-1]
    honest(proxy)
    node.start()
    assert_unharmed(node)


def test_rpc__another_flow_at_the_start__the_node_refuses_for_the_sake_of_its_data(cluster, proxy, node):
    other = cluster.chain.deploy()
    node.stop()
    node.launch("--flow", other.address)
    assert node.worker.wait() == 2
    assert node.cluster.chain.flow.address.lower() in node.worker.text().splitlines()[-1].lower()
    node.start()
    assert_unharmed(node)


def test_rpc__no_contract_at_the_address__the_node_says_so(cluster):
    node = Storage(cluster, 99, cluster.chain.url, ["--flow", "0x" + "77" * 20]).launch()
    assert node.worker.wait() == 2
    assert "there is no contract Flow at 0x7777" in node.worker.text()


def test_rpc__nobody_there_at_the_start__the_node_says_so(cluster):
    node = Storage(cluster, 98, "http://127.0.0.1:1", []).launch()
    assert node.worker.wait() == 2
    assert "http://127.0.0.1:1 cannot be reached" in node.worker.text().splitlines()[-1]


def test_rpc__turns_to_another_chain__the_node_stops_with_a_clear_last_word(cluster, proxy, node):
    """A proxy that changes its mind is noticed at the next broken exchange, or within a minute."""
    state = {"dropped": False}

    def before(method, params):
        if not state["dropped"]:
            state["dropped"] = True
            raise Drop

    proxy.after = lambda method, params, result: "0x1" if method == "eth_chainId" else result
    proxy.before = before
    assert node.worker.wait() == 2
    assert "answers for chain 1 instead of 31337" in node.worker.text().splitlines()[-1]
    honest(proxy)
    node.start()
    assert_unharmed(node)
    assert_follows(node)


def altered(log, **fields):
    return log | fields


def other_root(log):
    """The same event with another file in it."""
    data = bytearray.fromhex(log["data"][2:])
    data[-33] ^= 1  # within the root of the last node
    return altered(log, data="0x" + data.hex())


LIES = {
    "of another fork": (lambda logs: [altered(log, blockHash="0x" + "ab" * 32) for log in logs], "another fork"),
    "removed": (lambda logs: [altered(log, removed=True) for log in logs], "removed by a fork"),
    "of another contract": (lambda logs: [altered(log, address="0x" + "12" * 20) for log in logs], "nobody asked for"),
    "of another block": (lambda logs: [altered(log, blockNumber="0xffff") for log in logs], "outside the blocks"),
    "twice": (lambda logs: logs + logs, "twice"),
    "left out": (lambda logs: [], "left out"),
    "callers only": (lambda logs: logs[1:], "without its submission|left out"),
    "with another file": (
        lambda logs: [other_root(log) if len(log["data"]) > 200 else log for log in logs],
        "disagree",
    ),
}


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_logs__false__are_not_taken_in_until_the_truth_comes(cluster, proxy, node, lie):
    change, words = LIES[lie]

    def after(method, params, result):
        if method != "eth_getLogs" or "blockHash" in params[0] or not result:
            return result
        return change(result)

    proxy.after = after
    sample = Sample(70_000, seed=lie)
    [seq] = cluster.chain.submit(sample)
    eventually(lambda: complaints(node), "the node says what is wrong")
    assert re.search(words, complaints(node)[0])
    assert node.info(seq) is None
    assert_unharmed(node)
    honest(proxy)
    assert_follows(node)
    upload(node, seq, sample)
    node.wait_finalized(seq)
    assert_unharmed(node)


def test_root__false__is_not_believed(cluster, proxy, node):
    asks_root = keccak256(b"getFlowRootByTxSeq(uint256)")[:4].hex()

    def after(method, params, result):
        if method == "eth_call" and asks_root in json.dumps(params[0]):
            return "0x" + "cd" * 32
        return result

    proxy.after = after
    [seq] = cluster.chain.submit(Sample(4000, seed="false root"))
    eventually(lambda: any("disagree" in reason for reason in complaints(node)), "the node says what is wrong")
    assert node.info(seq) is None
    assert_unharmed(node)
    honest(proxy)
    assert_follows(node)


def test_head__of_a_node_that_lags__undoes_nothing(cluster, proxy, node):
    head = cluster.chain.head()

    def after(method, params, result):
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return cluster.chain.rpc("eth_getBlockByNumber", hex(head - 1), False)
        return result

    asked = []
    proxy.after = after
    proxy.before = lambda method, params: asked.append(method)
    eventually(lambda: len(asked) > 10, "the node looks some more times")
    assert node.events("reorganisation", node.seen) == []
    assert_unharmed(node)


@pytest.mark.parametrize("most", [1, 3, 50])
def test_logs__limited_ranges__a_late_node_still_catches_up(cluster, proxy, most):
    cluster.chain.mine(120)

    def before(method, params):
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            blocks = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            if blocks > most:
                raise RpcFault(f"exceed maximum block range: {most}")

    proxy.before = before
    late = Storage(cluster, 10 + most, proxy.url, IMPATIENT).start()
    assert_follows(late)
    late.kill()


def test_rpc__fails_at_random__the_node_follows_all_the_same(cluster, proxy, node, full_scale):
    dice = random.Random(9)
    faults = [Drop, HttpError(503), RpcFault("header not found"), RpcFault("rate limit")]

    def before(method, params):
        if method != "eth_chainId" and dice.random() < 0.02:
            raise dice.choice(faults)

    proxy.before = before
    for number in range(100 if full_scale else 15):
        cluster.chain.submit(Sample(2000 + number))
        cluster.chain.mine(2)
    assert_follows(node)
