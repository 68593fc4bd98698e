"""Encrypted files and directories through real nodes: only who has the key reads them, and nobody changes them."""

import secrets

import pytest

from offchain.errors import Invalid
from offchain.protocol import secp256k1
from offchain.protocol.encryption import Identity, Key, Password, Recipient
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.upload import UploadOptions
from tests.doubles.cluster import private_key
from tests.doubles.command_line import CommandLine
from tests.doubles.guillotine import Guillotine
from tests.doubles.nursery import nursery
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

FRAGMENT = 262_144
SIZE = 5 * FRAGMENT + 1000
USER = 7
PRIVATE = b"\x17" * 32
WAYS = {
    "key": (Key(b"\x42" * 32), Key(b"\x42" * 32)),
    "password": (Password("correct horse"), Password("correct horse")),
    "recipient": (Recipient(secp256k1.public_key(PRIVATE)), Identity(PRIVATE)),
}


def options(lock, fragment=FRAGMENT, public=False):
    return UploadOptions(fragment=fragment, encryption=Encryption(lock, public))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fragment", [FRAGMENT, 4 << 30])
def test_encrypted__any_way_in_fragments_or_not__comes_back(plain, way, fragment, tmp_path):
    lock, opener = WAYS[way]
    sample = Sample(SIZE, seed=f"{way} {fragment}")
    with plain.client(USER) as client:
        uploaded = client.upload(sample.data, options(lock, fragment))
        client.download(uploaded.roots, tmp_path / "copy", [opener])
        assert client.read(uploaded.roots, FRAGMENT - 50, 200, [opener]) == sample.data[FRAGMENT - 50 : FRAGMENT + 150]
        stored = client.read(uploaded.roots, 0, uploaded.size)
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert len(stored) > SIZE
    assert sample.data[:64] not in stored


@pytest.mark.parametrize("way", ["key", "recipient"])
def test_encrypted__in_a_public_format_in_fragments__comes_back(plain, way, tmp_path):
    lock, opener = WAYS[way]
    sample = Sample(SIZE, seed=f"public {way}")
    with plain.client(USER) as client:
        uploaded = client.upload(sample.data, options(lock, public=True))
        client.download(uploaded.roots, tmp_path / "copy", [opener])
        assert client.read(uploaded.roots, FRAGMENT - 50, 200, [opener]) == sample.data[FRAGMENT - 50 : FRAGMENT + 150]
    assert (tmp_path / "copy").read_bytes() == sample.data


def test_encrypted__interrupted_and_run_again__pays_once_and_sends_the_same_bytes(plain, tmp_path):
    sample, lock = Sample(SIZE, seed="interrupted"), WAYS["recipient"][0]
    before = len(plain.chain.submit_events())

    def interrupting(stage, done, total):
        if stage == "upload" and done:
            raise KeyboardInterrupt

    with plain.client(USER, progress=interrupting) as client, pytest.raises(KeyboardInterrupt):
        client.upload(sample.data, options(lock))
    with plain.client(USER) as client:
        client.upload(sample.data, options(lock))
    assert len(plain.chain.submit_events()) == before + 6


def test_encrypted__wrong_key_or_none__reads_nothing(plain, tmp_path):
    sample = Sample(1000, seed="secret")
    with plain.client(USER) as client:
        root = client.upload(sample.data, options(WAYS["key"][0])).root
        for openers in ([Key(bytes(32))], [Password("x")], [Identity(PRIVATE)]):
            with pytest.raises(Invalid):
                client.download(root, tmp_path / "copy", openers)
        assert list(tmp_path.iterdir()) == []


def test_encrypted__fragments_of_two_files_mixed__are_refused(plain, tmp_path):
    lock, opener = WAYS["key"]
    with plain.client(USER) as client:
        one, other = (client.upload(Sample(SIZE, seed=seed).data, options(lock)).roots for seed in ("one", "other"))
        for mixed in ([one[0], other[1], *one[2:]], [one[0], one[2], one[1], *one[3:]], one[:-1]):
            with pytest.raises(Invalid, match=r"was changed, moved or cut off|was cut off"):
                client.download(mixed, tmp_path / "copy", [opener])
    assert not (tmp_path / "copy").exists()


