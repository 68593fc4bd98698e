import pytest

from offchain.errors import ChainInconsistent, WrongChain
from offchain.storage.kv.client.evidence import NEVER, Moment
from offchain.storage.kv.client.freshness import LEAD_SECONDS, STALE_SECONDS, Freshness
from offchain.storage.kv.client.server import ServerStatus
from tests.doubles.flow_chain import FLOW
from tests.doubles.flow_log import made_up
from tests.doubles.paying import Payer
from tests.doubles.rpc import CHAIN_ID
from tests.doubles.streams import stream_id


@pytest.fixture
def payer(tmp_path):
    made = Payer(tmp_path)
    for number in range(5):
        made.chain.submit(made_up(300, number))
    yield made
    made.database.close()


@pytest.fixture
def freshness(payer):
    return Freshness(payer.client(), payer.clock.sleep, payer.clock.now)


def moment(seq):
    return Moment(stream_id(1), seq, bytes(32))


def followed(chain_id=CHAIN_ID):
    return ServerStatus(chain_id, FLOW, 5, 5, 5)


@pytest.mark.parametrize("seq, behind", [(4, 0), (3, 1), (0, 4), (NEVER, 5)])
def test_behind__moment__counts_submissions_after_it(freshness, seq, behind):
    assert freshness.behind(moment(seq), followed) == behind


def test_behind__asked_again_soon__does_not_ask_the_chain(freshness, payer):
    freshness.behind(moment(4), followed)
    payer.chain.submit(made_up(300, 9))
    assert freshness.behind(moment(4), followed) == 0
    payer.clock.time += STALE_SECONDS + 0.1
    assert freshness.behind(moment(4), followed) == 1


def test_behind__server_that_knows_more_than_was_counted__asks_at_once(freshness, payer):
    freshness.behind(moment(4), followed)
    payer.chain.submit(made_up(300, 9))
    assert freshness.behind(moment(5), followed) == 0


def test_behind__block_that_the_rpc_sees_later__is_waited_for(freshness, payer):
    payer.clock.on_sleep = lambda: payer.chain.submit(made_up(300, 9))
    assert freshness.behind(moment(5), followed) == 0
    assert len(payer.clock.slept) == 1


def test_behind__submission_that_the_chain_does_not_have__is_no_evidence(freshness, payer):
    with pytest.raises(ChainInconsistent, match="speak of submission 5, the chain at .* has 5"):
        freshness.behind(moment(5), followed)
    assert LEAD_SECONDS <= sum(payer.clock.slept) < LEAD_SECONDS + 1


def test_behind__servers_of_another_chain__are_refused(freshness):
    with pytest.raises(WrongChain, match="the RPC is for chain .* follow 1"):
        freshness.behind(moment(0), lambda: followed(1))
