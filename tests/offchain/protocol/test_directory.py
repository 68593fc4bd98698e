import json
import string
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.directory import (
    HEAD_BYTES,
    MAGIC,
    MAX_DEPTH,
    Directory,
    File,
    Link,
    decode,
    encode,
    is_directory,
)
from offchain.protocol.keccak import keccak256
from tests.doubles.recursion import limit_of_workers

ROOT = keccak256(b"root")
HEX = "0x" + ROOT.hex()

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
roots = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3).map(tuple)
files = st.builds(File, names, st.integers(1, 1 << 50), roots) | st.builds(File, names, st.just(0), st.just(()))
links = st.builds(Link, names, names)


def sorted_directories(children):
    unique = st.lists(children, max_size=4, unique_by=lambda entry: entry.name)
    ordered = unique.map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.name)))
    return st.builds(Directory, names, ordered)


entries = st.recursive(files | links, sorted_directories, max_leaves=12)


def blob(tree, version=2):
    """A directory file with any JSON in it."""
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return MAGIC + version.to_bytes(2, "big") + text


def top(*entries):
    return {"name": "/", "type": "directory", "entries": list(entries)}


def file_of(**fields):
    return {"name": "file", "type": "file", "roots": [HEX], "size": 5} | fields


@given(sorted_directories(entries))
def test_decode__what_encode_wrote__is_the_same(directory):
    written = encode(directory)
    assert is_directory(written)
    assert decode(written) == Directory("/", directory.entries)


def test_encode__small_directory__has_the_published_form():
    directory = Directory("/", (File("b", 5, (ROOT,)), Link("c", "b"), Directory("a", ()), File("e", 0, ())))
    written = encode(directory)
    assert written[:HEAD_BYTES] == keccak256(b"0g-storage-client-dir-codec") + b"\0\2"
    assert json.loads(written[HEAD_BYTES:]) == top(
        {"name": "a", "type": "directory"},
        {"name": "b", "type": "file", "roots": [HEX], "size": 5},
        {"name": "c", "type": "symbolic", "link": "b"},
        {"name": "e", "type": "file"},
    )


def test_decode__version_one__takes_the_only_root_of_each_file():
    old = top({"name": "file", "type": "file", "hash": HEX, "size": 5})
    assert decode(blob(old, version=1)) == Directory("/", (File("file", 5, (ROOT,)),))


@pytest.mark.parametrize("version", [1, 2])
def test_decode__length_before_the_json__is_passed_over(version):
    """Some releases of the public client wrote it; bytes behind the JSON were its data."""
    text = json.dumps(top({"name": "c", "type": "symbolic", "link": "b"})).encode()
    for rest in (b"", b"something behind"):
        with_length = len(text).to_bytes(4, "big") + text + rest
        assert decode(blob(with_length, version)) == Directory("/", (Link("c", "b"),))


def test_decode__empty_file_of_version_one__has_a_root_of_zeros_and_no_content():
    old = top({"name": "file", "type": "file", "hash": "0x" + "00" * 32})
    assert decode(blob(old, version=1)) == Directory("/", (File("file", 0, ()),))


@pytest.mark.parametrize("text", [b"\0\0\0\0{}", b"\0\0\0\x03{}", b"\xff\xff\xff\xff{}", b"\0\0\0\x01{}"])
def test_decode__length_that_does_not_fit__is_refused(text):
    with pytest.raises(Invalid, match="^this directory cannot be read: "):
        decode(blob(text))


def test_decode__file_name_that_is_no_unicode__comes_back_as_the_same_bytes():
    name = b"caf\xe9".decode(errors="surrogateescape")
    assert decode(encode(Directory("/", (File(name, 0, ()),)))).entries[0].name == name


def test_walk__nested__gives_paths_with_directories_before_their_content():
    inner = Directory("d", (File("f", 0, ()),))
    walked = list(Directory("/", (inner, Link("l", "d"))).walk())
    assert walked == [
        (PurePosixPath("d"), inner),
        (PurePosixPath("d/f"), inner.entries[0]),
        (PurePosixPath("l"), Link("l", "d")),
    ]


@pytest.mark.parametrize("data", [b"", b"x", MAGIC[:-1], b"\0" * 40, MAGIC, MAGIC + b"\0"])
def test_decode__file_that_is_no_directory__is_refused(data):
    assert is_directory(data) == data.startswith(MAGIC)
    with pytest.raises(Invalid, match="^this file is not a directory$"):
        decode(data)


@pytest.mark.parametrize("version", [0, 3, 65535])
def test_decode__unknown_version__is_refused(version):
    with pytest.raises(Invalid, match=f"^this directory has the format {version}; formats up to 2 are known$"):
        decode(blob(top(), version))


