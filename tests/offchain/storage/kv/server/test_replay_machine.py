"""Any order of submissions, files, absences, reorganisations and restarts leads to the state that the rule demands.

The model is the protocol on plain dictionaries, run anew over the whole chain after every step.
"""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offchain.protocol.kv import replay
from offchain.protocol.kv.replay import MISSING
from offchain.protocol.kv.rights import may_write_something
from offchain.protocol.kv.state_tree import entry_leaf, entry_path, verify
from offchain.storage.kv.server import pages, values
from tests.doubles.kv_parts import KvParts, sender
from tests.doubles.memory_state import MemoryState
from tests.doubles.streams import (
    StreamFile,
    grant_special_writer,
    grant_writer,
    renounce_admin,
    revoke_writer,
    special,
    stream_id,
)

STREAMS = [stream_id(number) for number in range(1, 4)]
KEYS = [b"a", b"b", b"c"]
HISTORY = 6

streams, keys, people = st.sampled_from(STREAMS), st.sampled_from(KEYS), st.integers(0, 1)
writes = st.tuples(streams, keys, st.binary(max_size=2))
controls = st.one_of(
    st.builds(lambda stream, who: grant_writer(stream, sender(who)), streams, people),
    st.builds(lambda stream, who: revoke_writer(stream, sender(who)), streams, people),
    st.builds(lambda stream, key, who: grant_special_writer(stream, key, sender(who)), streams, keys, people),
    st.builds(special, streams, keys),
    st.builds(renounce_admin, streams),
)


def file_of(nonce, version, reads, written, changed, tagged, cut):
    """A transaction; the key that it reads and nobody writes makes its file one of its kind."""
    streams_written = [write[0] for write in written] + [control.stream for control in changed]
    anywhere = (tagged or streams_written or STREAMS)[0]
    return StreamFile(version, [*reads, (anywhere, nonce)], written, changed, tagged, cut)


drafts = st.tuples(
    st.just((1 << 64) - 1) | st.integers(0, 20),
    st.lists(st.tuples(streams, keys), max_size=1),
    st.lists(writes, max_size=3),
    st.lists(controls, max_size=1),
    st.none() | st.lists(streams, min_size=1, max_size=2, unique=True),
    st.just(None) | st.just(2),
).filter(lambda draft: file_of(b"n", *draft).streams)


class Replaying(RuleBasedStateMachine):
    """`chain` holds, by sequence number, who submitted what; `here` the files that have arrived."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.count = 0
        self.chain = []
        self.here = set()

    @initialize()
    def start(self):
        self.parts = KvParts(Path(self.folder.name), history=HISTORY)

    @rule(draft=drafts, who=people, at_once=st.booleans())
    def submit(self, draft, who, at_once):
        self.count += 1
        file = file_of(self.count.to_bytes(12, "big"), *draft)
        [seq] = self.parts.announce(file, by=who)
        self.chain.append((who, file, self.parts.block))
        if at_once:
            self.arrive(seq)

    @precondition(lambda self: self.absent())
    @rule(data=st.data())
    def file_arrives(self, data):
        self.arrive(data.draw(st.sampled_from(self.absent())))

    @precondition(lambda self: self.absent())
    @rule(data=st.data())
    def file_stays_away(self, data):
        self.parts.lack(data.draw(st.sampled_from(self.absent())))

    @precondition(lambda self: self.chain)
    @rule(data=st.data())
    def chain_forks(self, data):
        block = data.draw(st.integers(max(self.parts.block - 3, 0), self.parts.block - 1))
        self.parts.roll_back(block)
        self.chain = [each for each in self.chain if each[2] <= block]
        self.here = {seq for seq in self.here if seq < len(self.chain)}

    @rule()
    def restart(self):
        parts = self.parts
        parts.close()
        self.parts = KvParts(Path(self.folder.name), history=HISTORY, flow=parts.flow, clock=parts.clock)
        for seq in sorted(self.here):
            if seq in self.parts.looking.entries:
                self.arrive(seq)  # what is decided anew fetches its file anew

    @precondition(lambda self: self.chain)
    @rule()
    def everything_arrives(self):
        for seq in self.absent():
            self.arrive(seq)
        assert self.parts.waiting() == []
        assert self.parts.book.count(waiting=False) == 0
        self.parts.replay.sweep()
        assert self.parts.files.all() == []

    @invariant()
    def state_is_what_the_rule_demands(self):
        if not hasattr(self, "parts"):
            return
        model, waiting, history, provisional = self.expected()
        parts = self.parts
        assert parts.waiting() == waiting
        assert {stream: since for stream in STREAMS if (since := parts.provisional(stream)) is not None} == provisional
        assert parts.streams() == model.streams()
        for stream in model.streams():
            for seq in range(len(self.chain)):
                assert parts.root(stream, seq) == history[seq].get(stream, bytes(32))
        with parts.database.snapshot() as reader:
            for stream in model.streams():
                self.check_keys(reader, model, stream)

    def check_keys(self, reader, model, stream):
        top = pages.root_at(reader, stream, 1 << 60)
        live = sorted(key for (each, key), (_, value) in model.values.items() if each == stream and value)
        found = values.neighbour(reader, stream, None, None, forward=True)
        for key in live:
            assert found.key == key
            found = values.neighbour(reader, stream, key, None, forward=True)
        assert found is None
        for key in KEYS:
            version, value = model.values.get((stream, key), (None, b""))
            leaf = None if version is None else entry_leaf(stream, key, version, value)
            verify(pages.prove(reader, stream, entry_path(stream, key), 1 << 60), entry_path(stream, key), leaf, top)
            kept = values.find(reader, stream, key, 1 << 60)
            assert kept is None or values.read(reader, kept, 0, kept.size) == value
            assert (kept and kept.version) == version

    def expected(self):
        """The model's state, what waits in it, all roots after each sequence number, what is provisional since when."""
        model, waiting, history, blocked, provisional = MemoryState(), [], [], set(), {}
        missing = {entry.seq for entry in self.parts.book.missing()}
        assert not missing & self.here
        for seq, (who, file, _) in enumerate(self.chain):
            tagged = set(file.streams)
            verdict = None if tagged & blocked else replay.without_data(model, sender(who), sorted(tagged), file.size)
            is_read = file.whole and verdict is None and seq in self.here
            reads = {read.stream for read in file.stream_data.reads} if is_read else set()
            # Where the sender has no right, others do not wait.
            bound = {each for each in tagged - blocked if may_write_something(model, each, sender(who))}
            stuck = tagged & blocked or (verdict is None and seq not in self.here | missing)
            if stuck or reads & blocked:
                waiting.append(seq)
                blocked |= bound
                history.append({stream: model.root(stream) for stream in model.streams()})
                continue
            if seq in self.here or verdict:
                verdict = model.apply(seq, sender(who), sorted(tagged), file.data, file.size)
                assert self.parts.result(seq) == verdict.result
            else:
                assert self.parts.result(seq) == MISSING
            if self.parts.result(seq) == MISSING or (tagged | reads) & provisional.keys():
                provisional = dict.fromkeys(bound, seq) | provisional
            history.append({stream: model.root(stream) for stream in model.streams()})
        return model, waiting, history, provisional

    def absent(self):
        return [seq for seq in range(len(self.chain)) if seq not in self.here]

    def arrive(self, seq):
        self.here.add(seq)
        self.parts.give(seq, self.chain[seq][1])

    def teardown(self):
        if hasattr(self, "parts"):
            self.parts.close()
        self.folder.cleanup()


Replaying.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
test_replay__any_course_of_events__leads_to_the_state_of_the_rule = Replaying.TestCase
