import pytest

from offchain.errors import Invalid
from offchain.protocol.encryption import Identity, Key, Password, Recipient
from offchain.protocol.secp256k1 import public_key
from offchain.storage.client.seeds import Encryption
from offchain.storage.kv.client.sealing import Sealer
from offchain.storage.kv.server.decrypt import Decrypt

PRIVATE = bytes([5]) * 32
LOCKS = [Key(bytes([1]) * 32), Key(bytes([2]) * 32), Recipient(public_key(PRIVATE))]
WAYS = [None, *(Encryption(lock, public) for lock in LOCKS for public in (False, True))]


@pytest.mark.parametrize("size", [16, 262_144, 600_000])
@pytest.mark.parametrize("encryption", WAYS, ids=str)
def test_seal__each_way__is_opened_by_servers_with_the_key(encryption, size):
    plain = bytes(8) + bytes(range(200)) * (size // 200)
    sealed = Sealer(encryption).seal(plain)
    assert (sealed == plain) is (encryption is None)
    openers = [] if encryption is None else [LOCKS[0], LOCKS[1], Identity(PRIVATE)]
    if encryption and encryption.lock == LOCKS[1]:
        openers = [LOCKS[1]]
    assert Decrypt(openers)(sealed) == plain


@pytest.mark.parametrize("encryption", WAYS[1:], ids=str)
def test_seal__twice__differs(encryption):
    sealer = Sealer(encryption)
    assert sealer.seal(b"plain") != sealer.seal(b"plain")


def test_identity__each_way__is_its_own():
    assert len({Sealer(encryption).identity for encryption in WAYS}) == len(WAYS)


def test_sealer__password__is_refused():
    with pytest.raises(Invalid, match="servers open no passwords"):
        Sealer(Encryption(Password("secret")))
