"""How `zg` ends: a code that says what kind of failure it was, a message that says what to do, never a traceback."""

import click
import pytest

import offchain.storage.client.api as api
from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.errors import Busy, PeerUnavailable
from tests.doubles.flow_chain import FLOW
from tests.doubles.zg import KEY, NODE, NOWHERE, PAYER, RPC, commands, zg

WRONG, MISSING, REFUSED, UNAVAILABLE = 2, 3, 4, 5
NOBODY = "0x" + "11" * 32
EVERY_COMMAND = pytest.mark.parametrize("words", commands(), ids=" ".join)


def last(told):
    """The line that says what is wrong; nothing else was told on standard output."""
    assert told.out == ""
    return told.err.splitlines()[-1]


@EVERY_COMMAND
def test_option__unknown__is_wrong_usage(words):
    told = zg(*words, "--bogus")
    assert told.code == WRONG
    assert last(told).startswith("Error: No such option: --bogus")


@pytest.mark.parametrize("words", [["bogus"], ["storage", "bogus"]])
def test_command__unknown__is_wrong_usage(words):
    told = zg(*words)
    assert (told.code, last(told)) == (WRONG, "Error: No such command 'bogus'.")


@pytest.mark.parametrize("root", ["nonsense", "0x12", NOBODY + "0", "0x" + "g" * 64, ""])
@pytest.mark.parametrize("command", ["info", "download"])
def test_root__malformed__is_wrong_usage_and_says_what_a_root_is(command, root):
    told = zg("storage", command, root, *(["copy"] if command == "download" else []))
    assert told.code == WRONG
    assert f"{root!r} is no root: a root is 0x and 64 hexadecimal digits" in last(told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replicas", "many"], "Error: Invalid value for '--replicas': 'many' is not a valid integer."),
        (["--replicas", "0"], "at least one replica is needed"),
        (["--tags", "words"], "'words' are no tags: write bytes as hexadecimal digits"),
        (["--devnet-account", "0"], "--devnet-account is an account of the network that --network describes"),
        (["--rpc", "nowhere"], "the RPC address must start with http:// or https://, not 'nowhere'"),
    ],
)
def test_upload__value_that_cannot_be__is_wrong_usage(around, arguments, message):
    told = around.upload(*arguments)
    assert (told.code, last(told)) == (WRONG, message)


def test_upload__setting_that_cannot_be__is_told_with_its_source(around):
    told = around.upload("--max-fee", "much", ZG_CLIENT_DEVNET_ACCOUNT="first")
    assert told.code == WRONG
    assert told.err.startswith("Error: the settings of client cannot be used:\n")
    assert "  - max_fee, from --max-fee: should be an amount such as 3wei" in told.err
    assert "  - devnet_account, from ZG_CLIENT_DEVNET_ACCOUNT: " in told.err


def test_download__malformed_range__is_wrong_usage(around):
    told = around.download("copy", "--range", "3")
    assert told.code == WRONG
    assert last(told).startswith("Error: Invalid value for '--range': '3' is no range: write the first byte, a colon")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing", lambda path: None, "there is no file {}"),
        ("empty", lambda path: path.touch(), "{} is empty: a file needs at least one byte"),
    ],
)
def test_upload__nothing_to_upload__is_wrong_usage(around, tmp_path, name, make, message):
    path = tmp_path / name
    make(path)
    told = around.upload(path=path)
    assert (told.code, last(told)) == (WRONG, message.format(path))


def test_network__not_known__is_wrong_settings_and_says_how_to_name_one():
    told = zg("storage", "info", NOBODY)
    assert (told.code, last(told)) == (
        WRONG,
        "no network is known: start one with `make devnet`, or set --network, --indexer or --nodes "
        "(or ZG_CLIENT_NETWORK)",
    )


def test_upload__no_chain_known__is_wrong_settings(around):
    told = zg("storage", "upload", around.file, "--nodes", NODE)
    assert (told.code, last(told)) == (WRONG, "uploading needs a chain: set --rpc, or --network")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ({"services": []}, "services: Input should be an object"),
        ({"services": {"storage": 3}}, "services: storage: Input should be a valid array"),
        ({"accounts": [{"address": PAYER}]}, "accounts: 0: key: Field required"),
        ({"contracts": {"Flow": 5}}, "contracts: Flow: Input should be a valid string"),
        ({"rpc": 8545}, "rpc: Input should be a valid string"),
    ],
)
@pytest.mark.parametrize("command", ["info", "upload"])
def test_network__description_that_is_none__is_wrong_settings_and_says_where(around, command, content, message):
    path = around.described(content)
    told = zg("storage", command, NOBODY if command == "info" else around.file, "--network", path)
    assert told.code == WRONG
    assert last(told).startswith(f"the network's description {path} cannot be used: {message}")


