"""`zg storage kv …` within this process, on servers that live here too."""

import json

import pytest

from offchain.cli.storage.kv.parameters import named, octets, shown, value_of
from offchain.errors import Invalid
from tests.doubles.flow_log import FLOW
from tests.doubles.kv_parts import sender
from tests.doubles.streams import StreamFile, grant_writer, special, stream_id
from tests.doubles.zg import zg

STREAM = stream_id(1)
HEX = "0x" + STREAM.hex()
SERVERS = ("--servers", "http://kv-0,http://kv-1")
WRITER = "0x" + sender(1).hex()

PAYING = ["--nodes", "http://n", "--rpc", "http://r", "--flow", FLOW]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def run(two, monkeypatch, tmp_path):
    """Runs a command on two servers."""
    monkeypatch.setattr("offchain.storage.kv.client.api.HttpClient", lambda url, seconds: two.web.client(url))
    monkeypatch.chdir(tmp_path)
    writes = [(STREAM, b"apple", b"red"), (STREAM, b"banana", b"yellow"), (STREAM, b"\xff\x00", b"\x01\x02")]
    two.send(StreamFile(writes=writes, controls=[grant_writer(STREAM, sender(1)), special(STREAM, b"apple")]))
    two.put(STREAM, b"apple", b"green")
    return lambda command, *arguments: zg("storage", "kv", command, *arguments, *SERVERS)


def test_get__value__is_all_of_standard_output(run):
    told = run("get", HEX, "apple")
    assert (told.code, told.out) == (0, "green")
    assert told.err.startswith("version 1; proven: state after submission 1, root 0x")
    assert "2 servers" in told.err


def test_get__json__tells_value_version_and_evidence(run, two):
    told = run("get", HEX, "apple", "--json").json
    assert told == {
        "key": "apple",
        "keyHex": "0x6170706c65",
        "value": "green",
        "valueHex": "0x677265656e",
        "version": 1,
        "proven": True,
        "sequence": 1,
        "root": "0x" + two.parts[0].root(STREAM).hex(),
        "agreeing": ["http://kv-0", "http://kv-1"],
        "behind": None,
        "provisional": False,
    }


def test_get__unproven__says_so(run):
    told = run("get", HEX, "apple", "--unproven", "--json").json
    assert (told["value"], told["proven"], "root" in told) == ("green", False, False)


def test_get__hex__takes_and_gives_digits(run):
    assert run("get", HEX, "ff00", "--hex").out == "0x0102\n"
    told = run("get", HEX, "0xff00", "--hex", "--json").json
    assert (told["key"], told["keyHex"], told["value"], told["valueHex"]) == (None, "0xff00", "\x01\x02", "0x0102")


def test_get__past_and_versions__are_told(run):
    assert run("get", HEX, "apple", "--at", "0").out == "red"
    assert run("get", HEX, "apple", "--versions").out == "1\tgreen\n0\tred\n"
    versions = run("get", HEX, "apple", "--versions", "--json").json["versions"]
    assert [(each["version"], each["value"]) for each in versions] == [(1, "green"), (0, "red")]


def test_get__nothing_there__ends_with_three(run):
    told = run("get", HEX, "cherry")
    assert (told.code, told.out) == (3, "")
    assert "has no value at 'cherry' (proven: state after submission 1" in told.err
    assert run("get", HEX, "cherry", "--json").error[0] == "NotFound"


def test_list__keys__stand_in_order_with_their_values(run):
    told = run("list", HEX)
    assert told.out == "apple\tgreen\nbanana\tyellow\n0xff00\t'\\x01\\x02'\n"
    assert told.err.startswith("3 keys; proven")
    assert run("list", HEX, "--reverse", "--limit", "1").out.startswith("0xff00\t")
    assert run("list", HEX, "--prefix", "b").out == "banana\tyellow\n"
    assert run("list", HEX, "--first", "b", "--last", "c").out == "banana\tyellow\n"
    assert run("list", HEX, "--at", "0", "--limit", "1").out == "apple\tred\n"


def test_list__json__is_one_object(run):
    told = run("list", HEX, "--prefix", "a", "--json").json
    assert [(each["key"], each["value"], each["version"]) for each in told["entries"]] == [("apple", "green", 1)]
    assert told["sequence"] == 1


def test_list__nothing__says_so(run):
    assert run("list", "0x" + "77" * 32).err == "no keys\n"
    assert run("list", "0x" + "77" * 32, "--json").json["entries"] == []


def test_rights__account__are_told_for_people_and_programs(run):
    told = run("rights", HEX, WRITER, "--key", "apple", "--json").json
    assert told == {
        "administrator": False,
        "writer": True,
        "special key": True,
        "writer of the key": False,
        "may write it": False,
        "sequence": 1,
    }
    assert "writer             yes" in run("rights", HEX, WRITER, "--key", "apple").out


def test_watch__key__prints_as_many_changes_as_wanted(run):
    told = run("watch", HEX, "apple", "--since", "-1", "--count", "2")
    assert (told.code, told.out) == (0, "0\tapple\tred\n1\tapple\tgreen\n")
    told = run("watch", HEX, "apple", "--since", "0", "--count", "1", "--json")
    assert json.loads(told.out)["value"] == "green"


def test_read__server_passed_over__is_named(run, two):
    two.down(0)
    two.add()
    told = zg("storage", "kv", "get", HEX, "apple", "--servers", "http://kv-0,http://kv-1", "--quorum", "1")
    assert (told.code, told.out) == (0, "green")
    assert "passed over http://kv-0 does not answer" in told.err


