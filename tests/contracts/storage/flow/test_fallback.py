"""Calldata that no honest client sends, and batches at their bounds."""

import boa
import pytest
from eth_abi import decode as abi_decode
from eth_abi import encode as abi_encode

from offchain.protocol.flow import FlowTree
from offchain.protocol.submission import MAX_BATCH
from tests.doubles.flow import PRICE, encode, submission_of

BATCH_SUBMIT = bytes.fromhex("49aa3395")
OLD_SUBMIT = bytes.fromhex("ef3e12dc")
OLD_BATCH_SUBMIT = bytes.fromhex("9e62a38e")
DATA = "(uint256,bytes,(bytes32,uint256)[])"


def send(flow, people, data, value=10**18):
    computation = boa.env.execute_code(to_address=flow.address, sender=people.payer, data=data, value=value)
    return Refused(computation.output) if computation.is_error else computation.output


class Refused(Exception):
    """A call that reverted, with its reason where it gave one."""

    def __init__(self, output):
        self.reason = abi_decode(["string"], output[4:])[0] if output else ""
        super().__init__(self.reason)


def old_submit(submission):
    return OLD_SUBMIT + abi_encode([DATA], [encode(submission)])


def test_fallback__plain_payment__is_refused(flow, people):
    assert send(flow, people, b"").reason == "flow: no plain payments"
    assert send(flow, people, b"\x49\xaa\x33").reason == "flow: no plain payments"
    assert boa.env.get_balance(flow.address) == 0


def test_fallback__unknown_selector__is_refused(flow, people):
    assert send(flow, people, b"\xde\xad\xbe\xef" + bytes(64)).reason == "flow: unknown function"


def test_fallback__every_truncation__is_refused(flow, people):
    data = old_submit(submission_of(3_586, tags=b"\x01" * 40))
    assert not isinstance(send(flow, people, data), Exception)
    for length in range(4, len(data) - 32, 7):
        assert isinstance(send(flow, people, data[:length]), Exception), length
    assert flow.numSubmissions() == 1


@pytest.mark.parametrize("offset", [2**32, 2**255, 2**256 - 32, 2**256 - 1])
@pytest.mark.parametrize("word", [0, 2, 3])
def test_fallback__offset_that_would_wrap__is_refused(flow, people, offset, word):
    data = bytearray(old_submit(submission_of(300)))
    data[4 + 32 * word : 36 + 32 * word] = offset.to_bytes(32, "big")
    assert send(flow, people, bytes(data)).reason == "flow: bad calldata"


@pytest.mark.parametrize("length", [2**32, 2**256 - 1, 5])
def test_fallback__length_that_lies__is_refused(flow, people, length):
    data = bytearray(old_submit(submission_of(300)))
    nodes_length = 4 + 32 + 3 * 32 + 32
    data[nodes_length : nodes_length + 32] = length.to_bytes(32, "big")
    assert isinstance(send(flow, people, bytes(data)), Exception)


def test_fallback__submitter_wider_than_an_address__is_refused(flow, people):
    array = abi_encode([f"({DATA},uint256)[]"], [[(encode(submission_of(300)), 2**160)]])
    assert send(flow, people, BATCH_SUBMIT + array).reason == "flow: bad calldata"


def test_fallback__answer__is_what_the_abi_says(flow, people):
    submission = submission_of(300)
    answer = send(flow, people, old_submit(submission))
    assert answer == abi_encode(["uint256", "bytes32", "uint256", "uint256"], [0, submission.identity, 2, 2])


@pytest.mark.parametrize("form", ["batch", "old batch"])
def test_batch__at_its_bound__places_every_file(contracts, people, form):
    submissions = [submission_of(300 * (at + 1), at) for at in range(MAX_BATCH)]
    tree = FlowTree()
    placed = contracts.submit(submissions, people.payer, form)
    for at, (submission, place) in enumerate(zip(submissions, placed, strict=True)):
        tree, start = tree.append(submission.nodes)
        assert (place.index, place.start, place.identity) == (at, start, submission.identity)
    assert contracts.flow.computeFlowRoot() == tree.root


@pytest.mark.parametrize("form", ["batch", "old batch"])
def test_batch__above_its_bound__reverts(contracts, people, form):
    with boa.reverts("flow: batch too long"):
        contracts.submit([submission_of(1)] * (MAX_BATCH + 1), people.payer, form)


@pytest.mark.parametrize("form", ["batch", "old batch"])
def test_batch__empty__reverts(contracts, people, form):
    with boa.reverts("flow: empty batch"):
        contracts.submit([], people.payer, form, value=5)


@pytest.mark.parametrize("form", ["batch", "old batch"])
def test_batch__one_bad_file__takes_none(contracts, people, form):
    bad = submission_of(300).__class__(0, b"", submission_of(300).nodes)
    with boa.reverts("flow: too much padding"):
        contracts.submit([submission_of(300), bad], people.payer, form, value=10**18)
    assert contracts.flow.numSubmissions() == 0


def test_batch__several_submitters__names_the_caller_where_it_differs(contracts, people):
    from tests.doubles.flow import _NEW

    flow = _NEW.at(contracts.flow.address)
    pairs = [(encode(submission_of(1, at)), who) for at, who in enumerate([people.payer, people.friend])]
    flow.batchSubmit(pairs, value=2 * PRICE, sender=people.payer)
    senders = [event.sender for event in flow.get_logs() if type(event).__name__ == "Submit"]
    callers = [event.submissionIndex for event in flow.get_logs() if type(event).__name__ == "SubmissionCaller"]
    assert senders == [people.payer, people.friend]
    assert callers == [1]
