"""The wrapped coin: one for one, an ERC-20, and stakeable."""

import boa
import pytest

from tests.doubles.contracts import deploy
from tests.doubles.flow import actors

COIN = 10**18
NOBODY = "0x" + "00" * 20


@pytest.fixture
def people():
    return actors("holder", "friend", "spender")


@pytest.fixture
def wrapped(people):
    token = deploy("WrappedNative", "Wrapped coin", "WC")
    token.deposit(value=COIN, sender=people.holder)
    return token


def test_deposit_and_withdraw__are_one_for_one(wrapped, people):
    assert (wrapped.name(), wrapped.symbol(), wrapped.decimals()) == ("Wrapped coin", "WC", 18)
    assert wrapped.balanceOf(people.holder) == wrapped.totalSupply() == COIN
    before = boa.env.get_balance(people.holder)
    wrapped.withdraw(COIN // 4, sender=people.holder)
    assert boa.env.get_balance(people.holder) - before == COIN // 4
    assert wrapped.balanceOf(people.holder) == wrapped.totalSupply() == COIN * 3 // 4


def test_plain_payment__wraps(wrapped, people):
    boa.env.execute_code(to_address=wrapped.address, sender=people.friend, data=b"", value=7)
    assert wrapped.balanceOf(people.friend) == 7


def test_withdraw__more_than_there_is__is_refused(wrapped, people):
    with boa.reverts("wrapped: balance too low"):
        wrapped.withdraw(COIN + 1, sender=people.holder)
    with boa.reverts("wrapped: balance too low"):
        wrapped.withdraw(1, sender=people.friend)


def test_transfer__moves_and_refuses(wrapped, people):
    assert wrapped.transfer(people.friend, 10, sender=people.holder)
    assert [wrapped.balanceOf(each) for each in (people.holder, people.friend)] == [COIN - 10, 10]
    for lost in (NOBODY, wrapped.address):
        with boa.reverts("wrapped: no receiver"):
            wrapped.transfer(lost, 1, sender=people.holder)
    with boa.reverts("wrapped: balance too low"):
        wrapped.transfer(people.holder, 11, sender=people.friend)


@pytest.mark.parametrize(("approved", "left"), [(10, 3), (2**256 - 1, 2**256 - 1)])
def test_transfer_from__uses_up_what_was_approved_unless_it_is_endless(wrapped, people, approved, left):
    wrapped.approve(people.spender, approved, sender=people.holder)
    wrapped.transferFrom(people.holder, people.friend, 7, sender=people.spender)
    assert wrapped.balanceOf(people.friend) == 7
    assert wrapped.allowance(people.holder, people.spender) == left


def test_transfer_from__beyond_what_was_approved__is_refused(wrapped, people):
    wrapped.approve(people.spender, 6, sender=people.holder)
    with boa.reverts("wrapped: not approved"):
        wrapped.transferFrom(people.holder, people.friend, 7, sender=people.spender)
