from contextlib import suppress
from dataclasses import replace

import pytest

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client import upload as upload_module
from offchain.storage.client.payment import Declined
from offchain.storage.client.source import Source, Stream, cut
from offchain.storage.client.upload import RPC_SEGMENTS, RUN_SEGMENTS, Uploaded, UploadOptions
from tests.doubles.files import File
from tests.doubles.town import Town

FILE = File.random(5 * SEGMENT_BYTES + 700)
SMALL = File.random(300)
BOTH = UploadOptions(replicas=2)
HASTY = UploadOptions(patience=-1.0)


@pytest.fixture
def town(tmp_path, pair):
    made = Town(tmp_path, pair)
    yield made
    made.close()


def source(file=FILE, name="file"):
    return Source.of_bytes(file.data, name)


def sent(server):
    return [call for call in server.calls if call.startswith("POST") or "upload" in call]


@pytest.mark.parametrize("frames", [True, False])
def test_upload__new_file__is_paid_once_and_complete_on_every_chosen_node(town, pair, frames):
    uploaded = town.upload(source(), options=BOTH, frames=frames)
    (stored,) = uploaded.fragments
    assert (stored.root, stored.size, stored.seq, uploaded.nodes) == (FILE.root, FILE.size, 0, tuple(pair.urls))
    assert stored.transaction_hash == "0x" + town.payer.chain.mined()[0].hash.hex()
    for node in pair.nodes:
        assert node.catalog.entry(0).finalized
        assert [node.shelf.segment(FILE.content, index) for index in FILE.segments] == [
            FILE.segment(index) for index in FILE.segments
        ]
    assert town.paid == len(town.quotes) == 1


def test_upload__one_replica__goes_to_one_node(town, pair):
    uploaded = town.upload(source())
    assert uploaded.nodes == tuple(pair.urls[:1])
    assert sent(pair.servers[1]) == []


def test_upload__halves_of_the_flow__get_what_they_own(tmp_path, halves):
    town = Town(tmp_path, halves)
    town.upload(source())
    assert sum(node.shelf.stored(FILE.content) for node in halves.nodes) == 6
    assert all(node.catalog.entry(0).finalized for node in halves.nodes)
    town.close()


def test_upload__again__pays_and_sends_nothing(town, pair):
    town.upload(source(), options=BOTH)
    before = [list(sent(server)) for server in pair.servers]
    opened = town.payer.opened
    again = town.upload(source(), options=BOTH)
    assert (again.seq, again.transaction_hash) == (0, "")
    assert [sent(server) for server in pair.servers] == before
    assert (town.paid, town.payer.opened) == (1, opened)


def test_upload__known_to_a_node_but_not_there__is_sent_without_paying(town, pair):
    pair.submit(FILE)
    uploaded = town.upload(source(), options=BOTH)
    assert (uploaded.seq, uploaded.transaction_hash, town.paid) == (0, "", 0)
    assert all(node.catalog.entry(0).finalized for node in pair.nodes)


def test_upload__same_root_of_another_size_is_known__is_announced_with_its_own(town, pair):
    """`b"data"` and the same with a zero behind it share a root."""
    pair.submit(File(b"data"))
    town.payer.chain.submit(File(b"data").submission())
    uploaded = town.upload(source(File(b"data\0")))
    assert (uploaded.seq, uploaded.size) == (1, 5)


@pytest.mark.parametrize("frames", [True, False])
def test_upload__own_size_is_known_behind_another_one__is_not_paid_again(town, pair, frames):
    """Somebody announced the same root first; the public RPC shows only that, so there it costs something."""
    longer, file = File(b"data\0"), File(b"data")
    pair.hold(longer, file)
    for each in (longer, file):
        town.payer.chain.submit(each.submission())
    uploaded = town.upload(source(file), frames=frames)
    assert (uploaded.seq, uploaded.size, town.paid) == ((1, 4, 2) if frames else (2, 4, 3))
    assert all(node.catalog.entry(uploaded.seq).finalized for node in pair.nodes[:1])


def test_upload__tags_for_data_that_nodes_know__are_submitted_and_no_data_is_sent(town, pair):
    town.upload(source(), options=BOTH)
    before = [sent(server).copy() for server in pair.servers]
    tagged = UploadOptions(replicas=2, tags=b"tags")
    uploaded = town.upload(source(), options=tagged)
    assert (uploaded.seq, bool(uploaded.transaction_hash)) == (1, True)
    assert [sent(server) for server in pair.servers] == before
    assert [tags for _, _, tags in town.payer.submitted()] == [b"", b"tags"]
    assert all(node.catalog.entry(1).finalized for node in pair.nodes)