def test_network__description_missing__is_wrong_settings():
    told = zg("storage", "info", NOBODY, "--network", "gone.json")
    assert (told.code, last(told)) == (
        WRONG,
        "the network's description gone.json cannot be read: No such file or directory",
    )


def test_network__account_that_is_not_described__is_wrong_settings(around):
    path = around.described({"rpc": RPC, "accounts": [{"key": KEY}], "services": {"storage": [NODE]}})
    told = zg("storage", "upload", around.file, "--network", path, "--devnet-account", 1)
    assert (told.code, last(told)) == (WRONG, f"{path} describes 1 accounts, there is no number 1")


OWN = {"ZG_CLIENT_PRIVATE_KEY": "b2" * 32}
PAYING = pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["storage", "upload", "file"], ["--rpc", "--flow"]),
        (["storage", "kv", "put", "new", "key", "value", "--servers", NOWHERE], ["--rpc", "--flow"]),
        (["account", "pending"], ["--rpc"]),
        (["storage", "miner", "register"], ["--rpc", "--mine"]),
    ],
    ids=["upload", "kv put", "pending", "register"],
)


@PAYING
def test_network__found_in_the_directory__does_not_say_where_a_key_of_ones_own_pays(around, words, missing):
    place = around.found()
    told = zg(*words, **{**around.state, **OWN})
    assert (told.code, last(told)) == (
        WRONG,
        f"{place} lies in this directory, and would choose where {Account.from_private_key('b2' * 32).address} signs "
        f"and whom it pays: if you trust it, set --network {place}, else {' and '.join(missing)}",
    )


@PAYING
@pytest.mark.parametrize("by", ["flag", "variable", "its parts", "a key of the network", "an account of the network"])
def test_network__that_the_user_chose__is_used(around, words, missing, by):
    """The upload comes to the question whether to pay, the others to an RPC where nobody listens."""
    place = around.found()
    arguments = {
        "flag": ["--network", place],
        "its parts": [word for name in missing for word in (name, NOWHERE if name == "--rpc" else FLOW)],
        "an account of the network": ["--devnet-account", "0"],
    }
    environment = {
        "variable": {"ZG_CLIENT_NETWORK": str(place)},
        "a key of the network": {"ZG_CLIENT_PRIVATE_KEY": KEY},
    }
    told = zg(*words, *arguments.get(by, []), **{**around.state, **OWN, **environment.get(by, {})})
    assert told.code == (REFUSED if "upload" in words else UNAVAILABLE), told.err


def test_network__found_in_the_directory__is_read_from_with_any_key(around):
    around.found()
    assert zg("storage", "info", around.root, **{**around.state, **OWN}).code == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ([], {"ZG_CLIENT_PRIVATE_KEY": ""}, "no key to sign with: set --keystore and ZG_CLIENT_KEYSTORE_PASSWORD, or "),
        ([], {"ZG_CLIENT_PRIVATE_KEY": "12" * 31}, "the private key is not 64 hexadecimal digits, with or without 0x"),
        (
            ["--keystore", "file"],
            {"ZG_CLIENT_PRIVATE_KEY": ""},
            "the keystore file needs its password: set ZG_CLIENT_KEYSTORE_PASSWORD, or --keystore-password-file",
        ),
        (
            ["--keystore", "file"],
            {"ZG_CLIENT_PRIVATE_KEY": "", "ZG_CLIENT_KEYSTORE_PASSWORD": "open"},
            "the keystore file cannot be opened: it is no keystore of version 3",
        ),
        (
            ["--keystore", "gone"],
            {"ZG_CLIENT_PRIVATE_KEY": "", "ZG_CLIENT_KEYSTORE_PASSWORD": "open"},
            "the keystore gone cannot be read: No such file or directory",
        ),
        (
            ["--private-key-file", "gone"],
            {"ZG_CLIENT_PRIVATE_KEY": ""},
            "  - the file gone, from --private-key-file, cannot be read: No such file or directory",
        ),
    ],
)
def test_upload__key_missing_or_unusable__is_wrong_settings(around, arguments, environment, message):
    told = around.upload(*arguments, **environment)
    assert told.code == WRONG
    assert last(told).startswith(message)


