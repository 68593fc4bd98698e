from dataclasses import replace
from functools import reduce

import pytest

from offchain.errors import PeerUnavailable, RemoteRefused, Untrusted
from offchain.protocol.encryption import Identity, Key, Recipient
from offchain.protocol.kv.replay import COMMIT, CONFLICT
from offchain.protocol.secp256k1 import public_key
from offchain.storage.client.payment import Declined
from offchain.storage.client.seeds import Encryption
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.evidence import Behind
from offchain.storage.kv.client.outbox import Outbox
from offchain.storage.kv.client.reader import Reader
from tests.doubles.killing import Killed
from tests.doubles.streams import StreamFile, stream_id

STREAM, OTHERS = stream_id(1), stream_id(2)
PRIVATE = bytes([5]) * 32


def batch(value=b"value", key=b"key"):
    return Batch().put(STREAM, key, value)


def elses(town, stream):
    """Somebody else writes to a stream."""
    file = StreamFile(writes=[(stream, b"k", b"v")])
    town.submit(file.submission())
    town.neighbours.nodes[0].put(file)
    town.tick()


def test_commit__batch__is_paid_stored_decided_and_proven(town):
    outcome = town.commit(batch())
    assert (outcome.seq, outcome.result, outcome.committed, outcome.provisional) == (0, COMMIT, True, False)
    assert outcome.transaction_hash == "0x" + town.payer.chain.mined()[0].hash.hex()
    assert town.kv.parts[0].value(STREAM, b"key") == b"value"
    assert "kv_getValueWithProof" in town.kv.calls()
    assert len(town.town.quotes) == 1


def test_commit__same_change_again__takes_effect_again(town):
    for value in (b"one", b"two", b"one"):
        town.commit(batch(value))
    assert town.commits == [0, 1, 2]
    assert town.kv.parts[0].value(STREAM, b"key") == b"one"


def test_commit__done__leaves_nothing_to_go_on_with(town):
    town.commit(batch())
    assert list((town.folder / "outbox").iterdir()) == []


def test_commit__older_version__conflicts_without_effect(town):
    town.commit(batch(b"one"))
    town.commit(batch(b"two"))
    outcome = town.commit(batch(b"late"), version=0)
    assert (outcome.result, outcome.state) == (CONFLICT, "conflict")
    assert "newer than 0" in outcome.reason
    assert town.kv.parts[0].value(STREAM, b"key") == b"two"


def test_commit__stream_of_somebody_else__is_refused_with_the_servers_reason(town):
    elses(town, STREAM)
    outcome = town.commit(batch())
    assert (outcome.seq, outcome.state, outcome.reason) == (1, "refused", "the sender may write in none of the streams")
    assert town.kv.parts[0].value(STREAM, b"key") is None


def test_commit__rights_only__are_proven_by_their_moment(town):
    assert town.commit(Batch().grant(STREAM, "0x" + "77" * 20)).committed


def test_commit__declined__pays_nothing(town):
    with pytest.raises(Declined):
        town.writer().commit(batch().data(), lambda _: False)
    assert town.town.paid == 0


def test_commit__stream_that_servers_do_not_hold__is_refused_before_anything_is_paid(make_town):
    town = make_town(servers=2, held=frozenset([OTHERS]))
    with pytest.raises(RemoteRefused, match=f"stream 0x{STREAM.hex()} is not held by this server"):
        town.commit(batch())
    assert (town.town.paid, list(town.folder.glob("outbox/*"))) == (0, [])


def test_commit__one_of_three_servers_does_not_hold_the_stream__the_others_decide(make_town):
    town = make_town(servers=2)
    town.kv.add(held=frozenset([OTHERS]))
    assert town.commit(batch()).committed


def test_commit__servers_give_the_stream_up_after_paying__says_what_is_paid(town):
    def refuse(_):
        raise RemoteRefused("http://kv-0", -32602, "it belongs to a stream that is not held")

    town.kv.lie(0, "kv_getTransaction", refuse)
    with pytest.raises(PeerUnavailable, match="submission 0 is paid for and stored.* not held.*nothing is paid twice"):
        town.commit(batch())


def test_commit__after_it__nothing_older_is_told_as_new(make_town):
    town = make_town(servers=2)
    town.commit(batch(b"old"))
    town.deaf = {1}
    writer = town.writer(quorum=1, patience=5)
    outcome = writer.commit(batch(b"new").data(), town.town.agree)
    town.kv.down(0)
    with pytest.raises(Behind, match=f"up to 0, and was or others are at {outcome.seq}"):
        Reader(town.panel).get(STREAM, b"key")


def test_commit__two_servers__have_to_agree_about_the_outcome(make_town):
    town = make_town(servers=2)
    town.kv.lie(0, "kv_getTransaction", lambda told: told and told | {"result": CONFLICT})
    with pytest.raises(Untrusted, match="contradict"):
        town.commit(batch())


