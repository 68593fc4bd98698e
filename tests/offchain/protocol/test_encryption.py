import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol import secp256k1
from offchain.protocol.encryption import (
    BLOCK_BYTES,
    TAG_BYTES,
    CounterCipher,
    Identity,
    Key,
    NoCipher,
    Password,
    Recipient,
)
from offchain.protocol.encryption_header import (
    MAGIC,
    MAX_HEAD_BYTES,
    agreed_key,
    authenticated_cipher,
    cipher_of,
    hkdf,
    needed_by,
    public_cipher,
    salt_of,
    stretched,
)
from tests.doubles.files import vector_bytes

HERE = Path(__file__).parent
VECTORS = json.loads((HERE.parents[1] / "vectors" / "encryption.json").read_text())
REFERENCE = VECTORS["reference"]
SEED = bytes.fromhex(VECTORS["seed"])
PRIVATE = b"\x11" * 32
KEY, IDENTITY, PASSWORD = Key(b"\x07" * 32), Identity(PRIVATE), Password("pass")
SALT, WORK = bytes(16), 10
LOCKS = {
    "key": (KEY, KEY),
    "password": (stretched(PASSWORD, SALT, WORK), PASSWORD),
    "recipient": (Recipient(secp256k1.public_key(PRIVATE)), IDENTITY),
}
CIPHERS = {name: authenticated_cipher(lock, SEED) for name, (lock, _) in LOCKS.items()} | {
    "public key": public_cipher(KEY, SEED),
    "public recipient": public_cipher(LOCKS["recipient"][0], SEED),
    "none": NoCipher(),
}
AUTHENTICATED = [CIPHERS[name] for name in LOCKS]
sizes = st.one_of(st.integers(0, 200), st.integers(0, 3).map(lambda n: n * BLOCK_BYTES), st.integers(0, 3 << 18))


def unhex(text):
    return bytes.fromhex(text)


def opener_of(vector):
    """What opens a vector."""
    if "password" in vector:
        return Password(vector["password"])
    return Key(unhex(vector["key"])) if "key" in vector else Identity(unhex(vector["private"]))


def encrypted(cipher, plain):
    """All that is stored of a file."""
    size = cipher.stored_size(len(plain))
    return b"".join(
        cipher.encrypt(at, plain[cipher.plain_position(at) : cipher.plain_position(end)], end == size)
        for at, end in blocks(size)
    )


def decrypted(cipher, stored):
    return b"".join(cipher.decrypt(at, stored[at:end], end == len(stored)) for at, end in blocks(len(stored)))


def blocks(size):
    return [(at, min(at + BLOCK_BYTES, size)) for at in range(0, max(size, 1), BLOCK_BYTES)]


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_vectors__files__are_made_and_read(vector):
    cipher = cipher_of(unhex(vector["stored"]), [opener_of(vector)])
    assert decrypted(cipher, unhex(vector["stored"])).hex() == vector["plaintext"]
    assert encrypted(cipher, unhex(vector["plaintext"])).hex() == vector["stored"]


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_vectors__another_implementation__reads_them(vector):
    job = json.dumps(vector)
    told = subprocess.run(["node", HERE / "encryption_oracle.cjs"], input=job, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == (vector["plaintext"], "")


def test_vectors__file_of_three_blocks__has_the_published_digest_and_another_implementation_reads_it():
    vector, plain = VECTORS["large"], vector_bytes(VECTORS["large"]["size"])
    stored = encrypted(authenticated_cipher(Key(unhex(vector["key"])), SEED), plain)
    assert len(stored) == vector["storedSize"]
    assert hashlib.sha256(stored).hexdigest() == vector["storedSha256"]
    assert [stored[end - TAG_BYTES : end].hex() for _, end in blocks(len(stored))] == vector["tags"]
    job = json.dumps({"key": vector["key"], "stored": stored.hex()})
    told = subprocess.run(["node", HERE / "encryption_oracle.cjs"], input=job, capture_output=True, text=True)
    assert bytes.fromhex(told.stdout) == plain


def test_reference__first_public_format__is_read_from_any_position():
    vector = REFERENCE["v1"]
    stored, plain = unhex(vector["stored"]), unhex(vector["plaintext"])
    cipher = cipher_of(stored, [Key(unhex(vector["key"]))])
    assert cipher.decrypt(0, stored, True) == plain
    for position in range(len(plain)):
        start = cipher.stored_position(position)
        assert cipher.decrypt(start, stored[start:], True) == plain[position:]


def test_reference__counter_at_its_end__goes_on_from_zero():
    vector = REFERENCE["wrap"]
    cipher = CounterCipher(b"\x01" + unhex(vector["nonce"]), unhex(vector["key"]))
    assert cipher.encrypt(0, bytes(32), True)[17:].hex() == vector["encryptedZeros"]
    assert cipher.encrypt(17 + 16, bytes(16), True).hex() == vector["encryptedZeros"][32:]


def test_reference__second_public_format__leads_to_the_published_key():
    vector = REFERENCE["v2"]
    ephemeral, recipient = unhex(vector["ephemeralPriv"]), unhex(vector["recipientPub"])
    assert agreed_key(ephemeral, recipient).hex() == vector["derivedKey"]
    assert secp256k1.public_key(ephemeral).hex() == vector["ephemeralPub"]
    cipher = cipher_of(unhex(vector["stored"]), [Identity(unhex(vector["recipientPriv"]))])
    assert cipher.decrypt(0, unhex(vector["stored"]), True).hex() == vector["plaintext"]


def test_hkdf__rfc_5869__gives_its_first_test_case():
    told = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert told.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"


@pytest.mark.parametrize("name", CIPHERS)
@given(size=sizes)
def test_cipher__file_of_any_size__comes_back(name, size):
    cipher, plain = CIPHERS[name], vector_bytes(size)
    stored = encrypted(cipher, plain)
    assert (len(stored), cipher.plain_size(len(stored))) == (cipher.stored_size(size), size)
    assert decrypted(cipher, stored) == plain


@pytest.mark.parametrize("name", LOCKS)
def test_cipher_of__header_and_opener__is_the_cipher_that_was_made(name):
    stored = encrypted(CIPHERS[name], vector_bytes(1000))
    for start in (stored[:MAX_HEAD_BYTES], stored):
        assert decrypted(cipher_of(start, [LOCKS[name][1]]), stored) == vector_bytes(1000)


@pytest.mark.parametrize("cipher", AUTHENTICATED, ids=LOCKS)
@given(size=st.integers(0, 300), data=st.data())
def test_authenticated__any_flipped_bit__is_noticed(cipher, size, data):
    stored = bytearray(encrypted(cipher, vector_bytes(size)))
    bit = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Invalid, match=r"was changed, moved or cut off|incomplete or changed"):
        cipher.decrypt(0, stored, True)


