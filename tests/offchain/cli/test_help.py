"""`zg` teaches: whoever reads its help knows what to type, what it means and how it ends."""

import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from offchain.cli.client_settings import PaySettings, ReadSettings
from offchain.runtime.settings import flag, variable
from offchain.storage.indexer.settings import IndexerSettings
from offchain.storage.node.settings import NodeSettings
from tests.doubles.zg import commands, zg

COMMANDS = commands()
HEAVY = ("aiohttp", "eth_account", "numba", "numpy", "urllib3", "web3")
SETTINGS = {"upload": PaySettings, "download": ReadSettings, "node": NodeSettings, "indexer": IndexerSettings}
EVERY_COMMAND = pytest.mark.parametrize("words", COMMANDS, ids=" ".join)


def flat(text):
    """Help without its line breaks."""
    return " ".join(text.split())


def options(words):
    return [each for each in COMMANDS[words].params if isinstance(each, click.Option)]


def test_help__without_a_command__says_how_to_begin_and_lists_the_domains():
    told = zg()
    assert told == zg("--help") == zg("-h")
    assert (told.code, told.err) == (0, "")
    assert "Begin with `zg storage upload FILE` and `zg storage download ROOT FILE`." in told.out
    assert "storage  Store files and directories; run nodes and indexers." in told.out


def test_help__exit_codes__are_all_explained():
    told = zg("--help").out
    for words in (
        "0 done",
        "1 a bug, please report it",
        "2 wrong usage or settings",
        "3 not found",
        "4 refused: by you, the contract, a node, or for lack of funds",
        "5 unavailable, try again later",
    ):
        assert words in told


def test_help__group__lists_its_commands_each_with_what_it_does():
    told = zg("storage", "--help").out
    lines = dict(line.split(None, 1) for line in told.partition("Commands:\n")[2].splitlines())
    assert set(lines) == {words[1] for words in COMMANDS if words[0] == "storage"}
    assert all(line.endswith(".") and len(line.split()) > 2 for line in lines.values())


@EVERY_COMMAND
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help__command__lists_each_option_with_its_description(words, flag):
    told = zg(*words, flag)
    assert (told.code, told.err) == (0, "")
    for option in options(words):
        assert option.help and len(option.help.split()) > 2, f"{option.opts[0]} has no description"
        shown = [record for record in (option.get_help_record(click.Context(COMMANDS[words])),) if record]
        assert all(flat(f"{name} {description}") in flat(told.out) for name, description in shown), option.opts[0]


@EVERY_COMMAND
def test_help__command__begins_with_its_usage_and_says_what_it_does(words):
    usage, _, prose, *_ = zg(*words, "--help").out.splitlines()
    assert usage.startswith(f"Usage: zg {' '.join(words)} [OPTIONS]")
    assert prose.strip().endswith(".")


@EVERY_COMMAND
def test_help__arguments__stand_in_the_usage_and_in_the_prose(words):
    usage, _, prose = zg(*words, "--help").out.partition("\n")
    for name in usage.split("[OPTIONS]")[1].split():
        assert name.partition("[")[0] in prose


@pytest.mark.parametrize("name", SETTINGS)
def test_help__settings__name_their_environment_variable(name):
    told, model = flat(zg("storage", name, "--help").out), SETTINGS[name]
    assert f"--config PATH TOML file with settings. [env: {variable(model, 'config')}]" in told
    for field in model.model_fields:
        assert f"env: {variable(model, field)}" in told
        assert flag(field) in told


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[:2] != ("storage", "mine")], ids=" ".join)
def test_help__minimum_balance__is_an_option_of_the_miner_only(words):
    """Nothing else would look at it: what a client pays is agreed to each time."""
    assert "minimum_balance" not in {option.name for option in options(words)}


@EVERY_COMMAND
def test_help__secrets__are_no_options(words):
    for option in options(words):
        if any(word in option.name for word in ("password", "private_key", "decryption_key", "encryption_key")):
            assert option.name.endswith("_file")


def test_help__all_commands__are_there_without_waiting_for_what_they_use_later():
    program = "import sys; from offchain.cli import main\n"
    program += f"for words in {[*COMMANDS]!r}: main([*words, '--help'], standalone_mode=False)\n"
    program += f"sys.exit(' '.join(set({HEAVY!r}) & set(sys.modules)) or None)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.count("Usage: ") == len(COMMANDS)


def test_version__asked__is_that_of_the_package():
    assert zg("--version").out == f"zg, version {version('offchain')}\n"
