"""With what files are encrypted and decrypted: secrets come from files or the environment, never from flags."""

from __future__ import annotations

from pydantic import Field, SecretStr

from offchain.errors import BadSettings, Invalid
from offchain.protocol.encryption import Identity, Key, Opener, Password, Recipient
from offchain.runtime.settings import Settings, flag
from offchain.storage.client.seeds import AnyLock, Encryption


class SharedSecrets(Settings):
    """What encrypts and decrypts."""

    encryption_key: SecretStr | None = Field(
        None, description="key that encrypts and decrypts files, 64 hexadecimal digits"
    )
    encryption_password: SecretStr | None = Field(None, description="password that encrypts and decrypts files")

    def _shared(self) -> list[Key | Password]:
        shared: list[Key | Password] = []
        if self.encryption_key is not None:
            shared.append(Key(_bytes(self.encryption_key.get_secret_value(), "the encryption key")))
        if self.encryption_password is not None:
            shared.append(Password(self.encryption_password.get_secret_value()))
        return shared


class EncryptSettings(SharedSecrets):
    """What encrypts."""

    encrypt_to: str | None = Field(
        None, description="public key of secp256k1, in hex: only the owner of its private key can decrypt"
    )

    def lock(self) -> AnyLock | None:
        """What to encrypt with, None for nothing; BadSettings for two at once."""
        locks: list[AnyLock] = list(self._shared())
        if self.encrypt_to is not None:
            locks.append(Recipient(_bytes(self.encrypt_to, "the recipient's public key")))
        if len(locks) > 1:
            ways = ", ".join(map(flag, ("encryption_key_file", "encryption_password_file", "encrypt_to")))
            raise BadSettings(f"a file is encrypted in one way: set only one of {ways}, or of their variables")
        return locks[0] if locks else None

    def encryption(self, public: bool) -> Encryption | None:
        """How to encrypt files, None for not at all; `public` for a format of public clients."""
        lock = self.lock()
        if public and lock is None:
            raise BadSettings("--public-format says how to encrypt: say also with what")
        return Encryption(lock, public) if lock else None


class DecryptSettings(SharedSecrets):
    """What decrypts."""

    decryption_key: SecretStr | None = Field(
        None, description="private key that files were encrypted to, 64 hexadecimal digits"
    )

    def openers(self) -> tuple[Opener, ...]:
        """Everything that may open a file; which of it does, the file says."""
        openers: list[Opener] = list(self._shared())
        if self.decryption_key is not None:
            openers.append(Identity(_bytes(self.decryption_key.get_secret_value(), "the decryption key")))
        return tuple(openers)


def _bytes(text: str, what: str) -> bytes:
    """Bytes from hex; the text is not repeated, for it may be a secret."""
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise Invalid(f"{what} is written as hexadecimal digits") from None