@pytest.mark.parametrize("name", LOCKS)
@given(data=st.data())
def test_authenticated__flipped_bit_in_the_header__is_noticed_when_it_is_opened(name, data):
    head = bytearray(CIPHERS[name].head)
    bit = data.draw(st.integers(0, len(head) * 8 - 1).filter(lambda bit: name != "password" or bit // 8 != 39))
    head[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Invalid):
        cipher_of(bytes(head), [KEY, PASSWORD, IDENTITY])


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 17])
def test_authenticated__truncated_anywhere__is_noticed(cut):
    cipher = CIPHERS["key"]
    stored = encrypted(cipher, vector_bytes(2 * BLOCK_BYTES + 500))[:-cut]
    with pytest.raises(Invalid, match="cut off"):
        cipher.plain_size(len(stored))
        decrypted(cipher, stored)


def test_authenticated__blocks_in_another_order__are_noticed():
    cipher = CIPHERS["key"]
    stored = encrypted(cipher, vector_bytes(4 * BLOCK_BYTES))
    first, second, third, *rest = [stored[at:end] for at, end in blocks(len(stored))]
    with pytest.raises(Invalid, match="^block 1 of this encrypted file was changed, moved"):
        decrypted(cipher, b"".join([first, third, second, *rest]))


def test_authenticated__block_of_another_file_with_the_same_key__is_noticed():
    one, other = (authenticated_cipher(KEY, bytes([number]) * 32) for number in (1, 2))
    plain = vector_bytes(3 * BLOCK_BYTES)
    mixed = bytearray(encrypted(one, plain))
    mixed[BLOCK_BYTES : 2 * BLOCK_BYTES] = encrypted(other, plain)[BLOCK_BYTES : 2 * BLOCK_BYTES]
    with pytest.raises(Invalid, match="^block 1 "):
        decrypted(one, bytes(mixed))


def test_authenticated__file_with_more_behind_its_end__is_noticed():
    cipher = CIPHERS["key"]
    stored = encrypted(cipher, vector_bytes(2 * BLOCK_BYTES - len(cipher.head) - 2 * TAG_BYTES))
    assert len(stored) == 2 * BLOCK_BYTES
    with pytest.raises(Invalid, match="^block 1 "):
        decrypted(cipher, stored + stored[BLOCK_BYTES:])


def test_authenticated__piece_that_begins_inside_of_a_block__is_refused():
    with pytest.raises(Invalid, match="cut inside of a block"):
        CIPHERS["key"].decrypt(256, bytes(256), False)


