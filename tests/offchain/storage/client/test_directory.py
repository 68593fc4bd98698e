import os
from pathlib import PurePosixPath

import pytest

from offchain.errors import Invalid
from offchain.protocol.directory import Directory, File, Link
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.directory import is_there, lay_links, lay_out, scan, with_roots
from offchain.storage.client.sink import scratch
from offchain.storage.client.source import Source, Stream, cut
from tests.doubles.files import random_bytes

ROOT, OTHER = b"\x11" * 32, b"\x22" * 32
Path = PurePosixPath


@pytest.fixture
def tree(tmp_path):
    """A directory with everything that can be in one."""
    top = tmp_path / "top"
    (top / "deep" / "empty").mkdir(parents=True)
    (top / "b").write_bytes(b"content")
    (top / "a").touch()
    (top / "deep" / "c").write_bytes(b"more")
    (top / "link").symlink_to("deep/c")
    (top / "broken").symlink_to("nowhere")
    return top


def top(*entries):
    return Directory("/", entries)


def laid(directory, place):
    """Write a directory; content of each file is its root."""
    for path, file in lay_out(directory, place):
        path.write_bytes(file.roots[0][: file.size])
    lay_links(directory, place)


def test_scan__directory__is_its_shape_and_the_files_with_content(tree):
    scanned = scan(tree)
    deep = Directory("deep", (File("c", 4, ()), Directory("empty", ())))
    links = (Link("broken", "nowhere"), deep, Link("link", "deep/c"))
    assert scanned.directory == top(File("a", 0, ()), File("b", 7, ()), *links)
    assert {path: stream.read(0, 100) for path, stream in scanned.files.items()} == {
        Path("b"): b"content",
        Path("deep/c"): b"more",
    }


def test_scan__names_to_skip__are_left_out_at_any_depth(tree):
    scanned = scan(tree, frozenset({"c", "link"}))
    assert [str(path) for path, _ in scanned.directory.walk()] == ["a", "b", "broken", "deep", "deep/empty"]
    assert list(scanned.files) == [Path("b")]


def test_scan__link_to_a_directory__is_not_followed(tree):
    (tree / "loop").symlink_to("..")
    assert Link("loop", "..") in scan(tree).directory.entries


def test_scan__no_directory__is_refused(tree):
    for path in (tree / "b", tree / "missing"):
        with pytest.raises(Invalid, match="is not a directory$"):
            scan(path)


def test_scan__what_is_no_file__is_refused(tree):
    os.mkfifo(tree / "deep" / "pipe")
    with pytest.raises(Invalid, match="deep/pipe is neither a file, a link nor a directory$"):
        scan(tree)


def test_with_roots__files_with_content__get_theirs(tree):
    told = with_roots(scan(tree).directory, {Path("b"): (ROOT,), Path("deep/c"): (ROOT, OTHER)})
    files = {str(path): entry.roots for path, entry in told.walk() if isinstance(entry, File)}
    assert files == {"a": (), "b": (ROOT,), "deep/c": (ROOT, OTHER)}


def test_lay_out__what_was_scanned__is_the_same_tree(tree, tmp_path):
    roots = {Path("b"): (b"content".ljust(32),), Path("deep/c"): (b"more".ljust(32),)}
    laid(with_roots(scan(tree).directory, roots), tmp_path / "copy")
    copied, scanned = scan(tmp_path / "copy"), scan(tree)
    assert copied.directory == scanned.directory
    assert {place: stream.name for place, stream in copied.files.items()} == {
        place: str(tmp_path / "copy" / place) for place in scanned.files
    }
    assert (tmp_path / "copy" / "link").read_bytes() == b"more"


def test_lay_out__again__keeps_what_is_there(tree, tmp_path):
    directory = with_roots(scan(tree).directory, {Path("b"): (ROOT,), Path("deep/c"): (ROOT,)})
    for _ in range(2):
        laid(directory, tmp_path / "copy")
    assert os.readlink(tmp_path / "copy" / "broken") == "nowhere"


@pytest.mark.parametrize("target", ["../..", "../../x", "/etc/passwd", "/", "up/../../x"])
def test_lay_links__link_that_leads_out__is_refused_and_not_left(tmp_path, target):
    directory = top(Directory("deep", (Link("bad", target), Link("up", ".."))))
    with pytest.raises(Invalid, match="leads out of the directory"):
        laid(directory, tmp_path / "copy")
    assert not (tmp_path / "copy" / "deep" / "bad").is_symlink()


@pytest.mark.parametrize("target", ["..", "../x", "deep/../../x", "up/x", "missing"])
def test_lay_links__link_that_stays_inside__is_made(tmp_path, target):
    laid(top(Directory("deep", (Link("good", target), Link("up", "..")))), tmp_path / "copy")
    assert os.readlink(tmp_path / "copy" / "deep" / "good") == target