def test_upload__same_tags_again__are_paid_once(town):
    for tags in (b"one", b"one", b"two", b"one"):
        town.upload(source(), options=UploadOptions(tags=tags))
    assert [tags for _, _, tags in town.payer.submitted()] == [b"one", b"two"]


def test_upload__submission_of_another_size__is_not_taken_for_its_own(town, pair):
    pair.submit(File(b"data"))
    with pytest.raises(Invalid, match="has another file as submission 0: does it follow the same flow"):
        town.upload(source(File(b"data\0")), options=HASTY)


def test_upload__some_segments_are_there__only_the_others_are_sent(town, pair):
    pair.submit(FILE)
    pair.nodes[0].put(FILE, [0, 3])
    answers = []
    pair.servers[0].after = lambda call, _, answer: call.startswith("POST") and answers.append(answer) or answer
    town.upload(source())
    assert answers == [{"stored": 4, "passedOver": 0}]
    assert pair.nodes[0].catalog.entry(0).finalized


@pytest.mark.parametrize(("frames", "run"), [(True, RUN_SEGMENTS), (False, RPC_SEGMENTS)])
def test_upload__long_file__is_sent_in_runs(town, pair, frames, run):
    file = File.random((2 * run + 1) * SEGMENT_BYTES)
    town.upload(source(file), frames=frames)
    assert len(sent(pair.servers[0])) == 3


def test_upload__several_files__are_announced_together_and_told_in_order(town):
    files = [File.random(300, seed) for seed in range(5)]
    uploaded = town.upload(*map(source, files))
    assert [each.root for each in uploaded.fragments] == [file.root for file in files]
    assert [each.seq for each in uploaded.fragments] == list(range(5))
    assert len(town.payer.chain.mined()) == len(town.quotes) == 1


def test_upload__fragments_of_a_file__are_all_announced_in_one_transaction(town, pair, tmp_path):
    sources = cut(Stream.of_bytes(FILE.data), SEGMENT_BYTES)
    uploaded = town.upload(*sources, options=BOTH)
    assert uploaded.roots == tuple(each.root for each in sources)
    assert (uploaded.size, len(town.payer.chain.mined())) == (FILE.size, 1)
    assert all(node.catalog.entry(seq).finalized for node in pair.nodes for seq in range(6))


def test_upload__same_file_twice__is_uploaded_once(town):
    uploaded = town.upload(source(), source(SMALL), source())
    assert [each.seq for each in uploaded.fragments] == [0, 1, 0]
    assert town.paid == 2


def test_upload__files_that_differ_in_zeros_at_their_end__are_refused_before_paying(town):
    with pytest.raises(Invalid, match="^one and two differ only in zeros at their end and have the same root"):
        town.upload(source(File(b"data"), "one"), source(File(b"data\0"), "two"))
    assert town.paid == 0


def test_upload__not_agreed_to__sends_nothing(town, pair):
    with pytest.raises(Declined):
        town.uploader().upload([source()], UploadOptions(), lambda _: False)
    assert town.paid == 0
    assert sent(pair.servers[0]) == []


def test_upload__tags__are_announced(town):
    town.upload(source(), options=UploadOptions(tags=b"tags"))
    assert town.payer.submitted() == [(FILE.root, FILE.size, b"tags")]


def test_upload__too_few_nodes__is_refused_before_paying(town):
    with pytest.raises(NotFound, match="2 nodes cannot hold 3 replicas"):
        town.upload(source(), options=UploadOptions(replicas=3))
    assert town.paid == 0


def test_upload__progress__tells_every_stage_from_nothing_to_all(town):
    town.upload(source(), options=BOTH)
    for stage, total in [("pay", FILE.size), ("upload", 2 * FILE.size), ("finalize", 2)]:
        seen = [(done, of) for name, done, of in town.told if name == stage]
        assert seen[0] == (0, total)
        assert seen[-1][0] >= total


def test_upload__not_waiting_for_the_nodes__returns_before_they_finalize(town, pair):
    town.upload(source(), options=UploadOptions(wait_finalized=False))
    assert not pair.nodes[0].catalog.entry(0).finalized
    assert pair.nodes[0].shelf.stored(FILE.content) == 6


@pytest.mark.parametrize(
    "error",
    [PeerUnavailable("silent"), Busy("full"), RemoteRefused("http://node-1", -32000, "too many data writing: 64")],
)
def test_upload__node_that_fails_for_a_moment__is_tried_again(town, pair, error):
    left = iter(range(3))

    def fail(call, _):
        if (call.startswith("POST") or call == "zgs_getFileInfoByTxSeq") and next(left, None) is not None:
            raise error

    pair.servers[0].before = fail
    town.upload(source())
    assert pair.nodes[0].catalog.entry(0).finalized


