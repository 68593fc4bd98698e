import pytest

from offchain.errors import BadSettings, Busy, Invalid, WrongChain
from offchain.protocol.encryption import Password
from offchain.protocol.kv.replay import COMMIT, CONFLICT, NO_PERMISSION
from offchain.protocol.kv.stream_data import UNCHECKED
from offchain.storage.client.node import NodeStatus
from offchain.storage.client.seeds import Encryption
from offchain.storage.kv.client.api import Done, KvClient
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.transaction import Conflict, NotCommitted, Outcome
from tests.doubles.flow_log import FLOW
from tests.doubles.paying import PAYER
from tests.doubles.streams import stream_id

STREAM = stream_id(1)


@pytest.fixture
def make_client(one, monkeypatch):
    """Makes clients of one server; what they send is decided by a list."""
    monkeypatch.setattr("offchain.storage.kv.client.api.HttpClient", lambda url, seconds: one.web.client(url))

    def make(*results, **options):
        client, outcomes = KvClient(["http://kv-0"], **options), list(results)
        client.sent = []

        def send(data, agree):
            client.sent.append(data)
            return Outcome(len(client.sent), "0x00", outcomes.pop(0))

        if results:
            monkeypatch.setattr(client, "_send", send)
        return client

    return make


def count_up(transaction):
    number = int(transaction.get(STREAM, b"count") or b"0") + 1
    transaction.put(STREAM, b"count", b"%d" % number)
    return number


def test_transact__conflicts__reads_anew_until_it_commits(one, make_client):
    one.put(STREAM, b"count", b"4")
    client = make_client(CONFLICT, CONFLICT, COMMIT)
    seen = []

    def change(transaction):
        seen.append(count_up(transaction))
        one.put(STREAM, b"count", b"%d" % (seen[-1] + 9))
        return seen[-1]

    done = client.transact(change)
    assert done == Done(25, Outcome(3, "0x00", COMMIT))
    assert seen == [5, 15, 25]
    assert [data.version for data in client.sent] == [0, 1, 2]


def test_transact__nothing_written__sends_nothing(one, make_client):
    one.put(STREAM, b"count", b"4")
    client = make_client(COMMIT)
    assert client.transact(lambda transaction: transaction.get(STREAM, b"count")) == Done(b"4", None)
    assert client.sent == []


def test_transact__always_late__gives_up_after_the_attempts(one, make_client):
    one.put(STREAM, b"count", b"4")
    client = make_client(*[CONFLICT] * 3)
    with pytest.raises(Conflict, match="submission 3 took no effect"):
        client.transact(count_up, attempts=3)
    assert len(client.sent) == 3


def test_transact__right_missing__is_not_tried_again(one, make_client):
    one.put(STREAM, b"count", b"4")
    client = make_client(NO_PERMISSION, COMMIT)
    with pytest.raises(NotCommitted):
        client.transact(count_up)
    assert len(client.sent) == 1


def test_transact__error_in_the_function__sends_nothing(one, make_client):
    one.put(STREAM, b"count", b"no number")
    client = make_client(COMMIT)
    with pytest.raises(ValueError, match="no number"):
        client.transact(count_up)
    assert client.sent == []


def test_commit__version__is_declared(make_client):
    client = make_client(COMMIT, COMMIT)
    client.commit(Batch().put(STREAM, b"a", b"1"))
    client.commit(Batch().put(STREAM, b"a", b"1"), version=0)
    assert [data.version for data in client.sent] == [UNCHECKED, 0]


def test_begin__other_implementation__reads_what_it_says_is_decided(kv, one, make_client):
    client = make_client(COMMIT, unproven=True)
    with pytest.raises(Busy, match="decided nothing yet"):
        client.begin()
    one.put(STREAM, b"count", b"1")
    one.put(STREAM, b"count", b"2")
    transaction = client.begin()
    one.put(STREAM, b"count", b"3")
    assert (transaction.get(STREAM, b"count"), transaction.version) == (b"2", 1)


def test_watch__other_implementation__is_refused(make_client):
    with pytest.raises(BadSettings, match="servers that prove"):
        make_client(unproven=True).watch(STREAM)


@pytest.mark.parametrize("options", [{}, {"nodes": ["http://n"]}, {"nodes": ["http://n"], "rpc": "http://r"}], ids=str)
def test_commit__something_missing__says_what_writing_needs(make_client, options):
    with pytest.raises(BadSettings, match="storage nodes or an indexer, the RPC of a chain, and an account"):
        make_client(**options).commit(Batch().put(STREAM, b"a", b"1"))


def test_client__password__is_refused_at_once(make_client):
    with pytest.raises(Invalid, match="servers open no passwords"):
        make_client(encryption=Encryption(Password("secret")))


class Nodes:
    """Storage nodes that follow a flow."""

    url = "http://node"

    def __init__(self, chain_id, flow):
        self.status = NodeStatus(chain_id, flow, 0, 0, 0)

    def for_upload(self, _):
        return [self]


@pytest.mark.parametrize("chain_id, flow", [(1, FLOW), (31337, "0x" + "22" * 20)])
def test_commit__nodes_and_servers_of_different_flows__pays_nothing(one, make_client, monkeypatch, chain_id, flow):
    client = make_client(nodes=["http://node"], rpc="http://rpc", account=PAYER, flow=FLOW)
    monkeypatch.setattr(client, "_network", Nodes(chain_id, flow))
    with pytest.raises(WrongChain, match="name those of one network"):
        client.commit(Batch().put(STREAM, b"a", b"1"))
