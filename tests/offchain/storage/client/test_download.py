import pytest

from offchain.errors import InvalidProof, NotFound, PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_BYTES, padded_segment_count
from offchain.storage.client import download as download_module
from offchain.storage.client.download import PAUSES, RUN_SEGMENTS, Download, verify
from offchain.storage.client.network import Network
from tests.doubles.files import File

FILE = File.random(5 * SEGMENT_BYTES + 700)
SMALL = File.random(300)
FETCH = f"GET /v1/files/{FILE.root.hex()}-{FILE.size}/segments"


class Told:
    """Remembers progress and pauses."""

    def __init__(self):
        self.progress, self.pauses = [], []

    def __call__(self, *seen):
        self.progress.append(seen)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def opened(pair, told):
    """Opens a file over all nodes; pauses take no time."""

    def open_(file=FILE, network=None):
        network = network or Network(pair.urls, None)
        return Download(file.root, network.holders(file.root), told, told.pauses.append)

    return open_


def whole(download):
    return b"".join(bytes(piece.data) for piece in download.pieces())


def asked(server):
    return [call for call in server.calls if call == FETCH or "downloadSegment" in call]


@pytest.mark.parametrize("size", [1, 256, 300, SEGMENT_BYTES, SEGMENT_BYTES + 1, 20 * SEGMENT_BYTES + 5])
@pytest.mark.parametrize("frames", [True, False])
def test_pieces__file_of_any_size__is_all_of_it_in_order(pair, told, size, frames):
    file = File.random(size)
    pair.hold(file)
    download = Download.of(Network(pair.urls, None, frames=frames), file.root, told)
    pieces = list(download.pieces())
    assert [piece.index for piece in pieces] == list(file.segments)
    assert [piece.start for piece in pieces] == [index * SEGMENT_BYTES for index in file.segments]
    assert b"".join(bytes(piece.data) for piece in pieces) == file.data
    assert told.progress[-1] == ("download", size, size)
    assert download.problems == []


def test_pieces__some_wanted__are_those_only(pair, opened):
    pair.hold(FILE)
    assert [piece.index for piece in opened().pieces([4, 1])] == [4, 1]
    assert [bytes(piece.data) for piece in opened().pieces([5])] == [FILE.data[5 * SEGMENT_BYTES :]]


def test_pieces__long_file__shares_its_runs_among_the_nodes(pair, opened):
    file = File.random((2 * RUN_SEGMENTS + 1) * SEGMENT_BYTES)
    pair.hold(file)
    assert whole(opened(file)) == file.data
    counts = [sum("segments" in call for call in server.calls) for server in pair.servers]
    assert counts == [2, 1]


def test_pieces__halves_of_the_flow__come_each_from_its_holder(halves):
    halves.hold(FILE)
    assert whole(Download.of(Network(halves.urls, None), FILE.root)) == FILE.data
    assert all(asked(server) for server in halves.servers)


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 1), (0, 0), (10, 20), (SEGMENT_BYTES - 1, 2), (SEGMENT_BYTES, SEGMENT_BYTES), (0, 10**9), (FILE.size - 1, 5)],
)
def test_read__range__is_that_part_and_only_its_segments_are_fetched(pair, opened, start, length):
    pair.hold(FILE)
    download = opened()
    assert download.read(start, length) == FILE.data[start : start + length]


@pytest.mark.parametrize(("start", "length"), [(FILE.size, 1), (FILE.size + 5, 1), (-1, 5), (0, -1)])
def test_read__beyond_the_file__is_empty(pair, opened, start, length):
    pair.hold(FILE)
    assert opened().read(start, length) == b""
    assert asked(pair.servers[0]) == []


@pytest.mark.parametrize("frames", [True, False])
def test_pieces__node_with_damaged_data__is_passed_over_and_told(pair, told, frames):
    pair.hold(FILE)
    pair.nodes[0].shelf._verify = False
    pair.nodes[0].damage(FILE, 3)
    download = Download.of(Network(pair.urls, None, frames=frames), FILE.root)
    assert whole(download) == FILE.data
    assert any("http://node-1: " in problem for problem in download.problems)
    calls = len(asked(pair.servers[0]))
    assert whole(download) == FILE.data
    assert len(asked(pair.servers[0])) == calls


