"""The token, through Ape, py-solc-x and the npm compiler."""

import pytest

SUPPLY = 10**27


@pytest.fixture
def holder(accounts):
    return accounts[0]


@pytest.fixture
def token(holder, project):
    return holder.deploy(project.ZGToken, holder, SUPPLY)


def test_token__deployed__holds_all_of_its_supply(token, holder):
    assert token.totalSupply() == token.balanceOf(holder) == token.cap() == SUPPLY


def test_token__delegated__votes(token, holder, accounts):
    token.invoke_transaction("delegate", accounts[1], sender=holder)
    token.transfer(accounts[2], 5, sender=holder)
    assert token.getVotes(accounts[1]) == SUPPLY - 5
