"""Clients send exactly what eth_estimateGas says; the flow that includes them is not the one that was estimated for."""

import boa
import pytest

from offchain.protocol.sectors import SECTOR_BYTES
from tests.doubles.blocks import mine
from tests.doubles.flow import BLOCKS_PER_EPOCH, encode, submission_of

SHALLOW = [1 << 30]
DEEP = [SECTOR_BYTES << height for height in range(24, -1, -1)]  # each bit of the length becomes a peak to hash with
TAGS = bytes(range(256)) * 16


def alone(size=256, tags=b""):
    return lambda flow, payer: flow.submit.prepare_calldata((encode(submission_of(size, 7, tags)), payer))


def batch(count):
    def calldata(flow, payer):
        made = [(encode(submission_of((1 << 20) + 3, number)), payer) for number in range(count)]
        return flow.batchSubmit.prepare_calldata(made)

    return calldata


CALLS = {
    "one sector": alone(),
    "four nodes": alone(15 * 256 + (1 << 20)),
    "most tags": alone(tags=TAGS),
    "batch of one": batch(1),
    "batch of 64": batch(64),
}


@pytest.fixture(params=CALLS)
def calldata(request, contracts, people):
    return CALLS[request.param](contracts.flow, people.payer)


def succeeds(contracts, payer, data, gas):
    with boa.env.anchor():
        return not boa.env.execute_code(
            to_address=contracts.flow.address, sender=payer, data=data, value=10**18, gas=gas
        ).is_error


def estimated(contracts, payer, data):
    """The least gas that suffices now, to 500 above it."""
    low, high = 21_000, 20_000_000
    assert succeeds(contracts, payer, data, high)
    while high - low > 500:
        middle = (low + high) // 2
        low, high = (low, middle) if succeeds(contracts, payer, data, middle) else (middle, high)
    return high


def fill(contracts, sizes, payer):
    for number, size in enumerate(sizes):
        contracts.submit([submission_of(size, number)], payer)


def test_submit__flow_deeper_than_estimated_for__has_enough_gas(contracts, people, calldata):
    fill(contracts, SHALLOW, people.payer)
    gas = estimated(contracts, people.payer, calldata)
    fill(contracts, DEEP, people.payer)
    assert succeeds(contracts, people.payer, calldata, gas)


def test_submit__epoch_due_since_the_estimate__has_enough_gas(contracts, people, calldata):
    fill(contracts, SHALLOW, people.payer)
    gas = estimated(contracts, people.payer, calldata)
    fill(contracts, DEEP, people.payer)
    mine(BLOCKS_PER_EPOCH + 1)
    assert succeeds(contracts, people.payer, calldata, gas)


def test_submit__gas_limit_below_what_may_be_needed__is_refused(contracts, people):
    data = alone()(contracts.flow, people.payer)
    gas = estimated(contracts, people.payer, data) - 1_000
    with boa.reverts("flow: gas limit too tight"):
        contracts.flow.submit((encode(submission_of(256, 7)), people.payer), value=10**18, sender=people.payer, gas=gas)


def test_submit__transaction_of_a_full_batch__fits_below_the_cap_of_eip_7825(contracts, people):
    data = batch(64)(contracts.flow, people.payer)
    assert estimated(contracts, people.payer, data) < 1 << 24