@pytest.mark.parametrize("error", [PeerUnavailable("silent"), RemoteRefused("http://node-1", -32000, "no")], ids=str)
def test_pieces__node_that_fails__is_replaced_by_another(pair, opened, error):
    pair.hold(FILE)
    download = opened()

    def refuse(call, _):
        raise error

    pair.servers[0].before = refuse
    assert whole(download) == FILE.data
    assert download.problems == [f"http://node-1: {error}"]


def test_pieces__node_that_lost_a_segment__is_replaced_by_another(pair, told):
    pair.hold(FILE)
    pair.servers[0].after = lambda call, _, answer: None if "downloadSegment" in call else answer
    download = Download.of(Network(pair.urls, None, frames=False), FILE.root)
    assert whole(download) == FILE.data
    assert download.problems == ["http://node-1: segment 0 is not there, although the file is finalized"]


def test_pieces__node_that_comes_back__is_asked_again_after_a_pause(pair, told):
    pair.hold(FILE)
    network = Network(pair.urls[:1], None)
    holders = network.holders(FILE.root)
    pair.servers[0].down = True

    def come_back(seconds):
        told.pauses.append(seconds)
        pair.servers[0].down = len(told.pauses) < 2

    assert whole(Download(FILE.root, holders, told, come_back)) == FILE.data
    assert told.pauses == list(PAUSES[:2])


def test_pieces__nobody_gives_a_valid_segment__says_why_of_each(pair, opened, told):
    pair.hold(FILE)
    download = opened()
    for server in pair.servers:
        server.down = True
    with pytest.raises(NotFound) as lost:
        whole(download)
    assert str(lost.value) == (
        f"no node gave a valid segment 0 of 0x{FILE.root.hex()}:\n  http://node-1: http://node-1 does not answer"
        "\n  http://node-2: http://node-2 does not answer"
    )
    assert told.pauses == list(PAUSES)


def test_of__file_of_incredible_size__is_proven_before_room_is_made(pair, monkeypatch):
    pair.hold(FILE)
    network = Network(pair.urls, None)
    monkeypatch.setattr(download_module, "UNPROVEN", FILE.size)
    Download.of(network, FILE.root)
    assert asked(pair.servers[0]) == []
    monkeypatch.setattr(download_module, "UNPROVEN", FILE.size - 1)
    Download.of(network, FILE.root)
    assert asked(pair.servers[0]) == [FETCH]


def test_of__unknown_file__is_not_found(network):
    with pytest.raises(NotFound):
        Download.of(network, FILE.root)


def siblings(index, file=FILE):
    return list(file.tree.proof(index).siblings)


def test_verify__honest_segments__pass():
    for index in FILE.segments:
        verify(FILE.root, FILE.size, index, FILE.segment_data(index), siblings(index))


@pytest.mark.parametrize(
    ("index", "data", "proof", "reason"),
    [
        (0, FILE.segment_data(0)[:-256], siblings(0), "came with 261888 bytes"),
        (5, FILE.segment_data(5) + bytes(256), siblings(5), "came with 1024 bytes"),
        (0, FILE.segment_data(1), siblings(0), "not what the root commits to"),
        (1, FILE.segment_data(1), siblings(0), "not what the root commits to"),
        (0, FILE.segment_data(0), siblings(0)[:-1], "proof hashes instead of"),
        (0, FILE.segment_data(0), [*siblings(0), bytes(32)], "proof hashes instead of"),
        (5, FILE.segment_data(5)[:-1] + b"\1", siblings(5), "bytes beyond the file's end: the node tells a false size"),
    ],
)
def test_verify__false_segment__is_refused(index, data, proof, reason):
    with pytest.raises(InvalidProof, match=reason):
        verify(FILE.root, FILE.size, index, data, proof)


def test_verify__padding_that_is_none__is_refused():
    """Eighteen segments were announced as a file of seventeen: the root commits to data where padding should be."""
    file, size = File.random(18 * SEGMENT_BYTES), 17 * SEGMENT_BYTES
    assert padded_segment_count(size) == 18
    with pytest.raises(InvalidProof, match="padding range"):
        verify(file.root, size, 16, file.segment_data(16), siblings(16, file))