def test_upload__journal_cannot_be_kept__is_wrong_settings(around):
    told = around.upload(ZG_STATE_DIR=str(around.file))
    assert told.code == WRONG
    assert last(told).startswith(f"the journal of payments cannot be kept in {around.file}/31337-")


@pytest.mark.parametrize("options", [[], ["--range", "0:10"]])
def test_download__destination_cannot_be_written__is_wrong_usage(around, tmp_path, options):
    (tmp_path / "directory").mkdir()
    for path in (tmp_path / "directory", tmp_path / "gone" / "copy"):
        told = around.download(path, *options)
        assert told.code == WRONG
        assert str(path.parent) in last(told)


def test_file__that_nobody_has__is_not_found(around, tmp_path):
    for told in (around.info(NOBODY), zg("storage", "download", NOBODY, tmp_path / "copy", "--nodes", NODE)):
        assert (told.code, last(told)) == (MISSING, f"no node has {NOBODY}")
    assert not (tmp_path / "copy").exists()


def test_download__part_of_a_file_that_nobody_has__keeps_what_was_there(around):
    before = around.file.read_bytes()
    told = zg("storage", "download", NOBODY, around.file, "--nodes", NODE, "--range", "0:10")
    assert told.code == MISSING
    assert around.file.read_bytes() == before


def test_upload__more_replicas_than_nodes__is_not_found(around):
    told = around.upload("--replicas", 2)
    assert (told.code, last(told)) == (MISSING, "1 nodes cannot hold 2 replicas: ask for fewer, or name more nodes")


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_upload__price_declined__is_refused_and_nothing_sent(around, answer):
    told = around.upload(answer=answer)
    assert told.code == REFUSED
    assert "1 file(s), 1 sectors of 256 bytes at 1000 wei: 1000 wei, and at most " in told.err
    assert told.err.endswith("wei were not agreed to; nothing was paid\n")
    assert around.chain.broadcast == []


def test_upload__nobody_there_to_ask__is_refused_and_nothing_sent(around, monkeypatch):
    def gone(*_, **__):
        raise click.Abort

    monkeypatch.setattr(click, "confirm", gone)
    told = around.upload()
    assert told.code == REFUSED
    assert last(told).endswith("wei were not agreed to; nothing was paid")
    assert around.chain.broadcast == []


def test_upload__account_is_empty__is_refused_with_what_is_missing(around):
    around.chain.balances[PAYER] = 0
    told = around.upload("--yes")
    assert told.code == REFUSED
    assert last(told).startswith(f"{PAYER} lacks 1000 wei ")


def test_upload__contract_says_no__is_refused_in_its_words(around):
    around.chain.price = 10**6
    around.chain.eth_estimateGas = lambda call: around.chain._raise("flow: paused")
    told = around.upload("--yes")
    assert (told.code, last(told)) == (REFUSED, "the contract refused: flow: paused")
    assert around.chain.broadcast == []


def test_interrupted__by_the_user__is_refused(around):
    def interrupt(*_):
        raise KeyboardInterrupt

    around.server.before = interrupt
    told = around.info(around.root)
    assert (told.code, last(told)) == (REFUSED, "interrupted")


@pytest.mark.parametrize("error", [PeerUnavailable("it sleeps"), Busy("too many others")])
def test_node__not_there_now__is_unavailable_and_says_why(around, error):
    def fail(*_):
        raise error

    around.server.before = fail
    told = around.info(around.root)
    assert (told.code, told.out) == (UNAVAILABLE, "")
    assert str(error) in last(told)


@pytest.mark.parametrize("place", ["--nodes", "--indexer"])
def test_service__nobody_listens__is_unavailable(place):
    told = zg("storage", "info", NOBODY, place, NOWHERE)
    assert (told.code, told.out) == (UNAVAILABLE, "")
    assert f"{NOWHERE} does not answer" in last(told)


def test_rpc__nobody_listens__is_unavailable(around, monkeypatch):
    monkeypatch.setattr(api, "ChainClient", ChainClient)
    told = around.upload("--rpc", NOWHERE)
    assert told.code == UNAVAILABLE
    assert last(told).startswith(f"{NOWHERE} cannot be reached")