def test_commit__server_that_only_says_it_was_committed__is_found_out(town):
    town.commit(batch(b"first"))
    town.commit(batch(b"second"))
    town.kv.lie(0, "kv_getTransaction", lambda told: told and told | {"result": COMMIT})
    with pytest.raises(Untrusted, match="submission 2 was committed, and their state lacks it"):
        town.commit(batch(b"late"), version=0)


def test_commit__servers_gone_after_paying__says_what_is_paid_and_goes_on_later(town):
    town.deaf = {0}
    with pytest.raises(PeerUnavailable, match="submission 0 is paid for and stored, .* nothing is paid twice"):
        town.commit(batch(), patience=5)
    town.deaf = set()
    outcome = town.commit(batch())
    assert (outcome.seq, outcome.committed, town.town.paid) == (0, True, 1)


@pytest.mark.parametrize("step", ["_publisher._uploader.upload", "_outcome", "_verify", "_panel.agreed"])
def test_commit__killed_between_its_steps__the_next_process_goes_on_and_pays_once(town, monkeypatch, step):
    writer = town.writer()
    *path, name = step.split(".")
    target = reduce(getattr, path, writer)

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(target, name, killed)
        writer.commit(batch().data(), town.town.agree)
    assert town.town.paid == 1
    outcome = town.commit(batch())
    assert (outcome.seq, outcome.committed, town.town.paid) == (0, True, 1)


def test_commit__reorganisation_gives_its_number_to_another__finds_its_own(town, monkeypatch):
    elses(town, OTHERS)
    writer = town.writer()
    publish = writer._publisher.publish

    def as_before_the_reorganisation(letter, agree):
        return replace(publish(letter, agree), seq=0)

    monkeypatch.setattr(writer._publisher, "publish", as_before_the_reorganisation)
    outcome = writer.commit(batch().data(), town.town.agree)
    assert (outcome.seq, outcome.committed) == (1, True)


def test_commit__server_that_knows_another_submission__is_waited_for_and_then_told(town):
    town.kv.lie(0, "kv_getTransaction", lambda told: told and told | {"root": "0x" + "66" * 32})
    with pytest.raises(PeerUnavailable, match="paid for and stored, .* does not know our submission 0"):
        town.commit(batch(), patience=2)
    assert town.town.paid == 1


def test_commit__server_gone_while_it_decides__says_what_is_paid(town, monkeypatch):
    writer = town.writer()
    publish = writer._publisher.publish

    def then_all_is_dark(letter, agree):
        paid = publish(letter, agree)
        town.kv.down(0)
        return paid

    monkeypatch.setattr(writer._publisher, "publish", then_all_is_dark)
    with pytest.raises(PeerUnavailable, match="submission 0 is paid for and stored, .* does not answer"):
        writer.commit(batch().data(), town.town.agree)


LOCKS = {
    "key": (Encryption(Key(bytes(32))), Key(bytes(32))),
    "key, public format": (Encryption(Key(bytes(32)), public=True), Key(bytes(32))),
    "recipient": (Encryption(Recipient(public_key(PRIVATE))), Identity(PRIVATE)),
    "recipient, public format": (Encryption(Recipient(public_key(PRIVATE)), public=True), Identity(PRIVATE)),
}


@pytest.mark.parametrize("name", LOCKS)
def test_commit__encrypted__only_servers_with_the_key_read_it(make_town, name):
    encryption, opener = LOCKS[name]
    town = make_town(openers=[opener])
    secret = batch(b"a secret value").put(STREAM, b"large", b"secret" * 100_000)
    assert town.commit(secret, encryption=encryption).committed
    assert Reader(town.panel).get(STREAM, b"key").data == b"a secret value"
    assert Reader(town.panel).get(STREAM, b"large").data == b"secret" * 100_000
    node = town.neighbours.nodes[0]
    stored = b"".join(node.shelf.data(node.catalog.entry(0).content, index) for index in range(3))
    assert b"secret" not in stored


@pytest.mark.parametrize("name", LOCKS)
def test_commit__encrypted_and_interrupted__sends_the_same_bytes_again(make_town, name):
    encryption, opener = LOCKS[name]
    town = make_town(openers=[opener])
    town.deaf = {0}
    with pytest.raises(PeerUnavailable):
        town.commit(batch(), encryption=encryption, patience=5)
    town.deaf = set()
    assert town.commit(batch(), encryption=encryption).committed
    assert town.town.paid == 1


def test_commit__other_implementation__is_believed_on_demand(make_town):
    town = make_town(servers=0)
    town.kv.add(proving=False)
    outcome = town.commit(batch(), unproven=True)
    assert (outcome.seq, outcome.committed, outcome.reason) == (0, True, None)


def test_outbox__of_another_folder__knows_nothing(town, tmp_path):
    town.deaf = {0}
    with pytest.raises(PeerUnavailable):
        town.commit(batch(), patience=5)
    town.deaf = set()
    town.outbox = lambda: Outbox(tmp_path / "elsewhere")
    assert town.commit(batch()).seq == 1