def test_upload__node_that_fails_for_good__is_told_and_the_next_run_goes_on_without_paying(town, pair):
    def fail(call, _):
        if call.startswith("POST"):
            raise PeerUnavailable("silent")

    pair.servers[0].before = fail
    with pytest.raises(PeerUnavailable):
        town.upload(source())
    pair.servers[0].before = lambda call, _: None
    assert town.upload(source()).seq == 0
    assert town.paid == 1


def test_upload__node_that_refuses_a_segment__is_told_at_once(town, pair):
    def refuse(call, _):
        if call.startswith("POST"):
            raise RemoteRefused("http://node-1", -32602, "Invalid params: proof", "validation failed")

    pair.servers[0].before = refuse
    with pytest.raises(RemoteRefused, match="validation failed"):
        town.upload(source())
    assert town.pauses == 0


def test_upload__node_does_not_see_the_transaction__says_what_to_do(town, pair):
    town.payer.clock.on_sleep = town.payer.chain.mine
    with pytest.raises(PeerUnavailable, match=r"has not seen submission 0 within -1 s; it is at block 0\. The trans"):
        town.upload(source(), options=HASTY)
    pair.follow(town.payer.chain)
    town.payer.clock.on_sleep = town.mine
    assert town.upload(source()).seq == 0
    assert town.paid == 1


def test_upload__node_that_has_another_file_there__is_refused(town, pair):
    pair.submit(SMALL)
    with pytest.raises(Invalid, match="has another file as submission 0: does it follow the same flow"):
        town.upload(source(), options=HASTY)


def test_upload__node_that_never_finalizes__says_so(town, pair):
    pair.complete = lambda: None
    with pytest.raises(PeerUnavailable, match="^http://node-1 took all of file and does not finalize it$"):
        town.upload(source(), options=HASTY)


def test_upload__file_that_changed_meanwhile__is_refused(town, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(FILE.data)
    changing = Source.of_path(path)
    path.write_bytes(bytes(FILE.size))
    with pytest.raises(Invalid, match="changed while it was read: run the same again"):
        town.upload(changing)


class Interrupted(BaseException):
    """The user pressed Ctrl-C."""


@pytest.mark.parametrize("stage", ["pay", "upload", "finalize"])
@pytest.mark.parametrize("moment", range(3))
def test_upload__interrupted_anywhere__goes_on_and_pays_once(town, pair, stage, moment):
    sources = [source(File.random(SEGMENT_BYTES + 1, seed)) for seed in range(4)]
    seen = []

    def interrupt(name, done, _):
        seen.append(name)
        if seen.count(stage) > moment and name == stage:
            raise Interrupted

    with suppress(Interrupted):
        town.upload(*sources, options=BOTH, progress=interrupt)
    uploaded = town.upload(*sources, options=BOTH)
    assert sorted(each.seq for each in uploaded.fragments) == list(range(4))
    assert town.paid == 4
    assert all(node.catalog.entry(seq).finalized for node in pair.nodes for seq in range(4))


def test_upload__many_files__are_looked_at_a_few_ahead(town, pair, monkeypatch):
    """Memory must not grow with the number of fragments: what comes late is not looked at early."""
    monkeypatch.setattr(upload_module, "ASKED_AT_ONCE", 2)
    monkeypatch.setattr(upload_module, "THREADS", 1)
    files = [File.random(300, seed) for seed in range(40)]
    pair.submit(*files)
    looks, at_first_send = [], []

    def watch(call, _):
        if call == "zgs_getFileInfoByTxSeq":
            looks.append(call)
        if call.startswith("POST") and not at_first_send:
            at_first_send.append(len(looks))

    pair.servers[0].before = watch
    town.upload(*map(source, files))
    assert at_first_send[0] <= 6


def test_uploaded__one_fragment__is_told_directly(town):
    uploaded = town.upload(source())
    assert (uploaded.root, uploaded.roots, uploaded.size, uploaded.seq) == (FILE.root, (FILE.root,), FILE.size, 0)


def test_uploaded__several_fragments__have_no_single_root(town):
    uploaded = town.upload(source(), source(SMALL))
    assert uploaded.size == FILE.size + SMALL.size
    for name in ("root", "seq", "transaction_hash"):
        with pytest.raises(Invalid, match=r"^this file has 2 fragments: use \.roots, or "):
            getattr(uploaded, name)
    assert replace(uploaded, fragments=uploaded.fragments[-1:]).root == SMALL.root
    assert Uploaded((), ()).size == 0