def test_encrypted_directory__names_and_content__come_back_only_with_the_password(plain, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "large").write_bytes(Sample(3 * FRAGMENT, seed="directory").data)
    (source / "small").write_bytes(b"secret text")
    (source / "empty").touch()
    (source / "link").symlink_to("small")
    lock, opener = WAYS["password"]
    with plain.client(USER) as client:
        root = client.upload_directory(source, options(lock)).root
        assert not client.is_directory(root)
        assert client.is_directory(root, [opener])
        client.download_directory(root, copy, [opener])
        client.download_directory(root, copy, [opener])
    for name in ("inner/large", "small", "empty", "link"):
        assert (copy / name).read_bytes() == (source / name).read_bytes()
    assert (copy / "link").is_symlink()


@pytest.mark.parametrize(
    ("call", "after"), [("eth_sendRawTransaction", False), ("eth_sendRawTransaction", True), ("segments", True)]
)
def test_zg__killed_during_an_encrypted_upload__goes_on_with_the_same_bytes_and_pays_once(plain, call, after, tmp_path):
    (tmp_path / "file").write_bytes(Sample(SIZE, seed=f"killed {call} {after}").data)
    (tmp_path / "password").write_text("correct horse")
    secret = ("--encryption-password-file", tmp_path / "password")
    command = ("upload", tmp_path / "file", "--fragment-size", "256KiB", "--yes", *secret)
    with Guillotine(plain.chain.url, plain.nodes[0].url) as guillotine:
        zg, before = CommandLine(plain, guillotine, tmp_path), len(plain.chain.submit_events())
        assert zg.run_and_die(_number_of(call, zg, tmp_path), after, *command)
        told = zg.run(*command)
    assert len(plain.chain.submit_events()) == before + 6 + 6
    with plain.client(USER) as client:
        roots = [bytes.fromhex(root.removeprefix("0x")) for root in told["roots"].split(",")]
        client.download(roots, tmp_path / "copy", [Password("correct horse")])
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()


def _number_of(call, zg, folder):
    """When an exchange takes place in an upload of another file in as many fragments."""
    (folder / "other").write_bytes(Sample(SIZE + 5, seed=str(folder)).data)
    zg.guillotine.disarm()
    zg.run("upload", folder / "other", "--fragment-size", "256KiB", "--yes")
    return zg.guillotine.names.index(call if call.startswith("eth") else f"POST {call}")


def test_zg__keys_from_files_and_environment__encrypt_and_decrypt(plain, tmp_path):
    (tmp_path / "file").write_bytes(Sample(SIZE, seed="zg").data)
    (tmp_path / "key").write_text(secrets.token_hex(32) + "\n")
    settings = {"ZG_CLIENT_PRIVATE_KEY": private_key(USER), "ZG_STATE_DIR": str(tmp_path / "state")}
    network = ["--nodes", ",".join(node.url for node in plain.nodes)]

    def zg(*arguments, code=0, **secret):
        worker = nursery().start("offchain.cli", ["storage", *arguments], tmp_path / "out", **settings, **secret)
        assert worker.wait() == code, worker.text()
        return worker.text()

    told = zg(
        *("upload", tmp_path / "file", "--encryption-key-file", tmp_path / "key"),
        *("--yes", "--rpc", plain.chain.url, "--flow", plain.chain.flow.address, *network),
    )
    root = told.split()[1]
    assert "encrypted file, read with an encryption key" in zg("info", root, *network)
    assert "password is needed" not in zg("download", root, tmp_path / "wrong", *network, code=2, **wrong())
    zg("download", root, tmp_path / "copy", *network, ZG_CLIENT_ENCRYPTION_KEY=(tmp_path / "key").read_text())
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()


def wrong():
    return {"ZG_CLIENT_ENCRYPTION_KEY": "00" * 32}
