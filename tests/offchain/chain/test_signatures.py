import pytest
from eth_account import Account

from offchain.chain.account import Account as Signer
from offchain.chain.signatures import typed_data_signer
from offchain.errors import Invalid

KEY = "0x" + "11" * 32
DOMAIN = {"name": "test", "version": "1", "chainId": 5}
TYPES = {"Message": [{"name": "text", "type": "string"}]}
MESSAGE = {"text": "hello"}
SIGNATURE = Signer.from_private_key(KEY).sign_typed_data(DOMAIN, TYPES, MESSAGE)


def test_signer__of_what_was_signed__is_the_key_s_address():
    assert typed_data_signer(DOMAIN, TYPES, MESSAGE, SIGNATURE) == Account.from_key(KEY).address


@pytest.mark.parametrize("changed", [{"text": "hallo"}, {"text": ""}])
def test_signer__of_something_else__is_another_address(changed):
    assert typed_data_signer(DOMAIN, TYPES, changed, SIGNATURE) != Account.from_key(KEY).address


@pytest.mark.parametrize("signature", [b"", SIGNATURE[1:], SIGNATURE + b"\0"])
def test_signer__signature_of_another_length__is_refused(signature):
    with pytest.raises(Invalid, match=f"^a signature has 65 bytes, not {len(signature)}$"):
        typed_data_signer(DOMAIN, TYPES, MESSAGE, signature)


@pytest.mark.parametrize("signature", [bytes(65), b"\xff" * 65, SIGNATURE[:64] + b"\x07"])
def test_signer__no_signature__is_refused(signature):
    with pytest.raises(Invalid, match="^the signature cannot be recovered: "):
        typed_data_signer(DOMAIN, TYPES, MESSAGE, signature)
