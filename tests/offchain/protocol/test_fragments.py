import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.fragments import (
    DEFAULT_FRAGMENT,
    MAX_FRAGMENT,
    Fragment,
    Layout,
    fragment_size,
    joined,
    layout_of,
)

sizes = st.integers(1, 1 << 44)
powers = st.integers(8, 40).map(lambda power: 1 << power)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [(0, 256), (1, 256), (256, 256), (257, 512), (3 << 20, 4 << 20), (4 << 30, 4 << 30), ((4 << 30) + 1, 8 << 30)],
)
def test_fragment_size__any_wish__is_the_power_of_two_of_public_clients(wanted, size):
    assert fragment_size(wanted) == size


def test_fragment_size__larger_than_any_file__is_refused():
    assert fragment_size(MAX_FRAGMENT) == MAX_FRAGMENT
    with pytest.raises(Invalid, match="are larger than any file$"):
        fragment_size(MAX_FRAGMENT + 1)


@given(st.integers(1, 1 << 30), st.integers(1, 100))
def test_layout__any_file__is_covered_in_order_without_gaps(fragment, parts):
    size = fragment * parts - fragment // 2
    fragments = list(Layout(size, fragment))
    assert len(fragments) == Layout(size, fragment).count
    assert [each.start for each in fragments] == [at * fragment for at in range(len(fragments))]
    assert sum(each.size for each in fragments) == size
    assert all(each.size == fragment for each in fragments[:-1])


def test_layout__published_example__has_thirteen_fragments():
    """50 MiB in fragments of 3 MiB, which are rounded up to 4."""
    layout = Layout(50 << 20, fragment_size(3 << 20))
    assert (layout.count, layout[12]) == (13, Fragment(48 << 20, 2 << 20))


@pytest.mark.parametrize("number", [-1, 2])
def test_layout__fragment_that_is_not_there__is_refused(number):
    with pytest.raises(Invalid, match=f"^no fragment {number} among 2$"):
        Layout(300, 256)[number]


def test_layout__empty_file__has_none():
    assert list(Layout(0, DEFAULT_FRAGMENT)) == []


@given(sizes, powers)
def test_joined__what_was_cut__is_the_same_layout(size, fragment):
    layout = Layout(size, min(fragment, size))
    count = layout.count
    told = joined(layout[0].size, layout[count - 1].size, count)
    assert (told.size, told.count, list(told)[:2]) == (size, count, list(layout)[:2]) if count < 100 else True


@pytest.mark.parametrize(
    ("first", "last", "count"), [(256, 256, 0), (300, 10, 2), (256, 257, 2), (256, 0, 2), (255, 255, 3), (257, 1, 3)]
)
def test_joined__sizes_that_no_cutting_gives__are_refused(first, last, count):
    with pytest.raises(Invalid, match="all but the last have the same size, a power of two$"):
        joined(first, last, count)


def test_joined__single_file_of_any_size__is_one_fragment():
    assert joined(300, 300, 1) == Layout(300, 300)


@given(st.integers(1, 1 << 40), powers)
def test_layout_of__size_and_count__leave_only_one_choice(size, fragment):
    layout = Layout(size, fragment)
    told = layout_of(size, layout.count)
    assert told == (layout if layout.count > 1 else Layout(size, size))


@pytest.mark.parametrize(("size", "count"), [(0, 0), (0, 1), (100, 0), (100, -1), (100, 2), (257, 3), (1024, 3)])
def test_layout_of__impossible_count__is_refused(size, count):
    with pytest.raises(Invalid, match=f"^{size} bytes do not lie in {count} fragments"):
        layout_of(size, count)