def test_lay_links__out_through_another_link__is_refused(tmp_path):
    """`a` is inside as long as one does not know that `deep/b` leads up."""
    directory = top(Link("a", "deep/b/../../x"), Directory("deep", (Link("b", "../deep"),)))
    with pytest.raises(Invalid, match="leads out of the directory"):
        laid(directory, tmp_path / "copy")


def test_lay_links__out_together_with_a_link_of_another_directory__is_refused(tmp_path):
    """`L` is inside as long as there is no `p`."""
    laid(top(Link("L", "p/../secret"), File("secret", 0, ())), tmp_path / "copy")
    with pytest.raises(Invalid, match="copy/L leads out of the directory, to p/../secret: no link was made$"):
        laid(top(Link("p", "."), Link("q", ".")), tmp_path / "copy")
    assert sorted(os.listdir(tmp_path / "copy")) == ["L", "secret"]


def test_lay_links__beside_a_link_that_leads_out_already__are_made(tmp_path):
    """Whoever made it wanted it there."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").symlink_to("/usr")
    laid(top(Link("p", ".")), tmp_path / "copy")
    assert os.readlink(tmp_path / "copy" / "p") == "."


@pytest.mark.parametrize(
    "directory",
    [top(Directory("trap", (File("x", 1, (ROOT,)),))), top(File("trap", 1, (ROOT,))), top(File("trap", 0, ()))],
    ids=["directory", "file", "empty file"],
)
def test_lay_out__through_a_link_that_is_there_already__is_refused(tmp_path, directory):
    (tmp_path / "copy").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "copy" / "trap").symlink_to("../outside")
    with pytest.raises(Invalid, match="would be written through a link that is there already"):
        laid(directory, tmp_path / "copy")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "entry", [File("x" * 256, 0, ()), File("x" * 256, 1, (ROOT,)), Directory("é" * 200, ()), Link("x" * 256, "y")]
)
def test_lay_out__name_that_the_system_does_not_take__is_refused(tmp_path, entry):
    with pytest.raises(Invalid, match="cannot be made: File name too long$"):
        laid(top(entry), tmp_path / "copy")


def test_lay_out__file_where_a_directory_should_be__is_refused(tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "d").touch()
    with pytest.raises(Invalid, match="cannot be made: File exists$"):
        laid(top(Directory("d", ())), tmp_path / "copy")


@pytest.mark.parametrize("name", ["x", "y" * 250])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    "make", [lambda name: File(name, 1, (ROOT,)), lambda name: Link(name, "."), lambda name: Directory(name, ())]
)
def test_lay_out__name_that_the_download_of_another_needs__is_refused_before_anything_is_written(
    tmp_path, name, number, make
):
    taken = scratch(tmp_path / name)[number].name
    directory = top(Directory("deep", (make(taken), File(name, 1, (ROOT,)))))
    with pytest.raises(Invalid, match=f"deep/{taken} is what a download of deep/{name} is called while it is incomple"):
        laid(directory, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_scan__what_is_left_of_a_download_beside_the_file__is_refused(tree):
    """Nobody could download the directory."""
    (tree / "b.zg-part").touch()
    with pytest.raises(Invalid, match="b.zg-part is what a download of b is called while it is incomplete"):
        scan(tree)
    assert Path("b.zg-part") not in scan(tree, frozenset({"b.zg-part"})).files
    (tree / "b").unlink()
    assert scan(tree)


def test_lay_out__name_that_is_no_text__is_written_as_its_bytes(tmp_path):
    name = b"caf\xe9".decode(errors="surrogateescape")
    laid(top(File(name, 0, ())), tmp_path / "copy")
    assert os.listdir(os.fsencode(tmp_path / "copy")) == [b"caf\xe9"]


@pytest.mark.parametrize("fragment", [SEGMENT_BYTES, 2 * SEGMENT_BYTES, 1 << 40])
def test_is_there__file_of_any_number_of_fragments__is_compared_with_its_roots(tmp_path, fragment):
    data = random_bytes(3 * SEGMENT_BYTES + 5)
    roots = tuple(source.root for source in cut(Stream.of_bytes(data), fragment))
    file = File("file", len(data), roots)
    path = tmp_path / "file"
    assert not is_there(path, file)
    path.write_bytes(data)
    assert is_there(path, file)
    path.write_bytes(data[:-1] + b"?")
    assert not is_there(path, file)
    path.write_bytes(data + b"?")
    assert not is_there(path, file)


def test_is_there__number_of_fragments_that_cannot_be__is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    root = Source.of_bytes(b"abc").root
    with pytest.raises(Invalid, match="do not lie in 2 fragments"):
        is_there(tmp_path / "file", File("file", 3, (root, root)))
