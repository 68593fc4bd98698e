import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.net.byte_range import Unsatisfiable, wanted_part

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=0-5000", (0, 1000)),
        ("bytes=10-19", (10, 10)),
        ("bytes=10-", (10, 990)),
        ("bytes=999-", (999, 1)),
        ("bytes=-1", (999, 1)),
        ("bytes=-1000", (0, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes= 10 - 19 ", (10, 10)),
    ],
)
def test_wanted_part__range__is_first_byte_and_length(header, part):
    assert wanted_part(header, SIZE) == part


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=20-10", "lines=0-5", "bytes=0-1,5-6", "bytes=0--5"],
)
def test_wanted_part__no_range_that_is_understood__is_the_whole_file(header):
    assert wanted_part(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", f"bytes={'9' * 500}-"])
def test_wanted_part__beyond_the_end__cannot_be_satisfied(header):
    with pytest.raises(Unsatisfiable):
        wanted_part(header, SIZE)


def test_wanted_part__empty_file__has_no_parts():
    assert wanted_part(None, 0) is None
    for header in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(Unsatisfiable):
            wanted_part(header, 0)


@given(st.integers(0, 1 << 60), st.text("0123456789- ,=bytes", max_size=30))
def test_wanted_part__any_header__is_within_the_file_or_refused(size, text):
    try:
        part = wanted_part("bytes=" + text, size)
    except Unsatisfiable:
        return
    if part:
        assert 0 <= part[0] < part[0] + part[1] <= size
