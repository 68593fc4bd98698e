import threading

import pytest

from offchain.protocol.directory import Directory, File, Link, encode
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.indexer import gateway as gateway_module
from tests.doubles.files import File as Content
from tests.doubles.flow_log import FLOW
from tests.doubles.node_parts import BLOCK_HASH

MOST = 4 << 20
LARGE = Content.random(7 * SEGMENT_BYTES + 700)
SMALL = Content(b"<h1>hello</h1>")
PARTS = [Content(LARGE.data[at : at + SEGMENT_BYTES]) for at in range(0, LARGE.size, SEGMENT_BYTES)]
INNER = Directory("inner", (File("large.bin", LARGE.size, tuple(part.root for part in PARTS)),))
LISTING = Content(
    encode(Directory("/", (File("empty", 0, ()), File("index.html", SMALL.size, (SMALL.root,)), INNER, Link("l", "x"))))
)


def hexed(file):
    return "0x" + file.root.hex()


@pytest.fixture
def browser(pair, served):
    pair.hold(LARGE, SMALL, LISTING, *PARTS)
    return served(pair)


@pytest.mark.parametrize("query", [f"root={hexed(LARGE)}", f"root={LARGE.root.hex()}", "txSeq=0"])
def test_file__by_root_or_number__is_sent_whole(browser, query):
    answer = browser.get(f"/file?{query}")
    assert (answer.status, answer.body) == (200, LARGE.data)
    assert answer.headers["ETag"] == f'"{LARGE.root.hex()}-{LARGE.size}"'
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{hexed(LARGE)}"')


def test_file__root_of_several__is_refused_and_each_is_sent_by_its_number(pair, served):
    longer = Content(SMALL.data + bytes(3))
    listing = Content(encode(Directory("/", (File("page", SMALL.size, (SMALL.root,)),))))
    pair.hold(longer, SMALL, listing)
    browser = served(pair)
    refused = browser.get(f"/file?root={hexed(SMALL)}")
    assert (refused.code, "is the root of 2 files" in refused.json["data"]) == (1, True)
    assert browser.get("/file?txSeq=0").body == longer.data
    assert browser.get("/file?txSeq=1").body == SMALL.data
    assert browser.get(f"/file/{hexed(listing)}/page").body == SMALL.data


def twin(file, zeros=1):
    """Another file with the same root."""
    return Content(file.data + bytes(zeros))


