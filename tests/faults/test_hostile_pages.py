"""Web pages that the operator happens to look at: none of them reaches the administrative address."""

import json

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.raw_client import answer_to

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SHUTDOWN = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "admin_shutdown"}).encode()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("pages"), 1) as cluster:
        yield cluster.nodes[0]


def request(node, method, *headers):
    """Bytes of a request for `admin_shutdown`; `headers` replace those of an honest one, None removes it."""
    given = {"Host": node.admin.url.removeprefix("http://"), "Content-Type": "application/json"} | dict(headers)
    lines = [f"{method} / HTTP/1.1", "Connection: close", f"Content-Length: {len(SHUTDOWN)}"]
    lines += [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + SHUTDOWN


PAGES = {
    "a page of another site": [("Origin", "https://evil.example")],
    "a page that hides its site": [("Origin", "null")],
    "a page of this machine": [("Origin", "http://localhost:3000")],
    "a name that leads here": [("Host", "rebound.example:5679")],
    "a name that looks like ours": [("Host", "localhost.evil.example")],
    "no name": [("Host", "")],
    "a form": [("Content-Type", "text/plain")],
    "a form of fields": [("Content-Type", "application/x-www-form-urlencoded")],
    "no type": [("Content-Type", None)],
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_admin__web_page__is_refused_and_told_nothing(node, page):
    answer = answer_to(node.admin, request(node, "POST", *PAGES[page]))
    assert answer[9:12] in (b"403", b"415", b"400")
    assert b"Access-Control" not in answer
    assert node.admin.admin_getSyncStatus(0) == "unknown"


def test_admin__preflight__is_refused(node):
    asked = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]
    answer = answer_to(node.admin, request(node, "OPTIONS", *asked))
    assert answer[9:12] == b"403"
    assert b"Access-Control" not in answer


def test_public__web_page__is_welcome(node):
    answer = answer_to(node, request(node, "OPTIONS", ("Origin", "https://friend.example")))
    assert answer[9:12] == b"200"
    assert b"Access-Control-Allow-Origin: *" in answer
