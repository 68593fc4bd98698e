import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.net import http_client
from offchain.net.http_client import ATTEMPTS, HttpClient
from tests.doubles.raw_http import Close, Hang, answer, chunked, error, result
from tests.doubles.recursion import limit_of_workers

DROP = [Close]
TINY = 0.05
MIB = 1 << 20


@pytest.fixture
def small_answers(monkeypatch):
    monkeypatch.setattr(http_client, "MAX_ANSWER", MIB)


def test_rpc__result__is_returned_and_the_call_is_json_rpc(serve):
    server = serve(result({"a": 1}))
    assert server.client.rpc("zgs_probe", 5, None) == {"a": 1}
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {"jsonrpc": "2.0", "id": 1, "method": "zgs_probe", "params": [5, None]}


def test_rpc__no_parameters__are_an_empty_list_and_ids_differ(serve):
    server = serve(result(None))
    assert (server.client.rpc("a"), server.client.rpc("b")) == (None, None)
    assert [request.json["params"] for request in server.requests] == [[], []]
    assert [request.json["id"] for request in server.requests] == [1, 2]


def test_rpc__error__is_raised_with_code_message_and_data_and_not_tried_again(serve):
    server = serve(error(-32602, "Invalid params: root", "already uploaded and finalized"))
    with pytest.raises(RemoteRefused) as refused:
        server.client.rpc("a")
    assert (refused.value.code, refused.value.message) == (-32602, "Invalid params: root")
    assert refused.value.data == "already uploaded and finalized"
    assert str(refused.value) == f"{server.url} refused: Invalid params: root: already uploaded and finalized"
    assert (len(server.requests), server.slept) == (1, [])


def test_rpc__error_with_another_status__is_the_same_error(serve):
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": -32007, "message": "Request is too big"}}
    server = serve(answer(body, "413 Content Too Large"))
    with pytest.raises(RemoteRefused) as refused:
        server.client.rpc("a")
    assert refused.value.code == -32007


@pytest.mark.parametrize("told", ["broken", [], {}, {"code": "x"}, {"message": 5}])
def test_rpc__error_of_a_strange_shape__is_still_a_refusal(serve, told):
    server = serve(answer({"error": told}))
    with pytest.raises(RemoteRefused) as refused:
        server.client.rpc("a")
    assert (refused.value.code, refused.value.message) == (0, "5" if told == {"message": 5} else "no reason given")


def test_rpc__null_error_beside_a_result__is_a_result(serve):
    assert serve(answer({"result": 5, "error": None})).client.rpc("a") == 5


def test_rpc__server_that_comes_back__is_asked_until_it_answers(serve):
    server = serve(DROP, DROP, answer(b"", "502 Bad Gateway"), result(5))
    assert server.client.rpc("a") == 5
    assert len({request.body for request in server.requests}) == 1
    for pause, longest in zip(server.slept, (0.2, 0.4, 0.8), strict=True):
        assert longest / 2 <= pause <= longest


def test_rpc__server_that_stays_away__is_given_up(serve):
    server = serve(DROP)
    with pytest.raises(PeerUnavailable, match=f"^{server.url} does not answer: "):
        server.client.rpc("a")
    assert len(server.requests) == ATTEMPTS
    assert len(server.slept) == ATTEMPTS - 1


def test_rpc__one_attempt__is_not_repeated(serve):
    server = serve(DROP)
    with pytest.raises(PeerUnavailable):
        server.client.rpc("a", attempts=1)
    assert (len(server.requests), server.slept) == (1, [])


def test_rpc__nobody_listens__is_unavailable(serve):
    server = serve(result(1))
    server.__exit__()
    with pytest.raises(PeerUnavailable, match=f"^{server.url} does not answer: "):
        server.client.rpc("a", attempts=1)


@pytest.mark.parametrize("body", [[], {}, 5, None, "x", {"id": 1}, [{"result": 1}]])
def test_rpc__json_that_is_no_answer__is_unavailable(serve, body):
    server = serve(answer(body))
    with pytest.raises(PeerUnavailable, match=f"^{server.url} answered with status 200 and no JSON-RPC$"):
        server.client.rpc("a", attempts=1)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe\xfd", b"{'result': 1}", b"9" * 5000, b"[" * 100_000], ids=lambda body: body[:9]
)
def test_rpc__body_that_is_no_json__is_unavailable_and_quoted_in_part(serve, body):
    server = serve(answer(body))
    with limit_of_workers(), pytest.raises(PeerUnavailable) as problem:
        server.client.rpc("a", attempts=1)
    assert str(problem.value) == f"{server.url} answered with status 200: {body[:200].decode(errors='replace')}"


