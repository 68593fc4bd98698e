import pytest

from offchain.errors import Invalid, NotFound
from offchain.protocol.fragments import Layout
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.choice import Which
from offchain.storage.client.download import Download
from offchain.storage.client.joined import Joined
from offchain.storage.client.network import Network
from tests.doubles.files import File

FRAGMENT = 2 * SEGMENT_BYTES
SIZE = 3 * FRAGMENT + SEGMENT_BYTES + 100
FILE = File.random(SIZE)
PARTS = [File(FILE.data[each.start : each.start + each.size]) for each in Layout(SIZE, FRAGMENT)]
ROOTS = [part.root for part in PARTS]


class Opener:
    """Opens fragments over some nodes, and remembers which."""

    def __init__(self, neighbours):
        self.network = Network(neighbours.urls, None)
        self.opened = []

    def __call__(self, root, size):
        self.opened.append(root)
        return Download(root, self.network.holders(root, Which(size)), sleep=lambda _: None)


@pytest.fixture
def opener(pair):
    pair.hold(*PARTS)
    return Opener(pair)


def unchanged(piece):
    return piece


def bytes_of(joined, wanted=None, change=unchanged):
    wanted = range(joined.count) if wanted is None else wanted
    return b"".join(bytes(piece.data) for piece in joined.pieces(wanted, joined.size, change))


def test_joined__fragments__are_one_file(opener):
    joined = Joined(ROOTS, opener)
    assert (joined.size, joined.count, joined.problems) == (SIZE, 8, [])
    assert bytes_of(joined) == FILE.data


def test_joined__single_root__is_that_file(pair):
    pair.hold(FILE)
    joined = Joined([FILE.root], Opener(pair))
    assert (joined.size, joined.count) == (SIZE, 8)
    assert bytes_of(joined) == FILE.data


def test_joined__pieces__are_numbered_and_placed_in_the_whole(opener):
    joined = Joined(ROOTS, opener)
    pieces = list(joined.pieces(range(joined.count), SIZE, unchanged))
    assert [piece.index for piece in pieces] == list(range(8))
    for piece in pieces:
        assert joined.span(piece.index) == (piece.start, len(piece.data))
        assert bytes(piece.data) == FILE.data[piece.start : piece.start + len(piece.data)]
        for position in (piece.start, piece.start + len(piece.data) - 1):
            assert joined.piece_at(position) == piece.index


def test_joined__some_pieces__open_only_their_fragments(opener):
    joined = Joined(ROOTS, opener)
    assert opener.opened == [ROOTS[0], ROOTS[-1]]
    assert bytes_of(joined, [2, 3]) == FILE.data[FRAGMENT : 2 * FRAGMENT]
    assert opener.opened == [ROOTS[0], ROOTS[-1], ROOTS[1]]


def test_joined__change__is_applied_to_each_piece(opener):
    joined = Joined(ROOTS, opener)
    lengths = []
    bytes_of(joined, change=lambda piece: lengths.append(len(piece.data)) or piece)
    assert sorted(lengths) == [100, *[SEGMENT_BYTES] * 7]


def test_joined__progress__counts_stored_bytes(opener):
    told = []
    joined = Joined(ROOTS, opener, lambda *each: told.append(each))
    bytes_of(joined)
    assert (told[0], told[-1]) == (("download", 0, SIZE), ("download", SIZE, SIZE))


def test_joined__identical_fragments__are_read_each_in_its_place(pair):
    zeros = File(bytes(FRAGMENT))
    pair.hold(zeros, PARTS[-1])
    joined = Joined([zeros.root, zeros.root, PARTS[-1].root], Opener(pair))
    assert bytes_of(joined) == zeros.data * 2 + PARTS[-1].data


def test_joined__problems_of_all_fragments__are_told(opener, pair):
    joined = Joined(ROOTS, opener)
    bytes_of(joined, [2])
    pair.servers[0].down = True
    assert bytes_of(joined) == FILE.data
    assert set(joined.problems) == {"http://node-1: http://node-1 does not answer"}


def test_joined__fragment_that_nobody_has__is_not_found(opener):
    with pytest.raises(NotFound):
        Joined([b"\x11" * 32, *ROOTS[1:]], opener)
    joined = Joined([ROOTS[0], b"\x11" * 32, *ROOTS[2:]], opener)
    with pytest.raises(NotFound, match="no node has 0x1111"):
        bytes_of(joined)


@pytest.mark.parametrize("order", [[-1, 0], [-1, 1, 0]])
def test_joined__short_fragment_before_its_end__is_refused(opener, order):
    with pytest.raises(Invalid, match="all but the last have the same size, a power of two$"):
        Joined([ROOTS[number] for number in order], opener)


def test_joined__short_fragment_in_the_middle__is_refused_when_it_is_read(opener):
    joined = Joined([ROOTS[0], ROOTS[3], ROOTS[1]], opener)
    with pytest.raises(NotFound, match=rf"^fragment 1: no node has .* with {FRAGMENT} bytes; files with") as missing:
        bytes_of(joined)
    assert str(missing.value).endswith("are these the roots of one file, in order?")


def test_joined__no_roots__is_refused(opener):
    with pytest.raises(Invalid, match="^a file has at least one root$"):
        Joined([], opener)


@pytest.mark.parametrize("run", [1, 2, 5, 100])
@pytest.mark.parametrize("threads", [1, 3])
def test_joined__any_runs__are_the_same_bytes(opener, run, threads):
    assert bytes_of(Joined(ROOTS, opener, threads=threads, run=run)) == FILE.data


def test_joined__tiny_fragments_of_public_clients__are_one_file(pair):
    data = FILE.data[:1100]
    parts = [File(data[at : at + 256]) for at in range(0, 1100, 256)]
    pair.hold(*parts)
    joined = Joined([part.root for part in parts], Opener(pair))
    assert (joined.count, bytes_of(joined)) == (5, data)
