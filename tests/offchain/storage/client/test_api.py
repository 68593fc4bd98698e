import pytest

from offchain.chain.client import ChainClient
from offchain.errors import BadSettings, Invalid, NotFound
from offchain.protocol import secp256k1
from offchain.protocol.directory import Directory, File, encode
from offchain.protocol.encryption import Key, Recipient
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client import api as api_module
from offchain.storage.client.api import StorageClient
from offchain.storage.client.payment import Declined
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.upload import Uploader, UploadOptions
from tests.doubles.files import File as Content
from tests.doubles.files import random_bytes
from tests.doubles.flow_log import FLOW
from tests.doubles.paying import PAYER
from tests.doubles.rpc import URL

DATA = random_bytes(3 * SEGMENT_BYTES + 700)
KEY = Key(b"\x07" * 32)
SMALL = UploadOptions(fragment=SEGMENT_BYTES)
SECRET = UploadOptions(fragment=SEGMENT_BYTES, encryption=Encryption(KEY))


def shape(top):
    """Everything below a directory, with its content."""
    return {
        str(path.relative_to(top)): path.is_symlink() or (path.read_bytes() if path.is_file() else None)
        for path in top.rglob("*")
    }


@pytest.mark.parametrize("options", [UploadOptions(), SMALL, SECRET], ids=["whole", "fragments", "encrypted"])
@pytest.mark.parametrize("as_path", [True, False])
def test_upload_and_download__file_in_any_form__comes_back(client, tmp_path, options, as_path):
    (tmp_path / "file").write_bytes(DATA)
    uploaded = client.upload(tmp_path / "file" if as_path else DATA, options)
    openers = [KEY] if options.encryption else []
    client.download(uploaded.roots, tmp_path / "copy", openers)
    assert (tmp_path / "copy").read_bytes() == DATA
    assert client.size(uploaded.roots, openers) == len(DATA)
    assert b"".join(client.stream(uploaded.roots, openers=openers)) == DATA
    assert client.read(uploaded.roots, SEGMENT_BYTES - 5, 10, openers) == DATA[SEGMENT_BYTES - 5 : SEGMENT_BYTES + 5]
    assert b"".join(client.stream(uploaded.roots, 7, 300_000, openers)) == DATA[7:300_007]
    assert client.problems == []