def test_read__servers_that_contradict_each_other__ends_with_four(run, two, monkeypatch):
    monkeypatch.setattr("offchain.storage.kv.client.panel.CALM_SECONDS", 0)
    for number, text in enumerate((b"one", b"two")):
        two.put(STREAM, b"key", text, only=number)
    told = run("get", HEX, "key", "--json")
    assert (told.code, told.error[0]) == (4, "Untrusted")


WRONG = {
    "no stream": (["get", "0x12", "key"], "is no stream"),
    "stream of a new kind": (["get", "new", "key"], "is no stream"),
    "key that is no hex": (["get", HEX, "xyz", "--hex"], "is not hexadecimal"),
    "account": (["rights", HEX, "0x12"], "is no address"),
    "quorum": (["get", HEX, "key", "--quorum", "3"], "3 servers cannot agree"),
    "odd pairs": (
        ["put", HEX, "key", *PAYING],
        "each key needs a value",
    ),
    "empty value": (
        ["put", HEX, "key", "", *PAYING],
        "delete it instead",
    ),
    "missing file": (
        ["put", HEX, "key", "@nowhere", *PAYING],
        "nowhere cannot be read",
    ),
    "no chain": (["put", HEX, "key", "value", "--nodes", "http://n"], "writing needs a chain"),
    "no key": (
        ["put", HEX, "key", "value", *PAYING],
        "no key to sign with",
    ),
    "both rights": (["grant", HEX, WRITER, "--admin", "--key", "k"], "leave out --key or --admin"),
    "password": (
        [
            "put",
            HEX,
            "k",
            "v",
            "--nodes",
            "http://n",
            "--rpc",
            "http://r",
            "--flow",
            FLOW,
            "--encryption-password-file",
            "secret",
        ],
        "servers open no passwords",
    ),
    "public format of nothing": (
        ["put", HEX, "k", "v", *PAYING, "--public-format"],
        "say also with what",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_usage__wrong__ends_with_two_and_says_what_to_do(run, monkeypatch, tmp_path, name):
    (tmp_path / "secret").write_text("a password")
    if name not in ("no key", "no chain"):
        monkeypatch.setenv("ZG_CLIENT_PRIVATE_KEY", "a1" * 32)
    arguments, words = WRONG[name]
    told = run(*arguments)
    assert told.code == 2
    assert words in told.err
    assert run(*arguments, "--json").code == 2


def test_servers__none_known__says_how_to_name_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    told = zg("storage", "kv", "get", HEX, "key")
    assert told.code == 2
    assert "no key-value server is known: start one with `zg storage kv serve`" in told.err
    assert "ZG_CLIENT_SERVERS" in told.err


@pytest.mark.parametrize("servers", ["http://kv-0", ["http://kv-0", "http://kv-1"]], ids=["one", "several"])
def test_servers__of_the_network__are_used(run, tmp_path, servers):
    (tmp_path / "network.json").write_text(json.dumps({"services": {"kv": servers}}))
    told = zg("storage", "kv", "get", HEX, "apple", "--network", tmp_path / "network.json", "--json").json
    assert told["agreeing"] == ([servers] if isinstance(servers, str) else servers)


@pytest.mark.parametrize("content", ['{"services": {"kv": 5}}', '{"services": {"kv": {}}}', "[]", "{"])
def test_servers__network_that_names_nonsense__is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "network.json").write_text(content)
    told = zg("storage", "kv", "get", HEX, "key", "--network", tmp_path / "network.json")
    assert told.code == 2


def test_read__servers_of_another_flow_than_the_network_s__are_refused_until_it_is_named(run, tmp_path):
    (tmp_path / "network.json").write_text(json.dumps({"contracts": {"Flow": "0x" + "66" * 20}}))
    network = ["--network", str(tmp_path / "network.json")]
    told = run("get", HEX, "apple", *network)
    assert (told.code, told.out) == (4, "")
    assert f"follows the flow {FLOW}" in told.err
    assert run("get", HEX, "apple", *network, "--flow", FLOW).out == "green"
    assert run("get", HEX, "apple", "--flow", "0x" + "66" * 20).code == 4


def test_put__new_stream__is_told_before_anything_is_paid(run, monkeypatch):
    monkeypatch.setenv("ZG_CLIENT_PRIVATE_KEY", "a1" * 32)
    told = run("put", "new", "key", "value", "--nodes", NOWHERE, "--rpc", NOWHERE, "--flow", FLOW)
    assert told.code == 5
    assert told.err.startswith("stream 0x")


@pytest.mark.parametrize(
    "text, data",
    [("plain", b"plain"), ("@@home", b"@home"), ("ümlaut", "ümlaut".encode()), ("", b"")],
    ids=["text", "at", "unicode", "empty"],
)
def test_value_of__text__is_itself(text, data):
    assert value_of(text, False) == data


def test_value_of__file__is_its_content(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00content")
    assert value_of(f"@{tmp_path / 'file'}", False) == b"\x00content"


def test_octets__hex__with_or_without_prefix():
    assert octets("0x00ff", True) == octets("00ff", True) == b"\x00\xff"
    with pytest.raises(Invalid):
        octets("0x0", True)


def test_shown__bytes__stay_on_one_line():
    assert [shown(data) for data in (b"text", b"\xff", b"a\nb", b"")] == ["text", "0xff", "'a\\nb'", "''"]
    assert named("key", b"\xff") == {"key": None, "keyHex": "0xff"}
