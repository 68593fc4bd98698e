import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.nonces import NonceUse, find_use
from offchain.errors import ChainInconsistent, NonceConflict
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, RpcFault

PAYER = Account.from_private_key("0x" + "a1" * 32)


def chain_with(blocks):
    """A chain whose blocks hold so many transactions of the payer each."""
    chain, nonce = FakeChain(), 0
    for count in blocks:
        for _ in range(count):
            fields = {"nonce": nonce, "to": PAYER.address, "value": 0, "data": "0x", "gas": 21000, "chainId": CHAIN_ID}
            raw, _ = PAYER.sign_transaction(fields | {"gasPrice": 10**10})
            chain.eth_sendRawTransaction("0x" + raw.hex())
            nonce += 1
        chain.mine()
    return chain


def client_of(chain):
    return ChainClient(URL, CHAIN_ID, post=chain.post, clock=FakeClock(), jitter=lambda: 0.0)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])  # signing is slow
@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_find_use__any_history__finds_the_transaction_of_every_nonce(blocks):
    chain = chain_with(blocks)
    for block in chain.blocks:
        for transaction in block.transactions:
            use = find_use(client_of(chain), PAYER.address, transaction.nonce)
            assert use == NonceUse(transaction.hash, block.number)


def test_find_use__nonce_not_used_after_all__is_inconsistent():
    with pytest.raises(ChainInconsistent, match="and now does not"):
        find_use(client_of(chain_with([1])), PAYER.address, 1)


def test_find_use__block_without_the_transaction__is_inconsistent():
    chain = chain_with([1, 0])
    honest = chain.eth_getBlockByNumber
    chain.eth_getBlockByNumber = lambda tag, full: honest(tag, full) | {"transactions": []}
    with pytest.raises(ChainInconsistent, match="should hold nonce 0"):
        find_use(client_of(chain), PAYER.address, 0)


def test_find_use__state_pruned__asks_for_a_person():
    def pruned(method, params):
        if method == "eth_getTransactionCount":
            raise RpcFault("historical state not available in path scheme yet")

    chain = chain_with([1])
    chain.before = pruned
    with pytest.raises(NonceConflict, match="keeps no state old enough"):
        find_use(client_of(chain), PAYER.address, 0)