@pytest.mark.parametrize("call", [lambda client: client.rpc("a", attempts=1), lambda client: client.get("/x", 1)])
def test_answer__shorter_than_announced__is_unavailable(serve, call):
    server = serve([*answer(b'{"result": 1}', length=1000), Close])
    with pytest.raises(PeerUnavailable, match=f"^{server.url} broke off: "):
        call(server.client)


@pytest.mark.parametrize("call", [lambda client: client.rpc("a", attempts=1), lambda client: client.get("/x", 1)])
def test_answer__endless__is_given_up_at_a_limit(serve, small_answers, call):
    server = serve(chunked(*[b" " * 65536] * 17, end=False))
    with pytest.raises(PeerUnavailable, match=f"^{server.url} sent an answer of more than 1024 KiB$"):
        call(server.client)


def test_rpc__answer_that_should_be_small__is_given_up_at_its_own_limit(serve):
    server = serve(answer(b'{"result": 1}'.ljust(1025)), answer(b'{"result": 1}'.ljust(1024)))
    with pytest.raises(PeerUnavailable, match="sent an answer of more than 1 KiB$"):
        server.client.rpc("a", attempts=1, most=1024)
    assert server.client.rpc("a", attempts=1, most=1024) == 1


def test_answer__as_large_as_the_limit__is_read(serve, small_answers):
    server = serve(answer(b'{"result": 1}'.ljust(MIB)))
    assert server.client.rpc("a") == 1


@pytest.mark.parametrize("call", [lambda client: client.rpc("a", attempts=1), lambda client: client.get("/x", 1)])
@pytest.mark.parametrize("sent", [[Hang], [b"HTTP/1.1 200 OK\r\n", Hang]], ids=["silent", "within the head"])
def test_answer__that_does_not_come__is_waited_for_only_so_long(serve, call, sent):
    server = serve(sent, seconds=TINY)
    with pytest.raises(PeerUnavailable, match="does not answer: .*Read timed out"):
        call(server.client)


@pytest.mark.parametrize("call", [lambda client: client.rpc("a", attempts=1), lambda client: client.get("/x", 1)])
def test_answer__that_stops__is_waited_for_only_so_long(serve, call):
    server = serve([*answer(b'{"resu', length=100), Hang], seconds=TINY)
    with pytest.raises(PeerUnavailable, match="broke off: .*Read timed out"):
        call(server.client)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"


def trickled(head):
    """A byte now and then, after `head`."""

    def sent(request):
        yield head
        for _ in range(1000):
            time.sleep(0.02)
            yield b"x"

    return sent


@pytest.mark.parametrize("call", [lambda client: client.rpc("a", attempts=1), lambda client: client.get("/x", 1)])
@pytest.mark.parametrize("head", [HEAD + b"\r\n", HEAD + b"X: "], ids=["body", "head"])
def test_answer__a_byte_now_and_then__is_given_up(serve, call, head):
    server = serve(trickled(head), seconds=0.5, rate=MIB)
    with pytest.raises(PeerUnavailable, match=f"^{server.url} .*: less than {MIB} bytes per second came for 0.5 s$"):
        call(server.client)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"])
def test_redirect__is_not_followed(serve, status):
    elsewhere = serve(result("stolen"))
    server = serve(answer(b"moved", status, Location=elsewhere.url))
    with pytest.raises(PeerUnavailable, match=f"answered with status {status[:3]}: moved"):
        server.client.rpc("a", attempts=1)
    with pytest.raises(RemoteRefused) as refused:
        server.client.get("/x")
    with pytest.raises(RemoteRefused), server.client.stream("/x"):
        pass
    with pytest.raises(RemoteRefused):
        server.client.post("/x", [b"body"], 4)
    assert refused.value.code == int(status[:3])
    assert elsewhere.requests == []


def test_get__json__is_returned(serve):
    server = serve(answer({"missing": [[0, 5]]}))
    assert server.client.get("/v1/x?first=1") == {"missing": [[0, 5]]}
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v1/x?first=1")


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        ("404 Not Found", {"code": 404, "message": "nothing here", "data": None}, NotFound, ": nothing here"),
        ("404 Not Found", b"<html>", NotFound, ": <html>"),
        ("404 Not Found", [], NotFound, ": []"),
        ("400 Bad Request", {"code": 400, "message": "first must be a number"}, RemoteRefused, " refused: first must"),
        ("405 Method Not Allowed", b"Used HTTP Method is not allowed", RemoteRefused, " refused: Used HTTP Method"),
        ("500 Internal", {"code": 500, "message": "disk is full"}, RemoteRefused, " refused: disk is full"),
        ("400 Bad Request", {}, RemoteRefused, " refused: no reason given"),
    ],
)
def test_get__refusal__is_raised_as_what_it_is_and_not_tried_again(serve, status, body, kind, text):
    server = serve(answer(body, status))
    with pytest.raises(kind) as refused:
        server.client.get("/x")
    assert str(refused.value).startswith(server.url + text)
    assert (len(server.requests), server.slept) == (1, [])