@pytest.mark.parametrize("text", [b"", b"{", b"null", b"[]", b"5", b'"x"', b"\xff\xfe\xfd", b"{}", b'{"type": null}'])
def test_decode__no_tree__is_refused(text):
    with pytest.raises(Invalid, match="^this directory cannot be read: "):
        decode(blob(text))


@pytest.mark.parametrize("tree", [file_of(), {"name": "/", "type": "symbolic", "link": "x"}])
def test_decode__top_that_is_no_directory__is_refused(tree):
    with pytest.raises(Invalid, match="^this directory's top is no directory$"):
        decode(blob(tree))


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "/etc", "../x", "a\0b", None, 5, ["a"], True, "\ud800"])
@pytest.mark.parametrize("kind", ["file", "symbolic", "directory"])
def test_decode__name_that_could_lead_elsewhere__is_refused(name, kind):
    entry = {"name": name, "type": kind, "link": "x", "roots": [HEX], "size": 1}
    with pytest.raises(Invalid, match="^this directory cannot be read: .*cannot be a file name$"):
        decode(blob(top(entry)))
    with pytest.raises(Invalid, match="cannot be a file name"):
        decode(blob(top({"name": "inner", "type": "directory", "entries": [entry]})))


def test_decode__name_that_stands_twice__is_refused():
    for twins in ([file_of(), file_of()], [file_of(), {"name": "file", "type": "symbolic", "link": "x"}]):
        with pytest.raises(Invalid, match="a name stands twice in top$"):
            decode(blob(top(*twins)))


def test_decode__deep_nesting__is_taken_up_to_a_limit():
    tree = {"name": "d", "type": "directory"}
    for _ in range(MAX_DEPTH - 1):
        tree = {"name": "d", "type": "directory", "entries": [tree]}
    assert len(list(decode(blob(top(tree))).walk())) == MAX_DEPTH
    with pytest.raises(Invalid, match="it is nested too deeply$"):
        decode(blob(top({"name": "d", "type": "directory", "entries": [tree]})))


def test_decode__nesting_that_no_parser_survives__is_refused():
    with limit_of_workers(), pytest.raises(Invalid, match="^this directory cannot be read"):
        decode(blob(b'{"name":"/","type":"directory","entries":' * 100_000))


@pytest.mark.parametrize("kind", ["socket", "", None, 5, ["file"], {}])
def test_decode__unknown_type__is_refused(kind):
    with pytest.raises(Invalid, match="file is of the unknown type"):
        decode(blob(top(file_of(type=kind))))


@pytest.mark.parametrize("size", [-1, 1.5, "5", None, [5], True])
def test_decode__size_that_is_none__is_refused(size):
    with pytest.raises(Invalid, match="file has no size$"):
        decode(blob(top(file_of(size=size))))


@pytest.mark.parametrize("roots", [["0x12"], [HEX + "00"], [5], [None], "0x12", {HEX: 1}, [HEX, "zz"], [[HEX]], 5, HEX])
def test_decode__roots_that_are_no_hashes__are_refused(roots):
    with pytest.raises(Invalid, match="^this directory cannot be read: "):
        decode(blob(top(file_of(roots=roots))))


def test_decode__file_with_content_and_no_root__is_refused():
    for fields in ({"roots": []}, {"roots": None}):
        with pytest.raises(Invalid, match="^this directory cannot be read: "):
            decode(blob(top(file_of(**fields))))


def test_decode__empty_file__needs_no_root():
    assert decode(blob(top({"name": "file", "type": "file"}))).entries == (File("file", 0, ()),)


@pytest.mark.parametrize("target", [None, 5, ["x"], {}, "", "a\0b", "\ud800"])
def test_decode__link_to_nowhere__is_refused(target):
    with pytest.raises(Invalid, match="^this directory cannot be read: link leads to "):
        decode(blob(top({"name": "link", "type": "symbolic", "link": target})))
    with pytest.raises(Invalid, match="^this directory cannot be read: "):
        decode(blob(top({"name": "link", "type": "symbolic"})))


@pytest.mark.parametrize("inner", [5, "abc", {"a": 1}, [5], [None], [[]], True])
def test_decode__entries_of_the_wrong_shape__are_refused(inner):
    with pytest.raises(Invalid, match="^this directory cannot be read: "):
        decode(blob({"name": "/", "type": "directory", "entries": inner}))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "type", "entries", "size", "roots", "hash", "link"]), inner, max_size=5),
    max_leaves=10,
))  # fmt: skip
def test_decode__any_json__is_a_directory_or_refused(tree):
    for whole in (tree, {"name": "/", "type": "directory", "entries": [tree]}):
        try:
            assert isinstance(decode(blob(whole)), Directory)
        except Invalid as refused:
            assert str(refused)
