import threading

import pytest

from offchain.storage.client.ahead import ahead


def test_ahead__items__give_results_in_order():
    assert list(ahead(lambda each: each * 2, range(100), 4)) == [each * 2 for each in range(100)]


def test_ahead__no_items__is_empty():
    assert list(ahead(str, [], 3)) == []


def test_ahead__slow_reader__takes_no_more_items_than_threads_can_begin():
    taken = []
    results = ahead(lambda each: each, (taken.append(each) or each for each in range(1000)), 3)
    assert next(results) == 0
    assert len(taken) <= 4
    assert next(results) == 1
    assert len(taken) <= 5
    results.close()
    assert len(taken) <= 5


def test_ahead__several_items__are_worked_on_side_by_side():
    both = threading.Barrier(2, timeout=10)
    assert list(ahead(lambda _: both.wait() >= 0, range(2), 2)) == [True, True]


def test_ahead__item_that_fails__raises_in_its_turn_and_ends_the_rest():
    begun = []

    def work(each):
        begun.append(each)
        if each == 5:
            raise KeyError(each)
        return each

    results = ahead(work, range(1000), 2)
    with pytest.raises(KeyError):
        list(results)
    assert max(begun) <= 9


def test_ahead__items_that_fail__are_told():
    def items():
        yield 1
        raise KeyError("items")

    with pytest.raises(KeyError, match="items"):
        list(ahead(lambda each: each, items(), 2))
