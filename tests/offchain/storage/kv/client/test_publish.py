from contextlib import suppress

import pytest

from offchain.errors import NotFound, PeerUnavailable
from offchain.protocol.kv import tags
from offchain.storage.client.payment import Declined
from offchain.storage.client.source import Source
from offchain.storage.kv.client.batch import Batch
from tests.doubles.killing import Fuse, Killed
from tests.doubles.streams import stream_id

STREAM = stream_id(1)
WISH = Batch().put(STREAM, b"key", b"value").data()
LARGE = Batch().put(STREAM, b"key", bytes(17 * 262_144)).data()


def publish(town, wish=WISH, agree=lambda _: True, settle=True, **options):
    """What a process does that has just been started."""
    with town.outbox().letter(wish, bytes) as letter:
        paid = town.publisher(**options).publish(letter, agree)
        if settle:
            letter.settled()
        return paid, letter


def test_publish__transaction__is_announced_with_its_streams_and_stored(town):
    paid, letter = publish(town)
    ((root, size, told),) = town.payer.submitted()
    source = Source.of_bytes(letter.content)
    assert (paid.seq, root, size, told) == (0, source.root, source.size, tags.encode([STREAM]))
    assert town.neighbours.nodes[0].catalog.entry(0).finalized


def test_publish__same_wish_twice__is_two_submissions(town):
    assert [publish(town)[0].seq for _ in range(2)] == [0, 1]
    assert town.town.paid == 2


def test_publish__price__is_asked_before_anything_leaves(town):
    before = list(town.neighbours.servers[0].calls)
    with pytest.raises(Declined):
        publish(town, agree=lambda quote: quote.total == 0)
    sent = [call for call in town.neighbours.servers[0].calls[len(before) :] if call.startswith("POST")]
    assert (town.town.paid, sent) == (0, [])


def test_publish__declined_and_wanted_again__is_paid_once(town):
    with pytest.raises(Declined):
        publish(town, agree=lambda _: False)
    publish(town)
    assert town.town.paid == 1


def test_publish__small_file__is_there_before_its_transaction(town):
    server, seen = town.neighbours.servers[0], []
    town.payer.clock.on_sleep = lambda: (seen.append([call for call in server.calls if "POST" in call]), town.tick())
    publish(town)
    assert len(seen[0]) == 1
    posted = [call for call in server.calls if "POST" in call]
    assert posted == seen[0], "the segment was sent again"


def test_publish__large_file__comes_after_its_transaction(town):
    server, seen = town.neighbours.servers[0], []
    town.payer.clock.on_sleep = lambda: (seen.append([call for call in server.calls if "POST" in call]), town.tick())
    publish(town, LARGE)
    assert seen[0] == []
    assert town.neighbours.nodes[0].catalog.entry(0).finalized


def test_publish__node_without_frames__gets_it_through_the_public_rpc(town):
    paid, _ = publish(town, frames=False)
    assert town.neighbours.nodes[0].catalog.entry(paid.seq).finalized
    assert not [call for call in town.neighbours.servers[0].calls if call.startswith("POST")]


def test_publish__replicas__are_on_as_many_nodes(make_town):
    town = make_town(nodes=2)
    publish(town, replicas=2)
    assert all(node.catalog.entry(0).finalized for node in town.neighbours.nodes)
    with pytest.raises(NotFound, match="cannot hold 3 replicas"):
        publish(town, replicas=3)


def test_publish__node_that_takes_nothing_early__gets_it_later(town):
    server = town.neighbours.servers[0]

    def refuse(call, _):
        if call.startswith("POST") and not town.payer.submitted():
            raise PeerUnavailable("not before the transaction")

    server.before = refuse
    paid, _ = publish(town)
    assert town.neighbours.nodes[0].catalog.entry(paid.seq).finalized


def test_publish__bytes_that_somebody_else_announced_without_tags__are_announced_again(town):
    """Whoever sees our transaction wait could announce its roots first, and leave ours without effect."""
    with town.outbox().letter(WISH, bytes) as letter:
        town.submit(Source.of_bytes(letter.content).tree.submission(b""))
        paid = town.publisher().publish(letter, lambda _: True)
    assert paid.seq == 1
    assert [told for _, _, told in town.payer.submitted()] == [b"", tags.encode([STREAM])]


def test_publish__killed_at_each_step_of_paying__goes_on_and_pays_once(town):
    for boundary in range(100):
        wish = Batch().put(STREAM, b"killed at %d" % boundary, b"value").data()
        before, fuse = town.town.paid, Fuse(boundary)
        with suppress(Killed):
            publish(town, wish, settle=False, fuse=fuse)
        paid, _ = publish(town, wish)
        assert town.town.paid == before + 1
        assert town.neighbours.nodes[0].catalog.entry(paid.seq).finalized
        if fuse.left >= 0:
            assert boundary > 5
            return
    pytest.fail("paying has no end")
