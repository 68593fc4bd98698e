import json
from typing import ClassVar

import pytest
from eth_account import Account as EthAccount

from offchain.errors import BadSettings
from offchain.runtime.settings import read_settings
from offchain.runtime.shared_settings import ChainSettings, KeySettings, LogSettings

KEY = "0x" + "a1" * 32
ADDRESS = EthAccount.from_key(KEY).address


class Miner(ChainSettings, KeySettings, LogSettings):
    worker: ClassVar[str] = "miner"


def read(environment=None, **flags):
    return read_settings(Miner, {"rpc": "http://127.0.0.1:1", **flags}, environment or {})


def test_account__key_in_the_environment__is_used():
    assert read({"ZG_MINER_PRIVATE_KEY": KEY}).account().address == ADDRESS


def test_account__keystore_with_password_file__is_opened(tmp_path):
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    keystore.write_text(json.dumps(EthAccount.encrypt(KEY, "word", kdf="pbkdf2", iterations=2)))
    password.write_text("word\n")
    assert read(keystore=keystore, keystore_password_file=password).account().address == ADDRESS


def test_account__nothing_given__says_what_to_set():
    with pytest.raises(BadSettings, match="set --keystore and ZG_MINER_KEYSTORE_PASSWORD, or ZG_MINER_PRIVATE_KEY"):
        read().account()


def test_account__keystore_without_password__says_what_to_set(tmp_path):
    with pytest.raises(BadSettings, match="set ZG_MINER_KEYSTORE_PASSWORD, or --keystore-password-file"):
        read(keystore=tmp_path / "key.json").account()


def test_client__settings__decide_address_and_chain():
    assert read(chain_id=7).client().origin == "http://127.0.0.1:1"


def test_settings__several_groups__are_one_flat_object():
    shown = read({"ZG_MINER_PRIVATE_KEY": KEY}, max_fee="20gwei", rpc_timeout="3s").shown()
    assert (shown["max_fee"], shown["rpc_timeout"], shown["log_level"]) == (20 * 10**9, 3.0, "info")
    assert KEY not in str(shown)
