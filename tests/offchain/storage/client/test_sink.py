import errno
import os

import pytest

from offchain.errors import Corrupted, DiskFull, Invalid, NotFound
from offchain.protocol.encryption import Key, NoCipher
from offchain.protocol.encryption_header import authenticated_cipher, public_cipher
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.download import Download
from offchain.storage.client.joined import Joined
from offchain.storage.client.network import Network
from offchain.storage.client.reading import Reading
from offchain.storage.client.sink import PART, STATE, Sink, save
from offchain.storage.client.source import Stream
from tests.doubles.files import File, random_bytes

SIZE = 4 * SEGMENT_BYTES + 100
DATA = random_bytes(SIZE)
KEY = Key(b"\x07" * 32)
CIPHERS = {
    "none": NoCipher(),
    "ours": authenticated_cipher(KEY, bytes(32)),
    "public": public_cipher(KEY, bytes(32)),
}


@pytest.fixture(params=CIPHERS)
def cipher(request):
    return CIPHERS[request.param]


@pytest.fixture
def server(neighbours):
    neighbours.add(1)
    return neighbours.servers[0]


@pytest.fixture
def reading(neighbours, server):
    """Reads `DATA`, stored with a cipher."""

    def make(cipher=CIPHERS["none"], data=DATA):
        stream = Stream.of_bytes(data).encrypted(cipher)
        file = File(stream.read(0, stream.size))
        if not neighbours.nodes[0].catalog.find(file.root):
            neighbours.hold(file)
        network = Network(neighbours.urls, None)
        joined = Joined([file.root], lambda root, _: Download(root, network.holders(root), sleep=lambda _: None))
        return Reading(joined, cipher)

    return make


def begin(reading, path, count):
    """Some pieces arrive, then the process ends."""
    target = Sink(path, reading)
    for piece in reading.pieces(range(count)):
        target.put(piece)
    target.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_save__file__appears_whole_and_alone(reading, cipher, tmp_path):
    save(reading(cipher), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert names(tmp_path) == ["file", "node-1"]


def test_save__over_another_file__replaces_it_in_the_end(reading, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    seen = []
    one = reading()
    pieces = one.pieces
    one.pieces = lambda wanted: (seen.append((tmp_path / "file").read_bytes()) or piece for piece in pieces(wanted))
    save(one, tmp_path / "file")
    assert set(seen) == {b"old"}
    assert (tmp_path / "file").read_bytes() == DATA


def test_save__encrypted_empty_file__is_empty(reading, tmp_path):
    save(reading(CIPHERS["ours"], b""), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_save__after_an_interruption__fetches_only_what_is_missing(reading, cipher, server, tmp_path, count):
    begin(reading(cipher), tmp_path / "file", count)
    assert names(tmp_path) == ["file" + PART, "file" + STATE, "node-1"]
    again, asked = reading(cipher), []
    server.before = lambda call, params: asked.append(int(params["count"])) if call.endswith("/segments") else None
    save(again, tmp_path / "file")
    assert (sum(asked), (tmp_path / "file").read_bytes()) == (5 - count, DATA)
    assert names(tmp_path) == ["file", "node-1"]


def test_save__part_was_damaged_meanwhile__says_so_and_starts_over(reading, cipher, tmp_path):
    begin(reading(cipher), tmp_path / "file", 3)
    with (tmp_path / f"file{PART}").open("r+b") as part:
        part.seek(1000)
        part.write(b"damage")
    with pytest.raises(Corrupted, match="was damaged since an earlier download began: download it again$"):
        save(reading(cipher), tmp_path / "file")
    assert not (tmp_path / "file").exists()
    save(reading(cipher), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize("change", ["another file", "another size", "another way to encrypt", "no marks"])
def test_sink__what_is_left_of_something_else__is_not_continued(reading, tmp_path, change):
    begin(reading(), tmp_path / "file", 3)
    if change == "no marks":
        (tmp_path / f"file{STATE}").unlink()
    if change == "another size":
        os.truncate(tmp_path / f"file{PART}", SIZE - 1)
    cipher = CIPHERS["public"] if change == "another way to encrypt" else CIPHERS["none"]
    data = DATA[::-1] if change == "another file" else DATA
    again = reading(cipher, data)
    target = Sink(tmp_path / "file", again)
    assert list(target.missing()) == list(range(5))
    target.close()
    save(again, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == data


def test_save__nodes_fail__leaves_what_came_for_the_next_time(reading, server, tmp_path):
    one = reading()

    def fail(call, params):
        if call.endswith("/segments") or "download" in call:
            raise NotFound("gone")

    begin(one, tmp_path / "file", 2)
    server.before = fail
    with pytest.raises(NotFound):
        save(reading(), tmp_path / "file")
    server.before = lambda call, params: None
    target = Sink(tmp_path / "file", one)
    assert list(target.missing()) == [2, 3, 4]
    target.close()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda folder: folder, "is a directory: name the file to write$"),
        (lambda folder: folder / "no" / "file", "there is no directory .*no to write into$"),
        (lambda folder: folder / ("x" * 300), "cannot be written: File name too long$"),
    ],
)
def test_save__place_that_cannot_be_written__is_refused(reading, tmp_path, place, reason):
    with pytest.raises(Invalid, match=reason):
        save(reading(), place(tmp_path))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_save__no_room__says_so_and_goes_on_later(reading, tmp_path, monkeypatch, code):
    one, pwrite = reading(), os.pwrite

    def full(descriptor, data, at):
        if at >= 2 * SEGMENT_BYTES:
            raise OSError(code, os.strerror(code))
        return pwrite(descriptor, data, at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(DiskFull, match="no room is left for .*: free some space, then run the same again$"):
            save(one, tmp_path / "file")
    save(one, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize("suffix", [PART, STATE])
@pytest.mark.parametrize("plant", [os.symlink, os.link, lambda victim, place: os.mkfifo(place)])
def test_save__scratch_file_that_somebody_planted__is_refused_and_not_written_to(reading, tmp_path, suffix, plant):
    (tmp_path / "victim").write_bytes(b"precious")
    plant(tmp_path / "victim", tmp_path / f"file{suffix}")
    with pytest.raises(Invalid, match=f"file{suffix} is not what an earlier download left: remove it, or write to ano"):
        save(reading(), tmp_path / "file")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("suffix", [PART, STATE])
def test_save__scratch_file_of_another_user__is_refused(reading, tmp_path, monkeypatch, suffix):
    """They could write to it behind our back."""
    (tmp_path / f"file{suffix}").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Invalid, match=f"file{suffix} is not what an earlier download left"):
        save(reading(), tmp_path / "file")


def test_save__link_that_leads_nowhere__is_not_followed(reading, tmp_path):
    (tmp_path / f"file{PART}").symlink_to("made")
    with pytest.raises(Invalid, match="is not what an earlier download left"):
        save(reading(), tmp_path / "file")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("length", [246, 255])
def test_save__name_as_long_as_the_system_takes__is_written_and_continued(reading, tmp_path, length):
    path = tmp_path / ("x" * length)
    begin(reading(), path, 2)
    target = Sink(path, reading())
    assert list(target.missing()) == [2, 3, 4]
    target.close()
    save(reading(), path)
    assert names(tmp_path) == ["node-1", path.name]


def test_put__disk_that_takes_little_at_a_time__gets_all(reading, tmp_path, monkeypatch):
    one, pwrite = reading(data=DATA[:5000]), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: pwrite(descriptor, data[:1000], at))
    save(one, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA[:5000]
