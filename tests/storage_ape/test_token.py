"""The token as a user of Ape meets it: permits are signed, votes are delegated."""

import ape
import pytest
from eip712.common import create_permit_def

SUPPLY = 10**27
NEVER = 2**256 - 1


@pytest.fixture(scope="module")
def governor(accounts):
    return accounts[0]


@pytest.fixture(scope="module")
def user(accounts):
    return accounts[1]


@pytest.fixture(scope="module")
def token(project, governor):
    return governor.deploy(project.ZGToken, governor, SUPPLY)


@pytest.fixture
def permit(token, chain, governor, user):
    """A signed permit of the governor for the user; returns the arguments that carry it to the chain."""

    def signed(value, deadline=NEVER, signer=governor):
        kind = create_permit_def(name="ZG", version="1", chainId=chain.chain_id, verifyingContract=token.address)
        nonce = token.nonces(governor)
        message = kind(owner=governor.address, spender=user.address, value=value, nonce=nonce, deadline=deadline)
        signature = signer.sign_message(message)
        return governor, user, value, deadline, signature.v, signature.r, signature.s

    return signed


def test_permit__signed_by_the_owner__lets_the_spender_take(token, governor, user, permit):
    receipt = token.permit(*permit(5), sender=user)
    assert receipt.events == [token.Approval(owner=governor, spender=user, value=5)]
    token.transferFrom(governor, user, 5, sender=user)
    assert (token.balanceOf(user), token.allowance(governor, user)) == (5, 0)


def test_permit__used_twice__reverts(token, user, permit):
    arguments = permit(5)
    token.permit(*arguments, sender=user)
    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(*arguments, sender=user)


def test_permit__signed_by_somebody_else__reverts(token, governor, user, permit):
    with ape.reverts(token.ERC2612InvalidSigner, error_inputs={"signer": user, "owner": governor}):
        token.permit(*permit(5, signer=user), sender=user)


def test_permit__too_late__reverts(chain, token, user, permit):
    deadline = chain.pending_timestamp - 10
    with ape.reverts(token.ERC2612ExpiredSignature, error_inputs={"deadline": deadline}):
        token.permit(*permit(5, deadline=deadline), sender=user)


def test_votes__delegated__follow_the_balance_and_are_remembered(chain, token, governor, user, accounts):
    delegate = accounts[4]
    token.transfer(user, 7, sender=governor)
    assert token.getVotes(user) == 0  # nobody votes before delegating, not even to oneself
    receipt = token.invoke_transaction("delegate", delegate, sender=user)
    assert token.DelegateVotesChanged(delegate=delegate, previousVotes=0, newVotes=7) in receipt.events
    before = receipt.block_number
    token.transfer(governor, 3, sender=user)
    assert token.getVotes(delegate) == 4
    assert token.getPastVotes(delegate, before) == 7
    with ape.reverts(token.ERC5805FutureLookup):
        token.getPastVotes(delegate, chain.blocks.height + 1)
