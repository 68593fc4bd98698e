"""Who signed something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from offchain.errors import Invalid

SIGNATURE_BYTES = 65


def typed_data_signer(
    domain: Mapping[str, Any], types: Mapping[str, Any], message: Mapping[str, Any], signature: bytes
) -> str:
    """The checksummed address whose key made an EIP-712 signature r, s, v of 65 bytes; Invalid when there is none."""
    if len(signature) != SIGNATURE_BYTES:
        raise Invalid(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    try:
        signable = encode_typed_data(dict(domain), dict(types), dict(message))
        return str(Account.recover_message(signable, signature=signature))
    except (BadSignature, ValidationError, ValueError) as error:
        raise Invalid(f"the signature cannot be recovered: {error}") from error