def test_places_and_roots__as_text__are_taken_as_well(client, tree, tmp_path):
    uploaded = client.upload(str(tree / "deep" / "large"), SMALL)
    client.download([root.hex() for root in uploaded.roots], str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == DATA
    root = "0x" + client.upload_directory(str(tree)).root.hex()
    client.download_directory(root, str(tmp_path / "tree copy"))
    assert shape(tmp_path / "tree copy") == shape(tree)
    assert client.holders(root)[0].info.root.hex() == root[2:]


@pytest.mark.parametrize("root", ["0x12", b"\x12", "words", b""])
def test_root__that_is_none__is_refused_before_anybody_is_asked(client, root):
    with pytest.raises(Invalid, match="is no root: a root has 32 bytes$"):
        client.size(root)
    with pytest.raises(Invalid, match="is no root"):
        client.holders(root)


def test_upload__encrypted_again__costs_nothing(client, town):
    first = client.upload(DATA, SECRET)
    paid = town.paid
    assert client.upload(DATA, SECRET).roots == first.roots
    assert town.paid == paid


def test_upload__for_a_recipient_and_not_waited_for__can_be_continued(client, town):
    lock = Recipient(secp256k1.public_key(b"\x11" * 32))
    hasty = UploadOptions(encryption=Encryption(lock), wait_finalized=False)
    roots = {client.upload(DATA, hasty).root for _ in range(2)}
    assert (len(roots), town.paid) == (1, 1)
    patient = UploadOptions(encryption=Encryption(lock))
    roots |= {client.upload(DATA, patient).root}
    assert (len(roots), town.paid) == (1, 1)
    assert client.upload(DATA, patient).root not in roots


def test_open__several_parts__are_read_of_one_reading(client, pair):
    roots = client.upload(DATA, SECRET).roots
    before = pair.servers[0].calls.count("zgs_getFileInfo")
    with client.open(roots, [KEY]) as reading:
        assert reading.size == len(DATA)
        assert [reading.read(at, 10) for at in (0, 300_000)] == [DATA[:10], DATA[300_000:300_010]]
    assert pair.servers[0].calls.count("zgs_getFileInfo") <= before + len(roots)


def test_upload__not_agreed_to__pays_nothing(client, town):
    with pytest.raises(Declined):
        client.upload(DATA, agree=lambda quote: False)
    assert town.paid == 0


def test_upload__without_chain_or_account__is_refused(pair, tmp_path):
    for options in ({}, {"rpc": URL}, {"account": PAYER}):
        with (
            StorageClient(pair.urls, state=tmp_path, **options) as reader,
            pytest.raises(BadSettings, match="needs the RPC of a chain and an account that pays"),
        ):
            reader.upload(b"data")


@pytest.mark.parametrize("source", [b"", "empty"])
def test_upload__empty_file__is_refused(client, tmp_path, source):
    (tmp_path / "empty").touch()
    with pytest.raises(Invalid, match="is empty"):
        client.upload(source if isinstance(source, bytes) else tmp_path / source)


@pytest.mark.parametrize("options", [UploadOptions(), SMALL, SECRET], ids=["whole", "fragments", "encrypted"])
def test_directory__uploaded_and_downloaded__is_the_same_tree(client, town, tree, tmp_path, options):
    openers = [KEY] if options.encryption else []
    uploaded = client.upload_directory(tree, options)
    assert len(town.quotes) <= 1
    assert client.is_directory(uploaded.root, openers)
    client.download_directory(uploaded.root, tmp_path / "copy", openers)
    assert shape(tmp_path / "copy") == shape(tree)


def test_directory__listing__is_never_cut_so_that_one_root_names_it(client, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(DATA[:600])
    for number in range(20):
        (tmp_path / "tree" / f"{number} {'long name ' * 20}").touch()
    uploaded = client.upload_directory(tmp_path / "tree", UploadOptions(fragment=256))
    assert len(uploaded.fragments) == 1
    assert uploaded.size > 256
    entries = {str(place): entry for place, entry in client.directory(uploaded.root).walk()}
    assert (len(entries), len(entries["file"].roots)) == (21, 3)


def test_directory__again_and_changed__fetches_only_what_differs(client, tree, tmp_path, pair):
    root = client.upload_directory(tree, SMALL).root
    client.download_directory(root, tmp_path / "copy")
    (tmp_path / "copy" / "small").write_bytes(b"SMALL")
    asked = []
    for server in pair.servers:
        server.before = lambda call, params: asked.append(call) if call.endswith("/segments") else None
    client.download_directory(root, tmp_path / "copy")
    assert shape(tmp_path / "copy") == shape(tree)
    small = Content(b"small").root.hex()
    assert len([call for call in asked if small in call]) == 1
    assert len(asked) == 2


def test_directory__encrypted_and_there__is_kept(client, tree, tmp_path):
    root = client.upload_directory(tree, SECRET).root
    client.download_directory(root, tmp_path / "copy", [KEY])
    before = {path: path.stat().st_ino for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    client.download_directory(root, tmp_path / "copy", [KEY])
    assert {path: path.stat().st_ino for path in before} == before


def test_directory__names_to_skip__are_left_out(client, tree):
    root = client.upload_directory(tree, skip=frozenset({"deep", "link"})).root
    assert [str(place) for place, _ in client.directory(root).walk()] == ["nothing", "small", "twin"]


def test_directory__too_deep_to_be_read_back__is_refused_before_paying(client, town, tmp_path):
    deep = tmp_path / "top"
    for _ in range(260):
        deep /= "d"
    deep.mkdir(parents=True)
    with pytest.raises(Invalid, match="nested too deeply"):
        client.upload_directory(tmp_path / "top")
    assert town.paid == 0


def test_directory__list_that_is_too_large__is_refused_both_ways(client, town, tree, monkeypatch):
    root = client.upload_directory(tree).root
    monkeypatch.setattr(api_module, "MAX_DIRECTORY", 300)
    paid = town.paid
    with pytest.raises(Invalid, match="too many entries: their list has"):
        client.upload_directory(tree / "..")
    assert town.paid == paid
    with pytest.raises(Invalid, match="bytes: too many for a directory$"):
        client.directory(root)


def test_directory__that_is_a_file__is_refused(client, tmp_path):
    root = client.upload(b"just a file").root
    assert not client.is_directory(root)
    with pytest.raises(Invalid, match="^this file is not a directory$"):
        client.download_directory(root, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_directory__entry_of_another_size_than_in_the_network__is_refused(client, tmp_path):
    root = client.upload(b"content").root
    listing = encode(Directory("/", (File("file", 6, (root,)),)))
    with pytest.raises(NotFound, match="copy/file: no node has .* with 6 bytes; files with this root are:\n  7 bytes"):
        client.download_directory(client.upload(listing).root, tmp_path / "copy")


def test_directory__file_that_nobody_has__is_not_found(client, tmp_path):
    listing = encode(Directory("/", (File("file", 6, (b"\x11" * 32,)),)))
    with pytest.raises(NotFound):
        client.download_directory(client.upload(listing).root, tmp_path / "copy")


def test_download__wrong_key_and_no_key__say_what_is_wrong(client, tmp_path):
    uploaded = client.upload(DATA, SECRET)
    plain = client.upload(b"plain text")
    with pytest.raises(Invalid, match="^an encryption key was given, but not the one of this file"):
        client.download(uploaded.roots, tmp_path / "copy", [Key(bytes(32))])
    with pytest.raises(Invalid, match="^this file is not encrypted in a known format"):
        client.download(plain.root, tmp_path / "copy", [KEY])
    assert not (tmp_path / "copy").exists()


def test_problems__of_all_downloads__are_gathered(client, pair, tmp_path):
    uploaded = client.upload(DATA, UploadOptions(replicas=2))
    for node in pair.nodes:
        node.shelf._verify = False
    pair.nodes[0].damage(Content(DATA), 1)
    client.download(uploaded.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA
    assert len(client.problems) == 1
    assert client.problems[0].startswith("http://node-1: segment 1 is not what the root commits to")


def test_holders__file__are_told(client, pair):
    uploaded = client.upload(b"data", UploadOptions(replicas=2))
    assert [holder.node.url for holder in client.holders(uploaded.root)] == pair.urls
    with pytest.raises(NotFound):
        client.holders(b"\x11" * 32)


def test_upload__nobody_says_who_is_paid__is_refused(pair, tmp_path):
    with (
        StorageClient(pair.urls, rpc=URL, account=PAYER, state=tmp_path) as client,
        pytest.raises(BadSettings, match="nodes must not choose who is paid"),
    ):
        client.upload(b"data")


def test_progress__stages__are_told_in_order(town, pair, tmp_path, monkeypatch):
    told = []
    client = StorageClient(pair.urls, rpc=URL, account=PAYER, state=tmp_path, progress=lambda *seen: told.append(seen))
    monkeypatch.setattr(
        client, "_uploader", lambda: Uploader(client._network, town.payer.wallet, client._progress, town.pause)
    )
    client.upload(DATA, SECRET)
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["hash", "pay", "upload", "finalize"]
    assert [done for stage, done, _ in told if stage == "hash"][-1] >= 2 * len(DATA)


def test_client__chain_client__is_made_of_the_rpc_that_was_named(monkeypatch, pair, tmp_path):
    made = []
    monkeypatch.setattr(api_module, "ChainClient", lambda url: made.append(url) or ChainClient(url))
    monkeypatch.setattr(api_module, "Uploader", lambda network, wallet, progress: None)
    StorageClient(pair.urls, rpc=URL, account=PAYER, flow=FLOW, state=tmp_path)._uploader()
    assert made == [URL]


def test_directory__encrypted_files_whose_roots_others_announce_too__come_back(client, town, tree, pair, tmp_path):
    """The list tells sizes without encryption; what it adds is told by the first bytes of the file."""
    root = client.upload_directory(tree, SECRET).root
    for last in {entry.roots[-1] for _, entry in client.directory(root, [KEY]).walk() if getattr(entry, "roots", ())}:
        longer = Content(client.read(last, 0, SEGMENT_BYTES) + bytes(24))
        assert longer.root == last
        town.payer.chain.submit(longer.submission())
        pair.follow(town.payer.chain)
        for node in pair.nodes:
            node.put(longer)
            node.shelf.complete(longer.content)
    client.download_directory(root, tmp_path / "copy", [KEY])
    assert shape(tmp_path / "copy") == shape(tree)
