import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from offchain.errors import BadSettings, ChainInconsistent, Corrupted
from offchain.protocol.submission import Node, Submission
from offchain.storage.node import catalog as module
from offchain.storage.node.catalog import CATALOG_SCHEMA, Catalog
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.database import Database
from offchain.store.segment_store import Content
from tests.doubles.flow_log import FLOW, SUBMITTER, FlowLog, made_up
from tests.doubles.killing import Killed

LATER = 5000.0


class World:
    """A catalogue, and the flow that it is told of."""

    def __init__(self, folder):
        self.database = Database(Path(folder) / "node.sqlite", CATALOG_SCHEMA, CURSOR_SCHEMA, durable=False)
        self.catalog = Catalog(self.database)
        self.flow = FlowLog()
        self.block = 0

    def apply(self, submitted=(), root=None, rolled_back_to=None, cursor=None):
        root = self.flow.tree.root if root is None else root
        text = cursor or f"at {self.block}"
        return self.catalog.apply(submitted, root, text, rolled_back_to, LATER)

    def submit(self, *submissions):
        """New submissions in a new block."""
        self.block += 1
        return self.apply([self.flow.submit(each, self.block) for each in submissions])[0]

    def roll_back(self, block):
        self.flow.roll_back(block)
        self.block = block
        return self.apply(rolled_back_to=block)[1]

    def dump(self, *tables):
        """All rows of the tables, all tables if none is named."""
        names = tables or ("submissions", "subtrees", "pool", "cursors")
        return {
            name: [tuple(row) for row in self.database.query(f"SELECT * FROM {name} ORDER BY 1, 2")] for name in names
        }

    def pool(self):
        return {(bytes(root), size): expires for root, size, expires in self.dump("pool")["pool"]}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.database.close()


def content_of(submission):
    return Content(submission.data_root, submission.length)


def test_catalog__fresh__knows_nothing(world):
    catalog = world.catalog
    assert (catalog.cursor(), catalog.next_seq(), catalog.last(), catalog.entry(0)) == (None, 0, None, None)
    assert (catalog.find(bytes(32)), catalog.containing(10**9), catalog.unfinished()) == (None, None, [])
    assert (catalog.unfinished_count(), catalog.within(0, 10**9), catalog.subtree(0, 0)) == (0, [], None)
    assert catalog.length_at_root(bytes(32)) is None


def test_apply__submissions__are_entries_with_all_that_the_chain_told(world):
    submissions = [made_up(300, 1, b"tags"), made_up(262145, 2)]
    told = [world.flow.submit(each, 7, caller=caller) for each, caller in zip(submissions, [None, FLOW], strict=True)]
    added, undone = world.apply(told, cursor="after 7")
    assert undone == []
    for entry, submitted, submission, tree in zip(added, told, submissions, world.flow.trees[1:], strict=True):
        assert (entry.seq, entry.start, entry.length) == (submitted.seq, submitted.start, tree.length)
        assert (entry.submission, entry.root, entry.size) == (submission, submission.data_root, submission.length)
        assert (entry.flow_root, entry.finalized, entry.block) == (tree.root, False, 7)
        assert (entry.sender, entry.caller) == (SUBMITTER, submitted.caller)
        assert entry.transaction_hash == submitted.log.transaction_hash
        assert world.catalog.entry(entry.seq) == entry
        assert entry.content == content_of(submission)
    assert (world.catalog.cursor(), world.catalog.next_seq(), world.catalog.last()) == ("after 7", 2, added[1])
    assert world.catalog.unfinished() == added


def test_apply__no_events__stores_the_cursor(world):
    assert world.apply(cursor="one") == ([], [])
    assert world.apply(cursor="two") == ([], [])
    assert world.catalog.cursor() == "two"


def test_apply__any_peak_of_the_tree__is_a_known_subtree(world):
    for seed, size in enumerate([1, 300, 5000, 262145, 1, 40000]):
        world.submit(made_up(size, seed))
        tree, end = world.flow.tree, 0
        for peak in tree.peaks:
            end += peak.sectors
            known = world.catalog.subtree(peak.height, (end >> peak.height) - 1)
            assert known == peak.root or (peak.height, end) == (0, 1)


def altered(submitted, **fields):
    return replace(submitted, submission=replace(submitted.submission, **fields))


