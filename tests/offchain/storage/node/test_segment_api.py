import asyncio
import threading

import pytest

from offchain.errors import Busy, DiskFull, Invalid, InvalidProof, NotFound
from offchain.net.exchange import Call
from offchain.net.jsonrpc import RpcError
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.node import segment_api
from offchain.storage.node.segment_api import GROUP
from offchain.storage.wire import FRAME, frame_head
from tests.doubles.files import File

FILE = File.random(9 * SEGMENT_BYTES + 700)
SMALL = File.random(600)
SHORT = "^the body ends in the middle of a frame$"


def name_of(file):
    return f"{file.root.hex()}-{file.size}"


def frame(file, number, **changes):
    """Bytes of a segment's frame, or with another index, data or siblings than the honest ones."""
    data = changes.get("data", file.segment_data(number))
    siblings = changes.get("siblings", file.tree.proof(number).siblings)
    return frame_head(changes.get("index", number), len(data), siblings) + data


async def pieces_of(body, size):
    for at in range(0, len(body), size):
        yield body[at : at + size]


def upload(node, file, body, size=50_000):
    call = Call({"content": file if isinstance(file, str) else name_of(file)}, {}, pieces_of(body, size))
    return asyncio.run(node.segments.upload(call))


def asked(exchange, file, **query):
    content = file if isinstance(file, str) else name_of(file)
    return asyncio.run(exchange(Call({"content": content}, {k: str(v) for k, v in query.items()}, pieces_of(b"", 1))))


def download(node, file, **query):
    """The body of a download, read to its end."""

    async def main():
        content = {"content": name_of(file)}
        stream = await node.segments.download(Call(content, {k: str(v) for k, v in query.items()}, pieces_of(b"", 1)))
        return b"".join([bytes(piece) async for piece in stream.pieces])

    return asyncio.run(main())


def test_status__tells_the_protocol(node):
    assert asyncio.run(node.segments.status(None)) == {"protocol": "zg-segments/1"}


def test_upload__all_segments_in_any_order__are_stored(node):
    node.submit(FILE)
    order = [*reversed(FILE.segments)]
    told = upload(node, FILE, b"".join(frame(FILE, index) for index in order))
    assert told == {"stored": 10, "passedOver": 0}
    for index in FILE.segments:
        assert node.shelf.segment(FILE.content, index) == FILE.segment(index)


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_upload__body_in_pieces_of_any_size__is_the_same(node, size):
    files = [File.random(300, seed) for seed in range(2)]
    for file in files:
        assert upload(node, file, frame(file, 0), size) == {"stored": 1, "passedOver": 0}
        assert node.shelf.data(file.content, 0) == file.segment_data(0)


@pytest.mark.parametrize("count", [1, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP])
def test_upload__any_number_of_frames__are_all_taken(node, count):
    node.submit(FILE)
    assert upload(node, FILE, b"".join(frame(FILE, index) for index in range(count))) == {
        "stored": count,
        "passedOver": 0,
    }


def test_upload__empty_body__is_no_error(node):
    assert upload(node, FILE, b"") == {"stored": 0, "passedOver": 0}


def test_upload__segments_that_are_here__are_passed_over(node):
    node.submit(FILE)
    node.put(FILE, [0, 2])
    body = b"".join(frame(FILE, index) for index in (0, 1, 2, 1))
    assert upload(node, FILE, body) == {"stored": 1, "passedOver": 3}


@pytest.mark.parametrize("at", [1, FRAME.size - 1, FRAME.size, FRAME.size + 31, 200, -1])
def test_upload__body_cut_off__is_refused_and_whole_frames_stay(node, at):
    node.submit(FILE)
    cut = frame(FILE, 9)[:at]
    assert len(cut) < len(frame(FILE, 9))
    with pytest.raises(InvalidProof, match=SHORT):
        upload(node, FILE, b"".join(frame(FILE, index) for index in range(GROUP)) + cut)
    assert node.shelf.stored(FILE.content) == GROUP


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (FRAME.pack(0, 0, 0), "a frame announces 0 bytes and 0 hashes"),
        (FRAME.pack(0, SEGMENT_BYTES + 1, 0), f"a frame announces {SEGMENT_BYTES + 1} bytes and 0 hashes"),
        (FRAME.pack(0, (1 << 32) - 1, 255), "a frame announces 4294967295 bytes and 255 hashes"),
        (FRAME.pack(0, 256, 49), "a frame announces 256 bytes and 49 hashes"),
    ],
)
def test_upload__frame_out_of_bounds__is_refused_before_its_data_is_read(node, head, text):
    read = []

    async def body():
        yield head
        read.append("more than the head")
        yield bytes(1000)

    with pytest.raises(InvalidProof, match=f"^{text}$"):
        asyncio.run(node.segments.upload(Call({"content": name_of(FILE)}, {}, body())))
    assert read == []


