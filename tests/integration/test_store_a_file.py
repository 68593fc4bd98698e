"""docs/flows/store-a-file.md: a file is announced, uploaded, complete; somebody else reads and verifies it.

It plays on the network that `make devnet` starts, with the processes and options of its own.
"""

import json
import random

import pytest
from web3 import Web3

from offchain.chain.account import Account
from offchain.storage.client.api import StorageClient
from offchain.storage.client.upload import UploadOptions
from scripts._lib.books import Books
from scripts._lib.network import node_name
from tests.doubles.devnet import key_of, network_in
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually
from tests.doubles.zgs import Zgs

pytestmark = pytest.mark.anvil

SIZE = 5 * 262_144 + 1000
CARELESS = ["--no-verify-reads", "--scrub-rate", "0"]  # sends what its disk gives
UPLOADER, COMMAND_LINE = 3, 4
BOTH = UploadOptions(replicas=2)


class Uploader:
    """Stores files and knows what it agreed to pay."""

    def __init__(self, network, folder):
        self.web3 = Web3(Web3.HTTPProvider(network.rpc))
        self.account = Account.from_private_key(key_of(network, UPLOADER))
        self.quotes = []
        self.client = StorageClient(
            indexer=network.indexer,
            rpc=network.rpc,
            account=self.account,
            flow=network.contracts["Flow"],
            state=folder / "uploader",
        )

    def store(self, data):
        return self.client.upload(data, BOTH, self.agree)

    def agree(self, quote):
        self.quotes.append(quote)
        return True

    def balance(self):
        return self.web3.eth.get_balance(self.account.address)

    def assert_paid(self, before, transaction):
        """The price it agreed to and the gas, nothing else."""
        receipt = self.web3.eth.get_transaction_receipt(transaction)
        gas = receipt["gasUsed"] * receipt["effectiveGasPrice"]
        assert before - self.balance() == self.quotes[-1].fee + gas
        assert gas <= self.quotes[-1].gas * 2


class Reader:
    """Knows a root and an indexer, and trusts neither."""

    def __init__(self, network, folder):
        self.folder = folder
        self.client = StorageClient(indexer=network.indexer)

    def read(self, root):
        self.client.problems.clear()
        copy = self.folder / f"{root.hex()[:8]}.copy"
        self.client.download(root, copy)
        return copy.read_bytes()


class Operator:
    """Runs a node."""

    def __init__(self, network, number):
        self.node = Zgs(network.storage[number])
        self.admin = Zgs(network.storage_admin[number])
        self.files = network.data(node_name(number)) / "files"

    def damage(self, root, size, position):
        """A bit of the file flips on the disk."""
        with (self.files / root[:1].hex() / f"{root.hex()}-{size}.data").open("r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ 1]))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with network_in(tmp_path_factory.mktemp("store-a-file"), {0: CARELESS}) as network:
        yield network


@pytest.fixture(scope="module")
def uploader(network, tmp_path_factory):
    return Uploader(network, tmp_path_factory.mktemp("uploader"))


@pytest.fixture
def reader(network, tmp_path):
    return Reader(network, tmp_path)


@pytest.fixture(scope="module")
def data():
    return random.Random(1).randbytes(SIZE)


@pytest.fixture(scope="module")
def stored(uploader, data):
    """What the uploader was told, once it has checked what it paid."""
    before = uploader.balance()
    told = uploader.store(data)
    uploader.assert_paid(before, told.transaction_hash)
    return told


def test_store__file__is_announced_once_and_both_nodes_are_complete(network, uploader, stored):
    quote = uploader.quotes[0]
    assert (quote.files, quote.fee) == (1, quote.sectors * quote.price_per_sector)
    assert sorted(stored.nodes) == sorted(network.storage)
    for url in network.storage:
        info = Zgs(url).info(stored.seq)
        assert (info["finalized"], info["uploadedSegNum"], info["tx"]["size"]) == (True, 6, SIZE)
        assert info["tx"]["dataMerkleRoot"] == "0x" + stored.root.hex()


def test_store__same_file_again__costs_nothing(uploader, stored, data):
    before = uploader.balance()
    again = uploader.store(data)
    assert (again.root, again.seq, again.transaction_hash) == (stored.root, stored.seq, "")
    assert uploader.balance() == before


def test_read__somebody_else__gets_every_byte(reader, stored, data):
    assert reader.read(stored.root) == data
    assert reader.client.read(stored.root, SIZE - 10, 100) == data[-10:]
    assert reader.client.problems == []


def test_read__a_node_sends_what_a_damaged_disk_gives__the_other_one_helps_and_the_first_heals(
    network, reader, stored, data
):
    careless = Operator(network, 0)
    careless.damage(stored.root, SIZE, SIZE // 2)
    assert reader.read(stored.root) == data
    assert any("not what the root commits to" in problem for problem in reader.client.problems)
    assert careless.admin.admin_checkFile(stored.seq) == {"checked": 6, "damaged": 1}
    eventually(lambda: careless.node.finalized(stored.seq), "the node fetches from its peer what it lost")
    assert careless.admin.admin_checkFile(stored.seq) == {"checked": 6, "damaged": 0}
    assert reader.read(stored.root) == data
    assert reader.client.problems == []


def test_directory__stored_and_read__is_the_same_tree(uploader, reader, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "large").write_bytes(random.Random(2).randbytes(300_000))
    (source / "deep" / "small").write_bytes(b"small")
    (source / "deep" / "nothing").touch()
    (source / "link").symlink_to("deep/small")
    told = uploader.client.upload_directory(source, BOTH, uploader.agree)
    reader.client.download_directory(told.root, copy)
    names = [{path.relative_to(top) for path in top.rglob("*")} for top in (source, copy)]
    assert names[0] == names[1]
    assert (copy / "large").read_bytes() == (source / "large").read_bytes()
    assert (copy / "link").read_bytes() == b"small"
    assert (copy / "link").is_symlink()


def test_zg__upload_and_download__tell_the_same_story_on_the_command_line(network, tmp_path):
    (tmp_path / "network.json").write_text(json.dumps(network.describe()))
    (tmp_path / "file").write_bytes(b"told by a command")

    def zg(*arguments):
        log = tmp_path / f"{arguments[1]}.out"
        options = ["--network", tmp_path / "network.json", "--json"]
        worker = nursery().start("offchain.cli", [*arguments, *options], log, ZG_STATE_DIR=str(tmp_path / "state"))
        assert worker.wait() == 0, worker.text()
        return json.loads(worker.text())

    told = zg("storage", "upload", tmp_path / "file", "--yes", "--devnet-account", COMMAND_LINE, "--replicas", 2)
    assert told["transaction"] and told["fee"] > 0
    assert zg("storage", "info", told["root"])["nodes"] == network.storage
    assert zg("storage", "download", told["root"], tmp_path / "copy")["problems"] == []
    assert (tmp_path / "copy").read_bytes() == b"told by a command"


def test_books__after_all_this__every_coin_is_accounted_for(network, stored):
    books = Books.of(network)
    assert books.balance == books.accounted > 0
