"""Mining epochs: opening, contexts, ranges, history of roots."""

import boa
import pytest

from offchain.protocol.epochs import HISTORY_WINDOW, OPCODE_WINDOW, UNKNOWN
from offchain.protocol.keccak import keccak256
from tests.doubles.blocks import HISTORY, block_hash, mine
from tests.doubles.contracts import deploy
from tests.doubles.flow import BLOCKS_PER_EPOCH, deploy_flow, events, submission_of


def digest(number, root, length):
    return keccak256(block_hash(number), root, length.to_bytes(32, "big"))


def test_make_context__before_the_end__opens_nothing(flow):
    mine(BLOCKS_PER_EPOCH)
    flow.makeContext()
    assert flow.epoch() == 0
    assert flow.getContext().digest == UNKNOWN


def test_make_context__one_due__seals_what_was_submitted(contracts, people):
    flow, first = contracts.flow, contracts.flow.firstBlock()
    contracts.submit([submission_of(1_000)], people.payer)
    mine(BLOCKS_PER_EPOCH + 1)
    flow.makeContext(sender=people.outsider)
    (event,) = events(flow, "NewEpoch")
    root, start = flow.computeFlowRoot(), first + BLOCKS_PER_EPOCH
    expected = digest(start, root, 8)
    assert tuple(flow.getContext()) == (1, start, root, 8, block_hash(start), expected)
    assert tuple(flow.getEpochRange(expected)) == (0, 8)
    assert tuple(flow.getEpochRangeHistory(0)) == (0, 8, expected)
    assert (flow.epoch(), flow.epochStartPosition(), flow.numEpochRanges()) == (1, 8, 1)
    assert (event.sender, event.index, event.startMerkleRoot) == (people.outsider, 1, root)
    assert (event.submissionIndex, event.flowLength, event.context) == (1, 8, expected)


def test_submit__epoch_due__opens_it_before_the_new_file(contracts, people):
    contracts.submit([submission_of(256)], people.payer)
    mine(BLOCKS_PER_EPOCH + 1)
    contracts.submit([submission_of(256)], people.payer)
    assert contracts.flow.getContext().flowLength == 2
    assert contracts.flow.tree()[0] == 3


def test_make_context__many_due__opens_the_oldest_and_the_newest(contracts, people, history):
    flow, first = contracts.flow, contracts.flow.firstBlock()
    contracts.submit([submission_of(256)], people.payer)
    mine(10 * BLOCKS_PER_EPOCH + 1)
    flow.makeContext()
    assert flow.epoch() == 10
    root = flow.computeFlowRoot()
    assert tuple(flow.getEpochRangeHistory(0)) == (0, 2, digest(first + BLOCKS_PER_EPOCH, root, 2))
    assert tuple(flow.getEpochRangeHistory(1)) == (2, 2, digest(first + 10 * BLOCKS_PER_EPOCH, root, 2))
    assert flow.numEpochRanges() == 2


@pytest.mark.parametrize("limit", [0, 1, 2, 100])
def test_make_context_fixed_times__any_limit__opens_at_most_that_many(contracts, history, limit):
    mine(10 * BLOCKS_PER_EPOCH + 1)
    contracts.flow.makeContextFixedTimes(limit)
    assert contracts.flow.epoch() == {0: 0, 1: 1}.get(limit, 10)


def test_submit__after_a_very_long_idle_time__costs_little(contracts, people, history):
    contracts.submit([submission_of(256)], people.payer)
    mine(10_000_001)
    contracts.submit([submission_of(256)], people.payer)
    assert contracts.last._computation.get_gas_used() < 400_000
    assert contracts.flow.epoch() == 10_000_000 // BLOCKS_PER_EPOCH
    oldest = contracts.flow.getEpochRangeHistory(0)
    assert (oldest.start, oldest.end) == (0, 2)


def test_make_context__without_history_contract__uses_what_the_opcode_knows(contracts, people, no_history):
    contracts.submit([submission_of(256)], people.payer)
    mine(1_000)
    contracts.flow.makeContext()
    context = contracts.flow.getContext()
    assert context.blockDigest == block_hash(context.mineStart)
    assert contracts.flow.numEpochRanges() == 2
    oldest = contracts.flow.getEpochRangeHistory(0)
    epoch = contracts.flow.epoch() - 1
    assert oldest.digest == digest(contracts.flow.firstBlock() + epoch * BLOCKS_PER_EPOCH, context.flowRoot, 2)


def test_make_context__no_hash_known__never_becomes_a_zero_digest(people, no_history):
    contracts = deploy_flow(blocks_per_epoch=2 * OPCODE_WINDOW)
    contracts.submit([submission_of(256)], people.payer)
    mine(2 * OPCODE_WINDOW + OPCODE_WINDOW + 1)
    contracts.flow.makeContext()
    context = contracts.flow.getContext()
    assert (context.epoch, context.digest, context.blockDigest) == (1, UNKNOWN, UNKNOWN)
    assert contracts.flow.numEpochRanges() == 0
    assert contracts.flow.epochStartPosition() == 0
    mine(2 * OPCODE_WINDOW - OPCODE_WINDOW + 1)
    contracts.flow.makeContext()
    sealed = contracts.flow.getEpochRangeHistory(0)
    assert (sealed.start, sealed.end) == (0, 2)
    assert sealed.digest != UNKNOWN


