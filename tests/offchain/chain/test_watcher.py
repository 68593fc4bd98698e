import pytest

from offchain.chain.client import ChainClient
from offchain.chain.cursor import RECENT, Cursor
from offchain.chain.watcher import EventWatcher
from offchain.errors import ChainInconsistent, ChainTimeout, RangeTooLarge
from tests.doubles.clock import FakeClock
from tests.doubles.consumer import Consumer
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain, FakeLog, RpcFault, hexed

EMITTER = "0x" + "ab" * 20
STRANGER = "0x" + "cd" * 20
LOG = FakeLog(EMITTER, (b"\1" * 32,))


def watch(chain, **options):
    client = ChainClient(URL, CHAIN_ID, post=chain.post, clock=FakeClock(), jitter=lambda: 0.0)
    return EventWatcher(client, [EMITTER], **options)


def canonical(chain, confirmations=0):
    confirmed = chain.blocks[: len(chain.blocks) - confirmations]
    return [(block.number, block.hash, index) for block in confirmed for index in range(len(block.logs))]


def followed(chain, **options):
    watcher, consumer = watch(chain, **options), Consumer()
    consumer.follow(watcher)
    return watcher, consumer


def test_poll__new_chain__delivers_every_log_in_order():
    chain = FakeChain()
    for position in range(10):
        chain.mine(*[LOG] * (position % 3))
    _, consumer = followed(chain)
    assert consumer.applied == canonical(chain)


def test_poll__start_block__skips_what_is_before():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    _, consumer = followed(chain, start_block=7)
    assert [number for number, _, _ in consumer.applied] == [7, 8, 9, 10]


def test_poll__start_block_in_the_future__waits():
    chain = FakeChain()
    step = watch(chain, start_block=5).poll(Cursor())
    assert (step.cursor, step.logs, step.behind) == (Cursor(), (), 0)


def test_poll__nothing_new__changes_nothing():
    chain = FakeChain()
    chain.mine(LOG)
    watcher, consumer = followed(chain)
    step = watcher.poll(consumer.cursor)
    assert (step.cursor, step.logs, step.rolled_back_to, step.behind) == (consumer.cursor, (), None, 0)


def test_poll__confirmations__stays_behind_the_head():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    _, consumer = followed(chain, confirmations=4)
    assert consumer.applied == canonical(chain, 4)
    assert consumer.applied[-1][0] == 6


def test_poll__long_backfill__tells_how_much_is_left():
    chain = FakeChain()
    chain.mine(count=500)
    watcher = watch(chain, page=100)
    step = watcher.poll(Cursor())
    assert (step.head, step.behind) == (500, 401)


def test_poll__confirmed_events__are_not_rolled_back_by_a_shallow_fork():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    watcher, consumer = followed(chain, confirmations=4)
    chain.fork(4, [LOG], [LOG], [LOG], [LOG], [LOG])
    step = watcher.poll(consumer.cursor)
    assert step.rolled_back_to is None
    assert [log.block_number for log in step.logs] == [7]


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_poll__reorg__rolls_back_to_the_last_common_block(depth):
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    watcher, consumer = followed(chain)
    chain.fork(depth, *[[LOG, LOG]] * (depth + 1))
    step = watcher.poll(consumer.cursor)
    assert (step.rolled_back_to, step.logs) == (10 - depth, ())
    consumer.apply(step)
    consumer.follow(watcher)
    assert consumer.applied == canonical(chain)


def test_poll__reorg_before_the_start_block__starts_over():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    watcher, consumer = followed(chain, start_block=8)
    chain.fork(9, *[[LOG]] * 12)
    step = watcher.poll(consumer.cursor)
    assert (step.rolled_back_to, step.cursor) == (7, Cursor())
    consumer.apply(step)
    consumer.follow(watcher)
    assert consumer.applied == canonical(chain)[7:]


def test_poll__reorg_deeper_than_tail__rolls_back_to_an_older_checkpoint():
    chain = FakeChain()
    for _ in range(3 * RECENT):
        chain.mine(LOG)
    watcher, consumer = followed(chain, page=10)
    depth = 2 * RECENT
    chain.fork(depth, *[[LOG]] * (depth + 1))
    step = watcher.poll(consumer.cursor)
    assert 0 < step.rolled_back_to <= RECENT
    consumer.apply(step)
    consumer.follow(watcher)
    assert consumer.applied == canonical(chain)


def test_poll__shorter_fork__rolls_back_although_the_head_went_down():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    watcher, consumer = followed(chain)
    chain.fork(5, [LOG])
    step = watcher.poll(consumer.cursor)
    assert step.rolled_back_to == 5


def test_poll__node_that_lags__waits_without_rolling_back():
    chain = FakeChain()
    for _ in range(10):
        chain.mine(LOG)
    watcher, consumer = followed(chain)
    blocks, chain.blocks = chain.blocks, chain.blocks[:6]
    step = watcher.poll(consumer.cursor)
    assert (step.rolled_back_to, step.cursor, step.head) == (None, consumer.cursor, 5)
    chain.blocks = blocks
    chain.mine(LOG)
    consumer.follow(watcher)
    assert consumer.applied == canonical(chain)


