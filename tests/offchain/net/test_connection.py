"""How requests travel: in as few packets as they can."""

from http.client import InvalidURL

import pytest
import urllib3
from urllib3.exceptions import LocationParseError

from offchain.net.connection import Paced, TooSlow, pool_of
from offchain.net.pace import Pace
from tests.doubles.clock import FakeClock

TIMEOUT = urllib3.Timeout(connect=1, read=1)


class Wire:
    """Stands in for a socket; remembers what was sent at once."""

    def __init__(self):
        self.sent = []

    def sendall(self, data):
        self.sent.append(bytes(data))

    def settimeout(self, _):
        pass

    def close(self):
        pass


@pytest.fixture(params=["http", "https"])
def connection(request):
    pool = pool_of(f"{request.param}://example:8080", TIMEOUT, 1)
    made = pool.ConnectionCls("example")
    made.sock = Wire()
    return made


def test_request__body_in_memory__is_sent_with_its_head(connection):
    connection.request("POST", "/", b"body")
    [packet] = connection.sock.sent
    head, _, body = packet.partition(b"\r\n\r\n")
    assert (head.splitlines()[0], body) == (b"POST / HTTP/1.1", b"body")
    assert b"Content-Length: 4" in head


def test_request__without_a_body__is_one_packet(connection):
    connection.request("GET", "/path")
    [packet] = connection.sock.sent
    assert packet.startswith(b"GET /path HTTP/1.1\r\n") and packet.endswith(b"\r\n\r\n")


def test_request__streamed_body__is_sent_as_it_comes(connection):
    seen = []

    def pieces():
        for piece in (b"one", b"two"):
            seen.append(len(connection.sock.sent))
            yield piece

    connection.request("POST", "/", pieces(), {"Content-Length": "6"})
    assert connection.sock.sent[1:] == [b"one", b"two"]
    assert seen == [1, 2]


def test_request__that_cannot_be_made__leaves_nothing_for_the_next(connection):
    with pytest.raises(InvalidURL):
        connection.request("POST", "/\n", b"lost")
    connection.close()
    connection.sock = Wire()
    connection.request("POST", "/", b"next")
    assert b"lost" not in b"".join(connection.sock.sent)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://example", "example", 80), ("https://example", "example", 443), ("http://[::1]:5678/path", "::1", 5678)],
)
def test_pool__of_a_url__is_for_its_host(url, host, port):
    pool = pool_of(url, TIMEOUT, 1)
    assert (pool.host, pool.port) == (host, port)


def test_pool__of_no_url__is_refused():
    with pytest.raises(LocationParseError):
        pool_of("http://exa mple:port", TIMEOUT, 1)


class Drops:
    """Gives `size` bytes after each wait of `pause` seconds; counts its reads."""

    def __init__(self, clock, pause, size):
        self.clock, self.pause, self.size, self.reads = clock, pause, size, 0

    def readinto(self, buffer):
        self.clock.sleep(self.pause)
        self.reads += 1
        return min(self.size, len(buffer))

    def close(self):
        pass


@pytest.fixture
def drops():
    """Some bytes at a time from a `Drops`, with a pause of 10 s and 100 bytes per second as the pace."""

    def make(pause, size):
        clock = FakeClock()
        raw = Drops(clock, pause, size)
        return raw, Paced(raw, Pace(10.0, 100), clock.now)

    return make


def test_paced__a_byte_now_and_then__is_given_up(drops):
    raw, paced = drops(0.5, 1)
    with pytest.raises(TooSlow, match="^less than 100 bytes per second came for 10 s$"):
        for _ in range(1000):
            paced.readinto(bytearray(1))
    assert raw.reads <= 42


@pytest.mark.parametrize(("pause", "size"), [(1.0, 100), (9.0, 900), (0.01, 1)])
def test_paced__slow_but_at_the_rate__is_read_however_long(drops, pause, size):
    raw, paced = drops(pause, size)
    for _ in range(1000):
        assert paced.readinto(bytearray(size)) == size
    assert raw.reads == 1000


def test_paced__long_wait_for_the_first_byte__leaves_the_whole_pause(drops):
    raw, paced = drops(10.0, 1)
    assert paced.readinto(bytearray(1)) == 1
    raw.pause, raw.size = 9.9, 1
    assert paced.readinto(bytearray(1)) == 1


def test_paced__time_that_the_caller_takes__is_not_counted(drops):
    raw, paced = drops(0.5, 50)
    for _ in range(100):
        assert paced.readinto(bytearray(50)) == 50
        raw.clock.sleep(100)


def test_paced__end__is_no_slowness(drops):
    _, paced = drops(100.0, 0)
    assert paced.readinto(bytearray(5)) == 0