PAGES = Content(encode(Directory("/", (File("index.html", SMALL.size, (SMALL.root,)),))))
PATHS = [f"/file?root={hexed(SMALL)}", f"/file/{hexed(PAGES)}/index.html", f"/file/info/{hexed(SMALL)}"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("first", [True, False])
def test_file__twin_that_was_only_announced__changes_nothing(pair, served, path, first):
    if first:
        pair.submit(twin(SMALL), twin(PAGES))
    pair.hold(SMALL, PAGES)
    if not first:
        pair.submit(twin(SMALL), twin(PAGES))
    answer = served(pair).get(path)
    assert answer.data["tx"]["size"] == SMALL.size if "info" in path else answer.body == SMALL.data


def test_file__announced_and_never_complete__has_code_103_whatever_its_size(pair, served):
    pair.submit(SMALL, twin(SMALL))
    assert served(pair).get(PATHS[0]).code == 103


def test_file__twin_of_which_a_part_is_there__changes_nothing(neighbours, served):
    neighbours.add(1, Shard(0, 2))
    neighbours.add(1, Shard(1, 2))
    larger = twin(LARGE)
    neighbours.hold(LARGE)
    neighbours.submit(larger)
    neighbours.nodes[0].put(larger)
    neighbours.complete()
    assert served(neighbours).get(f"/file?root={hexed(LARGE)}").body == LARGE.data


def test_size__of_one_of_several__is_the_one_that_is_meant(pair, served):
    other, others = twin(SMALL), twin(PAGES)
    pair.hold(SMALL, PAGES, other, others)
    browser = served(pair)
    refused = browser.get(PATHS[0])
    assert refused.code == 1 and f"{SMALL.size} bytes" in refused.data and f"{other.size} bytes" in refused.data
    for file in (SMALL, other):
        assert browser.get(f"{PATHS[0]}&size={file.size}").body == file.data
        assert browser.get(f"{PATHS[2]}?size={file.size}").data["tx"]["size"] == file.size
    assert browser.get(f"{PATHS[1]}?size={PAGES.size}").body == SMALL.data
    assert browser.get(f"{PATHS[1]}?size={others.size}").code == 106
    told = browser.get(f"/files/info?cid={hexed(SMALL)}&cid={hexed(SMALL)}&size={other.size}&size={SMALL.size}")
    assert [each["tx"]["size"] for each in told.data] == [other.size, SMALL.size]


@pytest.mark.parametrize("size", ["x", "-1", "1.5", "\u0661", str(1 << 64)])
def test_size__that_is_none__is_refused(browser, size):
    assert browser.get(f"{PATHS[0]}&size={size}").code == 1


def test_size__that_no_file_has__is_unknown(browser):
    assert browser.get(f"{PATHS[0]}&size={SMALL.size + 1}").code == 101
    assert browser.get(f"/file?txSeq=0&size={LARGE.size + 1}").code == 101
    assert browser.get(f"{PATHS[2]}?size={SMALL.size + 1}").code == 101


def test_file__name__decides_how_it_is_saved(browser):
    answer = browser.get(f"/file?root={hexed(SMALL)}&name=page.html")
    assert (answer.body, answer.headers["Content-Type"]) == (SMALL.data, "text/html")
    assert 'filename="page.html"' in answer.headers["Content-Disposition"]


def test_file__roots_of_fragments__are_joined(browser):
    roots = ",".join(part.root.hex() for part in PARTS)
    assert browser.get(f"/file?root={roots}").body == LARGE.data


def test_file__range__fetches_only_its_segments(browser, pair):
    asked = []
    for server in pair.servers:
        server.before = lambda call, params: asked.append(params) if call.endswith("/segments") else None
    start = 3 * SEGMENT_BYTES - 5
    answer = browser.get(f"/file?root={hexed(LARGE)}", Range=f"bytes={start}-{start + 9}")
    assert (answer.status, answer.body) == (206, LARGE.data[start : start + 10])
    assert [(params["first"], params["count"]) for params in asked] == [("2", "2")]


def test_file__head__fetches_nothing(browser, pair):
    asked = []
    for server in pair.servers:
        server.before = lambda call, params: asked.append(call) if call.endswith("/segments") else None
    (answer,) = browser.ask(("HEAD", f"/file?root={hexed(LARGE)}", None))
    assert (answer.status, answer.headers["Content-Length"], asked) == (200, str(LARGE.size), [])


@pytest.mark.parametrize(
    ("query", "code"),
    [("", 1), ("name=x", 1), ("root=0x12", 1), ("txSeq=x", 1), ("root=" + "11" * 32, 101), ("txSeq=99", 101)],
)
def test_file__that_cannot_be_meant__has_its_code(browser, query, code):
    assert browser.get(f"/file?{query}").code == code


def test_file__incomplete__has_code_103(pair, served):
    pair.submit(LARGE)
    assert served(pair).get("/file?txSeq=0").code == 103


def test_file__more_than_may_be_sent__has_code_105_and_goes_in_ranges(pair, served):
    pair.hold(LARGE)
    browser = served(pair, max_bytes=1000)
    answer = browser.get("/file?txSeq=0")
    assert (answer.status, answer.code, answer.data) == (200, 105, {"actual": LARGE.size, "max": 1000})
    assert browser.get("/file?txSeq=0", Range="bytes=0-999").body == LARGE.data[:1000]


def test_file__node_with_damaged_data__is_passed_over(browser, pair):
    for node in pair.nodes:
        node.shelf._verify = False
    pair.nodes[0].damage(LARGE, 2)
    pair.nodes[0].damage(LARGE, 5)
    assert browser.get("/file?txSeq=0").body == LARGE.data


def test_file__nobody_gives_a_valid_first_segment__is_told_in_an_envelope(browser, pair, monkeypatch):
    monkeypatch.setattr("offchain.storage.client.download.PAUSES", ())
    for node in pair.nodes:
        node.shelf._verify = False
        node.damage(SMALL, 0)
    answer = browser.get(f"/file?root={hexed(SMALL)}")
    assert (answer.status, answer.code) == (500, 2)
    assert "no node gave a valid segment 0" in answer.data


def test_file__too_many_downloads_at_once__are_told_to_come_back(pair, served, monkeypatch):
    monkeypatch.setattr(gateway_module, "WAIT_SECONDS", 0)
    pair.hold(LARGE)
    browser, turned_away = served(pair, max_downloads=1), threading.Event()
    (method, path, handle), *others = browser.routes

    async def watched(request):
        answer = await handle(request)
        if answer.status == 503:
            turned_away.set()
        return answer

    for server in pair.servers:
        server.before = lambda call, _: call.endswith("/segments") and turned_away.wait(10)
    browser.routes = [(method, path, watched), *others]
    answers = browser.ask(*[("GET", "/file?txSeq=0", None)] * 2)
    assert sorted(answer.status for answer in answers) == [200, 503]
    (busy,) = [answer for answer in answers if answer.status == 503]
    assert (busy.code, busy.data) == (2, "too many downloads at once")


def test_file__several_downloads_of_one_address__wait_for_each_other(pair, served):
    pair.hold(LARGE)
    answers = served(pair, max_downloads=7).ask(*[("GET", "/file?txSeq=0", None)] * 5)
    assert [answer.body == LARGE.data for answer in answers] == [True] * 5


def test_file__after_a_download__its_place_is_free_again(pair, served):
    pair.hold(SMALL)
    browser = served(pair, max_downloads=1)
    for _ in range(3):
        assert browser.get("/file?txSeq=0").body == SMALL.data


@pytest.mark.parametrize("path", ["", "/", "//", ".", "./."])
def test_entry__directory__is_listed(browser, path):
    answer = browser.get(f"/file/{hexed(LISTING)}/{path}")
    assert answer.data == [
        {"name": "empty", "type": "file"},
        {"name": "index.html", "type": "file", "size": SMALL.size},
        {"name": "inner", "type": "directory"},
        {"name": "l", "type": "symbolic", "link": "x"},
    ]


def test_entry__file__is_sent_with_its_name(browser):
    answer = browser.get("/file/2/index.html")
    assert (answer.body, answer.headers["Content-Type"]) == (SMALL.data, "text/html")
    assert 'filename="index.html"' in answer.headers["Content-Disposition"]


def test_entry__file_of_several_fragments__is_joined_whole_or_in_part(browser):
    path = f"/file/{hexed(LISTING)}/inner/large.bin"
    assert browser.get(path).body == LARGE.data
    part = browser.get(path, Range=f"bytes={SEGMENT_BYTES - 2}-{SEGMENT_BYTES + 1}")
    assert part.body == LARGE.data[SEGMENT_BYTES - 2 : SEGMENT_BYTES + 2]


def test_entry__empty_file_and_link__are_told(browser):
    empty = browser.get("/file/2/empty")
    assert (empty.status, empty.body, empty.headers["Content-Length"]) == (200, b"", "0")
    assert browser.get("/file/2/l").data == {"name": "l", "type": "symbolic", "link": "x"}


@pytest.mark.parametrize("path", ["missing", "inner/missing", "index.html/x", "...", "inner%2f..%2findex.html", "l/x"])
def test_entry__path_to_nothing__has_code_104(browser, path):
    answer = browser.get(f"/file/2/{path}")
    assert (answer.code, answer.json["message"]) == (104, "File path not found")


def test_entry__in_a_file_that_is_no_directory__has_code_106(browser):
    for cid in (hexed(SMALL), hexed(LARGE)):
        assert browser.get(f"/file/{cid}/x").code == 106


def test_entry__directory_too_large_to_list__has_code_105(browser, monkeypatch):
    monkeypatch.setattr(gateway_module, "MAX_DIRECTORY", 100)
    assert browser.get(f"/file/{hexed(LISTING)}/").code == 105
    assert browser.get(f"/file/{hexed(LARGE)}/").code == 106


def test_entry__unknown_directory__has_code_101(browser):
    assert browser.get(f"/file/{'11' * 32}/x").code == 101


def test_info__file__is_what_the_nodes_say(browser):
    for cid in ("0", hexed(LARGE)):
        told = browser.get(f"/file/info/{cid}")
        assert (told.code, told.data["tx"]["dataMerkleRoot"], told.data["finalized"]) == (0, hexed(LARGE), True)
        assert told.data["tx"]["size"] == LARGE.size
    assert browser.get("/file/info/99").code == 101
    assert browser.get("/file/info/x").code == 1


def test_infos__several__come_in_order_with_null_for_the_unknown(browser):
    told = browser.get(f"/files/info?cid=1&cid=77&cid={hexed(LARGE)}")
    assert [each and each["tx"]["seq"] for each in told.data] == [1, None, 0]


def test_infos__none_or_too_many__are_refused(browser):
    assert browser.get("/files/info").json["data"] == "No cid specified"
    answer = browser.get("/files/info?" + "&".join(["cid=1"] * 101))
    assert (answer.code, answer.data) == (1, "Too many cid specified, exceeded 100")
    assert browser.get("/files/info?" + "&".join(["cid=1"] * 100)).code == 0


def test_infos__the_same_again_and_again__is_asked_for_once(browser, pair):
    before = pair.servers[0].calls.count("zgs_getFileInfoByTxSeq")
    told = browser.get("/files/info?" + "&".join(["cid=1", "cid=2"] * 50)).data
    assert [each["tx"]["seq"] for each in told] == [1, 2] * 50
    assert pair.servers[0].calls.count("zgs_getFileInfoByTxSeq") - before == 2


def test_infos__sizes_for_some__are_refused(browser):
    assert browser.get("/files/info?cid=1&cid=2&size=5").code == 1


def test_infos__many__few_are_asked_for_at_once(browser, pair):
    inside, most, lock = 0, 0, threading.Lock()

    def count(by):
        nonlocal inside, most
        with lock:
            inside += by
            most = max(most, inside)

    def after(call, _, answer):
        count(-1)
        return answer

    pair.servers[0].before = lambda call, _: count(1)
    pair.servers[0].after = after
    assert browser.get("/files/info?" + "&".join(f"cid={seq}" for seq in range(50))).code == 0
    assert 1 <= most <= 2


def test_infos__several_lists_of_one_address__wait_for_each_other(browser):
    answers = browser.ask(*[("GET", "/files/info?cid=1&cid=2", None)] * 5)
    assert [answer.code for answer in answers] == [0] * 5


def test_status__all_nodes__is_that_of_the_slowest(pair, served):
    pair.submit(SMALL)
    pair.nodes[0].block += 2
    told = served(pair).get("/node/status").data
    assert told == {
        "connectedPeers": 0,
        "logSyncHeight": 1,
        "logSyncBlock": "0x" + BLOCK_HASH.hex(),
        "nextTxSeq": 1,
        "networkIdentity": {
            "chainId": 31337,
            "flowAddress": FLOW,
            "p2pProtocolVersion": told["networkIdentity"]["p2pProtocolVersion"],
        },
    }


def test_status__no_healthy_node__is_null(pair, served):
    for server in pair.servers:
        server.down = True
    assert served(pair).get("/node/status").data is None
