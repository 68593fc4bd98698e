"""docs/flows/write-a-stream.md: two writers share a stream, one loses a race, a reader trusts neither server."""

import json
import threading
from contextlib import ExitStack

import pytest

from offchain.errors import Untrusted
from offchain.protocol.encryption import Key
from offchain.storage.client.seeds import Encryption
from offchain.storage.kv.client.api import KvClient
from offchain.storage.kv.client.batch import Batch, new_stream
from offchain.storage.kv.client.transaction import Conflict, NotCommitted
from tests.doubles.cluster import account
from tests.doubles.kv_server import KvServer
from tests.doubles.polling import eventually
from tests.doubles.relay import Relay

pytestmark = pytest.mark.anvil

FOUNDER, WRITER, OUTSIDER = 3, 4, 5
SECRET = Key(bytes(range(32)))


@pytest.fixture(scope="module")
def servers(plain):
    """Two servers that fetch from one node each."""
    made = [KvServer(plain, nodes=[node], name=f"story-kv-{number}") for number, node in enumerate(plain.nodes)]
    yield [server.start() for server in made]
    for server in made:
        server.stop()


class Actors:
    """People with accounts, each with the same servers and a journal of their own."""

    def __init__(self, cluster, urls, folder):
        self._stack = ExitStack()
        self.cluster, self.urls, self.folder = cluster, urls, folder
        self.founder, self.writer, self.outsider = (self.person(number) for number in (FOUNDER, WRITER, OUTSIDER))
        self.reader = self._stack.enter_context(KvClient(urls, rpc=cluster.chain.url))

    def person(self, number, **options):
        nodes = [node.url for node in self.cluster.nodes]
        flow = self.cluster.chain.flow.address
        options = {"rpc": self.cluster.chain.url, "account": account(number), "flow": flow, "replicas": 2, **options}
        state = self.folder / f"state-{number}"
        return self._stack.enter_context(KvClient(self.urls, nodes, state=state, **options))

    def close(self):
        self._stack.close()


@pytest.fixture
def actors(plain, servers, tmp_path):
    made = Actors(plain, [server.url for server in servers], tmp_path)
    yield made
    made.close()


@pytest.fixture
def stream(actors):
    """A stream that the founder has begun and the writer may write to."""
    made = new_stream()
    batch = Batch().put(made, b"balance", b"100").grant(made, account(WRITER).address)
    actors.founder.commit(batch).check()
    return made


def test_story__two_writers_on_one_stream(actors, plain):
    stream = new_stream()
    founder, writer, outsider, reader = actors.founder, actors.writer, actors.outsider, actors.reader

    # The founder writes first and thereby administrates the stream.
    founded = founder.commit(Batch().put(stream, b"title", b"minutes").put(stream, b"balance", b"100")).check()
    assert reader.is_admin(stream, account(FOUNDER).address)

    # A reader asks two servers, checks the proof, and knows that nothing newer is on the chain.
    title = reader.get(stream, b"title")
    assert (title.data, title.version) == (b"minutes", founded.seq)
    assert title.evidence.agreeing == tuple(actors.urls)
    assert title.evidence.behind == plain.chain.flow.submissions() - 1 - title.evidence.seq

    # Nobody else writes, until the founder lets them.
    with pytest.raises(NotCommitted, match="SenderNoWritePermission"):
        writer.commit(Batch().put(stream, b"title", b"mine")).check()
    assert reader.get(stream, b"title").data == b"minutes"
    founder.commit(Batch().grant(stream, account(WRITER).address)).check()
    writer.commit(Batch().put(stream, b"note", b"of the writer")).check()

    # Both read the same balance and change it: the second one is told, and changes nothing.
    first, second = founder.begin(), writer.begin()
    for transaction, change in ((first, 10), (second, -30)):
        balance = int(transaction.get(stream, b"balance"))
        transaction.put(stream, b"balance", b"%d" % (balance + change))
    assert first.commit().committed
    lost = second.commit()
    assert lost.state == "conflict"
    with pytest.raises(Conflict, match=f"submission {lost.seq} took no effect: VersionConfliction"):
        lost.check()
    assert reader.get(stream, b"balance").data == b"110"

    # Done over, it takes effect.
    def withdraw(transaction):
        balance = int(transaction.get(stream, b"balance"))
        transaction.put(stream, b"balance", b"%d" % (balance - 30))
        return balance

    done = writer.transact(withdraw)
    assert (done.value, done.outcome.committed) == (110, True)
    assert reader.get(stream, b"balance").data == b"80"
    assert [value.data for value in reader.versions(stream, b"balance")] == [b"80", b"110", b"100"]

    # A key of the founder's own: special, and granted to nobody.
    founder.commit(Batch().make_special(stream, b"title")).check()
    with pytest.raises(NotCommitted, match="WritePermissionDenied"):
        writer.commit(Batch().put(stream, b"title", b"mine")).check()
    assert not reader.may_write(stream, account(WRITER).address, b"title")
    assert reader.may_write(stream, account(WRITER).address, b"note")

    # What was granted can be taken.
    founder.commit(Batch().revoke(stream, account(WRITER).address)).check()
    with pytest.raises(NotCommitted, match="SenderNoWritePermission"):
        writer.commit(Batch().put(stream, b"note", b"again")).check()
    assert [(entry.key, entry.value.data) for entry in reader.items(stream)] == [
        (b"balance", b"80"),
        (b"note", b"of the writer"),
        (b"title", b"minutes"),
    ]
    assert not outsider.is_writer(stream, account(OUTSIDER).address)


