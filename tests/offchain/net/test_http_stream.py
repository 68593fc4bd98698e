import time

import pytest

from offchain.errors import NotFound, PeerUnavailable, RemoteRefused
from tests.doubles.raw_http import Close, Hang, answer, chunked, result

TINY = 0.05


@pytest.mark.parametrize(
    "sent", [answer(b"0123456789"), chunked(b"0123", b"456789"), chunked(*(b"%d" % n for n in range(10)))]
)
def test_stream__body__is_read_piece_by_piece_to_its_end(serve, sent):
    server = serve(sent)
    read = bytearray()
    with server.client.stream("/x") as reader:
        for length in (3, 4, 3):
            reader.read_into(memoryview(buffer := bytearray(length)))
            read += buffer
        assert reader.at_end()
    assert read == b"0123456789"


@pytest.mark.parametrize("sent", [answer(b"0123456789"), chunked(b"0123456789")], ids=["length", "chunks"])
def test_stream__read_to_the_last_byte__keeps_the_connection(serve, sent):
    server = serve(sent, connections=1)
    for _ in range(5):
        with server.client.stream("/x") as reader:
            reader.read_into(memoryview(bytearray(10)))
    assert [request.connection for request in server.requests] == [1] * 5


@pytest.mark.parametrize("sent", [answer(b"0123456789"), chunked(b"0123456789")], ids=["length", "chunks"])
def test_stream__left_unread__costs_the_connection_and_spoils_nothing(serve, sent):
    server = serve(sent, sent, result(5), connections=1)
    with server.client.stream("/x") as reader:
        reader.read_into(memoryview(bytearray(4)))
    with pytest.raises(KeyError), server.client.stream("/x"):
        raise KeyError
    assert server.client.rpc("a", attempts=1) == 5
    assert [request.connection for request in server.requests] == [1, 2, 3]


@pytest.mark.parametrize(
    "sent",
    [answer(b"01234", length=10), chunked(b"01234", end=False), answer(b"01234"), chunked(b"01234")],
    ids=["cut with length", "cut in chunks", "short with length", "short in chunks"],
)
def test_stream__body_that_ends_early__is_unavailable(serve, sent):
    server = serve([*sent, Close])
    with (
        pytest.raises(PeerUnavailable, match=f"^{server.url} broke off"),
        server.client.stream("/x") as reader,
    ):
        reader.read_into(memoryview(bytearray(10)))


def test_stream__body_that_stops__is_waited_for_only_so_long(serve):
    server = serve([*chunked(b"01234", end=False), Hang], seconds=TINY)
    with (
        pytest.raises(PeerUnavailable, match="broke off: .*Read timed out"),
        server.client.stream("/x") as reader,
    ):
        reader.read_into(memoryview(bytearray(10)))


def test_stream__a_byte_now_and_then__is_given_up(serve):
    def sent(request):
        yield from answer(b"", length=1000)
        for _ in range(1000):
            time.sleep(0.02)
            yield b"x"

    server = serve(sent, seconds=0.5, rate=1 << 20)
    with (
        pytest.raises(PeerUnavailable, match=f"^{server.url} broke off: less than 1048576 bytes per second came"),
        server.client.stream("/x") as reader,
    ):
        reader.read_into(memoryview(bytearray(1000)))


def test_stream__end_that_never_comes__is_waited_for_only_so_long_and_is_no_error(serve):
    server = serve([*chunked(b"01234", end=False), Hang], result(5), seconds=TINY, connections=1)
    with server.client.stream("/x") as reader:
        reader.read_into(memoryview(bytearray(5)))
    assert server.client.rpc("a", attempts=1) == 5
    assert [request.connection for request in server.requests] == [1, 2]


def test_stream__refusal__is_raised_as_what_it_is(serve):
    server = serve(answer({"message": "not here"}, "404 Not Found"), answer({"message": "no"}, "400 Bad Request"))
    with pytest.raises(NotFound, match="not here"), server.client.stream("/x"):
        pass
    with pytest.raises(RemoteRefused, match="no"), server.client.stream("/x"):
        pass


def test_stream__compressed_in_the_server_s_words__is_passed_on_as_it_is(serve):
    server = serve(answer(b"0123", **{"Content-Encoding": "gzip"}))
    with server.client.stream("/x") as reader:
        reader.read_into(memoryview(buffer := bytearray(4)))
    assert buffer == b"0123"
