import os
import shutil

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.node.scrub import BETWEEN_ROUNDS, Scrub
from tests.doubles.files import File
from tests.doubles.running import run_service

FILE = File.random(3 * SEGMENT_BYTES + 700)
OTHER = File.random(600)
MIB = 1 << 20


def counted(node):
    values = node.metrics.values()
    return values["zg_scrubbed_segments_total"], values["zg_damaged_segments_total"]


def test_check_all__sound_file__finds_nothing(node):
    (entry,) = node.hold(FILE)
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 0}
    assert counted(node) == (4, 0)
    assert node.catalog.entry(0).finalized


def test_check_all__damaged_segments__are_forgotten_and_the_file_is_repaired(node):
    lost = []
    node.shelf.lost = lost.append
    (entry,) = node.hold(FILE)
    node.damage(FILE, 0)
    node.damage(FILE, 3, at=600)
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 2}
    assert counted(node) == (4, 2)
    assert node.missing(entry) == [0, 3]
    assert not node.catalog.entry(0).finalized
    assert lost == [FILE.content] * 2
    assert node.scrub.check_all(node.catalog.entry(0)) == {"checked": 4, "damaged": 0}


def test_check__some_segments__leaves_the_others_alone(node):
    (entry,) = node.hold(FILE)
    node.damage(FILE, 0)
    node.damage(FILE, 2)
    assert node.scrub.check(entry, [1, 2]) == 1
    assert node.missing(entry) == [2]


def test_check_all__shard__checks_what_it_owns(make_node):
    node = make_node(shard=Shard(0, 2))
    (entry,) = node.hold(FILE)
    assert node.scrub.check_all(entry) == {"checked": 2, "damaged": 0}


def test_check_all__file_on_its_way__what_is_missing_is_no_damage(node):
    (entry,) = node.submit(FILE)
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 0}
    node.put(FILE, [0, 1])
    node.damage(FILE, 1)
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 1}


def test_check_all__data_cut_off__loses_only_what_is_gone(node):
    (entry,) = node.hold(FILE)
    (data,) = node.store._folder.rglob("*.data")
    os.truncate(data, 2 * SEGMENT_BYTES)
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 2}
    assert node.missing(entry) == [2, 3]


def test_check_all__files_removed_from_outside__are_noticed_and_fetched_again(node):
    lost = []
    node.shelf.lost = lost.append
    (entry,) = node.hold(FILE)
    node.store.close()
    shutil.rmtree(node.store._folder)
    node.store._folder.mkdir()
    assert node.scrub.check_all(entry) == {"checked": 4, "damaged": 4}
    assert not node.catalog.entry(0).finalized
    assert lost[0] == FILE.content
    node.put(FILE)
    node.shelf.complete(FILE.content)
    assert node.catalog.entry(0).finalized


def test_check_all__file_that_cannot_be_opened__is_gone_and_stops_nobody(node):
    (entry,) = node.hold(OTHER)
    node.store.close()
    (tree,) = node.store._folder.rglob("*.tree")
    tree.write_bytes(b"nonsense")
    checked = node.scrub.check_all(entry)
    assert checked["damaged"] == checked["checked"]
    assert not node.catalog.entry(0).finalized


def test_service__complete_files__are_checked_at_the_rate_and_again_after_a_while(node):
    node.hold(FILE, OTHER)
    node.submit(File.random(600, 9))
    scrub = Scrub(node.catalog, node.shelf, MIB, fresh := type(node.metrics)("other", "0"))
    clock = run_service(scrub.service, pauses=6)
    assert clock.waited == [1.0, 0.25, BETWEEN_ROUNDS] * 2
    assert fresh.values()["zg_scrubbed_segments_total"] == 10


def test_service__long_file__pauses_between_runs_and_stops_within(node):
    long = File.random(20 * SEGMENT_BYTES)
    node.hold(long)
    scrub = Scrub(node.catalog, node.shelf, MIB, fresh := type(node.metrics)("other", "0"))
    assert run_service(scrub.service, pauses=1).waited[0] == 4.0
    assert fresh.values()["zg_scrubbed_segments_total"] == 16


def test_service__damage__is_found_by_itself(node):
    (entry,) = node.hold(FILE)
    node.damage(FILE, 2)
    run_service(node.scrub.service, pauses=1)
    assert node.missing(entry) == [2]


def test_service__rate_of_nothing__is_turned_off(node):
    node.hold(FILE)
    scrub = Scrub(node.catalog, node.shelf, 0, fresh := type(node.metrics)("other", "0"))
    assert run_service(scrub.service).waited == []
    assert fresh.values()["zg_scrubbed_segments_total"] == 0
