import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.encryption import Key, NoCipher
from offchain.protocol.encryption_header import authenticated_cipher, public_cipher
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.download import Download
from offchain.storage.client.joined import Joined
from offchain.storage.client.network import Network
from offchain.storage.client.reading import Reading
from offchain.storage.client.source import Stream, cut
from tests.doubles.files import File, random_bytes

SIZE = 3 * SEGMENT_BYTES + 1000
DATA = random_bytes(SIZE)
KEY, SEED = Key(b"\x07" * 32), b"\x01" * 32
CIPHERS = {"none": NoCipher(), "ours": authenticated_cipher(KEY, SEED), "public": public_cipher(KEY, SEED)}


class Stored:
    """Keeps files on a node and reads them."""

    def __init__(self, neighbours):
        self.neighbours = neighbours

    def put(self, data, cipher, fragment):
        """Roots of what is stored."""
        stream = Stream.of_bytes(data).encrypted(cipher)
        files = [File(stream.read(at, min(fragment, stream.size - at))) for at in range(0, stream.size, fragment)]
        known = self.neighbours.nodes[0].catalog
        self.neighbours.hold(*{file.root: file for file in files if not known.find(file.root)}.values())
        return [file.root for file in files]

    def joined(self, roots):
        network = Network(self.neighbours.urls, None)
        return Joined(roots, lambda root, _: Download(root, network.holders(root), sleep=lambda _: None))

    def read(self, roots, *openers):
        return Reading.of(self.joined(roots), openers)


@pytest.fixture
def stored(neighbours):
    neighbours.add(1)
    return Stored(neighbours)


def openers(name):
    return [] if name == "none" else [KEY]


def content(reading):
    return b"".join(bytes(piece.data) for piece in reading.pieces())


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in CIPHERS for size in (0, 1, SEGMENT_BYTES, SIZE) if size or name != "none"],
)
@pytest.mark.parametrize("fragment", [SEGMENT_BYTES, 2 * SEGMENT_BYTES, 1 << 40])
def test_reading__file_in_any_form__is_its_content(stored, name, size, fragment):
    reading = stored.read(stored.put(DATA[:size], CIPHERS[name], fragment), *openers(name))
    assert (reading.size, content(reading)) == (size, DATA[:size])
    assert b"".join(reading.stream()) == DATA[:size]


@pytest.mark.parametrize("fragment", [256, 4096])
def test_reading__public_format_in_tiny_fragments__is_its_content(stored, fragment):
    data = DATA[: 20 * fragment + 77]
    reading = stored.read(stored.put(data, CIPHERS["public"], fragment), KEY)
    assert (reading.size, content(reading)) == (len(data), data)
    assert reading.read(fragment - 20, 50) == data[fragment - 20 : fragment + 30]


def test_reading__our_format_cut_inside_of_a_block__is_refused(stored):
    roots = stored.put(DATA, CIPHERS["ours"], SEGMENT_BYTES // 2)
    with pytest.raises(Invalid, match="cut inside of a block: it cannot be read in these fragments$"):
        stored.read(roots, KEY)


@pytest.mark.parametrize("name", CIPHERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(data=st.data())
def test_read__any_range__is_that_part(stored, name, data):
    reading = stored.read(stored.put(DATA, CIPHERS[name], SEGMENT_BYTES), *openers(name))
    start = data.draw(st.integers(0, SIZE + 10))
    length = data.draw(st.integers(0, SIZE + 10))
    assert reading.read(start, length) == DATA[start : start + length]


def test_read__range__fetches_only_the_blocks_it_is_in(stored):
    reading = stored.read(stored.put(DATA, CIPHERS["ours"], 1 << 40), KEY)
    server = stored.neighbours.servers[0]
    asked = []
    server.before = lambda call, params: asked.append(params) if call.endswith("/segments") else None
    cipher = reading.cipher
    border = cipher.plain_position(2 * SEGMENT_BYTES)
    assert reading.read(border, 10) == DATA[border : border + 10]
    assert [params["first"] for params in asked] == ["2"]
    assert reading.read(border - 1, 2) == DATA[border - 1 : border + 1]
    assert [(params["first"], params["count"]) for params in asked[1:]] == [("1", "2")]


def test_reading__key_for_a_file_that_is_not_encrypted__is_refused(stored):
    with pytest.raises(Invalid, match="not encrypted in a known format"):
        stored.read(stored.put(b"\x09 some text", CIPHERS["none"], 1 << 40), KEY)


def test_reading__fragment_left_out__is_noticed(stored):
    roots = stored.put(DATA, CIPHERS["ours"], SEGMENT_BYTES)
    for some in (roots[:-1], roots[:1] + roots[2:], [roots[0]]):
        with pytest.raises(Invalid, match="changed, moved or cut off"):
            content(stored.read(some, KEY))
    with pytest.raises(Invalid):
        stored.read(roots[1:], KEY)


@pytest.mark.parametrize("name", CIPHERS)
def test_is_content_of__file_on_disk__is_compared_as_it_is_stored(stored, name, tmp_path):
    reading = stored.read(stored.put(DATA, CIPHERS[name], 2 * SEGMENT_BYTES), *openers(name))
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with path.open("r+b") as file:
        assert reading.is_content_of(file.fileno())
        file.seek(SIZE - 1)
        file.write(bytes([DATA[-1] ^ 1]))
        file.flush()
        assert not reading.is_content_of(file.fileno())


def test_pieces__some_wanted__are_placed_in_the_plaintext(stored):
    reading = stored.read(stored.put(DATA, CIPHERS["ours"], SEGMENT_BYTES), KEY)
    for piece in reading.pieces([3, 1]):
        assert bytes(piece.data) == DATA[piece.start : piece.start + len(piece.data)]


def test_cut__and_reading__agree_about_roots(stored):
    cipher = CIPHERS["ours"]
    sources = cut(Stream.of_bytes(DATA).encrypted(cipher), SEGMENT_BYTES)
    assert [source.root for source in sources] == stored.put(DATA, cipher, SEGMENT_BYTES)
