"""Submitting a file, in each of the four forms."""

import boa
import pytest

from offchain.protocol.submission import MAX_NODE_HEIGHT, MAX_TAG_BYTES, Node, Submission
from tests.doubles.contracts import deploy
from tests.doubles.flow import FORMS, PRICE, actors, submission_of

EVERY_FORM = pytest.mark.parametrize("form", FORMS)


def one_node(length, height):
    return Submission(length, b"", (Node(b"\x01" * 32, height),))


@EVERY_FORM
def test_submit__valid__returns_place_and_logs_it(contracts, people, form):
    submission = submission_of(1_048_579, tags=b"\xaa" * 70)
    (place,) = contracts.submit([submission], people.payer, form)
    assert (place.index, place.start, place.sectors) == (0, 4096, 4608)
    (event,) = contracts.events("Submit")
    assert event.sender == people.payer
    assert (event.identity, event.submissionIndex) == (submission.identity, 0)
    assert (event.startPos, event.length) == (4096, 4608)
    assert event.submission.length == 1_048_579
    assert event.submission.tags == b"\xaa" * 70
    assert [tuple(node) for node in event.submission.nodes] == [(n.root, n.height) for n in submission.nodes]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, MAX_TAG_BYTES - 1, MAX_TAG_BYTES])
@EVERY_FORM
def test_submit__tags_of_any_length__are_logged_unchanged(contracts, people, form, length):
    tags = bytes(at & 0xFF for at in range(length))
    contracts.submit([submission_of(300, tags=tags)], people.payer, form)
    assert contracts.events("Submit")[0].submission.tags == tags


@EVERY_FORM
def test_submit__tags_too_long__reverts(contracts, people, form):
    with boa.reverts("flow: tags too long") if form != "submit" else boa.reverts():
        contracts.submit([submission_of(300, tags=bytes(MAX_TAG_BYTES + 1))], people.payer, form)


@EVERY_FORM
def test_submit__too_many_nodes__reverts(contracts, people, form):
    nodes = tuple(Node(b"\x01" * 32, height) for height in (4, 3, 2, 1, 0))
    with boa.reverts("flow: too many nodes") if form != "submit" else boa.reverts():
        contracts.submit([Submission(31 * 256, b"", nodes)], people.payer, form)


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (Submission(1, b"", ()), "flow: no nodes"),
        (one_node(256 << 47, MAX_NODE_HEIGHT + 1), "flow: node too high"),
        (one_node(1, 2**256 - 1), "flow: node too high"),
        (Submission(512, b"", (Node(b"\x01" * 32, 0), Node(b"\x02" * 32, 0))), "flow: heights do not fall"),
        (Submission(768, b"", (Node(b"\x01" * 32, 0), Node(b"\x02" * 32, 1))), "flow: heights do not fall"),
        (Submission(17 * 256, b"", (Node(b"\x01" * 32, 4), Node(b"\x02" * 32, 0))), "flow: heights too far apart"),
        (one_node(257, 0), "flow: file exceeds nodes"),
        (one_node(2**256 - 1, 0), "flow: file exceeds nodes"),
        (one_node(0, 0), "flow: too much padding"),
        (one_node(256, 1), "flow: too much padding"),
        (one_node(15 * 256, 4), "flow: too much padding"),
        (one_node(1024 * 15 * 16, 10), "flow: too much padding"),
    ],
)
@EVERY_FORM
def test_submit__breaks_a_rule__reverts_with_its_reason(contracts, people, form, submission, reason):
    with boa.reverts(reason):
        contracts.submit([submission], people.payer, form, value=10**20)


@pytest.mark.parametrize(
    "submission",
    [
        one_node(1, 0),
        one_node(256, 0),
        one_node(257, 1),
        one_node(15 * 256 + 1, 4),
        one_node(1024 * 15 * 16 + 1, 10),
        submission_of(1025 * 256),
        Submission(15 * 256, b"", tuple(Node(bytes([h]) * 32, h) for h in (3, 2, 1, 0))),
    ],
)
def test_submit__at_the_edge_of_a_rule__is_accepted(contracts, people, submission):
    (place,) = contracts.submit([submission], people.payer, "submit")
    assert place.sectors == submission.sectors


