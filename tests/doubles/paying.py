"""Somebody who pays for files on a chain in memory: real sender, journal and intents, started anew at will."""

from contextlib import contextmanager

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.storage.client.intents import INTENT_SCHEMA, Intents
from offchain.storage.client.payment import Payments
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal
from tests.doubles.clock import FakeClock
from tests.doubles.flow_chain import FLOW, FlowChain
from tests.doubles.killing import Doomed
from tests.doubles.rpc import CHAIN_ID, URL

PAYER = Account.from_private_key("0x" + "a1" * 32)
POLICY = SendPolicy(raise_after=45, repeat_after=15, poll=1)


class Payer:
    """The chain mines whenever somebody waits."""

    def __init__(self, folder, chain=None):
        self.chain = chain or FlowChain()
        self.clock = FakeClock()
        self.clock.on_sleep = self.chain.mine
        self.opened = 0
        self.database = Database(folder / "client.sqlite", JOURNAL_SCHEMA, INTENT_SCHEMA, durable=False)
        self.intents = Intents(self.database, FLOW)
        self.journal = TransactionJournal(self.database, CHAIN_ID, PAYER.address)

    def client(self):
        return ChainClient(URL, CHAIN_ID, post=self.chain.post, clock=self.clock, jitter=lambda: 0.0)

    def payments(self, fuse=None):
        """As a process that has just been started; with `fuse`, one that may die."""
        client, journal, intents = self.client(), self.journal, self.intents
        flow = FlowContract(client, FLOW)
        if fuse:
            client = Doomed(client, {"send_raw", "nonce", "estimate", "receipt"}, fuse)
            journal = Doomed(journal, {"record", "settle"}, fuse)
            intents = Doomed(intents, {"decide", "forget"}, fuse)
        sender = TransactionSender(client, PAYER, journal, POLICY, self.clock)
        return Payments(client, flow, sender, intents)

    @contextmanager
    def wallet(self, status):
        """What an `Uploader` opens."""
        self.opened += 1
        yield self.payments()

    def submitted(self):
        """(root, size, tags) of everything on the chain, in order."""
        told = [log.submission for log in self.chain.submitted()]
        return [(each.data_root, each.length, each.tags) for each in told]
