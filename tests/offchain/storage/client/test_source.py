import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.errors import Invalid
from offchain.protocol.encryption import Key
from offchain.protocol.encryption_header import authenticated_cipher
from offchain.protocol.fragments import Fragment, Layout
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.source import Source, Stream, Trees, cut, fragment_tree
from tests.doubles.files import File, random_bytes

SIZE = 3 * SEGMENT_BYTES + 700
DATA = random_bytes(SIZE)
CIPHER = authenticated_cipher(Key(b"\x07" * 32), bytes(32))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


@pytest.fixture(params=["bytes", "path", "descriptor"])
def stream(request, path):
    if request.param == "descriptor":
        with path.open("rb") as file:
            yield Stream.of_descriptor(file.fileno(), SIZE)
    else:
        yield Stream.of_bytes(DATA) if request.param == "bytes" else Stream.of_path(path)


def test_stream__any_part__is_read(stream):
    assert stream.size == SIZE
    for start, length in [(0, 0), (0, 1), (5, SEGMENT_BYTES), (SIZE - 1, 1), (SIZE - 1, 100), (SIZE, 1)]:
        assert stream.read(start, length) == DATA[start : start + length]


def test_stream__encrypted__is_the_same_wherever_it_is_read(stream):
    encrypted = stream.encrypted(CIPHER)
    whole = encrypted.read(0, encrypted.size)
    assert len(whole) == encrypted.size == CIPHER.stored_size(SIZE)
    for start, length in [(0, 10), (100, SEGMENT_BYTES), (SEGMENT_BYTES - 1, 2), (encrypted.size - 1, 5)]:
        assert encrypted.read(start, length) == whole[start : start + length]


def test_verified__any_part__is_read(stream):
    (source,) = cut(stream, SIZE)
    for start, length in [(0, 0), (5, SEGMENT_BYTES), (SEGMENT_BYTES, 1), (SIZE - 1, 100), (0, SIZE), (SIZE + 1, 1)]:
        assert source.verified().read(start, length) == DATA[start : start + length]


@pytest.mark.parametrize("now", [DATA[:-1] + b"?", DATA[:-1], DATA + b"?"], ids=["changed", "cut", "grown"])
def test_verified__other_bytes_than_the_tree_was_made_of__are_refused(now):
    content = DATA[:-1] + b"\0"
    (source,) = cut(Stream("live", SIZE, lambda start, length: content[start : start + length]), SIZE)
    content = now
    assert source.verified().read(0, SEGMENT_BYTES) == DATA[:SEGMENT_BYTES]
    with pytest.raises(Invalid, match="^live changed while it was read"):
        source.verified().read(SIZE - 1, 1)


@pytest.mark.parametrize("fragment", [SEGMENT_BYTES, 2 * SEGMENT_BYTES, 1 << 40, 700, 256])
def test_cut__stream__gives_the_trees_of_its_parts(stream, fragment):
    data = DATA if fragment > 1000 else DATA[:5000]
    stream = stream if fragment > 1000 else Stream.of_bytes(data)
    sources = cut(stream, fragment)
    assert [source.root for source in sources] == [
        File(data[each.start : each.start + each.size]).root for each in Layout(len(data), fragment)
    ]
    for source, each in zip(sources, Layout(len(data), fragment), strict=True):
        part = File(data[each.start : each.start + each.size])
        assert [source.segment(index) for index in part.segments] == [part.segment(index) for index in part.segments]


def test_cut__progress__grows_to_the_size_of_the_stream(stream):
    told = []
    cut(stream, 2 * SEGMENT_BYTES, told.append)
    assert told == sorted(told)
    assert told[-1] == SIZE


def test_cut__empty__is_refused(tmp_path):
    (tmp_path / "empty").touch()
    for stream, name in [(Stream.of_bytes(b""), "data"), (Stream.of_path(tmp_path / "empty"), "empty")]:
        with pytest.raises(Invalid, match=f"{name} is empty: a file needs at least one byte$"):
            cut(stream, 1 << 40)