@pytest.mark.parametrize(
    ("changes", "message", "data"),
    [
        ({"data": bytes(SEGMENT_BYTES)}, "Invalid params: proof", "validation failed"),
        ({"index": 1}, "Invalid params: proof", "validation failed"),
        ({"index": 10}, "Invalid params: index", "index out of bound"),
        ({"index": (1 << 64) - 1}, "Invalid params: index", "index out of bound"),
        ({"data": bytes(256)}, "Invalid params: data", "invalid data length"),
        ({"data": bytes(255)}, "Invalid params: data", "invalid data length"),
        ({"siblings": ()}, "Invalid params: proof", "invalid proof"),
        ({"siblings": (bytes(32),) * 48}, "Invalid params: proof", "invalid proof"),
    ],
)
def test_upload__false_segment__is_refused_in_the_public_words(node, changes, message, data):
    node.submit(FILE)
    with pytest.raises(RpcError) as error:
        upload(node, FILE, frame(FILE, 0, **changes))
    assert (error.value.code, error.value.message, error.value.data) == (-32602, message, data)
    assert node.shelf.stored(FILE.content) == 0


def test_upload__false_segment_among_good_ones__leaves_those_before_it(node):
    node.submit(FILE)
    with pytest.raises(RpcError, match="validation failed"):
        upload(node, FILE, frame(FILE, 0) + frame(FILE, 1) + frame(FILE, 2, index=3) + frame(FILE, 4))
    assert node.shelf.stored(FILE.content) == 2


def test_upload__complete_file__is_refused_in_the_public_words(node):
    node.hold(SMALL)
    with pytest.raises(RpcError) as error:
        upload(node, SMALL, frame(SMALL, 0))
    assert (error.value.message, error.value.data) == ("Invalid params: root", "already uploaded and finalized")


def test_upload__file_without_submission__waits_in_the_pool(node):
    upload(node, SMALL, frame(SMALL, 0))
    assert node.pool.holds(SMALL.content)


def test_upload__disk_full_or_busy__is_told(make_node, node, monkeypatch):
    with pytest.raises(Busy, match="^too many data writing: 0$"):
        upload(make_node("busy", max_writing=0), SMALL, frame(SMALL, 0))
    node.shelf.min_free = 1 << 60
    with pytest.raises(DiskFull, match="this node's disk is full"):
        upload(node, SMALL, frame(SMALL, 0))


def test_upload__client_that_breaks_off__lets_what_was_begun_finish(node, monkeypatch):
    node.submit(FILE)
    begun, go_on = threading.Event(), threading.Event()
    take = node.intake.take

    def slow(segment, seq=None):
        begun.set()
        assert go_on.wait(10)
        take(segment, seq)

    monkeypatch.setattr(node.intake, "take", slow)

    async def body():
        yield b"".join(frame(FILE, index) for index in range(GROUP))
        while not begun.is_set():
            await asyncio.sleep(0)
        go_on.set()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(node.segments.upload(Call({"content": name_of(FILE)}, {}, body())))
    assert node.shelf.stored(FILE.content) == GROUP


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "11" * 32,
        "11" * 32 + "-",
        "11" * 32 + "-x",
        "11" * 32 + "-0",
        "11" * 32 + "--5",
        "11" * 32 + f"-{1 << 54}",
        "11" * 32 + "-" + "9" * 5000,
        "11" * 31 + "-5",
        "11" * 33 + "-5",
        "zz" * 32 + "-5",
        "0x" + "11" * 32 + "-5",
    ],
)
def test_content__name_of_no_file__is_not_found(node, name):
    for exchange in (node.segments.upload, node.segments.download, node.segments.missing):
        with pytest.raises(NotFound, match="^files are named <root in hex>-<size in bytes>$"):
            asked(exchange, name, first=0)


