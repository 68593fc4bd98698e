"""Files as public clients encrypt them."""

from Crypto.Cipher import AES

NONCE = bytes(range(16))


def encrypted_by_key(key, data, nonce=NONCE):
    """Public format 1: AES-256-CTR behind its version and a nonce."""
    cipher = AES.new(key.secret, AES.MODE_CTR, nonce=b"", initial_value=nonce)
    return b"\x01" + nonce + cipher.encrypt(data)
