"""Flow, its market and its reward, written the way a user of Ape writes tests: `ape test tests/storage_ape`."""

import ape
import pytest
from eth_utils import keccak

PRICE = 1_000_000
BLOCKS_PER_EPOCH = 20
SERVICE_FEE_BPS = 100
CHUNK, TERM = 65_536, 3_600
WEEK = 7 * 86_400
SECTORS = 4096 + 512
LENGTH = 1_048_579
TAGS = b"\xaa" * 70
NODES = [(keccak(text="high"), 12), (keccak(text="low"), 9)]
FILE = (LENGTH, TAGS, NODES)
"""A file of 1 MiB and 3 bytes: two subtrees of 2^12 and 2^9 sectors."""
FEE = SECTORS * PRICE


@pytest.fixture(scope="module")
def governor(accounts):
    return accounts[0]


@pytest.fixture(scope="module")
def guardian(accounts):
    return accounts[1]


@pytest.fixture(scope="module")
def treasury(accounts):
    return accounts[2]


@pytest.fixture(scope="module")
def user(accounts):
    return accounts[3]


@pytest.fixture(scope="module")
def market(project, governor):
    return governor.deploy(project.FixedPriceMarket, governor)


@pytest.fixture(scope="module")
def reward(project, governor, guardian, market, treasury):
    """No mine here: the guardian stands for it."""
    even = (CHUNK, TERM, 0)
    return governor.deploy(project.ChunkReward, governor, market, guardian, *even, treasury, SERVICE_FEE_BPS)


@pytest.fixture(scope="module")
def flow(project, governor, guardian, market, reward):
    flow = governor.deploy(project.Flow, governor, guardian, market, 0, BLOCKS_PER_EPOCH)
    market.initialize(PRICE, flow, reward, sender=governor)
    return flow


@pytest.fixture
def submit(flow, user):
    """Submit a file; pays the exact fee unless told otherwise."""

    def send(sender=user, submitter=None, value=FEE):
        return flow.submit((FILE, submitter or sender), value=value, sender=sender)

    return send


def test_submit__called_without_sending__says_where_the_file_will_lie(flow, user):
    index, identity, start, sectors = flow.submit.call((FILE, user), value=FEE, sender=user)
    assert (index, identity, start, sectors) == (0, keccak(b"".join(root for root, _ in NODES)), 4096, SECTORS)
    assert flow.numSubmissions() == 0


def test_submit__file__is_logged_as_ape_decodes_it(flow, user, submit):
    (event,) = submit().events
    assert event == flow.Submit(sender=user, submissionIndex=0, startPos=4096, length=SECTORS)
    assert event.identity == keccak(b"".join(root for root, _ in NODES))
    length, tags, nodes = event.submission
    assert (length, tags, [tuple(node) for node in nodes]) == FILE
    assert flow.tree() == (4096 + SECTORS, 0)
    assert flow.getFlowRootByTxSeq(0) == flow.computeFlowRoot()


def test_submit__in_another_s_name__is_logged_with_the_caller(flow, accounts, user, submit):
    receipt = submit(submitter=accounts[4])
    assert [event.event_name for event in receipt.events] == ["Submit", "SubmissionCaller"]
    assert receipt.decode_logs(flow.Submit)[0].sender == accounts[4]
    assert receipt.decode_logs(flow.SubmissionCaller)[0].caller == user


@pytest.mark.parametrize("extra", [0, 1, 10**18])
def test_submit__overpaid__returns_the_rest(flow, user, submit, extra):
    before = user.balance
    receipt = submit(value=FEE + extra)
    assert before - user.balance - receipt.total_fees_paid == FEE == flow.balance == flow.pendingFees()


def test_submit__one_wei_short__reverts(flow, submit):
    with ape.reverts("flow: not enough fee"):
        submit(value=FEE - 1)
    assert flow.numSubmissions() == 0


