"""Chapter 2, second half, docs/flows/write-a-stream.md: two writers on one stream, a conflict, a verified read; and a
node that is killed during an upload."""

from __future__ import annotations

import filecmp
import os
import threading
from pathlib import Path

from offchain.chain.account import Account
from offchain.errors import Retryable
from offchain.storage.client.api import StorageClient
from offchain.storage.client.upload import UploadOptions
from offchain.storage.kv.client.api import KvClient
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.transaction import Transaction
from scripts._lib.network import node_name, start_node
from scripts._lib.stories.narrator import Narrator, Stage, require

ALICE, BOB = 4, 5
STREAM = bytes(31) + b"\x2a"
KEY = b"balance"
CRASH_FILE = 64 << 20


def tell(stage: Stage, narrator: Narrator) -> None:
    """Both stories."""
    with _writer(stage, ALICE) as alice, _writer(stage, BOB) as bob:
        _share(stage, narrator, alice, bob)
        _conflict(narrator, alice, bob)
        _verified_read(narrator, bob)
    _killed_node(stage, narrator)


def _writer(stage: Stage, account: int) -> KvClient:
    network = stage.network
    return KvClient(
        [network.kv],
        indexer=network.indexer,
        rpc=network.rpc,
        account=_account(stage, account),
        flow=network.contracts["Flow"],
        state=stage.folder / f"writer-{account}",
    )


def _share(stage: Stage, narrator: Narrator, alice: KvClient, bob: KvClient) -> None:
    narrator.say("Alice opens a stream by writing to it, and lets Bob write too")
    with narrator.timed() as timed:
        alice.commit(Batch().put(STREAM, KEY, b"100").grant(STREAM, _account(stage, BOB).address)).check()
    narrator.fact("written and visible", f"after {timed.seconds:.1f} s, blocks of one second included")
    require(bob.get(STREAM, KEY).data == b"100", "Bob reads what Alice wrote")


def _conflict(narrator: Narrator, alice: KvClient, bob: KvClient) -> None:
    narrator.say("both read the balance, both change it: who is first wins, the other is told and begins again")
    first, second = alice.begin(), bob.begin()
    for transaction, change in ((first, 10), (second, -30)):
        balance = int(transaction.get(STREAM, KEY) or b"0")
        transaction.put(STREAM, KEY, b"%d" % (balance + change))
    won, lost = first.commit(), second.commit()
    require(won is not None and won.state == "committed", "the first transaction commits")
    require(lost is not None and lost.state == "conflict", "the second one is told of the conflict")
    narrator.fact("Bob is told", lost.result if lost else "")

    def spend(transaction: Transaction) -> None:
        read = int(transaction.get(STREAM, KEY) or b"0")
        transaction.put(STREAM, KEY, b"%d" % (read - 30))

    bob.transact(spend)
    require(alice.get(STREAM, KEY).data == b"80", "in the end both changes are there")


def _verified_read(narrator: Narrator, bob: KvClient) -> None:
    value = bob.get(STREAM, KEY)
    require(value.evidence is not None, "the answer is proven")
    if value.evidence:
        narrator.say("an answer comes with a proof against the root of the stream's state")
        narrator.fact("balance", value.data.decode())
        narrator.fact("state root", "0x" + value.evidence.moment.root.hex())
        narrator.fact("after submission", value.evidence.seq)
        require(value.evidence.behind == 0, "the server has decided all that the flow has")


def _killed_node(stage: Stage, narrator: Narrator) -> None:
    narrator.say(f"uploading {CRASH_FILE >> 20} MiB to both nodes; {node_name(1)} is killed with -9 on the way")
    source, copy = stage.folder / "crash.bin", stage.folder / "crash-copy.bin"
    source.write_bytes(os.urandom(CRASH_FILE))
    with _uploader(stage) as client:
        killed = threading.Thread(target=_kill_and_start, args=(stage,))
        killed.start()
        uploaded = _until_stored(client, source)
        killed.join()
        client.download(uploaded, copy)
    require(filecmp.cmp(source, copy, shallow=False), "the file is whole")
    narrator.say("the upload went on when the node was back, the fee was paid once, and the file is whole")


def _kill_and_start(stage: Stage) -> None:
    stage.network.services.kill(node_name(1))
    start_node(stage.network, 1, [])


def _until_stored(client: StorageClient, source: Path) -> bytes:
    """The same command until it is through, as its user would."""
    attempts, paid = 10, set()
    while True:
        try:
            uploaded = client.upload(source, UploadOptions(replicas=2))
            paid.add(uploaded.seq)
            require(len(paid) == 1, "the file was announced once")
            return uploaded.root
        except Retryable:
            attempts -= 1
            if not attempts:
                raise


def _uploader(stage: Stage) -> StorageClient:
    return StorageClient(
        nodes=stage.network.storage,
        rpc=stage.network.rpc,
        account=_account(stage, ALICE),
        flow=stage.network.contracts["Flow"],
        state=stage.folder / "uploader",
    )


def _account(stage: Stage, number: int) -> Account:
    return Account.from_private_key(stage.network.describe()["accounts"][number]["key"])
