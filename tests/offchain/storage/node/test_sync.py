import pytest

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.node.sync import KEEP_SECONDS, MAX_FILES
from tests.doubles.files import File
from tests.doubles.running import run_service

FILE = File.random(3 * SEGMENT_BYTES + 700)
SMALL = File.random(600)
ONE = "http://peer-one"


def test_start__unknown_submission__is_not_found(node):
    with pytest.raises(NotFound, match="^there is no submission 0$"):
        node.sync.start(0)


@pytest.mark.parametrize(("first", "end"), [(0, 0), (5, 5), (6, 5), (0, 3076), (3075, None), (-1, 5)])
def test_start__sectors_beyond_the_file__are_refused(node, first, end):
    node.submit(FILE)
    with pytest.raises(Invalid, match=f"^sectors {first} to {end} are not within a file of 3075 sectors$"):
        node.sync.start(0, first, end)


def test_start__fetched_already__is_the_same_fetch(node):
    node.submit(FILE)
    assert node.sync.start(0) is node.sync.start(0)
    assert node.sync.fetches() == [node.sync.fetch_of(0)]


def test_start__more_files_than_at_once__is_busy(node):
    node.submit(*[File.random(600, seed) for seed in range(MAX_FILES + 1)])
    for seq in range(MAX_FILES):
        node.sync.start(seq)
    with pytest.raises(Busy, match="^16 files are being fetched already$"):
        node.sync.start(MAX_FILES)
    run_service(node.sync.service)
    node.sync.start(MAX_FILES)


def test_terminate__running_fetch__ends_after_the_segment_on_its_way(network):
    network.peer(ONE, framed=False)
    here = network.node()
    network.hold(FILE)
    network.look()
    taken = []
    take = here.intake.take

    def take_and_stop(segment, seq):
        take(segment, seq)
        taken.append(here.sync.terminate(0))

    here.intake.take = take_and_stop
    fetch = here.sync.start(0)
    network.run()
    assert (fetch.state, taken) == ("Failed: terminated", [True])
    assert here.shelf.stored(FILE.content) == 1
    assert not here.sync.terminate(0)


def test_terminate__nothing_fetched__is_false(node):
    assert not node.sync.terminate(0)


def test_service__node_stops__cancels_what_goes_on(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    fetch = here.sync.start(0)
    run_service(here.sync.service, pauses=1)
    assert fetch.cancelled


def test_automatic__every_unfinished_file__is_fetched_once_a_peer_is_there(network):
    network.peer(ONE)
    here = network.node(automatic=True)
    network.hold(FILE, SMALL)
    network.run()
    assert here.sync.fetches() == []
    network.look()
    here.clock.time += 10
    network.run()
    assert [fetch.state for fetch in here.sync.fetches()] == ["Completed", "Completed"]
    assert here.completes(FILE, 0) and here.completes(SMALL, 1)


def test_automatic__turned_off__fetches_nothing(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    network.look()
    network.run()
    assert here.sync.fetches() == []


def test_automatic__many_files_that_nobody_has__do_not_keep_others_from_being_fetched(network):
    network.peer(ONE)
    here = network.node(automatic=True)
    network.submit(*[File.random(600, seed + 100) for seed in range(2 * MAX_FILES)])
    network.hold(SMALL)
    network.look()
    for _ in range(4):
        here.clock.time += 10
        network.run()
    assert here.completes(SMALL, 2 * MAX_FILES)


def test_automatic__more_files_than_are_looked_at_together__are_all_tried_in_turn(network):
    network.peer(ONE)
    here = network.node(automatic=True)
    files = [File.random(600, seed + 200) for seed in range(2 * MAX_FILES + 3)]
    network.hold(*files)
    network.look()
    for _ in range(4):
        here.clock.time += 10
        network.run()
    assert [here.completes(file, seq) for seq, file in enumerate(files)] == [True] * len(files)


def test_automatic__file_that_nobody_has_yet__is_tried_again(network):
    network.peer(ONE)
    here = network.node(automatic=True)
    network.submit(SMALL)
    network.look()
    here.clock.time += 10
    network.run()
    assert here.sync.fetch_of(0).state.startswith("Failed: 1 segments were not found")
    network.peers[ONE].put(SMALL)
    here.clock.time += 10
    network.run()
    assert here.completes(SMALL)


def test_repair__damaged_segment__is_fetched_again_without_being_asked(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    network.fetch()
    assert here.completes(FILE)
    here.damage(FILE, 1)
    with pytest.raises(NotFound):
        here.shelf.data(FILE.content, 1)
    here.clock.time += 10
    network.run()
    assert here.completes(FILE)
    assert here.shelf.data(FILE.content, 1) == FILE.segment_data(1)
    here.clock.time += 10
    network.servers[ONE].calls.clear()
    network.run()
    assert network.servers[ONE].calls == []


def test_repair__no_peer_has_it_now__tries_until_one_does(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    network.fetch()
    here.completes(FILE)
    here.damage(FILE, 1)
    with pytest.raises(NotFound):
        here.shelf.data(FILE.content, 1)

    def silent(call, _):
        raise PeerUnavailable("silent")

    network.servers[ONE].before = silent
    here.clock.time += 10
    network.run()
    assert here.sync.fetch_of(0).state.startswith("Failed: 1 segments were not found")
    network.servers[ONE].before = lambda *_: None
    here.clock.time += 10
    network.run()
    assert here.completes(FILE)


def test_service__submission_undone_between_look_and_start__is_left_alone(network, monkeypatch):
    network.peer(ONE)
    here = network.node(automatic=True)
    network.hold(FILE)
    network.look()
    unfinished = here.catalog.unfinished()
    here.roll_back(0)
    monkeypatch.setattr(here.catalog, "unfinished", lambda *_: unfinished)
    network.run()
    assert here.sync.fetches() == []


def test_fetches__long_ended__are_forgotten(node):
    node.submit(FILE)
    fetch = node.sync.start(0)
    node.clock.time += 2 * KEEP_SECONDS
    run_service(node.sync.service)
    assert (fetch.running, node.sync.fetch_of(0)) == (False, fetch)
    node.clock.time += KEEP_SECONDS - 1
    run_service(node.sync.service)
    assert node.sync.fetch_of(0) is fetch
    node.clock.time += 1
    run_service(node.sync.service)
    assert node.sync.fetch_of(0) is None
