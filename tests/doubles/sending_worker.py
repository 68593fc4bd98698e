"""A process that sends numbered intents until all are settled; tests kill it.

Arguments: RPC, directory, key, count, and numbers of intents that it takes back before it waits for them.
"""

import sys
from contextlib import suppress
from pathlib import Path

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.chain.types import PreparedCall
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal
from offchain.store.lock import DirectoryLock

CAP = 26250 * 30 * 10**9
"""Wei of gas that each intent may cost."""


def target(number):
    """The address that intent `number` gives one wei."""
    return f"0x{number + 0xABC000:040x}"


def settle(sender, number):
    with suppress(Cancelled):
        sender.send(f"intent {number}", PreparedCall(target(number), value=1), timeout=60, cap=CAP)


def main(rpc, directory, key, count, *cancelled):
    with DirectoryLock(Path(directory)), Database(Path(directory) / "state.db", JOURNAL_SCHEMA) as database:
        client, account = ChainClient(rpc), Account.from_private_key(key)
        journal = TransactionJournal(database, client.check(), account.address)
        sender = TransactionSender(client, account, journal, SendPolicy(poll=0.01, repeat_after=0.2, raise_after=0.5))
        print("ready", flush=True)
        for number in range(int(count)):
            sender.submit(f"intent {number}", PreparedCall(target(number), value=1), cap=CAP)
        for number in cancelled:
            sender.cancel(f"intent {number}")
        for number in range(int(count)):
            settle(sender, number)
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
