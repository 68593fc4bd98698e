import os
import stat

import pytest

from offchain.errors import BadSettings, Invalid
from offchain.protocol.kv import stream_data, tags
from offchain.storage.kv.client import outbox as module
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.outbox import MARK_BYTES, Outbox
from tests.doubles.killing import NO_SPACE, Failing

STREAM = bytes([7]) * 32
WISH = Batch().put(STREAM, b"key", b"value").data()
OTHER = Batch().put(STREAM, b"key", b"another").data()


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox")


def plain(data):
    return data


def sent(outbox, wish=WISH, settle=True, seal=plain, **options):
    """What is uploaded for `wish` by a process that lives to the end, or not."""
    with outbox.letter(wish, seal, **options) as letter:
        if settle:
            letter.settled()
        return letter.content


def test_letter__wish__says_what_is_wanted_and_carries_a_mark(outbox):
    with outbox.letter(WISH, plain) as letter:
        data = stream_data.decode(letter.content)
        assert letter.tags == tags.encode([STREAM])
    assert (data.version, data.writes, data.controls) == (WISH.version, WISH.writes, WISH.controls)
    (mark,) = data.reads
    assert (mark.stream, len(mark.key)) == (STREAM, MARK_BYTES)


def test_letter__same_wish_after_it_was_settled__is_a_new_file(outbox):
    assert sent(outbox) != sent(outbox)


def test_letter__same_wish_after_an_interruption__is_the_same_file(outbox):
    assert sent(outbox, settle=False) == sent(outbox)


def test_letter__another_wish__is_not_mistaken_for_the_interrupted_one(outbox):
    first = sent(outbox, settle=False)
    assert stream_data.decode(sent(outbox, OTHER)).writes == OTHER.writes
    assert sent(outbox) == first


def test_letter__same_wish_of_somebody_alive__is_a_file_of_its_own(outbox):
    with outbox.letter(WISH, plain) as first, outbox.letter(WISH, plain) as second:
        assert first.content != second.content
        first.settled()
        with outbox.letter(WISH, plain) as third:
            assert third.content not in (first.content, second.content)


def test_letter__settled__leaves_nothing_behind(outbox, tmp_path):
    sent(outbox)
    assert list((tmp_path / "outbox").iterdir()) == []


def test_letter__sealed__is_kept_as_it_was_sealed(outbox):
    """Encryption is random: encrypting again would be another file, and be paid again."""
    first = sent(outbox, settle=False, seal=lambda data: os.urandom(8) + data)
    assert sent(outbox, seal=lambda data: pytest.fail("it is sealed already")) == first


def test_letter__other_secret__is_another_wish(outbox, tmp_path):
    sent(outbox, settle=False, secret=b"one")
    sent(outbox, settle=False, secret=b"two")
    assert len(list((tmp_path / "outbox").iterdir())) == 2


def test_letter__files__are_readable_for_their_owner_only(outbox, tmp_path):
    sent(outbox, settle=False)
    (path,) = (tmp_path / "outbox").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("left", [0, 5, 40])
def test_letter__process_killed_while_writing__is_made_anew(outbox, tmp_path, left):
    sent(outbox, settle=False)
    (path,) = (tmp_path / "outbox").iterdir()
    path.write_bytes(path.read_bytes()[:left])
    assert stream_data.decode(sent(outbox)).writes == WISH.writes


def test_letter__written_down__before_anybody_gets_it(outbox, tmp_path):
    with outbox.letter(WISH, plain) as letter:
        (path,) = (tmp_path / "outbox").iterdir()
        assert path.read_bytes().endswith(letter.content)


def test_letter__full_disk__says_so_before_anything_is_paid(outbox, monkeypatch):
    Failing(monkeypatch, module.os, ["fsync"], 0, NO_SPACE)
    with pytest.raises(BadSettings, match="cannot be kept .*No space left"), outbox.letter(WISH, plain):
        pytest.fail("this may not be paid for")


def test_letter__folder_in_the_way_of_a_file__says_so(tmp_path):
    (tmp_path / "outbox").write_bytes(b"")
    with pytest.raises(BadSettings, match="cannot be kept"), Outbox(tmp_path / "outbox").letter(WISH, plain):
        pytest.fail("this may not be paid for")


def test_letter__more_than_servers_take__is_refused_and_not_kept(outbox, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_DATA_BYTES", 100)
    with pytest.raises(Invalid, match="divide them among several"), outbox.letter(WISH, plain):
        pytest.fail("this may not be paid for")
    assert list((tmp_path / "outbox").iterdir()) == []
