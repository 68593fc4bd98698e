import json
import pickle

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from offchain.chain.account import Account
from offchain.chain.envelope import Envelope
from offchain.chain.types import Fees, PreparedCall
from offchain.errors import BadSettings

KEY = "0x" + "a1" * 32
ADDRESS = EthAccount.from_key(KEY).address
DOMAIN = {"name": "x", "chainId": 1}
TYPES = {"Note": [{"name": "text", "type": "string"}]}


@pytest.fixture
def keystore(tmp_path):
    file = tmp_path / "key.json"
    file.write_text(json.dumps(EthAccount.encrypt(KEY, "pass word", kdf="pbkdf2", iterations=2)))
    return file


def test_from_keystore__right_password__opens_it(keystore):
    assert Account.from_keystore(keystore, "pass word").address == ADDRESS


def test_from_keystore__wrong_password__says_so(keystore):
    with pytest.raises(BadSettings, match="the password does not open it"):
        Account.from_keystore(keystore, "guess")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}', "not json", '{"version": 3, "crypto": {}}'])
def test_from_keystore__something_else__says_so(tmp_path, content):
    file = tmp_path / "key.json"
    file.write_text(content)
    with pytest.raises(BadSettings, match="no keystore of version 3"):
        Account.from_keystore(file, "x")


def test_from_keystore__missing_file__says_so(tmp_path):
    with pytest.raises(BadSettings, match="cannot be read: No such file"):
        Account.from_keystore(tmp_path / "none", "x")


@pytest.mark.parametrize("key", [KEY, KEY[2:], f"  {KEY}\n"])
def test_from_private_key__with_or_without_prefix__is_the_same_account(key):
    assert Account.from_private_key(key).address == ADDRESS


@pytest.mark.parametrize("key", ["", "0x12", KEY + "00", "z" * 64, "0x" + "00" * 32, "0x" + "ff" * 32])
def test_from_private_key__no_key__is_refused_without_repeating_it(key):
    with pytest.raises(BadSettings) as refusal:
        Account.from_private_key(key)
    assert "private key is not" in str(refusal.value)
    assert not key or key not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_repr__any_account__shows_the_address_only():
    account = Account.from_private_key(KEY)
    assert repr(account) == str(account) == f"Account({ADDRESS})"
    assert KEY[2:] not in repr([account, vars(type(account))])


def test_pickle__any_account__is_refused():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Account.from_private_key(KEY))


@pytest.mark.parametrize("fees", [Fees(10, 2), Fees(10)])
def test_sign_transaction__either_kind_of_fees__recovers_to_the_account(fees):
    envelope = Envelope(7, 3, PreparedCall(ADDRESS, b"\1\2", 5), 30000, fees)
    raw, transaction_hash = Account.from_private_key(KEY).sign_transaction(envelope.as_web3())
    assert EthAccount.recover_transaction(raw) == ADDRESS
    assert len(transaction_hash) == 32


def test_sign_typed_data__any_message__recovers_to_the_account():
    signature = Account.from_private_key(KEY).sign_typed_data(DOMAIN, TYPES, {"text": "hi"})
    signed = EthAccount.from_key(KEY).sign_typed_data(DOMAIN, TYPES, {"text": "hi"})
    assert signature == bytes(signed.signature)
    assert signature[64] in (27, 28)


def test_sign_message__any_bytes__recovers_to_the_account():
    signature = Account.from_private_key(KEY).sign_message(b"hi")
    assert EthAccount.recover_message(encode_defunct(b"hi"), signature=signature) == ADDRESS
