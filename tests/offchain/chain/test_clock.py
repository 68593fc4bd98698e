import pytest

from offchain.chain.client import ChainClient
from offchain.chain.clock import StoppableClock
from offchain.chain.outcomes import Stopping
from offchain.chain.sender import TransactionSender
from offchain.errors import ChainTimeout, Retryable
from tests.doubles.rpc import CHAIN_ID, URL
from tests.doubles.sending import PAYER, World, transfer


def test_sleep__not_stopped__returns():
    clock = StoppableClock()
    before = clock.now()
    clock.sleep(0)
    assert clock.now() >= before


def test_sleep__stopped__is_retryable_and_at_once():
    clock = StoppableClock()
    clock.stop()
    with pytest.raises(Stopping) as stopping:
        clock.sleep(3600)
    assert isinstance(stopping.value, Retryable)


def test_request__rpc_stalls_while_the_process_stops__ends_after_one_exchange():
    clock, exchanges = StoppableClock(), []

    def stalled(body):
        exchanges.append(body)
        clock.stop()
        raise ChainTimeout("no answer within 10 s")

    client = ChainClient(URL, CHAIN_ID, post=stalled, clock=clock)
    with pytest.raises(Stopping):
        client.head()
    assert len(exchanges) == 1


def test_send__process_stops__ends_at_once_and_loses_nothing(tmp_path):
    world, clock = World(tmp_path), StoppableClock()

    def before(method, params):
        if method == "eth_sendRawTransaction":
            clock.stop()

    world.chain.before = before
    client = ChainClient(URL, CHAIN_ID, post=world.chain.post, clock=clock)
    with pytest.raises(Stopping):
        TransactionSender(client, PAYER, world.journal, clock=clock).send("one", transfer(5))
    world.sender.send("one", transfer(5))
    assert world.mined() == [(0, 5)]