@pytest.mark.parametrize(("age", "known"), [(HISTORY_WINDOW, True), (HISTORY_WINDOW + 1, False)])
def test_make_context__at_the_edge_of_the_history__knows_exactly_its_window(history, age, known):
    contracts = deploy_flow(blocks_per_epoch=2 * HISTORY_WINDOW)
    mine(2 * HISTORY_WINDOW + age)
    contracts.flow.makeContext()
    assert contracts.flow.epoch() == 1
    assert (contracts.flow.getContext().digest != UNKNOWN) == known


@pytest.mark.parametrize(("age", "known"), [(OPCODE_WINDOW, True), (OPCODE_WINDOW + 1, False)])
def test_make_context__at_the_edge_of_the_opcode__knows_exactly_its_window(no_history, age, known):
    contracts = deploy_flow(blocks_per_epoch=2 * OPCODE_WINDOW)
    mine(2 * OPCODE_WINDOW + age)
    contracts.flow.makeContext()
    assert contracts.flow.epoch() == 1
    assert (contracts.flow.getContext().digest != UNKNOWN) == known


def test_make_context__history_contract_that_answers_nonsense__counts_as_unknown(people):
    liar = deploy("Payer")
    boa.env.set_code(HISTORY, boa.env.get_code(liar.address))
    contracts = deploy_flow(blocks_per_epoch=1_000)
    mine(1_500)
    contracts.flow.makeContext()
    assert contracts.flow.getContext().digest == UNKNOWN


def test_flow__first_block_in_the_future__takes_nothing_before(people):
    contracts = deploy_flow(first_block=boa.env.evm.patch.block_number + 50)
    with boa.reverts("flow: not launched"):
        contracts.submit([submission_of(1)], people.payer)
    with boa.reverts("flow: not launched"):
        contracts.flow.makeContext()
    mine(50)
    contracts.submit([submission_of(1)], people.payer)
    assert contracts.flow.numSubmissions() == 1


@pytest.mark.parametrize("blocks_per_epoch", [0, 2**32])
def test_flow__epoch_length_out_of_bounds__is_not_deployed(blocks_per_epoch):
    with boa.reverts("flow: bad epoch length"):
        deploy_flow(blocks_per_epoch=blocks_per_epoch)


@pytest.mark.parametrize("first_block", [1, 2**40])
def test_flow__first_block_out_of_bounds__is_not_deployed(first_block):
    mine(10)
    with boa.reverts("flow: bad first block"):
        deploy_flow(first_block=first_block)


def test_make_context_with_result__due__returns_the_new_context(contracts):
    mine(BLOCKS_PER_EPOCH + 1)
    assert tuple(contracts.flow.makeContextWithResult()) == tuple(contracts.flow.getContext())
    assert contracts.flow.epoch() == 1


@pytest.fixture
def three_epochs(contracts, people):
    """Ends of the ranges of three epochs with one file each."""
    ends = []
    mine(1)
    for _ in range(3):
        contracts.submit([submission_of(1_024)], people.payer)
        mine(BLOCKS_PER_EPOCH)
        ends.append(contracts.flow.tree()[0])
    contracts.flow.makeContext()
    return ends


def test_query_context_at_position__every_sector__is_in_its_range(contracts, three_epochs):
    for sector in range(three_epochs[-1]):
        found = contracts.flow.queryContextAtPosition(sector)
        assert found.start <= sector < found.end
        assert tuple(contracts.flow.getEpochRange(found.digest)) == (found.start, found.end)


def test_query_context_at_position__not_sealed__reverts(contracts, people, three_epochs):
    contracts.submit([submission_of(1_024)], people.payer)
    with boa.reverts("flow: position not sealed"):
        contracts.flow.queryContextAtPosition(three_epochs[-1])


def test_get_epoch_range_history__beyond_its_end__reverts(contracts, three_epochs):
    with boa.reverts("flow: no such range"):
        contracts.flow.getEpochRangeHistory(contracts.flow.numEpochRanges())


def test_root_history__opened_epochs__tells_their_roots(contracts, people, three_epochs):
    flow = contracts.flow
    assert flow.rootHistory() == flow.address
    recorded = [index for index in range(5) if flow.available(index)]
    assert recorded == [0, 1, 2]
    assert flow.at(0) == flow.getFlowRootByTxSeq(0)
    assert flow.at(2) == flow.getFlowRootByTxSeq(2)
    assert flow.contains(flow.at(1))
    assert not flow.contains(b"\x05" * 32)
    with boa.reverts("flow: epoch not recorded"):
        flow.at(3)


def test_root_history__epoch_passed_over__is_not_available(contracts, people, history):
    contracts.submit([submission_of(1)], people.payer)
    mine(5 * BLOCKS_PER_EPOCH + 1)
    contracts.flow.makeContext()
    assert [index for index in range(6) if contracts.flow.available(index)] == [0, 4]