def test_get__refusal__carries_code_and_data(serve):
    told = {"code": -32602, "message": "Invalid params: root", "data": "already uploaded and finalized"}
    server = serve(answer(told, "400 Bad Request"), answer({**told, "code": "x"}, "400 Bad Request"))
    for code in (-32602, 400):
        with pytest.raises(RemoteRefused) as refused:
            server.client.get("/x")
        assert (refused.value.code, refused.value.data) == (code, "already uploaded and finalized")


@pytest.mark.parametrize("body", [b"too many requests at once", {"message": "too many requests at once"}])
def test_get__busy_server__is_asked_again_and_then_busy(serve, body):
    server = serve(answer(body, "503 Service Unavailable"))
    with pytest.raises(Busy, match=f"^{server.url}: too many requests at once$"):
        server.client.get("/x")
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout"])
def test_get__proxy_that_speaks_for_a_server__is_asked_again(serve, status):
    server = serve(answer(b"<html>", status), answer({"ok": 1}))
    assert server.client.get("/x") == {"ok": 1}
    assert len(server.slept) == 1


def test_post__pieces__arrive_as_one_body_of_the_announced_length(serve):
    server = serve(answer({"stored": 2}))
    assert server.client.post("/x", [b"ab", memoryview(b"cde")], 5) == {"stored": 2}
    request = server.requests[0]
    assert (request.body, request.headers["content-length"]) == (b"abcde", "5")
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("first", [DROP, answer(b"no", "503 Service Unavailable"), answer(b"no", "502 Bad Gateway")])
def test_post__failure__is_never_tried_again(serve, first):
    server = serve(first, answer({}))
    with pytest.raises((PeerUnavailable, Busy)):
        server.client.post("/x", iter([b"body"]), 4)
    assert (len(server.requests), server.slept) == (1, [])


def test_client__several_threads__each_get_their_own_answer(serve):
    server = serve(lambda request: result(request.json["params"][0]), connections=2)
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda number: server.client.rpc("echo", number), range(60))) == list(range(60))
    assert len({request.json["id"] for request in server.requests}) == 60


@pytest.mark.parametrize("url", ["", "localhost:80", "ftp://host", "http://", "//host", "http:host", "file:///etc"])
def test_client__what_is_no_url__is_refused(url):
    with pytest.raises(Invalid, match=" is no URL of a server: write http://host:port$"):
        HttpClient(url)


def test_client__port_that_is_none__is_refused_when_it_is_called():
    with pytest.raises(Invalid, match="^http://127.0.0.1:99999 is no URL of a server: "):
        HttpClient("http://127.0.0.1:99999").rpc("a")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host:80/", "http://host:80"),
        ("http://host/path/", "http://host/path"),
        ("https://user:secret@host:80/path", "https://host:80/path"),
        ("http://user:p@ss@host", "http://host"),
    ],
)
def test_client__its_url__is_without_credentials_and_slashes_at_the_end(url, shown):
    assert HttpClient(url).url == shown


def test_client__credentials__are_sent_and_never_shown(serve):
    server = serve(
        result(1),
        DROP,
        answer(b"no"),
        answer({}),
        error(),
        answer(b"", "404 Not Found"),
        answer(b"", "400 Bad Request"),
    )
    client = HttpClient(f"http://user:se%2Fcret@127.0.0.1:{server.port}", sleep=lambda _: None)
    assert client.rpc("a", attempts=1) == 1
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpzZS9jcmV0"  # user:se/cret
    calls = [lambda: client.rpc("a", attempts=1)] * 4 + [lambda: client.get("/x"), lambda: client.post("/x", [], 0)]
    for call in calls:
        with pytest.raises((PeerUnavailable, RemoteRefused, NotFound)) as problem:
            call()
        assert "cret" not in str(problem.value) and "user" not in str(problem.value)
    assert {request.headers["authorization"] for request in server.requests} == {"Basic dXNlcjpzZS9jcmV0"}
    with pytest.raises(Invalid) as refused:
        HttpClient("ftp://user:secret@host")
    assert "secret" not in str(refused.value)


def test_client__path_in_its_url__stands_before_every_path(serve):
    server = serve(answer({}))
    HttpClient(server.url + "/node/").get("/v1/status")
    assert server.requests[0].path == "/node/v1/status"
