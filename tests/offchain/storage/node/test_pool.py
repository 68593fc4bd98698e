import pytest

from offchain.errors import Busy, NotFound
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.node.pool import MAX_FILE, room_of
from offchain.storage.node.refusals import Refusal
from offchain.store.segment_store import Content
from tests.doubles.files import File
from tests.doubles.node_parts import PATIENCE

ONE, TWO, THREE = (Content(bytes([seed]) * 32, 1000) for seed in range(3))
ROOM = room_of(1000)
SENDER, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def small(make_node):
    """A node with room for two segments of the files above, also of one sender."""
    return make_node("small", capacity=2 * ROOM, share=2 * ROOM)


def admit(node, content, length=1000, sender=SENDER):
    node.pool.admit(content, length, sender)


def is_stored(node, content):
    try:
        with node.store.open(content):
            return True
    except NotFound:
        return False


@pytest.mark.parametrize(("length", "room"), [(256, 8192), (4096, 8192), (4097, 12288), (SEGMENT_BYTES, 266240)])
def test_room_of__segment__is_its_blocks_and_one_more(length, room):
    assert room_of(length) == room


def test_admit__new_file__is_held_with_what_it_takes_on_disk(node):
    admit(node, ONE)
    assert (node.pool.holds(ONE), node.pool.holds(TWO)) == (True, False)
    assert not node.pool.holds(Content(ONE.root, 999))
    assert node.pool.bytes_held() == ROOM


def test_admit__size_that_a_file_claims__takes_no_room(small):
    claims = Content(ONE.root, MAX_FILE)
    admit(small, claims, 256)
    assert small.pool.bytes_held() == room_of(256)
    admit(small, TWO)


def test_admit__another_segment__takes_room_too_and_gains_time(node):
    admit(node, ONE)
    node.clock.time += PATIENCE - 1
    admit(node, ONE, 5000, OTHER)
    node.clock.time += PATIENCE - 1
    assert node.pool.expire() == 0
    assert node.pool.bytes_held() == ROOM + room_of(5000)
    node.clock.time += 1
    assert node.pool.expire() == 1
    assert node.pool.bytes_held() == 0


def test_admit__full_pool__is_busy_until_something_leaves(small):
    admit(small, ONE)
    admit(small, TWO, sender=OTHER)
    text = rf"^the pool of files without a transaction is full \({2 * ROOM} bytes\), try again later$"
    for content in (THREE, TWO):
        with pytest.raises(Busy, match=text):
            admit(small, content)
    assert not small.pool.holds(THREE)
    small.clock.time += PATIENCE
    small.pool.expire()
    admit(small, THREE)
    assert small.pool.bytes_held() == ROOM


def test_admit__all_that_one_sender_may_have__leaves_the_rest_to_others(make_node):
    node = make_node("shared", capacity=4 * ROOM, share=2 * ROOM)
    admit(node, ONE)
    admit(node, TWO)
    text = f"^this address has {2 * ROOM} bytes of files without a transaction here, try again later$"
    with pytest.raises(Busy, match=text):
        admit(node, THREE)
    admit(node, THREE, sender=OTHER)
    admit(node, ONE, sender=OTHER)
    node.clock.time += PATIENCE
    node.pool.expire()
    admit(node, THREE)


def test_admit__file_that_somebody_else_began__costs_each_what_they_sent(make_node):
    """Nobody can use up the share of another by being the first to send a segment of the other's file."""
    node = make_node("shared", capacity=9 * ROOM, share=2 * ROOM)
    for content in (ONE, TWO):
        admit(node, content, sender=OTHER)
    admit(node, ONE)
    admit(node, TWO)
    assert node.pool.bytes_held() == 4 * ROOM


def test_check__file_larger_than_may_wait__is_refused_in_the_public_words(node):
    node.pool.check(Content(ONE.root, MAX_FILE))
    with pytest.raises(Refusal) as refusal:
        node.pool.check(Content(TWO.root, MAX_FILE + 1))
    assert refusal.value.param == "file_size"
    assert refusal.value.reason == "caching of large file when tx is unavailable is not supported"


def test_expire__time_is_over__deletes_the_file_and_its_data(node):
    early, late = File.random(600, 1), File.random(600, 2)
    node.put(early)
    node.clock.time += 10
    node.put(late)
    node.clock.time += PATIENCE - 10.5
    assert node.pool.expire() == 0
    node.clock.time += 0.5
    assert node.pool.expire() == 1
    assert (is_stored(node, early.content), is_stored(node, late.content)) == (False, True)
    assert not node.pool.holds(early.content)


def test_expire__submitted_in_time__keeps_the_data(node):
    file = File.random(600)
    node.put(file)
    node.submit(file)
    assert (node.pool.holds(file.content), node.pool.bytes_held()) == (False, 0)
    node.clock.time += 2 * PATIENCE
    assert node.pool.expire() == 0
    assert is_stored(node, file.content)


def test_admit__submission_came_since_the_caller_looked__never_expires(node):
    """Intake asks the catalogue, then the pool: the flow may move in between."""
    (entry,) = node.hold(file := File.random(600))
    admit(node, file.content)
    assert (node.pool.holds(file.content), node.pool.bytes_held()) == (False, 0)
    node.clock.time += 2 * PATIENCE
    assert node.pool.expire() == 0
    assert node.shelf.data(entry.content, 0) == file.segment_data(0)


def test_expire__file_that_a_reorganisation_cut_off__waits_and_then_goes(node):
    file = File.random(600)
    node.hold(file)
    node.roll_back(0)
    assert (node.pool.holds(file.content), node.pool.bytes_held()) == (True, 0)  # it had its room already
    node.clock.time += PATIENCE
    assert node.pool.expire() == 1
    assert not is_stored(node, file.content)


def test_expire__file_submitted_again_after_a_reorganisation__needs_no_second_upload(node):
    file = File.random(SEGMENT_BYTES + 1)
    node.hold(file)
    node.roll_back(0)
    node.clock.time += PATIENCE - 1
    (entry,) = node.submit(file)
    node.clock.time += PATIENCE
    assert node.pool.expire() == 0
    assert node.missing(entry) == []


def test_deadline__now__is_a_patience_away(node):
    assert node.pool.deadline() == node.clock.now() + PATIENCE
