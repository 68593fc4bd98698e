"""The key that signs; it never leaves this module, in no text either."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_utils.exceptions import ValidationError

from offchain.errors import BadSettings


class Account:
    """An address and the power to sign for it."""

    __slots__ = ("_signer", "address")

    def __init__(self, signer: LocalAccount) -> None:
        """Use `from_keystore` or `from_private_key`."""
        self._signer = signer
        self.address: str = signer.address

    @classmethod
    def from_keystore(cls, keystore: Path, password: str) -> "Account":
        """The key of an encrypted keystore file (version 3); raises `BadSettings` in the operator's words."""
        try:
            key = EthAccount.decrypt(json.loads(keystore.read_text()), password)
        except OSError as error:
            raise BadSettings(f"the keystore {keystore} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, ValidationError) as error:
            wrong = "the password does not open it" if "MAC" in str(error) else "it is no keystore of version 3"
            raise BadSettings(f"the keystore {keystore} cannot be opened: {wrong}") from None
        return cls(EthAccount.from_key(key))

    @classmethod
    def from_private_key(cls, key: str) -> "Account":
        """A bare key of 64 hexadecimal digits; raises `BadSettings` without repeating it."""
        try:
            return cls(EthAccount.from_key(key.strip()))
        except (ValueError, ValidationError):
            raise BadSettings("the private key is not 64 hexadecimal digits, with or without 0x") from None

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """The signed bytes of a transaction in web3's field names, and their hash."""
        signed = self._signer.sign_transaction(dict(transaction))
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def sign_typed_data(self, domain: Mapping[str, Any], types: Mapping[str, Any], message: Mapping[str, Any]) -> bytes:
        """The 65-byte EIP-712 signature r, s, v of a message, v being 27 or 28."""
        signed = self._signer.sign_typed_data(dict(domain), dict(types), dict(message))
        return bytes(signed.signature)

    def sign_message(self, message: bytes) -> bytes:
        """The 65-byte EIP-191 signature ("personal sign") of `message`."""
        return bytes(self._signer.sign_message(encode_defunct(message)).signature)

    def __repr__(self) -> str:
        """The address only."""
        return f"Account({self.address})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Refused: a pickled key would travel to other processes and files."""
        raise TypeError("an account is not pickled: its key stays in this process")
