"""Chapter 1, docs/flows/store-a-file.md: files go in, come back verified, and a damaged disk changes nothing."""

from __future__ import annotations

import filecmp
import os
import time
from dataclasses import dataclass
from pathlib import Path

from offchain.chain.account import Account
from offchain.storage.client.api import StorageClient
from offchain.storage.client.payment import Quote
from offchain.storage.client.upload import Uploaded, UploadOptions
from scripts._lib.books import Books
from scripts._lib.network import ROOT, node_name
from scripts._lib.processes import rpc
from scripts._lib.stories.narrator import Narrator, Stage, require

BIG_FILE = 256 << 20
BLOCK = 1 << 20
SKIPPED = frozenset({"__pycache__"})
SOURCES = ("contracts", "offchain", "scripts", "tests", "docs", "deployments")
USER = 3
WAIT_SECONDS = 60.0


@dataclass
class Quotes:
    """What was agreed to."""

    fee: int = 0
    sectors: int = 0

    def agree(self, quote: Quote) -> bool:
        """Remember, and pay."""
        self.fee += quote.fee
        self.sectors += quote.sectors
        return True


def tell(stage: Stage, narrator: Narrator) -> None:
    """The whole chapter."""
    narrator.chapter(1, "store a file and get it back, verified")
    described = stage.network.describe()
    account = Account.from_private_key(described["accounts"][USER]["key"])
    with StorageClient(
        indexer=stage.network.indexer,
        rpc=stage.network.rpc,
        account=account,
        flow=stage.network.contracts["Flow"],
        state=stage.folder / "state",
    ) as client:
        _directory(client, stage, narrator)
        uploaded = _big_file(client, stage, narrator)
        _damage(client, stage, narrator, uploaded)
    _books(stage, narrator)


def _directory(client: StorageClient, stage: Stage, narrator: Narrator) -> None:
    source = _own_sources(stage.folder / "sources")
    files = [path for path in source.rglob("*") if path.is_file()]
    narrator.say(f"uploading this repository's own sources, {len(files)} files, to both nodes")
    quotes = Quotes()
    with narrator.timed() as timed:
        uploaded = client.upload_directory(source, UploadOptions(replicas=2), quotes.agree)
    narrator.fact("root", "0x" + uploaded.root.hex())
    narrator.fact("fee", f"{quotes.fee / 1e18:.9f} coins")
    _gas(stage, narrator, uploaded.transaction_hash)
    narrator.fact("took", f"{timed.seconds:.1f} s, waiting for blocks included")
    copy = stage.folder / "sources-copy"
    client.download_directory(uploaded.root, copy)
    require(_same_tree(source, copy), "the downloaded directory equals the uploaded one")
    narrator.say("downloaded it elsewhere: every file is the same")


def _big_file(client: StorageClient, stage: Stage, narrator: Narrator) -> Uploaded:
    source, copy = stage.folder / "big.bin", stage.folder / "big-copy.bin"
    _generate(source)
    narrator.say(f"uploading {BIG_FILE >> 20} MiB of random bytes to both nodes")
    quotes = Quotes()
    with narrator.timed() as timed:
        uploaded = client.upload(source, UploadOptions(replicas=2), quotes.agree)
    narrator.fact("root", "0x" + uploaded.root.hex())
    narrator.fact("fee", f"{quotes.fee / 1e18:.9f} coins for {quotes.sectors:,} sectors")
    _gas(stage, narrator, uploaded.transaction_hash)
    narrator.fact("upload", f"{timed.rate(2 * BIG_FILE)} into two replicas, blocks included")
    with narrator.timed() as timed:
        client.download(uploaded.root, copy)
    narrator.fact("download", f"{timed.rate(BIG_FILE)}, every segment verified")
    require(filecmp.cmp(source, copy, shallow=False), "the downloaded file equals the uploaded one")
    copy.unlink()
    return uploaded


def _damage(client: StorageClient, stage: Stage, narrator: Narrator, uploaded: Uploaded) -> None:
    narrator.say(
        "flipping a byte in the middle of the file on the disk of storage-1, which does not look at what it sends"
    )
    data = _stored(stage, uploaded)
    with data.open("r+b") as file:
        file.seek(BIG_FILE // 2)
        byte = file.read(1)
        file.seek(BIG_FILE // 2)
        file.write(bytes([byte[0] ^ 1]))
    copy = stage.folder / "big-after-damage.bin"
    client.problems.clear()
    client.download(uploaded.root, copy)
    require(filecmp.cmp(stage.folder / "big.bin", copy, shallow=False), "the download equals the upload all the same")
    require(bool(client.problems), "the client noticed the damage")
    narrator.fact("the client noticed", client.problems[0])
    narrator.say("it took those segments from storage-2: the file is whole")
    _heal(stage, narrator, uploaded)


def _heal(stage: Stage, narrator: Narrator, uploaded: Uploaded) -> None:
    """Let the damaged node compare its disk with its roots: it notices, and fetches from its peer what it lost."""
    checked = rpc(stage.network.storage_admin[0], "admin_checkFile", uploaded.seq)
    narrator.fact("the node noticed", f"{checked['damaged']} damaged of {checked['checked']} segments")
    require(checked["damaged"] == 1, "the node finds the damage when it looks")
    deadline = time.monotonic() + WAIT_SECONDS
    while not rpc(stage.network.storage[0], "zgs_checkFileFinalized", uploaded.seq):
        require(time.monotonic() < deadline, "the node heals")
        time.sleep(0.1)
    healed = rpc(stage.network.storage_admin[0], "admin_checkFile", uploaded.seq)
    require(healed["damaged"] == 0, "the node is whole again")
    narrator.say("it fetched the segment from its peer and has all of the file again")


def _books(stage: Stage, narrator: Narrator) -> None:
    """Where the fees are."""
    books = Books.of(stage.network)
    narrator.say("the books: what was paid and not returned is in the flow, with the chunks, or due to the treasury")
    narrator.fact("waiting in the flow", f"{books.pending / 1e18:.9f} coins")
    narrator.fact("held for miners", f"{books.held_for_miners / 1e18:.9f} coins")
    narrator.fact("service fee", f"{books.service_fee / 1e18:.9f} coins")
    require(books.balance == books.accounted, "the balances equal the books")


def _gas(stage: Stage, narrator: Narrator, transaction: str) -> None:
    receipt = rpc(stage.network.rpc, "eth_getTransactionReceipt", transaction)
    narrator.fact("gas", f"{int(receipt['gasUsed'], 16):,}")


def _own_sources(target: Path) -> Path:
    """A copy of the sources as they are now: other programs may write into the tree meanwhile."""
    for name in SOURCES:
        for path in sorted((ROOT / name).rglob("*")):
            if path.is_file() and not SKIPPED & set(path.parts) and ".cache" not in path.parts:
                copy = target / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    return target


def _generate(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(BIG_FILE // BLOCK):
            file.write(os.urandom(BLOCK))


def _stored(stage: Stage, uploaded: Uploaded) -> Path:
    files = stage.network.data(node_name(0)) / "files"
    return files / uploaded.root[:1].hex() / f"{uploaded.root.hex()}-{uploaded.size}.data"


def _same_tree(left: Path, right: Path) -> bool:
    names = [{path.relative_to(top) for path in top.rglob("*") if path.is_file()} for top in (left, right)]
    return names[0] == names[1] and all(filecmp.cmp(left / name, right / name, shallow=False) for name in names[0])
