from pathlib import Path

import pytest

from offchain.errors import BadSettings
from offchain.protocol.encryption import Identity, Key
from offchain.runtime.settings import read_settings
from offchain.storage.kv.server.settings import KvSettings
from tests.doubles.streams import stream_id

NEEDED = {"flow": "0x" + "f1" * 20, "rpc": "http://127.0.0.1:8545"}
IDS = ["0x" + stream_id(number).hex() for number in (1, 2)]


def read(environment=None, **flags):
    return read_settings(KvSettings, NEEDED | flags, environment or {})


def test_settings__only_what_is_required__have_careful_defaults():
    settings = read()
    assert (settings.listen, settings.listen_admin) == ("127.0.0.1:6789", "127.0.0.1:6790")
    assert (settings.data, settings.held, settings.start_block) == (Path("kv"), None, None)
    assert (settings.patience, settings.history, settings.confirmations) == (3600.0, 10_000, 0)
    assert (settings.openers, settings.nodes, settings.indexer) == ([], (), None)


def test_settings__environment__has_the_name_of_the_worker():
    assert read({"ZG_KV_NODES": "http://a, http://b"}).nodes == ("http://a", "http://b")


def test_streams__of_two_ids__are_held():
    assert read(streams=",".join(IDS)).held == {stream_id(1), stream_id(2)}


@pytest.mark.parametrize("streams", ["1", IDS[0][2:], IDS[0] + "00", f"{IDS[0]},x"])
def test_streams__that_are_no_ids__are_refused(streams):
    with pytest.raises(BadSettings, match="streams, from --streams: .*is no stream id: write 0x and 64 hexadecimal"):
        read(streams=streams)


def test_keys__from_files__open_encrypted_streams(tmp_path):
    for name, digit in (("one", "1"), ("two", "2")):
        (tmp_path / name).write_text(f"0x{digit * 64}\n")
    settings = read(encryption_key_file=str(tmp_path / "one"), decryption_key_file=str(tmp_path / "two"))
    assert settings.openers == [Key(b"\x11" * 32), Identity(b"\x22" * 32)]
    assert "11" * 32 not in str(settings.shown())


@pytest.mark.parametrize("name", ["encryption_key", "decryption_key"])
@pytest.mark.parametrize("text", ["1", "x" * 64, "1" * 65])
def test_keys__that_are_none__are_refused_without_showing_them(name, text):
    with pytest.raises(BadSettings, match=f"^{name} is not 64 hexadecimal digits$"):
        _ = read({f"ZG_KV_{name.upper()}": text}).openers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_block", "-1"),
        ("patience", "-1"),
        ("history", "0"),
        ("confirmations", "-1"),
        ("poll", "0"),
        ("log_page", "0"),
        ("node_timeout", "0"),
        ("fetch_at_once", "0"),
        ("fetch_at_once", "17"),
        ("max_body", "1KiB"),
        ("max_requests", "0"),
    ],
)
def test_settings__value_that_cannot_be__is_refused_by_name(name, value):
    with pytest.raises(BadSettings, match=f"{name}, from --{name.replace('_', '-')}: "):
        read(**{name: value})