@pytest.mark.parametrize(
    ("lie", "complaint"),
    [
        (lambda told: replace(told, seq=2), "the RPC showed submission 2 where 1 was due"),
        (lambda told: replace(told, seq=0), "the RPC showed submission 0 where 1 was due"),
        (lambda told: replace(told, start=told.start + 1), "the RPC showed submission 1 at sector"),
        (lambda told: replace(told, sectors=told.sectors + 1), "the RPC showed submission 1 at sector"),
        (lambda told: altered(told, nodes=(Node(bytes(32), 1),)), "and its flow root disagree at submission 1"),
        (lambda told: altered(told, nodes=()), "that the flow would refuse: a submission has 1 to 4 nodes"),
        (lambda told: altered(told, nodes=(Node(bytes(32), 1 << 70),)), "would refuse: node heights stay below 47"),
        (lambda told: altered(told, length=0), "would refuse: 0 bytes do not fill 2 sectors"),
        (lambda told: altered(told, length=1 << 70), "would refuse: "),
        (lambda told: altered(told, tags=bytes(5000)), "would refuse: "),
    ],
    ids=range(10),
)
def test_apply__event_that_cannot_be__is_inconsistent_and_changes_nothing(world, lie, complaint):
    world.submit(made_up(300))
    before = world.dump()
    told = lie(world.flow.submit(made_up(400), 2))
    with pytest.raises(ChainInconsistent, match=complaint):
        world.apply([told], cursor="never")
    assert world.dump() == before


@pytest.mark.parametrize("root", [bytes(32), b"\xff" * 32])
def test_apply__flow_root_of_another_history__is_inconsistent_and_undoes_nothing(world, root):
    world.submit(made_up(300))
    world.submit(made_up(400))
    before = world.dump()
    world.flow.roll_back(1)
    told = world.flow.submit(made_up(500), 2)
    with pytest.raises(ChainInconsistent, match="^the RPC's events and its flow root disagree at submission 1$"):
        world.apply([told], root, rolled_back_to=1)
    with pytest.raises(ChainInconsistent):
        world.catalog.apply([told], None, "no root", 1, LATER)
    assert world.dump() == before


@pytest.mark.parametrize("step", ["undo", "append", "second append", "before the cursor", "after the cursor"])
def test_apply__killed_at_any_step__leaves_the_old_state_and_cursor(world, monkeypatch, step):
    for seed in range(3):
        world.submit(made_up(300, seed))
    before = world.dump()
    world.flow.roll_back(1)
    told = [world.flow.submit(made_up(500, seed), 2) for seed in range(2)]

    def dying(function, at=1):
        calls = iter(range(at))

        def call(*arguments):
            result = function(*arguments)
            if next(calls) == at - 1:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        if step == "undo":
            patch.setattr(module, "_undo", dying(module._undo))
        elif step == "after the cursor":
            patch.setattr(world.catalog._cursors, "save", dying(world.catalog._cursors.save))
        elif step == "before the cursor":
            patch.setattr(world.catalog._cursors, "save", dying(lambda *_: None))
        else:
            patch.setattr(module, "_append", dying(module._append, 2 if step.startswith("second") else 1))
        with pytest.raises(Killed):
            world.apply(told, rolled_back_to=1, cursor="never")
    assert world.dump() == before
    added, undone = world.apply(told, rolled_back_to=1, cursor="at last")
    assert ([each.seq for each in added], [each.seq for each in undone]) == ([1, 2], [1, 2])
    assert world.catalog.cursor() == "at last"


def test_apply__reorganisation__undoes_and_appends_at_once(world):
    world.submit(made_up(300, 1))
    before = world.dump("submissions", "subtrees")
    lost = world.submit(made_up(5000, 2), made_up(262145, 3)) + world.submit(made_up(7, 4))
    assert world.roll_back(1) == lost
    assert world.dump("submissions", "subtrees") == before
    assert world.catalog.next_seq() == 1
    (entry,) = world.submit(made_up(99, 5))
    assert (entry.seq, entry.submission) == (1, made_up(99, 5))


def test_apply__reorganisation_before_the_first_submission__leaves_an_empty_flow(world):
    world.submit(made_up(300))
    world.roll_back(-1)
    assert world.dump("submissions", "subtrees") == {"submissions": [], "subtrees": []}
    (entry,) = world.submit(made_up(400))
    assert entry.seq == 0
    assert entry.flow_root == world.flow.tree.root


def test_apply__reorganisation_that_reaches_nothing__undoes_nothing(world):
    world.submit(made_up(300))
    assert world.roll_back(1) == []
    assert world.catalog.next_seq() == 1


def test_apply__undone_file__waits_in_the_pool_unless_submitted_elsewhere(world):
    twice, once = made_up(300, 1), made_up(400, 2)
    world.submit(twice)
    world.submit(twice, once)
    world.roll_back(1)
    assert world.pool() == {(once.data_root, 400): LATER}


def test_apply__undone_file_that_comes_again__leaves_the_pool(world):
    submission = made_up(400)
    world.submit(submission)
    world.roll_back(0)
    assert list(world.pool()) == [(submission.data_root, 400)]
    world.submit(submission)
    assert world.pool() == {}


def test_find__several_submissions_of_a_root__prefers_the_first_that_is_complete(world):
    submission = made_up(300)
    first, second, third = world.submit(submission, submission, submission)
    content = content_of(submission)
    assert world.catalog.find(content.root) == first
    world.catalog.set_finalized(content, [second.seq, third.seq], True)
    assert world.catalog.find(content.root).seq == second.seq
    assert [entry.finalized for entry in world.catalog.of_content(content)] == [False, True, True]


