"""Over real sockets on this machine: a stub server stalls, trickles and drops."""

import time

import pytest

from offchain.chain.client import ChainClient
from offchain.chain.clock import SystemClock
from offchain.chain.rpc import Rpc
from offchain.chain.transport import HttpTransport, origin_of
from offchain.errors import ChainTimeout, ChainUnavailable, RangeTooLarge
from tests.doubles.clock import FakeClock
from tests.doubles.proxy import Drop, HttpError, Proxy, Stall, Trickle
from tests.doubles.rpc import CHAIN_ID, FakeChain

PATIENCE = 0.25


@pytest.fixture
def proxy():
    with Proxy(lambda body: FakeChain().post(body).encode()) as running:
        yield running


def failing(failure):
    def before(method, params):
        raise failure

    return before


def transport(proxy):
    return HttpTransport(proxy.url, PATIENCE, SystemClock())


CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}'


def test_post__healthy_rpc__returns_its_answer(proxy):
    assert transport(proxy).post(CALL) == b'{"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}'


def test_post__same_connection_again__is_reused(proxy):
    channel = transport(proxy)
    assert channel.post(CALL) == channel.post(CALL)


@pytest.mark.parametrize("failure", [Stall(), Trickle()])
def test_post__rpc_that_stalls_or_trickles__times_out_within_the_limit(proxy, failure):
    proxy.before = failing(failure)
    started = time.monotonic()
    with pytest.raises(ChainTimeout, match=r"http://127.0.0.1:\d+ did not answer within 0.25 s"):
        transport(proxy).post(CALL)
    assert time.monotonic() - started < 3 * PATIENCE


def test_post__connection_dropped__is_unavailable(proxy):
    proxy.before = failing(Drop())
    with pytest.raises(ChainUnavailable, match="cannot be reached"):
        transport(proxy).post(CALL)


def test_post__nobody_listens__is_unavailable(proxy):
    with Proxy(None) as gone:
        pass
    with pytest.raises(ChainUnavailable, match="cannot be reached"):
        transport(gone).post(CALL)


def test_post__error_page__names_the_status(proxy):
    proxy.before = failing(HttpError(502))
    with pytest.raises(ChainUnavailable, match="HTTP status 502"):
        transport(proxy).post(CALL)


def test_request__json_rpc_error_under_an_http_error__is_understood(proxy):
    error = (
        '{"jsonrpc": "2.0", "id": 1, "error": {"code": -32614, "message": "eth_getLogs is limited to a 10,000 range"}}'
    )

    def limited(method, params):
        if method == "eth_getLogs":
            raise HttpError(413, error)

    proxy.before = limited
    with pytest.raises(RangeTooLarge):
        Rpc(proxy.url, CHAIN_ID).request("eth_getLogs", {})


def test_client__rpc_recovers_from_a_dropped_connection__goes_on(proxy):
    drops = iter([Drop()])

    def before(method, params):
        if method == "eth_getBlockByNumber":
            for failure in drops:
                raise failure

    proxy.before = before
    client = ChainClient(proxy.url, CHAIN_ID, clock=FakeClock())
    assert client.head().number == 0


def test_origin_of__ipv6_and_default_port__is_readable():
    assert origin_of("https://rpc.test/key?x=1") == "https://rpc.test"
    assert origin_of("http://[::1]:8545") == "http://[::1]:8545"
