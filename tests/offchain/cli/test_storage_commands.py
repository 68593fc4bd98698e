"""`zg storage upload|download|info`, within this process, on nodes and a chain in memory."""

import json
import re

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from offchain.chain.account import Account
from offchain.cli.client_settings import PaySettings, ReadSettings
from offchain.cli.storage import storage
from offchain.protocol import secp256k1
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.api import StorageClient
from offchain.storage.client.upload import Uploader
from tests.doubles.files import File, random_bytes
from tests.doubles.local_web import LocalWeb
from tests.doubles.neighbours import Neighbours
from tests.doubles.node_parts import NodeParts
from tests.doubles.rpc import URL
from tests.doubles.town import Town

DATA = random_bytes(3 * SEGMENT_BYTES + 10)
PAYER = Account.from_private_key("0x" + "a1" * 32)
KEY = {"ZG_CLIENT_ENCRYPTION_KEY": "07" * 32}


@pytest.fixture
def town(tmp_path, monkeypatch):
    """Two nodes, a chain, and commands that find both."""
    web, made = LocalWeb(), []
    monkeypatch.setattr("offchain.storage.client.network.HttpClient", web.client)

    def make_node(name, **options):
        made.append(NodeParts(tmp_path / "nodes" / name, **options))
        return made[-1]

    neighbours = Neighbours(web, make_node)
    neighbours.add(2)
    town = Town(tmp_path, neighbours)

    class LocalClient(StorageClient):
        def _uploader(self):
            return Uploader(self._network, town.payer.wallet, self._progress, town.pause)

    def opened(settings, progress):
        return LocalClient(neighbours.urls, rpc=URL, account=PAYER, state=tmp_path / "state", progress=progress)

    monkeypatch.setattr(ReadSettings, "reader", opened)
    monkeypatch.setattr(PaySettings, "writer", opened)
    yield town
    town.close()
    for node in made:
        node.close()


