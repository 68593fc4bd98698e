"""A transaction sender on a chain in memory, and somebody else who has its key."""

from functools import cache

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.chain.types import PreparedCall
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, parse_raw

GWEI = 10**9


class PracticedAccount(Account):
    """Signs the same transaction only once, as that takes milliseconds."""

    def sign_transaction(self, transaction):
        return _signed(tuple(transaction.items()))


@cache
def _signed(fields):
    return Account.sign_transaction(PAYER, dict(fields))


PAYER = PracticedAccount.from_private_key("0x" + "a1" * 32)
TARGET = "0x" + "11" * 20
POLICY = SendPolicy(raise_after=45, repeat_after=15, poll=1)


class World:
    """A sender with its journal on a chain that mines whenever the sender sleeps."""

    def __init__(self, directory, chain=None, policy=POLICY):
        self.chain = chain or FakeChain()
        self.clock = FakeClock()
        self.clock.on_sleep = self.chain.mine
        self.policy = policy
        self.database = Database(directory / "state.db", JOURNAL_SCHEMA, durable=False)
        self.journal = TransactionJournal(self.database, CHAIN_ID, PAYER.address)
        self.sender = self.restarted()

    def restarted(self):
        client = ChainClient(URL, CHAIN_ID, post=self.chain.post, clock=self.clock, jitter=lambda: 0.0)
        self.sender = TransactionSender(client, PAYER, self.journal, self.policy, self.clock)
        return self.sender

    def mined(self):
        return [(entry.nonce, entry.value) for entry in self.chain.mined() if entry.sender == PAYER.address]

    def offers(self):
        """Every transaction that was ever broadcast."""
        return [parse_raw(raw) for raw in self.chain.broadcast]

    def tick(self, seconds):
        self.clock.time += seconds

    def passes(self, key, seconds=46, times=1):
        """Look at `key` again after a while, some times."""
        for _ in range(times):
            self.tick(seconds)
            self.sender.check(key)

    def outsider_sends(self, nonce, value=999):
        """Somebody else with the same key."""
        fees = {"maxFeePerGas": 1000 * GWEI, "maxPriorityFeePerGas": 1000 * GWEI, "type": 2}
        fields = {"nonce": nonce, "to": TARGET, "value": value, "data": "0x", "gas": 21000, "chainId": CHAIN_ID}
        raw, transaction_hash = PAYER.sign_transaction(fields | fees)
        self.chain.eth_sendRawTransaction("0x" + raw.hex())
        return transaction_hash


def transfer(value, to=TARGET, **options):
    return PreparedCall(to, value=value, **options)


def most(offers):
    """Wei of gas that these may cost: of each nonce only one is mined."""
    costs = {}
    for offer in offers:
        costs[offer.nonce] = max(costs.get(offer.nonce, 0), offer.gas * offer.max_fee)
    return sum(costs.values())


def refusing(chain, method, fault, times=1):
    """Let the RPC refuse `method` some times."""
    left = iter(range(times))

    def before(called, params):
        if called == method and next(left, None) is not None:
            raise fault

    chain.before = before
