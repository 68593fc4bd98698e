import pytest

from offchain.errors import BadSettings, Invalid
from offchain.protocol import secp256k1
from offchain.protocol.encryption import Key, Password, Recipient
from offchain.protocol.encryption_header import MAX_HEAD_BYTES
from offchain.storage.client import seeds as seeds_module
from offchain.storage.client.seeds import Encryption, seeds_in

ROOT, SIZE = b"\x55" * 32, 1000
WAYS = {
    "key": Encryption(Key(b"\x07" * 32)),
    "password": Encryption(Password("pass")),
    "recipient": Encryption(Recipient(secp256k1.public_key(b"\x11" * 32))),
    "public key": Encryption(Key(b"\x07" * 32), public=True),
    "public recipient": Encryption(Recipient(secp256k1.public_key(b"\x11" * 32)), public=True),
}


@pytest.fixture(autouse=True)
def easy(monkeypatch):
    """Passwords are stretched with little work."""
    stretched = seeds_module.stretched
    monkeypatch.setattr(seeds_module, "stretched", lambda password, salt, work=10: stretched(password, salt, work))


def head(folder, way="key", root=ROOT, size=SIZE):
    """The header that a new process chooses for a file."""
    encryption = WAYS[way] if isinstance(way, str) else way
    with seeds_in(folder) as seeds:
        return seeds.cipher(root, size, encryption).head


@pytest.mark.parametrize("way", WAYS)
def test_cipher__same_file_again__is_encrypted_the_same_way(tmp_path, way):
    first = head(tmp_path, way)
    assert head(tmp_path, way) == first
    assert 0 < len(first) <= MAX_HEAD_BYTES


@pytest.mark.parametrize("way", WAYS)
def test_cipher__another_file__is_encrypted_in_its_own_way(tmp_path, way):
    heads = {head(tmp_path, way), head(tmp_path, way, root=b"\x66" * 32), head(tmp_path, way, size=SIZE - 1)}
    assert len(heads) == 3


def test_cipher__another_lock_or_format__is_another_header(tmp_path):
    ways = [
        *WAYS.values(),
        Encryption(Key(b"\x08" * 32)),
        Encryption(Password("Pass")),
        Encryption(Recipient(secp256k1.public_key(b"\x12" * 32))),
        Encryption(Recipient(secp256k1.public_key(b"\x12" * 32)), public=True),
    ]
    heads = [head(tmp_path, way) for way in ways]
    assert len(set(heads)) == len(ways)
    assert [head(tmp_path, way) for way in ways] == heads


def test_cipher__files_of_one_run__share_the_salt_of_their_password(tmp_path):
    with seeds_in(tmp_path) as seeds:
        salts = {seeds.cipher(bytes([number]) * 32, SIZE, WAYS["password"]).head[39:56] for number in range(3)}
    assert len(salts) == 1
    assert head(tmp_path, "password")[39:56] not in salts


@pytest.mark.parametrize(("way", "is_kept"), [("key", True), ("password", True), ("recipient", False)])
def test_stored__file_for_a_recipient__is_forgotten_and_others_stay_free_of_charge(tmp_path, way, is_kept):
    with seeds_in(tmp_path) as seeds:
        cipher = seeds.cipher(ROOT, SIZE, WAYS[way])
        seeds.stored(cipher, WAYS[way])
    assert (head(tmp_path, way) == cipher.head) == is_kept


def test_stored__seed_of_a_recipient__is_not_left_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds_module.secrets, "token_bytes", lambda count: (b"\xabSEED" * 7)[:count])
    with seeds_in(tmp_path) as seeds:
        cipher = seeds.cipher(ROOT, SIZE, WAYS["recipient"])
        seeds.stored(cipher, WAYS["recipient"])
    for path in tmp_path.iterdir():
        assert b"\xabSEED\xabSEED" not in path.read_bytes()


def test_encryption__password_in_a_public_format__is_refused():
    with pytest.raises(Invalid, match="^public clients know no passwords"):
        Encryption(Password("pass"), public=True)


def test_seeds_in__folder__is_for_its_owner_only(tmp_path):
    head(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert (tmp_path / "state" / "seeds.sqlite").stat().st_mode & 0o077 == 0


def test_seeds_in__place_that_cannot_be_written__is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match="^how files are encrypted cannot be kept in .*: Not a directory$"):
        head(tmp_path / "file" / "state")
