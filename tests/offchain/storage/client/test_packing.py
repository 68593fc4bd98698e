import pytest

from offchain.errors import Invalid
from offchain.protocol.encryption import Key
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.packing import Meter, Packer
from offchain.storage.client.progress import Counter, silent
from offchain.storage.client.seeds import Encryption, seeds_in
from offchain.storage.client.source import Stream
from tests.doubles.files import File, random_bytes

DATA = random_bytes(2 * SEGMENT_BYTES + 10)
SIZE = len(DATA)
ENCRYPTION = Encryption(Key(b"\x07" * 32))
WAYS = (ENCRYPTION, Encryption(ENCRYPTION.lock, public=True))


@pytest.fixture
def seeds(tmp_path):
    with seeds_in(tmp_path) as opened:
        yield opened


def packer(fragment=SEGMENT_BYTES, encryption=None, seeds=None, progress=silent, size=SIZE):
    return Packer(fragment, encryption, seeds, Counter(progress, "hash", size))


def test_pack__plain_file__is_cut_into_fragments_of_a_power_of_two():
    assert [source.size for source in packer(200_000).pack(Stream.of_bytes(DATA))] == [SEGMENT_BYTES, SEGMENT_BYTES, 10]
    (whole,) = packer(1 << 40).pack(Stream.of_bytes(DATA))
    assert whole.root == File(DATA).root


def test_pack__whole__is_never_cut():
    (source,) = packer().pack(Stream.of_bytes(DATA), whole=True)
    assert source.root == File(DATA).root


def test_pack__encrypted__is_encrypted_before_it_is_cut(seeds):
    sources = packer(encryption=ENCRYPTION, seeds=seeds).pack(Stream.of_bytes(DATA))
    cipher = seeds.cipher(File(DATA).root, len(DATA), ENCRYPTION)
    stored = Stream.of_bytes(DATA).encrypted(cipher)
    parts = [stored.read(at, min(SEGMENT_BYTES, stored.size - at)) for at in range(0, stored.size, SEGMENT_BYTES)]
    assert [source.root for source in sources] == [File(part).root for part in parts]


@pytest.mark.parametrize("encryption", WAYS, ids=["ours", "public"])
def test_pack__content_that_changes_before_it_is_encrypted__is_refused_and_the_seed_serves_what_was_hashed(
    seeds, encryption
):
    """One key and nonce for two contents would give away both; a store through a memory map moves no mtime."""
    left = SIZE

    def read(start, length):
        nonlocal left
        data = (DATA if left > 0 else DATA[::-1])[start : start + length]
        left -= length
        return data

    with pytest.raises(Invalid, match="^live changed while it was read: run the same again"):
        packer(encryption=encryption, seeds=seeds).pack(Stream("live", SIZE, read))
    (first, *_) = packer(encryption=encryption, seeds=seeds).pack(Stream.of_bytes(DATA))
    assert Stream.of_bytes(DATA).encrypted(seeds.cipher(File(DATA).root, SIZE, encryption)).read(0, 200) == bytes(
        first.segment(0).data[:200]
    )


def test_pack__content_that_changes_while_it_is_sent__is_refused(seeds):
    content = bytearray(DATA)
    stream = Stream("live", SIZE, lambda start, length: bytes(content[start : start + length]))
    sources = packer(encryption=ENCRYPTION, seeds=seeds).pack(stream)
    content[SEGMENT_BYTES + 1000] ^= 1
    with pytest.raises(Invalid, match="live changed while it was read"):
        sources[1].segment(0)


def test_pack__empty_file__is_refused_encrypted_or_not(seeds):
    for one in (packer(), packer(encryption=ENCRYPTION, seeds=seeds)):
        with pytest.raises(Invalid, match="is empty: a file needs at least one byte$"):
            one.pack(Stream.of_bytes(b""))


def test_packer__fragments_smaller_than_a_block__are_refused_only_for_our_format(seeds):
    with pytest.raises(Invalid, match="^fragments of encrypted files have at least 262144 bytes, not 131072$"):
        packer(100_000, ENCRYPTION, seeds)
    sources = packer(100_000, Encryption(ENCRYPTION.lock, public=True), seeds).pack(Stream.of_bytes(DATA))
    assert sources[0].size == 131_072


def test_pack__progress__counts_every_byte_that_is_hashed(seeds):
    told = []
    progress = lambda *seen: told.append(seen)  # noqa: E731
    packer(progress=progress).pack(Stream.of_bytes(DATA))
    assert told[-1] == ("hash", len(DATA), len(DATA))
    one = packer(encryption=ENCRYPTION, seeds=seeds, progress=progress, size=2 * len(DATA))
    one.pack(Stream.of_bytes(DATA))
    assert told[-1][1] == 2 * len(DATA) + 71 + 3 * 16


def test_uploaded__for_good__tells_the_ciphers_of_the_upload(seeds):
    told = []
    seeds.stored = lambda cipher, encryption: told.append(encryption)
    one = packer(encryption=ENCRYPTION, seeds=seeds)
    one.pack(Stream.of_bytes(DATA))
    one.pack(Stream.of_bytes(DATA[1:]))
    one.uploaded(for_good=False)
    assert told == []
    one.uploaded(for_good=True)
    assert told == [ENCRYPTION] * 2
    packer().uploaded(for_good=True)


def test_meter__growing_sums__are_added_up():
    told = []
    counter = Counter(lambda *seen: told.append(seen[1]), "hash", 10)
    for _ in range(2):
        meter = Meter(counter)
        for done in (1, 1, 4, 5):
            meter(done)
    assert told == [0, 1, 1, 4, 5, 6, 6, 9, 10]
