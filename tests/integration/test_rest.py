"""The REST interface of an indexer over real nodes: files, parts of them, directories, what nodes say, uploads."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from offchain.storage.client.upload import UploadOptions
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

SEGMENT = 262_144
SIZE = 5 * SEGMENT + 1000
USER = 8


class Browser:
    """Speaks nothing but HTTP."""

    def __init__(self, url):
        self._host = urlsplit(url).netloc

    def ask(self, path, method="GET", body=None, **headers):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        try:
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def told(self, path, **options):
        """Code and data of the envelope."""
        status, _, body = self.ask(path, **options)
        envelope = json.loads(body)
        assert (status, set(envelope)) == (200, {"code", "message", "data"})
        return envelope["code"], envelope["data"]


@pytest.fixture(scope="module")
def browser(plain):
    return Browser(plain.indexer)


@pytest.fixture(scope="module")
def sample():
    return Sample(SIZE, seed="rest")


@pytest.fixture(scope="module")
def stored(plain, sample):
    with plain.client(USER) as client:
        return client.upload(sample.data, UploadOptions(replicas=2))


@pytest.fixture(scope="module")
def directory(plain, tmp_path_factory):
    """Root of a directory with a page, a file of several fragments, an empty file, a link."""
    top = tmp_path_factory.mktemp("site")
    (top / "deep").mkdir()
    (top / "index.html").write_text("<h1>here</h1>")
    (top / "deep" / "large file.bin").write_bytes(Sample(4 * SEGMENT, seed="site").data)
    (top / "empty").touch()
    (top / "link").symlink_to("index.html")
    with plain.client(USER) as client:
        return client.upload_directory(top, UploadOptions(replicas=2, fragment=SEGMENT)).root


def test_file__by_root_or_number__is_all_of_it(browser, stored, sample):
    for query in (f"root=0x{stored.root.hex()}", f"txSeq={stored.seq}"):
        status, headers, body = browser.ask(f"/file?{query}&name=data.txt")
        assert (status, body == sample.data, headers["Content-Type"]) == (200, True, "text/plain")
        assert headers["Content-Disposition"] == "attachment; filename=\"data.txt\"; filename*=UTF-8''data.txt"


def test_file__range__is_that_part(browser, stored, sample):
    path = f"/file?root={stored.root.hex()}"
    status, headers, body = browser.ask(path, Range=f"bytes={SEGMENT - 10}-{SEGMENT + 9}")
    assert (status, body) == (206, sample.data[SEGMENT - 10 : SEGMENT + 10])
    assert headers["Content-Range"] == f"bytes {SEGMENT - 10}-{SEGMENT + 9}/{SIZE}"
    assert browser.ask(path, Range="bytes=-7")[2] == sample.data[-7:]
    assert browser.ask(path, Range=f"bytes={SIZE}-")[0] == 416
    assert browser.ask(path, If_None_Match=headers["ETag"])[0] == 304


def test_file__that_nobody_knows__has_code_101(browser):
    assert browser.told(f"/file?root=0x{'11' * 32}") == (101, None)
    assert browser.told("/file?txSeq=99999") == (101, None)


def test_directory__entries__are_listed_and_served(browser, directory):
    cid = directory.hex()
    assert browser.told(f"/file/{cid}/")[1] == [
        {"name": "deep", "type": "directory"},
        {"name": "empty", "type": "file"},
        {"name": "index.html", "type": "file", "size": 13},
        {"name": "link", "type": "symbolic", "link": "index.html"},
    ]
    status, headers, body = browser.ask(f"/file/{cid}/index.html")
    assert (status, headers["Content-Type"], body) == (200, "text/html", b"<h1>here</h1>")
    large = browser.ask(f"/file/{cid}/deep/large%20file.bin")[2]
    assert large == Sample(4 * SEGMENT, seed="site").data
    assert browser.ask(f"/file/{cid}/empty")[2] == b""
    assert browser.told(f"/file/{cid}/link")[1] == {"name": "link", "type": "symbolic", "link": "index.html"}
    assert browser.told(f"/file/{cid}/missing")[0] == 104


def test_directory__path_in_a_plain_file__has_code_106(browser, stored):
    assert browser.told(f"/file/{stored.root.hex()}/index.html")[0] == 106


def test_info__known_and_unknown__are_told(browser, stored):
    code, told = browser.told(f"/file/info/{stored.seq}")
    assert (code, told["finalized"], told["tx"]["size"], told["uploadedSegNum"]) == (0, True, SIZE, 6)
    assert browser.told(f"/file/info/0x{stored.root.hex()}")[1] == told
    assert browser.told(f"/files/info?cid={stored.seq}&cid=88888")[1] == [told, None]


def test_status__all_nodes_together__tells_the_flow(browser, plain):
    code, told = browser.told("/node/status")
    assert (code, told["networkIdentity"]["flowAddress"]) == (0, plain.chain.flow.address.lower())


def test_segment__posted_one_by_one__makes_the_file_complete(browser, plain):
    sample = Sample(2 * SEGMENT + 5, seed="posted")
    [seq] = plain.chain.submit(sample)
    for node in plain.nodes:
        node.wait_for(seq)
    assert browser.told(f"/file?txSeq={seq}")[0] == 103
    for index in sample.segments:
        segment = sample.posted(index) | {"expectedReplica": 2}
        assert browser.told("/file/segment", method="POST", body=json.dumps(segment))[0] == 0
    for node in plain.nodes:
        node.wait_finalized(seq)
    assert browser.ask(f"/file?txSeq={seq}")[2] == sample.data