def test_transact__many_at_once__lose_nothing(actors, stream):
    def deposit(transaction):
        transaction.put(stream, b"balance", b"%d" % (int(transaction.get(stream, b"balance")) + 1))

    def deposits(person):
        for _ in range(4):
            done.append(person.transact(deposit, attempts=30).outcome)

    done = []
    people = [actors.founder, actors.writer]
    threads = [threading.Thread(target=deposits, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(done) == 8
    assert actors.reader.get(stream, b"balance").data == b"108"
    assert len({outcome.seq for outcome in done}) == 8


def test_read__server_that_falsifies_a_value__is_passed_over(actors, servers, stream):
    with Relay(servers[0].url) as liar:

        def falsify(request, answer):
            if not request.is_call("kv_getValueWithProof"):
                return answer
            told = json.loads(answer.body)["result"]
            return answer.result(told | {"data": "Zm9yZ2Vk", "size": 6})

        liar.after = falsify
        with KvClient([liar.url, servers[1].url]) as reader:
            assert reader.get(stream, b"balance").data == b"100"
            assert any(liar.url in problem for problem in reader.problems)
        with KvClient([liar.url]) as reader, pytest.raises(Untrusted):
            reader.get(stream, b"balance")


def test_read__server_with_another_state__contradicts_the_honest_one(actors, servers, stream):
    with Relay(servers[0].url) as liar:

        def invent(request, answer):
            about_roots = request.is_call("kv_getStateRoot") or request.is_call("kv_getValueWithProof")
            return answer.saying(root="0x" + "66" * 32) if about_roots else answer

        liar.after = invent
        with KvClient([servers[1].url, liar.url]) as reader, pytest.raises(Untrusted, match="contradict each other"):
            reader.get(stream, b"balance")


def test_read__server_killed__the_others_go_on(actors, plain, servers, stream):
    third = KvServer(plain, name="story-kv-mortal").start()
    with KvClient([third.url, *(server.url for server in servers)]) as reader:
        eventually(lambda: reader.get(stream, b"balance").data == b"100", "the new server has replayed the stream")
        third.kill()
        assert reader.get(stream, b"balance").data == b"100"
        actors.founder.commit(Batch().put(stream, b"balance", b"90")).check()  # a state that the dead never told
        value = reader.get(stream, b"balance")
        assert value.data == b"90"
        assert set(value.evidence.agreeing) == {server.url for server in servers}


def test_write__large_values__are_read_back_whole(actors, stream):
    values = {b"%d" % size: bytes([size % 251]) * size for size in (1, 262_144, 262_145, 3_000_000)}
    batch = Batch()
    for key, value in values.items():
        batch.put(stream, key, value)
    actors.writer.commit(batch).check()
    assert {key: actors.reader.get(stream, key).data for key in values} == values


def test_watch__key_and_stream__tell_every_change_in_order(actors, stream):
    since = actors.reader.moment(stream).seq
    for number in range(3):
        actors.founder.commit(Batch().put(stream, b"key", b"%d" % number).put(stream, b"other", b"x")).check()
    actors.founder.commit(Batch().delete(stream, b"key")).check()
    by_key = actors.reader.watch(stream, b"key", since)
    expected = [b"0", b"1", b"2", b""]
    assert [next(by_key).value.data for _ in expected] == expected
    by_stream = actors.founder.watch(stream, since=since)
    told = [next(by_stream) for _ in range(7)]
    assert [change.value.data for change in told if change.key == b"key"] == expected
    assert [change.key for change in told].count(b"other") == 3
    assert [change.seq for change in told] == sorted(change.seq for change in told)


@pytest.mark.parametrize("public", [False, True], ids=["authenticated", "public format"])
def test_encrypted_stream__servers_with_the_key__read_it(plain, tmp_path, public):
    key = {"ZG_KV_ENCRYPTION_KEY": SECRET.secret.hex()}
    server = KvServer(plain, name=f"secret-kv-{public}")
    server.options = ("--encryption-key-file", _file(tmp_path, key["ZG_KV_ENCRYPTION_KEY"]))
    server.start()
    encryption = Encryption(SECRET, public)
    flow = plain.chain.flow.address
    options = {
        "rpc": plain.chain.url,
        "account": account(OUTSIDER),
        "flow": flow,
        "state": tmp_path,
        "openers": [SECRET],
    }
    with KvClient([server.url], [plain.nodes[0].url], encryption=encryption, **options) as owner:
        stream = new_stream()
        outcome = owner.commit(Batch().put(stream, b"key", b"the secret value")).check()
        assert owner.get(stream, b"key").data == b"the secret value"
        assert b"secret" not in plain.nodes[0].content(outcome.seq)
        (change,) = [next(owner.watch(stream, since=outcome.seq - 1))]
        assert (change.key, change.value.data) == (b"key", b"the secret value")
    server.stop()


def _file(folder, text):
    path = folder / "key"
    path.write_text(text)
    path.chmod(0o600)
    return path