def test_submit__plain_payment__reverts(flow, user):
    with ape.reverts("flow: no plain payments"):
        user.transfer(flow, 1)


def test_fees__epoch_opens__settle_to_the_reward_and_its_treasury(chain, flow, market, reward, treasury, user, submit):
    submit()
    chain.mine(BLOCKS_PER_EPOCH)
    receipt = flow.makeContext(sender=user)
    assert receipt.decode_logs(flow.Settled) == [flow.Settled(beforeLength=1, chargedSectors=SECTORS, amount=FEE)]
    share = FEE * SERVICE_FEE_BPS // 10_000
    assert (flow.balance, market.balance, reward.balance) == (0, 0, FEE)
    assert (reward.rewards(0).lockedReward, reward.serviceFeeDue()) == (FEE - share, share)
    before = treasury.balance
    withdrawn = reward.withdrawServiceFee(sender=user)
    assert withdrawn.events == [reward.ServiceFeeWithdrawn(treasury=treasury, amount=share)]
    assert (treasury.balance - before, reward.balance) == (share, FEE - share)


def test_price__changed_by_the_governor__is_charged_at_once(flow, market, governor, submit):
    receipt = market.setPricePerSector(2 * PRICE, sender=governor)
    assert receipt.decode_logs(flow.PriceTaken)[0].pricePerSector == 2 * PRICE == flow.pricePerSector()
    with ape.reverts("flow: not enough fee"):
        submit()
    submit(value=2 * FEE)


def test_pause__by_the_guardian__stops_new_files_for_a_week_once(chain, flow, guardian, submit):
    receipt = flow.pause(sender=guardian)
    assert receipt.events == [flow.Paused(account=guardian, until=receipt.timestamp + WEEK)]
    with ape.reverts("flow: paused"):
        submit()
    chain.pending_timestamp = receipt.timestamp + WEEK
    chain.mine()
    assert not flow.paused()
    submit()
    with ape.reverts("roles: pause spent"):
        flow.pause(sender=guardian)


def test_unpause__by_the_governor__renews_the_guardian_s_right(flow, governor, guardian, submit):
    flow.pause(sender=guardian)
    flow.unpause(sender=governor)
    submit()
    flow.pause(sender=guardian)
    assert flow.paused()


def test_governor__handed_over_in_two_steps__changes_hands(flow, governor, user):
    flow.proposeGovernor(user, sender=governor)
    assert (flow.governor(), flow.pendingGovernor()) == (governor, user)
    flow.acceptGovernor(sender=user)
    assert flow.governor() == user
    with ape.reverts("roles: not governor"):
        flow.setGuardian(governor, sender=governor)


@pytest.mark.parametrize(
    ("contract", "function", "arguments", "reason"),
    [
        ("flow", "setMarket", ["market"], "roles: not governor"),
        ("flow", "setGuardian", ["user"], "roles: not governor"),
        ("flow", "proposeGovernor", ["user"], "roles: not governor"),
        ("flow", "acceptGovernor", [], "roles: not proposed"),
        ("flow", "pause", [], "roles: not guardian"),
        ("flow", "unpause", [], "roles: not guardian"),
        ("market", "initialize", [1, "flow", "reward"], "roles: not governor"),
        ("market", "setPricePerSector", [1], "roles: not governor"),
        ("market", "setReward", ["reward"], "roles: not governor"),
        ("market", "chargeFee", [1, 1, 0], "market: not the flow"),
        ("reward", "setServiceFee", ["user", 0], "roles: not governor"),
        ("reward", "fillReward", [1, 1], "reward: not the market"),
    ],
)
def test_authority__somebody_else__is_refused(flow, market, reward, user, contract, function, arguments, reason):
    known = {"flow": flow, "market": market, "reward": reward, "user": user}
    with ape.reverts(reason):
        getattr(known[contract], function)(*[known.get(each, each) for each in arguments], sender=user)