@pytest.fixture
def zg(town):
    """Runs a command; returns what it did."""

    def run(*arguments, input=None, **environment):
        with capture_logs():  # the nodes live in this process, and talk on standard output
            return CliRunner().invoke(storage, [str(each) for each in arguments], input=input, env=environment)

    return run


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def told(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_upload__yes__pays_and_prints_what_became_of_it(zg, town, source):
    result = zg("upload", source, "--yes")
    assert result.exit_code == 0
    facts = dict(re.findall(r"^(\w+) +(.*)$", result.output, re.MULTILINE))
    assert facts["root"] == "0x" + File(DATA).root.hex()
    assert (facts["sequence"], facts["size"], facts["nodes"]) == (
        "0",
        f"{len(DATA)} bytes (768.0 KiB)",
        "http://node-1",
    )
    assert facts["transaction"].startswith("0x")
    assert town.paid == 1


def test_upload__price__is_shown_and_asked_for(zg, town, source):
    result = zg("upload", source, input="n\n")
    assert result.exit_code == 4
    assert "1 file(s), 3073 sectors of 256 bytes at 1000 wei" not in result.stdout
    assert re.search(r"1 file\(s\), \d+ sectors of 256 bytes at 1000 wei", result.output)
    assert town.paid == 0
    assert zg("upload", source, input="y\n").exit_code == 0
    assert town.paid == 1


def test_upload__json_without_yes__pays_nothing(zg, town, source):
    result = zg("upload", source, "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["kind"], town.paid) == (4, "Declined", 0)


def test_upload__again__says_that_it_cost_nothing(zg, source):
    first, again = (told(zg("upload", source, "--yes", "--json")) for _ in range(2))
    assert first["fee"] > 0
    assert (again["fee"], again["transaction"], again["root"]) == (0, None, first["root"])
    assert "nothing: the network has it already" in zg("upload", source).output


def test_upload__fragments__are_told_as_download_takes_them(zg, source, tmp_path):
    one = told(zg("upload", source, "--yes", "--json", "--fragment-size", "250KiB"))
    assert (len(one["roots"].split(",")), one["sequence"], len(one["transaction"])) == (4, [0, 1, 2, 3], 1)
    assert zg("download", one["roots"], tmp_path / "copy").exit_code == 0
    assert (tmp_path / "copy").read_bytes() == DATA
    facts = told(zg("info", one["roots"], "--json"))
    assert (facts["size"], facts["kind"], facts["sequence"]) == (len(DATA), "file", 0)


def test_upload__fragment_size_that_is_none__is_refused(zg, source):
    result = zg("upload", source, "--fragment-size", "big")
    assert result.exit_code == 2
    assert "should be a size such as 3B" in result.output


def test_upload__missing_file__is_wrong_usage(zg, tmp_path):
    result = zg("upload", tmp_path / "missing", "--yes")
    assert (result.exit_code, "there is no file" in result.output) == (2, True)


def test_upload__tags__are_announced(zg, town, source):
    assert zg("upload", source, "--yes", "--tags", "0xabcd").exit_code == 0
    assert town.payer.submitted()[0][2] == b"\xab\xcd"
    assert zg("upload", source, "--yes", "--tags", "xyz").exit_code == 2


def test_upload__directory__comes_back_as_one(zg, tmp_path):
    top = tmp_path / "top"
    (top / ".git").mkdir(parents=True)
    (top / ".git" / "config").write_text("secret")
    (top / "page").write_text("hello")
    root = told(zg("upload", top, "--yes", "--json", "--skip", ".git"))["root"]
    assert told(zg("info", root, "--json"))["kind"] == "directory"
    assert zg("download", root, tmp_path / "copy").exit_code == 0
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["page"]
    assert zg("download", root, tmp_path / "list", "--raw").exit_code == 0
    assert b'"page"' in (tmp_path / "list").read_bytes()


def test_download__to_standard_output__is_the_bytes(zg, source):
    root = told(zg("upload", source, "--yes", "--json"))["root"]
    assert zg("download", root, "-").stdout_bytes == DATA
    assert zg("download", root, "-", "--range", "5:10").stdout_bytes == DATA[5:15]
    assert zg("download", root, "-", "--json").exit_code == 2


def test_download__range__is_written_as_a_file(zg, source, tmp_path):
    root = told(zg("upload", source, "--yes", "--json"))["root"]
    assert told(zg("download", root, tmp_path / "part", "--range", "262143:2", "--json"))["root"] == root
    assert (tmp_path / "part").read_bytes() == DATA[262143:262145]
    for part in ("5", "5:", "-1:5", "a:b"):
        assert "is no range" in zg("download", root, "-", "--range", part).output


def test_download__range_of_an_unknown_file__leaves_what_is_there(zg, tmp_path):
    (tmp_path / "copy").write_bytes(b"mine")
    assert zg("download", "11" * 32, tmp_path / "copy", "--range", "0:5").exit_code == 3
    assert (tmp_path / "copy").read_bytes() == b"mine"


def test_download__node_that_was_passed_over__is_told(zg, town, source, tmp_path):
    root = told(zg("upload", source, "--yes", "--json", "--replicas", 2))["root"]
    for node in town.neighbours.nodes:
        node.shelf._verify = False
    town.neighbours.nodes[0].damage(File(DATA), 0)
    result = zg("download", root, tmp_path / "copy")
    assert (result.exit_code, "passed over http://node-1: segment 0" in result.output) == (0, True)
    assert (tmp_path / "copy").read_bytes() == DATA


def test_root_of_several_files__is_refused_with_what_to_type_and_then_found(zg, town, tmp_path):
    short, long = File(b"data"), File(b"data\0")
    town.neighbours.hold(long, short)
    root = "0x" + short.root.hex()
    for command in (["download", root, tmp_path / "copy"], ["info", root], ["download", root, "-"]):
        result = zg(*command)
        assert result.exit_code == 2
        assert "  4 bytes, sequence number 1\n  5 bytes, sequence number 0\n" in result.output
        assert "--size 4 or --sequence 1" in result.output
    for option, value, file in (("--size", 4, short), ("--sequence", 1, short), ("--size", "5B", long)):
        assert zg("download", root, "-", option, value).stdout_bytes == file.data
        assert zg("download", root, tmp_path / "copy", option, value).exit_code == 0
        assert (tmp_path / "copy").read_bytes() == file.data
        assert told(zg("info", root, option, value, "--json"))["size"] == file.size


def test_upload__tags_for_what_is_known__are_paid_for(zg, town, source):
    plain = told(zg("upload", source, "--yes", "--json"))
    tagged = told(zg("upload", source, "--yes", "--json", "--tags", "0xabcd"))
    assert (tagged["root"], tagged["sequence"], tagged["fee"]) == (plain["root"], 1, plain["fee"])
    assert town.payer.submitted()[1][2] == b"\xab\xcd"


def test_download__unknown_root__is_not_found(zg, tmp_path):
    result = zg("download", "0x" + "11" * 32, tmp_path / "copy", "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["kind"]) == (3, "NotFound")


@pytest.mark.parametrize("root", ["0x12", "11" * 33, "xyz", f"{'11' * 32},", f"{'11' * 32} {'22' * 32}"])
def test_download__root_that_is_none__is_wrong_usage(zg, root, tmp_path):
    result = zg("download", root, tmp_path / "copy")
    assert (result.exit_code, "is no root: a root is 0x and 64 hexadecimal digits" in result.output) == (2, True)


def test_encrypted__key_from_the_environment__encrypts_and_decrypts(zg, source, tmp_path):
    root = told(zg("upload", source, "--yes", "--json", **KEY))["root"]
    assert told(zg("info", root, "--json"))["kind"] == "encrypted file, read with an encryption key"
    assert zg("download", root, tmp_path / "copy", **KEY).exit_code == 0
    assert (tmp_path / "copy").read_bytes() == DATA
    assert zg("download", root, "-", "--range", "9:9", **KEY).stdout_bytes == DATA[9:18]
    assert zg("download", root, tmp_path / "raw", "--raw", **KEY).exit_code == 0
    assert (tmp_path / "raw").read_bytes()[:6] == b"ZGENC\x01"


def test_encrypted__password_from_a_file__opens_a_directory(zg, tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "page").write_text("hello")
    (tmp_path / "password").write_text("correct horse\n")
    secret = ("--encryption-password-file", tmp_path / "password")
    root = told(zg("upload", tmp_path / "top", "--yes", "--json", *secret))["root"]
    facts = told(zg("info", root, "--json", *secret))
    assert facts["kind"] == "encrypted directory, read with a password"
    assert zg("download", root, tmp_path / "copy", *secret).exit_code == 0
    assert (tmp_path / "copy" / "page").read_text() == "hello"


@pytest.mark.parametrize("public", [(), ("--public-format",)])
def test_encrypted__to_a_public_key__is_opened_with_the_private_one(zg, source, tmp_path, public):
    recipient = "0x" + secp256k1.public_key(b"\x11" * 32).hex()
    root = told(zg("upload", source, "--yes", "--json", "--encrypt-to", recipient, *public))["root"]
    (tmp_path / "private").write_text("0x" + "11" * 32)
    result = zg("download", root, tmp_path / "copy", "--decryption-key-file", tmp_path / "private")
    assert (result.exit_code, (tmp_path / "copy").read_bytes()) == (0, DATA)


@pytest.mark.parametrize(
    ("options", "environment", "reason"),
    [
        ((), {"ZG_CLIENT_ENCRYPTION_KEY": "07"}, "an encryption key has 32 bytes, not 1"),
        ((), {"ZG_CLIENT_ENCRYPTION_KEY": "secret!"}, "the encryption key is written as hexadecimal digits"),
        (("--encrypt-to", "05" * 33), {}, "public key"),
        (
            ("--encrypt-to", "02" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
            KEY,
            "set only one of",
        ),
        ((), KEY | {"ZG_CLIENT_ENCRYPTION_PASSWORD": "x"}, "a file is encrypted in one way: set only one of"),
        (("--public-format",), {}, "--public-format says how to encrypt: say also with what"),
        (("--public-format",), {"ZG_CLIENT_ENCRYPTION_PASSWORD": "x"}, "public clients know no passwords"),
        (("--fragment-size", "100KiB"), KEY, "fragments of encrypted files have at least"),
    ],
)
def test_upload__encryption_that_cannot_be__is_refused_before_paying(zg, town, source, options, environment, reason):
    result = zg("upload", source, "--yes", *options, **environment)
    assert (result.exit_code, reason in result.output) == (2, True)
    assert "secret!" not in result.output
    assert town.paid == 0


def test_download__wrong_key__says_so(zg, source, tmp_path):
    root = told(zg("upload", source, "--yes", "--json", **KEY))["root"]
    result = zg("download", root, tmp_path / "copy", ZG_CLIENT_ENCRYPTION_KEY="08" * 32)
    assert result.exit_code == 2
    assert "an encryption key was given, but not the one of this file" in result.output
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("command", ["upload", "download", "info"])
def test_help__secrets__are_never_values_of_flags(zg, command):
    text = zg(command, "--help").output
    assert "--encryption-key-file" in text
    assert not re.search(r"--(encryption-key|encryption-password|decryption-key|private-key)\s", text)
