"""`--json`: one document on standard output however a command ends, nothing beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from offchain.errors import PeerUnavailable
from tests.doubles.zg import NODE, PAYER, commands, zg

NOBODY = "0x" + "11" * 32
TELLING = [words for words, command in commands().items() if any(each.name == "as_json" for each in command.params)]
PROGRAMS = [[sys.executable, "-m", "offchain.cli"], [str(Path(sys.executable).with_name("zg"))]]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_command__unless_it_runs_a_worker__takes_json(words):
    assert (words in TELLING) != commands()[words].help.startswith("Run a")


def test_info__file__is_told_in_numbers(around):
    told = around.info(around.root, "--json")
    assert (told.code, told.err) == (0, "")
    assert told.json == {
        "root": around.root,
        "kind": "file",
        "size": 1000,
        "sequence": 0,
        "first sector": 4,
        "sectors": 4,
        "nodes": [NODE],
    }


def test_download__file__says_where_it_is(around, tmp_path):
    told = around.download(tmp_path / "copy", "--json")
    assert (told.code, told.err) == (0, "")
    assert told.json == {"root": around.root, "path": str(tmp_path / "copy"), "problems": []}
    assert (tmp_path / "copy").read_bytes() == around.held.data


def test_upload__file_that_is_there_already__costs_nothing(around, tmp_path):
    (tmp_path / "again").write_bytes(around.held.data)
    told = around.upload("--json", path=tmp_path / "again")
    assert (told.code, told.err) == (0, "")
    assert told.json == {
        "root": around.root,
        "size": 1000,
        "sequence": 0,
        "transaction": None,
        "fee": 0,
        "nodes": [NODE],
    }
    assert around.chain.broadcast == []


@pytest.mark.parametrize("words", commands(), ids=" ".join)
@pytest.mark.parametrize("order", [["--json", "--bogus"], ["--bogus", "--json"]])
def test_option__unknown__is_told_as_json(words, order):
    told = zg(*words, *order)
    kind, message = told.error
    assert (told.code, kind) == (2, "NoSuchOption")
    assert message.startswith("No such option: --")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["bogus", "--json"], "UsageError", "No such command 'bogus'."),
        (["storage", "bogus", "--json"], "UsageError", "No such command 'bogus'."),
        (["storage", "info", "--json"], "MissingParameter", "Missing argument 'ROOT"),
        (["storage", "info", "nonsense", "--json"], "BadParameter", "Invalid value for 'ROOT"),
        (["storage", "info", NOBODY, "--json"], "BadSettings", "no network is known: "),
        (["storage", "info", NOBODY, "--nodes", "", "--json"], "BadSettings", "no network is known: "),
        (["storage", "download", NOBODY, "-", "--json"], "BadSettings", "--json and a download to standard output "),
        (["storage", "upload", "file", "--json", "--max-fee", "much"], "BadSettings", "the settings of client cannot "),
        (["storage", "upload", "file", "--json", "--tags", "words"], "BadSettings", "'words' are no tags: "),
        (["storage", "upload", "file", "--json", "--replicas", "x"], "BadParameter", "Invalid value for '--replicas'"),
    ],
)
def test_usage__wrong__is_told_as_json(arguments, kind, message):
    told = zg(*arguments)
    assert told.code == 2
    assert told.error[0] == kind
    assert told.error[1].startswith(message)


def test_info__nobody_has_it__is_told_as_json(around):
    told = around.info(NOBODY, "--json")
    assert (told.code, told.error) == (3, ("NotFound", f"no node has {NOBODY}"))


def test_upload__without_yes__asks_nothing_and_pays_nothing(around):
    told = around.upload("--json", answer="y\n")
    kind, message = told.error
    assert (told.code, kind) == (4, "Declined")
    assert message.endswith("wei were not agreed to; nothing was paid")
    assert around.chain.broadcast == []


def test_upload__account_is_empty__is_told_as_json(around):
    around.chain.balances[PAYER] = 0
    told = around.upload("--json", "--yes")
    assert (told.code, told.error[0]) == (4, "InsufficientFunds")


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [(PeerUnavailable("asleep"), 5, "PeerUnavailable"), (KeyboardInterrupt(), 4, "Interrupted")],
)
def test_info__node_gone_or_user_gone__is_told_as_json(around, error, code, kind):
    def fail(*_):
        raise error

    around.server.before = fail
    told = around.info(around.root, "--json")
    assert (told.code, told.error[0]) == (code, kind)


def test_error__without_json__is_told_in_words(around):
    told = around.info(NOBODY)
    assert (told.out, told.err) == ("", f"no node has {NOBODY}\n")


@pytest.mark.parametrize("program", PROGRAMS, ids=["module", "script"])
def test_process__wrong_usage__prints_one_document_and_no_traceback(program, tmp_path):
    command = [*program, "storage", "info", "nonsense", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (told.returncode, told.stderr) == (2, "")
    assert json.loads(told.stdout)["error"]["kind"] == "BadParameter"
