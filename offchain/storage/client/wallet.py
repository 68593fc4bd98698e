"""The account that pays: its journal on disk, one process at a time, only for the chain it is meant for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.journal import Entry
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.errors import BadSettings, WrongChain, ZgError
from offchain.storage.client.intents import INTENT_SCHEMA, Intents
from offchain.storage.client.node import NodeStatus
from offchain.storage.client.payment import Payments
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal
from offchain.store.lock import DirectoryLock

WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.2
JOURNAL = "client.sqlite"


def default_state() -> Path:
    """Where a user's journals lie: `$ZG_STATE_DIR`, else the XDG state directory."""
    chosen = os.environ.get("ZG_STATE_DIR")
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(chosen) if chosen else Path(base) / "zg"


class Wallet:
    """An account on a chain, with the journal of what it signed; `flow`, where given, is the only contract it pays."""

    def __init__(
        self,
        client: ChainClient,
        account: Account,
        state: Path,
        flow: str | None = None,
        policy: SendPolicy | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`state` is the directory of journals; `say` is told when another process has to be waited for."""
        self._client = client
        self._account = account
        self._state = state
        self._flow = flow
        self._policy = policy
        self._say = say

    @contextmanager
    def open(self, followed: NodeStatus) -> Iterator[Payments]:
        """What pays for files in the flow that a node follows; WrongChain when that is not ours.

        An error that leaves transactions waiting says what to type.
        """
        chain_id = self._client.check()
        if chain_id != followed.chain_id:
            raise WrongChain(f"the RPC is for chain {chain_id}, the storage nodes follow chain {followed.chain_id}")
        if self._flow and self._flow.lower() != followed.flow.lower():
            raise WrongChain(f"the storage nodes follow the flow {followed.flow}, not {self._flow}")
        with self._opened(alone=True) as (database, journal):
            sender = TransactionSender(self._client, self._account, journal, self._policy)
            flow = FlowContract(self._client, followed.flow)
            try:
                yield Payments(self._client, flow, sender, Intents(database, flow.address))
            except ZgError as error:
                _advise(error, journal.unsettled())
                raise

    @contextmanager
    def sender(self, alone: bool = True) -> Iterator[TransactionSender]:
        """What sends from the account; waits while another process does. Who only looks need not be `alone`."""
        with self._opened(alone) as (_, journal):
            yield TransactionSender(self._client, self._account, journal, self._policy)

    @contextmanager
    def _opened(self, alone: bool) -> Iterator[tuple[Database, TransactionJournal]]:
        chain_id = self._client.check()
        # A chain that was started anew has the same id and another first block; its journal must be another one too.
        genesis = self._client.header(0).hash.hex()[:16]
        folder = self._state / f"{chain_id}-{genesis}" / self._account.address.lower()
        _make(folder)
        with ExitStack() as stack:
            if alone:
                self._lock(folder, stack)
            database = stack.enter_context(Database(folder / JOURNAL, JOURNAL_SCHEMA, INTENT_SCHEMA))
            yield database, TransactionJournal(database, chain_id, self._account.address)

    def _lock(self, folder: Path, stack: ExitStack) -> None:
        deadline, told = time.monotonic() + WAIT_SECONDS, False
        while True:
            try:
                stack.enter_context(DirectoryLock(folder))
                return
            except BadSettings as held:
                if time.monotonic() > deadline:
                    raise
                if not told:
                    self._say(f"waiting: {held}")
                told = True
            time.sleep(LOOK_SECONDS)


def _advise(error: ZgError, waiting: Sequence[Entry]) -> None:
    """Add to an error which transactions wait, as they keep later ones of the account waiting too."""
    if waiting:
        nonces = ", ".join(str(entry.nonce) for entry in waiting)
        error.add_note(
            f"signed and not known to be mined: nonce {nonces}; `zg account pending` shows more, and "
            f"`zg account cancel {waiting[0].nonce}` takes the first one back, so that later ones get their turn"
        )


def _make(folder: Path) -> None:
    """A place that only its owner can read: the journal tells of every payment, and holds what was signed.

    BadSettings right away when there can be none: waiting for another process would not help.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            folder.chmod(0o700)  # earlier releases let others read it
        (folder / JOURNAL).touch(mode=0o600)
    except OSError as error:
        raise BadSettings(f"the journal of payments cannot be kept in {folder}: {error.strerror}") from error