def test_poll__node_below_every_checkpoint__waits():
    chain = FakeChain()
    chain.mine(count=9)
    chain.mine(LOG)
    watcher, consumer = followed(chain, start_block=10)
    chain.blocks = chain.blocks[:3]
    assert watcher.poll(consumer.cursor).cursor == consumer.cursor


def test_poll__range_limit__finds_pages_that_fit():
    chain = FakeChain(max_range=7)
    for _ in range(100):
        chain.mine(LOG)
    _, consumer = followed(chain, page=2000)
    assert consumer.applied == canonical(chain)
    assert chain.calls.count("eth_getLogs") < 40


def test_poll__single_block_refused__raises():
    def refuse(method, params):
        if method == "eth_getLogs":
            raise RpcFault("query returned more than 10000 results", -32005)

    chain = FakeChain(before=refuse)
    with pytest.raises(RangeTooLarge):
        watch(chain).poll(Cursor())


def test_poll__logs_take_too_long__asks_for_less_next_time():
    chain = FakeChain()
    chain.mine(count=900)
    watcher = watch(chain, page=512)
    answer, chain.post = chain.post, None

    def slow(body):
        if b"eth_getLogs" in body and b'"toBlock": "0x1f"' not in body:
            raise ChainTimeout("too slow")
        return answer(body)

    watcher._client._rpc._post = slow
    for _ in range(4):
        with pytest.raises(ChainTimeout):
            watcher.poll(Cursor())
    assert watcher.poll(Cursor()).cursor.last.number == 31


def tampered(chain, change):
    """Let `change` rewrite the answer of `eth_getLogs`."""
    honest = chain.eth_getLogs
    chain.eth_getLogs = lambda query: change(honest(query))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda logs: [logs[0] | {"removed": True}], "removed by a fork"),
        (lambda logs: [logs[0] | {"address": STRANGER}], "nobody asked for"),
        (lambda logs: [logs[0] | {"blockNumber": hexed(99)}], "outside the blocks"),
        (lambda logs: [logs[0] | {"blockHash": hexed(b"\7" * 32)}], "another fork"),
        (lambda logs: logs + logs, "twice"),
        (lambda logs: [], "left out 1 logs"),
    ],
)
def test_poll__rpc_that_lies_about_logs__is_not_believed(change, complaint):
    chain = FakeChain()
    chain.mine(LOG)
    honest = chain.eth_getLogs
    chain.eth_getLogs = lambda query: honest(query) if "blockHash" in query else change(honest(query))
    watcher = watch(chain)
    with pytest.raises(ChainInconsistent, match=complaint):
        watcher.poll(Cursor())
    chain.eth_getLogs = honest
    assert len(watcher.poll(Cursor()).logs) == 1


def test_poll__lie_about_a_deep_block__is_not_believed():
    chain = FakeChain()
    chain.mine(LOG)
    chain.mine(count=200)
    tampered(chain, lambda logs: [log | {"blockHash": hexed(b"\7" * 32)} for log in logs])
    with pytest.raises(ChainInconsistent, match="another fork"):
        watch(chain).poll(Cursor())


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_getBlockByNumber"])
@pytest.mark.parametrize("batches", [True, False])
def test_poll__reorg_while_the_page_is_read__delivers_nothing_of_the_lost_fork(method, batches):
    chain = FakeChain(batches=batches)
    for _ in range(5):
        chain.mine(LOG)
    watcher, consumer = followed(chain)
    chain.mine(LOG)
    chain.mine(LOG)

    def fork_once(called, params):
        if called == method:
            chain.before = None
            chain.fork(2, [LOG, LOG], [LOG], [LOG])

    chain.before = fork_once
    for _ in range(3):
        try:
            consumer.apply(watcher.poll(consumer.cursor))
        except ChainInconsistent:
            continue
    consumer.follow(watcher)
    assert consumer.applied == canonical(chain)


def test_poll__chain_without_blooms__still_delivers():
    chain = FakeChain(blooms=False)
    for _ in range(5):
        chain.mine(LOG)
    _, consumer = followed(chain)
    assert consumer.applied == canonical(chain)


def test_poll__topics__are_filtered_by_the_chain():
    chain = FakeChain()
    chain.mine(LOG, FakeLog(EMITTER, (b"\2" * 32,)), FakeLog(STRANGER, (b"\1" * 32,)))
    step = watch(chain, topics=[[b"\2" * 32]]).poll(Cursor())
    assert [log.index for log in step.logs] == [1]


def test_poll__many_blocks_of_logs__cost_few_exchanges():
    chain = FakeChain()
    for _ in range(1000):
        chain.mine(LOG)
    bodies = []
    post = chain.post
    chain.post = lambda body: bodies.append(body) or post(body)
    followed(chain)
    assert len(bodies) < 40
