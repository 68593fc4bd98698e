"""One root, several files: whoever announces the same with other zeros at its end must not decide what is read."""

import pytest

from offchain.errors import Invalid, NotFound
from offchain.protocol.directory import Directory, encode
from offchain.protocol.directory import File as Entry
from offchain.protocol.encryption import Key
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.api import StorageClient
from offchain.storage.client.choice import ONLY, Ambiguous, Which
from offchain.storage.client.network import Network
from tests.doubles.files import File, random_bytes
from tests.doubles.neighbours import INDEXER

SHORT = File(random_bytes(2 * SEGMENT_BYTES + 1000))
LONG = File(SHORT.data + bytes(24))
KEY = Key(b"\x07" * 32)


@pytest.fixture
def client(pair, tmp_path):
    with StorageClient(pair.urls, state=tmp_path / "state") as made:
        yield made


@pytest.fixture
def rpc_client(pair, tmp_path):
    """One that knows nothing but the public RPC."""
    with StorageClient(pair.urls, state=tmp_path / "state", frames=False) as made:
        yield made


def test_files__of_the_test__share_a_root_and_nothing_else():
    assert (SHORT.root, SHORT.size + 24) == (LONG.root, LONG.size)


def test_download__root_of_two_files__lists_them_and_says_what_to_type(pair, client, tmp_path):
    pair.hold(LONG, SHORT)
    with pytest.raises(Ambiguous) as ambiguous:
        client.download(SHORT.root, tmp_path / "copy")
    assert str(ambiguous.value) == (
        f"0x{SHORT.root.hex()} is the root of 2 files, which differ in zeros at their end:\n"
        f"  {SHORT.size} bytes, sequence number 1\n"
        f"  {LONG.size} bytes, sequence number 0\n"
        "say which one is meant, by the size that its upload told or by its sequence number: "
        f"--size {SHORT.size} or --sequence 1, in Python size={SHORT.size} or seq=1"
    )
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("file", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("by", ["size", "seq"])
def test_download__which_one_is_meant__is_that_one_whoever_was_first(pair, client, tmp_path, file, by):
    pair.hold(LONG, SHORT)
    meant = {"size": file.size} if by == "size" else {"seq": [LONG, SHORT].index(file)}
    client.download(file.root, tmp_path / "copy", **meant)
    assert (tmp_path / "copy").read_bytes() == file.data
    assert client.size(file.root, **meant) == file.size
    assert client.read(file.root, 0, 1 << 30, **meant) == file.data
    assert b"".join(client.stream(file.root, **meant)) == file.data
    assert {holder.info.size for holder in client.holders(file.root, **meant)} == {file.size}
    assert client.problems == []


def test_download__announced_and_never_uploaded__counts_as_well(pair, client, tmp_path):
    pair.submit(SHORT)
    pair.hold(LONG)
    with pytest.raises(Ambiguous, match=rf"\n  {SHORT.size} bytes, sequence number 0, not complete\n"):
        client.download(SHORT.root, tmp_path / "copy")
    with pytest.raises(NotFound, match=rf"with {SHORT.size} bytes yet: it was submitted, but no node has all of it$"):
        client.download(SHORT.root, tmp_path / "copy", size=SHORT.size)
    client.download(SHORT.root, tmp_path / "copy", size=LONG.size)
    assert (tmp_path / "copy").read_bytes() == LONG.data


def test_download__same_file_submitted_again__is_no_other_one(pair, client, tmp_path):
    pair.hold(SHORT, SHORT)
    pair.submit(SHORT, tags=b"tags")
    client.download(SHORT.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == SHORT.data


@pytest.mark.parametrize(
    ("meant", "reason"),
    [
        ({"size": 5}, rf" with 5 bytes; files with this root are:\n  {SHORT.size} bytes, sequence number 0$"),
        ({"seq": 1}, rf" as submission 1: that is a submission of 0x{File.random(7).root.hex()}$"),
        ({"seq": 9}, " as submission 9$"),
        ({"size": 5, "seq": 0}, r" with 5 bytes as submission 0; files with this root are:\n"),
    ],
    ids=str,
)
def test_download__file_that_is_not_there__says_what_is_there_instead(pair, client, tmp_path, meant, reason):
    pair.hold(SHORT, File.random(7))
    with pytest.raises(NotFound, match=f"^no node has 0x{SHORT.root.hex()}{reason}"):
        client.download(SHORT.root, tmp_path / "copy", **meant)


def test_download__public_rpc_only__needs_the_sequence_number_of_a_later_one(pair, rpc_client, tmp_path):
    """The public RPC tells of one file with a root."""
    pair.hold(LONG, SHORT)
    with pytest.raises(NotFound, match=rf"with {SHORT.size} bytes; files with this root are:\n  {LONG.size} bytes"):
        rpc_client.download(SHORT.root, tmp_path / "copy", size=SHORT.size)
    rpc_client.download(SHORT.root, tmp_path / "copy", seq=1)
    assert (tmp_path / "copy").read_bytes() == SHORT.data


def test_download__nodes_without_a_list_of_files__still_serve(pair, client, tmp_path):
    pair.hold(SHORT)

    def refuse(call, _):
        if call == f"GET /v1/files/{SHORT.root.hex()}":
            raise NotFound("404: Not Found")

    for server in pair.servers:
        server.before = refuse
    client.download(SHORT.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == SHORT.data
    with pytest.raises(NotFound, match="with 5 bytes; files with this root are:"):
        client.download(SHORT.root, tmp_path / "copy", size=5)


def test_holders__nodes_of_the_public_rpc_that_tell_different_files__are_not_mixed(pair):
    pair.submit(SHORT, LONG)
    for node, file in zip(pair.nodes, (SHORT, LONG), strict=True):
        node.put(file)
        node.shelf.complete(file.content)
    network = Network(pair.urls, None, frames=False)
    with pytest.raises(Ambiguous):
        network.holders(SHORT.root, ONLY)
    assert [holder.node.url for holder in network.holders(SHORT.root, Which(LONG.size))] == pair.urls[1:]


def test_holders__indexer_that_names_who_has_the_other_one__asks_the_rest_too(pair):
    pair.submit(SHORT, LONG)
    for node, file in zip(pair.nodes, (SHORT, LONG), strict=True):
        node.put(file)
        node.shelf.complete(file.content)
    pair.serve_indexer(holders=[pair._shown(0)])
    network = Network([], INDEXER)
    assert [holder.node.url for holder in network.holders(SHORT.root, Which(LONG.size))] == pair.urls[1:]


def test_open__fragments_with_roots_of_others_too__are_told_by_the_size_of_the_whole(pair, client, tmp_path):
    parts = [File(SHORT.data[at : at + SEGMENT_BYTES]) for at in range(0, SHORT.size, SEGMENT_BYTES)]
    pair.hold(File(parts[-1].data + bytes(24)), *parts)
    roots = [part.root for part in parts]
    with pytest.raises(Ambiguous):
        client.download(roots, tmp_path / "copy")
    client.download(roots, tmp_path / "copy", size=SHORT.size)
    assert (tmp_path / "copy").read_bytes() == SHORT.data
    with pytest.raises(Invalid, match="^a sequence number is that of one fragment"):
        client.size(roots, seq=3)


def test_download_directory__roots_of_others_too__its_list_says_which(pair, client, tmp_path):
    parts = [File(SHORT.data[at : at + SEGMENT_BYTES]) for at in range(0, SHORT.size, SEGMENT_BYTES)]
    entries = (Entry("cut", SHORT.size, tuple(part.root for part in parts)), Entry("whole", SHORT.size, (SHORT.root,)))
    listing = File(encode(Directory("/", entries)))
    pair.hold(LONG, File(parts[-1].data + bytes(24)), SHORT, *parts, listing)
    client.download_directory(listing.root, tmp_path / "copy")
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == dict.fromkeys(
        ("cut", "whole"), SHORT.data
    )


def test_download_directory__whose_own_root_is_ambiguous__takes_the_size(pair, client, tmp_path):
    listing = File(encode(Directory("/", (Entry("empty", 0, ()),))))
    pair.hold(File(listing.data + bytes(3)), listing)
    with pytest.raises(Ambiguous):
        client.is_directory(listing.root)
    assert client.is_directory(listing.root, size=listing.size)
    client.download_directory(listing.root, tmp_path / "copy", size=listing.size)
    assert (tmp_path / "copy" / "empty").read_bytes() == b""
