"""Files that somebody writes to while they are uploaded: refused before anything is paid, and never half of each."""

import os

import pytest

from offchain.errors import Invalid
from offchain.protocol.encryption import Key
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client import api
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.upload import UploadOptions
from tests.doubles.files import random_bytes

DATA = random_bytes(3 * SEGMENT_BYTES + 700)
SMALL = UploadOptions(fragment=SEGMENT_BYTES)
SECRET = UploadOptions(fragment=SEGMENT_BYTES, encryption=Encryption(Key(b"\x07" * 32)))


@pytest.mark.parametrize("change", [b"grown and grown", b"SMALL"], ids=["grown", "other bytes"])
def test_directory__file_that_changes_after_the_scan__is_refused_before_paying(client, town, tree, monkeypatch, change):
    """Its list would tell another size than the network, and could not be downloaded."""
    real_scan = api.scan

    def scan(top, skip):
        scanned = real_scan(top, skip)
        replaced(tree / "small", change)
        return scanned

    monkeypatch.setattr(api, "scan", scan)
    with pytest.raises(Invalid, match=r"tree/small changed while it was read: run the same again"):
        client.upload_directory(tree)
    assert town.paid == 0


def test_directory__file_that_changes_while_others_are_hashed__is_refused_before_paying(
    client, town, tree, monkeypatch
):
    real_pack = api.Packer.pack

    def pack(packer, stream, whole=False):
        packed = real_pack(packer, stream, whole)
        if stream.name.endswith("twin"):  # the last one: all others were read already
            replaced(tree / "small", b"SMALL")
        return packed

    monkeypatch.setattr(api.Packer, "pack", pack)
    with pytest.raises(Invalid, match=r"tree/small changed while it was read: run the same again"):
        client.upload_directory(tree, SMALL)
    assert town.paid == 0


@pytest.mark.parametrize("options", [UploadOptions(), SECRET], ids=["open", "encrypted"])
@pytest.mark.parametrize("grown", [True, False])
def test_upload__file_that_is_written_to_meanwhile__is_refused_before_paying(client, town, tmp_path, options, grown):
    path = tmp_path / "log"
    path.write_bytes(DATA)
    client._progress = lambda stage, done, total: stage == "hash" and done and replaced(path, DATA[::-1] + b"x" * grown)
    with pytest.raises(Invalid, match="log changed while it was read: run the same again"):
        client.upload(path, options)
    assert town.paid == 0


def replaced(path, content):
    """Write a file anew, and no clock is so coarse that it would not show."""
    before = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(before + 10**9, before + 10**9))