def test_cut__empty_but_encrypted__is_a_file():
    (source,) = cut(Stream.of_bytes(b"").encrypted(CIPHER), 1 << 40)
    assert source.size == CIPHER.stored_size(0)


def test_cut__several_fragments__are_named_by_their_place():
    assert [source.name for source in cut(Stream.of_bytes(DATA, "file"), 1 << 19)] == [
        "bytes 0 to 524288 of file",
        f"bytes 524288 to {SIZE} of file",
    ]
    assert cut(Stream.of_bytes(DATA, "file"), 1 << 40)[0].name == "file"


@pytest.mark.parametrize("size", [1, 256, 300, SEGMENT_BYTES, SIZE])
def test_source__bytes_and_file__are_the_same(tmp_path, size):
    file = File(DATA[:size])
    (tmp_path / "file").write_bytes(file.data)
    told = []
    for source in (Source.of_bytes(file.data), Source.of_path(tmp_path / "file", told.append)):
        assert (source.root, source.size) == (file.root, size)
        assert source.wanted(b"tags").submission == file.submission(b"tags")
        assert [source.segment(index) for index in file.segments] == [file.segment(index) for index in file.segments]
        assert [source.leaf(index) for index in file.segments] == [file.leaf(index) for index in file.segments]
    assert told[-1] == size


@pytest.mark.parametrize("make", [Source.of_path, Stream.of_path])
def test_of_path__no_file__is_refused(tmp_path, make):
    with pytest.raises(Invalid, match="^there is no file .*missing$"):
        make(tmp_path / "missing")
    with pytest.raises(Invalid, match="is not a file$"):
        make(tmp_path)


def test_source__empty_file__is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(Invalid, match="empty is empty: a file needs at least one byte$"):
        Source.of_path(tmp_path / "empty")
    with pytest.raises(Invalid):
        Source.of_bytes(b"")


@pytest.mark.parametrize("change", ["shorter", "longer", "other bytes", "gone"])
def test_segment__file_that_changed_since__is_refused(path, change):
    sources = [Source.of_path(path), *cut(Stream.of_path(path), 1 << 19)]
    if change == "gone":
        path.unlink()
    elif change == "other bytes":
        path.write_bytes(bytes(SIZE))
    else:
        os.truncate(path, SIZE - 1 if change == "shorter" else SIZE + 1)
    for source in sources:
        with pytest.raises(Invalid, match=r"changed while it was read: run the same again|cannot be read"):
            source.segment(0)


def test_fragment_tree__file_that_is_cut_while_it_is_read__is_refused(path):
    with path.open("rb") as file:
        stream = Stream.of_descriptor(file.fileno(), SIZE + 1)
        with pytest.raises(Invalid, match="changed while it was read: run the same again"):
            fragment_tree(stream, Fragment(0, SIZE + 1))


@pytest.mark.parametrize("budget", [0, 3000, 1 << 30])
def test_trees__more_than_may_be_kept__are_made_again(path, budget):
    trees = Trees(budget)
    sources = cut(Stream.of_path(path), SEGMENT_BYTES, None, trees)
    assert [source.tree.root for source in sources] == [source.root for source in sources]
    assert len(trees._kept) == {0: 1, 3000: 2}.get(budget, 4)
    parts = [File(DATA[at : at + SEGMENT_BYTES]) for at in range(0, SIZE, SEGMENT_BYTES)]
    assert [source.segment(0) for source in sources] == [part.segment(0) for part in parts]


def test_trees__asked_by_several_at_once__are_made_once():
    made, trees = [], Trees()
    tree = File(b"data").tree

    def make():
        made.append(1)
        return tree

    with ThreadPoolExecutor(8) as pool:
        assert set(map(id, pool.map(lambda _: trees.get("key", make), range(50)))) == {id(tree)}
    assert made == [1]


def test_tree__made_again_of_another_file__is_refused(path):
    sources = cut(Stream.of_path(path), SEGMENT_BYTES, None, Trees(0))
    path.write_bytes(bytes(SIZE))
    with pytest.raises(Invalid, match="changed while it was read: run the same again"):
        _ = sources[0].tree