@pytest.mark.parametrize("form", ["submit", "batch"])
def test_submit__without_submitter__reverts(contracts, people, form):
    with boa.reverts("flow: no submitter"):
        contracts.submit([submission_of(300)], people.payer, form, submitter="0x" + "00" * 20)


@pytest.mark.parametrize("form", ["submit", "batch"])
def test_submit__for_another__names_both(contracts, people, form):
    contracts.submit([submission_of(300)], people.payer, form, submitter=people.friend)
    (event,) = contracts.events("Submit")
    (caller,) = contracts.events("SubmissionCaller")
    assert event.sender == people.friend
    assert (caller.submissionIndex, caller.caller) == (0, people.payer)


@EVERY_FORM
def test_submit__for_oneself__names_no_caller(contracts, people, form):
    contracts.submit([submission_of(300)], people.payer, form)
    assert contracts.events("SubmissionCaller") == []


@EVERY_FORM
def test_submit__overpaid__returns_the_rest(contracts, people, form):
    before = boa.env.get_balance(people.payer)
    contracts.submit([submission_of(300)], people.payer, form, value=10**18)
    assert before - boa.env.get_balance(people.payer) == 2 * PRICE


@EVERY_FORM
def test_submit__one_wei_short__reverts(contracts, people, form):
    with boa.reverts("flow: not enough fee"):
        contracts.submit([submission_of(300)], people.payer, form, value=2 * PRICE - 1)


def test_submit__leftover_of_another_payer__does_not_pay(contracts, people):
    contracts.submit([submission_of(300)], people.payer, "submit", value=10**18)
    with boa.reverts("flow: not enough fee"):
        contracts.submit([submission_of(300)], people.outsider, "submit", value=0)


def test_submit__payer_that_refuses_refunds__reverts_only_when_overpaying(contracts):
    wallet = deploy("Payer")
    owner = actors("owner").owner
    wallet.setup(True, b"")
    data = contracts.calldata(submission_of(300), owner)
    with boa.reverts():
        wallet.execute(contracts.flow.address, data, value=2 * PRICE + 1, sender=owner)
    wallet.execute(contracts.flow.address, data, value=2 * PRICE, sender=owner)
    assert contracts.flow.numSubmissions() == 1


def test_submit__payer_that_calls_back__finds_the_flow_locked(contracts):
    wallet = deploy("Payer")
    owner = actors("owner").owner
    data = contracts.calldata(submission_of(300), owner)
    wallet.setup(False, data)
    wallet.execute(contracts.flow.address, data, value=10 * PRICE, sender=owner)
    assert wallet.received() == 8 * PRICE
    assert not wallet.callback_result()
    assert contracts.flow.numSubmissions() == 1


def test_submit__many_tebibytes__costs_no_more_than_a_small_file(contracts, people):
    rich = actors("rich", balance=10**60).rich
    contracts.submit([submission_of(300)], people.payer, "submit")
    contracts.submit([one_node(256 << MAX_NODE_HEIGHT, MAX_NODE_HEIGHT)], rich, "submit")
    assert contracts.last._computation.get_gas_used() < 1_000_000
    assert contracts.flow.tree()[0] == 2 << MAX_NODE_HEIGHT


def test_submit__beyond_the_flow_s_end__reverts(contracts):
    rich = actors("rich", balance=10**60).rich
    huge = one_node(256 << MAX_NODE_HEIGHT, MAX_NODE_HEIGHT)
    for _ in range(2):
        contracts.submit([huge], rich, "submit")
    with boa.reverts("flow: full"):
        contracts.submit([huge], rich, "submit")
    assert contracts.flow.numSubmissions() == 2