def frames_of(body, file, first):
    """What a body holds, read by hand."""
    index, found = first, []
    while body:
        told, length, count = FRAME.unpack(body[: FRAME.size])
        end = FRAME.size + 32 * count + length
        assert body[:end] == frame(file, told)
        found.append(told)
        body, index = body[end:], index + 1
    return found


@pytest.mark.parametrize(
    ("query", "indices"),
    [
        ({"first": 0}, range(10)),
        ({"first": 0, "count": 10}, range(10)),
        ({"first": 3, "count": 4}, range(3, 7)),
        ({"first": 9}, [9]),
        ({"first": 0, "count": 1}, [0]),
    ],
)
def test_download__any_range__is_its_frames_in_order(node, query, indices):
    node.hold(FILE)
    assert frames_of(download(node, FILE, **query), FILE, query["first"]) == list(indices)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "first must be a number, not None"),
        ({"first": "x"}, "first must be a number, not 'x'"),
        ({"first": -1}, "first must be a number, not '-1'"),
        ({"first": 0, "count": "x"}, "count must be a number, not 'x'"),
        ({"first": 0, "count": 0}, "segments 0 to 0 are not within a file of 10 segments"),
        ({"first": 0, "count": 11}, "segments 0 to 11 are not within a file of 10 segments"),
        ({"first": 10}, "segments 10 to 10 are not within a file of 10 segments"),
        ({"first": 10**19, "count": 10**19}, "are not within a file of 10 segments"),
    ],
)
def test_download__range_that_is_none__is_refused(node, query, text):
    node.hold(FILE)
    with pytest.raises(Invalid, match=text):
        asked(node.segments.download, FILE, **query)


@pytest.mark.parametrize("lacking", [0, 5])
def test_download__first_or_last_segment_not_here__is_not_found_before_anything_is_sent(node, lacking):
    node.submit(FILE)
    node.put(FILE, [index for index in FILE.segments if index != lacking])
    with pytest.raises(NotFound, match=f"^segment {lacking} is not stored here$"):
        asked(node.segments.download, FILE, first=0, count=6)


def test_download__segment_within_damaged__breaks_off_there(node):
    node.hold(FILE)
    node.damage(FILE, 2)
    sent = bytearray()

    async def main():
        stream = await node.segments.download(
            Call({"content": name_of(FILE)}, {"first": "0", "count": "5"}, pieces_of(b"", 1))
        )
        async for piece in stream.pieces:
            sent.extend(piece)

    with pytest.raises(NotFound, match="segment 2 is damaged"):
        asyncio.run(main())
    assert frames_of(bytes(sent), FILE, 0) == [0, 1]


def test_download__nothing_stored__is_not_found(node):
    with pytest.raises(NotFound, match="^nothing is stored of "):
        asked(node.segments.download, FILE, first=0)


def test_download__reader_that_leaves__ends_the_reading_ahead(node, monkeypatch):
    node.hold(FILE)
    read = []
    data = node.shelf.data
    monkeypatch.setattr(node.shelf, "data", lambda content, index: read.append(index) or data(content, index))

    async def main():
        content = {"content": name_of(FILE)}
        stream = await node.segments.download(Call(content, {"first": "0"}, pieces_of(b"", 1)))
        await anext(stream.pieces)
        await stream.pieces.aclose()

    asyncio.run(main())
    assert read in ([0], [0, 1])


def test_routes__are_the_documented_ones(node):
    assert [(method, path) for method, path, _ in node.segments.routes] == [
        ("GET", "/v1/status"),
        ("GET", "/v1/files/{root}"),
        ("GET", "/v1/files/{content}/missing"),
        ("POST", "/v1/files/{content}/segments"),
        ("GET", "/v1/files/{content}/segments"),
    ]
    for method, path, _ in node.segments.routes:
        shown = path.replace("{content}", "<root>-<size>").replace("{root}", "<root>")
        assert f"{method:4} {shown}" in segment_api.__doc__