def test_of_content__same_root_with_another_size__is_another_content(world):
    one = made_up(300)
    two = Submission(301, b"", one.nodes)
    world.submit(one, two)
    assert [entry.seq for entry in world.catalog.of_content(content_of(one))] == [0]
    assert [entry.seq for entry in world.catalog.of_content(content_of(two))] == [1]
    assert world.catalog.find(one.data_root).size == 300


def test_set_finalized__both_ways__is_counted(world):
    entries = world.submit(made_up(300, 1), made_up(300, 2))
    world.catalog.set_finalized(entries[0].content, [0], True)
    assert world.catalog.unfinished_count() == 1
    assert [entry.seq for entry in world.catalog.unfinished()] == [1]
    world.catalog.set_finalized(entries[0].content, [0], False)
    world.catalog.set_finalized(entries[0].content, [], True)
    assert world.catalog.unfinished_count() == 2
    world.catalog.set_finalized(entries[1].content, [1], True)
    world.catalog.set_finalized(entries[1].content, [1], True)
    assert world.catalog.unfinished_count() == 1
    world.roll_back(0)
    assert world.catalog.unfinished_count() == 0


def test_set_finalized__submission_that_was_replaced__stays_as_it_is(world):
    (old,) = world.submit(made_up(300, 1))
    world.roll_back(0)
    (new,) = world.submit(made_up(300, 2))
    assert new.seq == old.seq
    world.catalog.set_finalized(old.content, [old.seq], True)
    assert not world.catalog.entry(new.seq).finalized


def test_containing__sector__is_the_submission_that_starts_last_before_it(world):
    first, second = world.submit(made_up(300, 1), made_up(5000, 2))
    assert world.catalog.containing(first.start - 1) is None
    assert world.catalog.containing(first.start) == first
    assert world.catalog.containing(second.start - 1) == first
    assert world.catalog.containing(second.start) == world.catalog.containing(1 << 62) == second


def test_length_at_root__roots_that_the_flow_had__are_known_until_undone(world):
    lengths = {}
    for seed in range(3):
        (entry,) = world.submit(made_up(3000, seed))
        lengths[entry.flow_root] = entry.length
    assert {root: world.catalog.length_at_root(root) for root in lengths} == lengths
    gone = world.catalog.last().flow_root
    world.roll_back(2)
    assert world.catalog.length_at_root(gone) is None


@pytest.mark.parametrize("seq", [1, 1 << 62, 1 << 63, (1 << 64) - 1])
def test_entry__number_that_no_submission_has__is_none(world, seq):
    world.submit(made_up(300))
    assert world.catalog.entry(seq) is None


def test_apply__subtree_lost_from_the_database__says_what_to_do(world):
    world.submit(made_up(300))
    with world.database.transaction() as transaction:
        transaction.execute("DELETE FROM subtrees")
    with pytest.raises(Corrupted, match="is missing: remove the database to follow the flow anew$"):
        world.submit(made_up(400))


def test_claim__flow_of_the_first_time__is_the_only_one_from_then_on(world):
    world.catalog.claim(1, FLOW)
    world.catalog.claim(1, FLOW)
    for chain_id, flow in [(2, FLOW), (1, SUBMITTER)]:
        text = f"the data directory holds files of the flow {FLOW} on chain 1, not of {flow} on chain {chain_id}"
        with pytest.raises(BadSettings, match=text):
            world.catalog.claim(chain_id, flow)


sizes = st.one_of(st.integers(1, 3000), st.integers(1, 2_000_000))
actions = st.one_of(
    st.tuples(st.just("submit"), st.lists(st.tuples(sizes, st.integers(0, 2)), min_size=1, max_size=3)),
    st.tuples(st.just("submit"), st.lists(st.tuples(sizes, st.integers(0, 2)), min_size=1, max_size=3)),
    st.tuples(st.just("roll back"), st.integers(1, 6)),
)


@settings(max_examples=30)
@given(st.lists(actions, max_size=12))
def test_catalog__random_submissions_and_reorganisations__equal_a_fresh_catalogue(history):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        world, fresh = World(one), World(two)
        for action, argument in history:
            if action == "submit":
                world.submit(*[made_up(size, seed) for size, seed in argument])
            else:
                event("rolled back some" if world.roll_back(max(world.block - argument, 0)) else "rolled back nothing")
        for submitted in world.flow.submitted:
            fresh.catalog.apply([submitted], fresh.flow.append_told(submitted), "", None, LATER)
        assert world.dump("submissions", "subtrees") == fresh.dump("submissions", "subtrees")
        alive = {(each.submission.data_root, each.submission.length) for each in world.flow.submitted}
        assert not alive & set(world.pool())
        world.database.close()
        fresh.database.close()
