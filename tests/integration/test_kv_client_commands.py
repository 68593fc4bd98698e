"""`zg storage kv …` as real processes: what they print and how they end."""

import json
import signal

import pytest

from tests.doubles.cluster import account
from tests.doubles.kv_server import KvServer
from tests.doubles.kv_shell import Shell
from tests.doubles.polling import eventually

pytestmark = pytest.mark.anvil

FRIEND = 7


@pytest.fixture(scope="module")
def server(plain):
    made = KvServer(plain, name="command-kv").start()
    yield made
    made.stop()


@pytest.fixture
def shell(plain, server, tmp_path):
    return Shell(plain, server, tmp_path)


@pytest.fixture
def friend(plain, server, tmp_path_factory):
    return Shell(plain, server, tmp_path_factory.mktemp("friend"), FRIEND)


def test_commands__put_get_list__tell_what_is_there_and_since_when(shell):
    put = shell.json("put", "new", "apple", "red", "pear", "green", "--yes")
    stream = put["stream"]
    assert (put["result"], put["provisional"]) == ("committed", False)
    assert put["fee"] > 0
    got = shell.json("get", stream, "apple")
    assert (got["key"], got["value"], got["version"]) == ("apple", "red", put["sequence"])
    assert (got["proven"], got["behind"], got["provisional"]) == (True, 0, False)
    listed = shell.json("list", stream, "--reverse")
    assert [(entry["key"], entry["value"]) for entry in listed["entries"]] == [("pear", "green"), ("apple", "red")]
    assert [entry["key"] for entry in shell.json("list", stream, "--prefix", "ap")["entries"]] == ["apple"]


def test_get__without_json__prints_the_value_alone(shell, tmp_path):
    (tmp_path / "value").write_bytes(b"\x00\xff binary\n")
    stream = shell.json("put", "new", "key", f"@{tmp_path / 'value'}", "--yes")["stream"]
    told = shell.run("get", stream, "key")
    assert (told.code, b"\x00\xff binary\n" in (shell.folder / f"{shell.runs}.out").read_bytes()) == (0, True)
    assert "proven: state after submission" in told.text
    assert shell.json("get", stream, "6b6579", "--hex")["valueHex"] == "0x" + b"\x00\xff binary\n".hex()


def test_delete__key__is_gone_now_and_there_in_the_past(shell):
    put = shell.json("put", "new", "key", "value", "--yes")
    stream = put["stream"]
    deleted = shell.json("delete", stream, "key", "--yes")
    assert shell.run("get", stream, "key", "--json").code == 3
    assert shell.json("get", stream, "key", "--at", put["sequence"])["value"] == "value"
    versions = shell.json("get", stream, "key", "--versions")["versions"]
    assert [(each["version"], each["value"]) for each in versions] == [
        (deleted["sequence"], None),
        (put["sequence"], "value"),
    ]


def test_rights__granted_special_and_revoked__decide_who_may_write(shell, friend):
    stream = shell.json("put", "new", "key", "value", "--yes")["stream"]
    address = account(FRIEND).address
    refused = friend.run("put", stream, "key", "mine", "--yes", "--json")
    assert (refused.code, refused.json["error"]["kind"]) == (4, "NotCommitted")
    shell.json("grant", stream, address, "--yes")
    friend.json("put", stream, "key", "mine", "--yes")
    shell.json("special", stream, "key", "--yes")
    assert friend.run("put", stream, "key", "again", "--yes", "--json").code == 4
    shell.json("grant", stream, address, "--key", "key", "--yes")
    told = friend.json("rights", stream, address, "--key", "key")
    assert {name: told[name] for name in ("administrator", "writer", "special key", "may write it")} == {
        "administrator": False,
        "writer": True,
        "special key": True,
        "may write it": True,
    }
    shell.json("revoke", stream, address, "--key", "key", "--yes")
    assert not friend.json("rights", stream, address, "--key", "key")["may write it"]
    friend.json("renounce", stream, "--yes")
    assert not friend.json("rights", stream, address)["writer"]


def test_put__after_somebody_else_wrote__conflicts_and_ends_with_five(shell):
    first = shell.json("put", "new", "key", "one", "--yes")
    shell.json("put", first["stream"], "key", "two", "--yes")
    late = shell.run("put", first["stream"], "key", "three", "--if-version", first["sequence"], "--yes", "--json")
    assert (late.code, late.json["error"]["kind"]) == (5, "Conflict")
    assert shell.json("get", first["stream"], "key")["value"] == "two"


def test_put__price_not_agreed_to__pays_nothing(shell, plain):
    before = plain.chain.flow.submissions()
    told = shell.run("put", "new", "key", "value", "--json")
    assert (told.code, told.json["error"]["kind"]) == (4, "Declined")
    assert plain.chain.flow.submissions() == before


def test_watch__key__prints_each_change_and_ends_in_peace(shell):
    stream = shell.json("put", "new", "key", "zero", "--yes")["stream"]
    watching = shell.start("watch", stream, "key", "--since", -1, "--json")
    eventually(lambda: watching.log.exists() and '"zero"' in watching.text(), "the first value is printed")
    shell.json("put", stream, "key", "one", "--yes")
    shell.json("put", stream, "other", "elsewhere", "--yes")
    shell.json("delete", stream, "key", "--yes")
    eventually(lambda: len(watching.text().splitlines()) == 3, "three changes are printed")
    watching.send(signal.SIGINT)
    assert watching.wait() == 0, watching.text()
    told = [json.loads(line) for line in watching.text().splitlines() if line.startswith("{")]
    assert [each["value"] for each in told] == ["zero", "one", None]


def test_watch__stream__prints_values_and_rights(shell):
    stream = shell.json("put", "new", "key", "value", "--yes")["stream"]
    shell.json("grant", stream, account(FRIEND).address, "--yes")
    told = shell.run("watch", stream, "--since", -1, "--count", 2, "--json")
    first, second = (json.loads(line) for line in told.text.splitlines())
    assert (first["key"], first["value"]) == ("key", "value")
    assert (second["control"], second["account"].lower()) == ("GRANT_WRITER", account(FRIEND).address.lower())
