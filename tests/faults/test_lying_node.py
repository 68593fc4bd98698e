"""Nodes that lie: the client takes the truth from an honest node, or fails and leaves no wrong file."""

import itertools
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from offchain.errors import ZgError
from offchain.storage.client.api import StorageClient
from offchain.storage.client.upload import UploadOptions
from offchain.storage.wire import FRAME
from tests.doubles.lies import SIZE, altered, call, flipped, frames, honest_cluster, lying
from tests.doubles.proxy import Drop
from tests.doubles.relay import Answer
from tests.doubles.samples import Sample

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300), pytest.mark.usefixtures("hasty_client")]

SEGMENT = 262_144


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with honest_cluster(tmp_path_factory.mktemp("lies")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sample(cluster):
    return cluster.sample


@pytest.fixture(scope="module")
def liar_of(cluster):
    """Makes a relay before the first node that lies as told."""
    with ExitStack() as stack:
        yield lambda before=None, after=None: stack.enter_context(lying(cluster.nodes[0].url, before, after))


def reordered(body):
    """The second frame first: all but the last have the same length."""
    index, length, siblings = FRAME.unpack(body[: FRAME.size])
    whole = FRAME.size + siblings * 32 + length
    return body[whole : 2 * whole] + body[:whole] + body[2 * whole :]


def announcing(length, siblings):
    """The first frame with other lengths in its head."""
    return lambda body: struct.pack(">QIB", 0, length, siblings) + body[FRAME.size :]


def without_frames(request):
    """A node that only speaks the public RPC."""
    return Answer(404, b"nothing here") if request.path.startswith("/v1/") else None


def without_list(request):
    """A node that keeps to itself which files with a root it knows besides."""
    is_list = request.path.startswith("/v1/files/") and request.path.count("/") == 3
    return Answer(200, b'{"files": []}') if is_list else None


def of_segment(change):
    """A lie about a segment that comes through the public RPC."""
    return call("zgs_downloadSegmentWithProofByTxSeq", change)


FRAME_LIES = {
    "wrong bytes": lambda body: flipped(body, 1000),
    "wrong proof": lambda body: flipped(body, FRAME.size + 3),
    "wrong index": lambda body: flipped(body, 7),
    "segments in another order": reordered,
    "cut off": lambda body: body[: len(body) // 2],
    "nothing": lambda body: b"",
    "endless zeros": lambda body: itertools.repeat(b"\0" * 65536),
    "a frame of four gigabytes": announcing(0xFFFFFFFF, 3),
    "a frame with 255 hashes": announcing(SEGMENT, 255),
    "an empty frame": announcing(0, 0),
    "text": lambda body: b"<html>error</html>",
}

RPC_LIES = {
    "wrong bytes": of_segment(lambda answer: answer.saying(data="AAAA" * 87382)),
    "no base64": of_segment(lambda answer: answer.saying(data="%%%")),
    "another index": of_segment(lambda answer: answer.saying(index=7)),
    "an empty proof": of_segment(lambda answer: answer.saying(proof={"lemma": [], "path": []})),
    "a proof of numbers": of_segment(lambda answer: answer.saying(proof={"lemma": [1, 2], "path": [3]})),
    "nothing": of_segment(lambda answer: answer.result(None)),
    "a list": of_segment(lambda answer: answer.result([1, 2, 3])),
    "no JSON": of_segment(lambda answer: Answer(200, b"}{")),
    "an endless answer": of_segment(
        lambda answer: Answer(200, itertools.chain([b'{"x":"'], itertools.repeat(b"a" * 1048576)))
    ),
    "deeply nested": of_segment(lambda answer: Answer(200, b'{"result":' + b"[" * 100_000)),
    "a redirection": of_segment(lambda answer: Answer(302, b"", {"Location": "http://127.0.0.1:9/"})),
    "a broken length": of_segment(lambda answer: Answer(200, b"{}", {"Content-Length": "1000000"})),
}

INFO_LIES = {
    "another root": call("zgs_getFileInfo", lambda answer: altered(answer, merkleNodes=[[11, "0x" + "ab" * 32]])),
    "a root of nothing": call("zgs_getFileInfo", lambda answer: altered(answer, merkleNodes=[])),
    "a negative size": call("zgs_getFileInfo", lambda answer: altered(answer, size=-1)),
    "words for numbers": call("zgs_getFileInfo", lambda answer: altered(answer, size="many")),
    "absurd heights": call("zgs_getFileInfo", lambda answer: altered(answer, merkleNodes=[[10**9, "0x" + "ab" * 32]])),
    "no information": call("zgs_getFileInfo", lambda answer: answer.result({"finalized": True})),
    "an unknown file": call("zgs_getFileInfo", lambda answer: answer.result(None)),
}


def downloaded(sample, path, *urls, size=None):
    """The client after it downloaded the file to `path`."""
    with StorageClient(list(urls)) as client:
        client.download(sample.root, path, size=size)
    return client


@pytest.mark.parametrize("lie", FRAME_LIES, ids=str)
def test_download__frames_with_lies__come_from_the_honest_node_instead(cluster, sample, liar_of, lie, tmp_path):
    liar = liar_of(after=frames(FRAME_LIES[lie]))
    client = downloaded(sample, tmp_path / "copy", liar.url, cluster.nodes[1].url)
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert any(liar.url in problem for problem in client.problems)


@pytest.mark.parametrize("lie", RPC_LIES, ids=str)
def test_download__public_rpc_with_lies__the_honest_node_helps(cluster, sample, liar_of, lie, tmp_path):
    liar = liar_of(before=without_frames, after=RPC_LIES[lie])
    client = downloaded(sample, tmp_path / "copy", liar.url, cluster.nodes[1].url)
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert lie == "another index" or any(liar.url in problem for problem in client.problems)


@pytest.mark.parametrize("lie", INFO_LIES, ids=str)
def test_download__false_information__the_node_is_not_asked_for_data(cluster, sample, liar_of, lie, tmp_path):
    liar = liar_of(after=INFO_LIES[lie])
    downloaded(sample, tmp_path / "copy", liar.url, cluster.nodes[1].url)
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert not any("/segments?" in request.path for request in liar.requests)


def test_download__everybody_lies__fails_with_reasons_and_leaves_no_file(sample, liar_of, tmp_path):
    """Each lie alone; side by side, for the client asks more than once before it gives up."""
    liars = {lie: liar_of(after=frames(change)) for lie, change in FRAME_LIES.items()}
    liars |= {f"rpc: {lie}": liar_of(before=without_frames, after=change) for lie, change in RPC_LIES.items()}
    del liars["rpc: another index"]  # the index that a node repeats is not looked at

    def attempt(lie):
        path = tmp_path / lie.replace("/", " ")
        try:
            downloaded(sample, path, liars[lie].url)
        except ZgError as error:
            return str(error), path.exists()
        return "no error", path.exists()

    with ThreadPoolExecutor(len(liars)) as pool:
        outcomes = dict(zip(liars, pool.map(attempt, liars), strict=True))
    for lie, (words, exists) in outcomes.items():
        assert not exists, lie
        assert "no node gave a valid segment" in words, (lie, words)
        assert liars[lie].url in words, lie


def test_download__another_size_of_the_same_root__is_not_believed(cluster, sample, liar_of, tmp_path):
    def after(request, answer):
        if f"-{SIZE - 1}/segments" in request.path:
            return liar.forwarded(replace(request, path=request.path.replace(f"-{SIZE - 1}/", f"-{SIZE}/")))
        return altered(answer, size=SIZE - 1) if request.is_call("zgs_getFileInfo") else answer

    liar = liar_of(before=without_list, after=after)
    with pytest.raises(ZgError, match="is the root of 2 files"):
        downloaded(sample, tmp_path / "copy", liar.url, cluster.nodes[1].url)
    downloaded(sample, tmp_path / "right", liar.url, cluster.nodes[1].url, size=SIZE)
    assert (tmp_path / "right").read_bytes() == sample.data
    with ThreadPoolExecutor(2) as pool, StorageClient([liar.url]) as client:
        tasks = [
            pool.submit(downloaded, sample, tmp_path / "copy", liar.url),
            pool.submit(client.read, sample.root, SIZE - 100, 100),
        ]
        for task in tasks:
            with pytest.raises(ZgError, match="beyond the file's end"):
                task.result()
    assert not (tmp_path / "copy").exists()


def test_download__an_enormous_size__fails_before_room_is_made_for_it(sample, liar_of, tmp_path):
    nodes = [[43, sample.hex]]
    lie = call("zgs_getFileInfo", lambda answer: altered(answer, size=1 << 50, merkleNodes=nodes))
    liar = liar_of(before=without_list, after=lie)
    with pytest.raises(ZgError, match="no node gave a valid segment"):
        downloaded(sample, tmp_path / "copy", liar.url)
    assert list(tmp_path.iterdir()) == []


def test_download__stream_of_a_liar__ends_before_the_first_wrong_byte(cluster, sample, liar_of):
    liar = liar_of(after=frames(lambda body: flipped(body, len(body) - 10)))
    got = bytearray()
    with StorageClient([liar.url, cluster.nodes[1].url]) as client:
        for piece in client.stream(sample.root):
            got += piece
    assert got == sample.data


def test_client__nodes_of_two_flows__refuses_to_mix_them(cluster, sample, liar_of, tmp_path):
    def elsewhere(answer):
        identity = json.loads(answer.body)["result"]["networkIdentity"]
        return answer.saying(networkIdentity=identity | {"flowAddress": "0x" + "99" * 20})

    liar = liar_of(after=call("zgs_getStatus", elsewhere))
    with pytest.raises(ZgError, match="follow different flows"):
        downloaded(sample, tmp_path / "copy", liar.url, cluster.nodes[1].url)


UPLOAD_LIES = {
    "takes everything and keeps nothing": (
        lambda request: (
            Answer(200, b'{"stored": 4, "passedOver": 0}')
            if request.method == "POST" and "/v1/" in request.path
            else None
        ),
        None,
        "does not finalize",
    ),
    "says that nothing is missing": (
        None,
        lambda request, answer: Answer(200, b'{"missing": []}') if request.path.endswith("/missing") else answer,
        "does not finalize",
    ),
    "misses a million millions": (
        None,
        lambda request, answer: (
            Answer(200, b'{"missing": [[0, 1000000000000]]}') if request.path.endswith("/missing") else answer
        ),
        "lists segments that the file does not have",
    ),
    "does not see the submission": (
        None,
        call("zgs_getFileInfoByTxSeq", lambda answer: answer.result(None)),
        "has not seen submission",
    ),
    "has another file there": (
        None,
        call("zgs_getFileInfoByTxSeq", lambda answer: altered(answer, merkleNodes=[[1, "0x" + "ab" * 32]], size=256)),
        "another file as submission",
    ),
    "drops the segments": (
        lambda request: _drop() if request.method == "POST" and "/v1/" in request.path else None,
        None,
        "does not answer",
    ),
}


def _drop():
    raise Drop


@pytest.mark.parametrize("lie", UPLOAD_LIES, ids=str)
def test_upload__to_a_liar__fails_clearly_and_the_same_command_reaches_an_honest_node(cluster, liar_of, lie, tmp_path):
    before, after, words = UPLOAD_LIES[lie]
    sample = Sample(SIZE, seed=lie)
    liar = liar_of(before, after)
    state, options = tmp_path / "state", UploadOptions(patience=1)
    with pytest.raises(ZgError, match=words), cluster.client(3, liar, state=state) as client:
        client.upload(sample.data, options)
    with cluster.client(3, cluster.nodes[1], state=state) as client:
        uploaded = client.upload(sample.data)
    assert cluster.chain.submit_events().count(sample.hex) == 1
    assert cluster.nodes[1].content(uploaded.seq) == sample.data