@pytest.mark.parametrize("cipher", CIPHERS.values(), ids=CIPHERS)
@given(size=sizes.filter(bool), data=st.data())
def test_stored_position__any_byte__is_in_the_block_that_gives_it(cipher, size, data):
    position = data.draw(st.integers(0, size - 1))
    stored = cipher.stored_position(position)
    begin = stored - stored % BLOCK_BYTES
    end = min(begin + BLOCK_BYTES, cipher.stored_size(size))
    assert cipher.plain_position(begin) <= position < cipher.plain_position(end)


def test_same_lock__other_seed__gives_other_bytes():
    heads = {authenticated_cipher(lock, seed).head for lock, _ in LOCKS.values() for seed in (SEED, bytes(32))}
    assert len(heads) == 6


def test_public_cipher__password__is_refused():
    with pytest.raises(Invalid, match="^public clients know no passwords"):
        public_cipher(LOCKS["password"][0], SEED)


@pytest.mark.parametrize(
    ("name", "openers", "reason"),
    [
        ("key", [], "^an encryption key is needed to read this file$"),
        ("key", [PASSWORD, IDENTITY], "^an encryption key is needed to read this file$"),
        ("key", [Key(bytes(32))], "^an encryption key was given, but not the one of this file, or its header"),
        ("password", [KEY], "^a password is needed to read this file$"),
        ("password", [Password("Pass")], "^a password was given, but not the one of this file"),
        ("recipient", [KEY], "^the private key of its recipient is needed"),
        ("recipient", [Identity(b"\x12" * 32)], "^the private key of its recipient was given, but not the one"),
        ("public key", [PASSWORD], "^an encryption key is needed"),
        ("public recipient", [KEY], "^the private key of its recipient is needed"),
        ("none", [KEY], "^this file is not encrypted in a known format: read it without a key$"),
    ],
)
def test_cipher_of__no_opener_that_fits__says_what_is_needed(name, openers, reason):
    with pytest.raises(Invalid, match=reason):
        cipher_of(encrypted(CIPHERS[name], b"some text"), openers)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"", "not encrypted in a known format"),
        (b"\x03" + bytes(100), "not encrypted in a known format"),
        (b"\x01" + bytes(15), "too short to be encrypted"),
        (b"\x02" + bytes(48), "too short to be encrypted"),
        (b"\x02" + bytes(200), "a public key of secp256k1"),
        (MAGIC, "cut off in its header"),
        (MAGIC + b"\x01" + bytes(63), "cut off in its header"),
        (MAGIC + b"\x04" + bytes(200), "in the unknown mode 4"),
        (MAGIC + b"\x03" + bytes(200), "a public key of secp256k1"),
    ],
)
def test_cipher_of__header_that_is_none__is_refused(start, reason):
    with pytest.raises(Invalid, match=reason):
        cipher_of(start, [KEY, PASSWORD, IDENTITY])


@pytest.mark.parametrize("work", [0, 9, 19, 20, 255])
def test_cipher_of__password_that_would_take_for_ever__is_refused(work):
    head = bytearray(CIPHERS["password"].head)
    head[39] = work
    with pytest.raises(Invalid, match=rf"^this file asks for 2\^{work} steps of scrypt"):
        cipher_of(bytes(head), [PASSWORD])


@pytest.mark.parametrize("size", [0, 70, 71, 86, BLOCK_BYTES + 1, BLOCK_BYTES + 16])
def test_plain_size__length_that_no_file_has__is_refused(size):
    with pytest.raises(Invalid, match="are no whole encrypted file: it was cut off$"):
        CIPHERS["key"].plain_size(size)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Key(bytes(31)), "^an encryption key has 32 bytes, not 31$"),
        (lambda: Password(""), "^a password has at least one character$"),
        (lambda: Recipient(bytes(33)), "public key"),
        (lambda: Identity(bytes(32)), "private key"),
    ],
)
def test_secrets__that_are_none__are_refused(make, reason):
    with pytest.raises(Invalid, match=reason):
        make()


def test_secrets__shown__do_not_tell():
    shown = repr([KEY, PASSWORD, IDENTITY, LOCKS["password"][0]])
    assert "07" not in shown
    assert "pass" not in shown
    assert "11" not in shown


def test_salt_of__header__tells_salt_and_work_of_passwords_only():
    assert salt_of(CIPHERS["password"].head) == (SALT, WORK)
    assert [salt_of(CIPHERS[name].head) for name in ("key", "recipient", "public key")] == [None] * 3


def test_needed_by__header__tells_what_opens_it():
    told = [needed_by(CIPHERS[name].head) for name in (*LOCKS, "public key")]
    assert told == ["an encryption key", "a password", "the private key of its recipient", None]
    assert needed_by(MAGIC) is None
    assert needed_by(b"") is None
