from pathlib import Path

import pytest

from offchain.errors import BadSettings, Invalid
from offchain.net.http_server import Limits
from offchain.protocol.shards import Shard
from offchain.runtime.settings import read_settings
from offchain.storage.node.settings import NodeSettings

NEEDED = {"flow": "0x" + "f1" * 20, "rpc": "http://127.0.0.1:8545"}


def read(**flags):
    return read_settings(NodeSettings, NEEDED | flags, {})


def test_settings__only_what_is_required__have_careful_defaults():
    settings = read()
    assert settings.shard == Shard(0, 1)
    assert (settings.listen, settings.listen_admin) == ("127.0.0.1:5678", "127.0.0.1:5679")
    assert (settings.data, settings.peers, settings.start_block) == (Path("storage-node"), (), None)
    assert (settings.verify_reads, settings.auto_sync, settings.confirmations) == (True, False, 0)
    assert (settings.max_body, settings.pool, settings.pool_patience) == (100 << 20, 1 << 30, 300.0)
    assert (settings.min_free_disk, settings.scrub_rate) == (1 << 30, 16 << 20)
    assert (settings.pool_share, settings.admin_hosts) == (128 << 20, ())
    assert settings.limits == Limits(100 << 20, 128, max_per_address=32)


def test_limits__settings__reach_all_of_them():
    given = {"max_body": "2MiB", "max_requests": "9", "max_idle": "3s", "max_per_address": "4", "min_rate": "5KiB"}
    limits = read(**given, max_bodies="6MiB", proxies="10.0.0.1,10.0.0.2").limits
    assert (limits.max_body, limits.max_requests, limits.max_idle) == (2 << 20, 9, 3.0)
    assert (limits.max_per_address, limits.min_rate, limits.max_bodies) == (4, 5 << 10, 6 << 20)
    assert limits.proxies == ("10.0.0.1", "10.0.0.2")


def test_settings__environment__has_the_name_of_the_worker():
    environment = {"ZG_STORAGE_NODE_FLOW": NEEDED["flow"], "ZG_STORAGE_NODE_RPC": NEEDED["rpc"]}
    environment["ZG_STORAGE_NODE_PEERS"] = "http://a, http://b"
    assert read_settings(NodeSettings, {}, environment).peers == ("http://a", "http://b")


@pytest.mark.parametrize("missing", ["flow", "rpc"])
def test_settings__required_one_missing__says_how_to_set_it(missing):
    given = {name: value for name, value in NEEDED.items() if name != missing}
    with pytest.raises(BadSettings, match=f"{missing} is missing .*--{missing}, ZG_STORAGE_NODE_{missing.upper()}"):
        read_settings(NodeSettings, given, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shard_id", "-1"),
        ("num_shards", "0"),
        ("num_shards", "257"),
        ("start_block", "-1"),
        ("confirmations", "-1"),
        ("poll", "0"),
        ("log_page", "0"),
        ("max_body", "1KiB"),
        ("max_requests", "0"),
        ("max_writing", "0"),
        ("max_per_address", "0"),
        ("min_rate", "0"),
        ("max_bodies", "1KiB"),
        ("pool_share", "-1"),
        ("pool", "-1"),
        ("pool_patience", "0s"),
        ("scrub_rate", "-1"),
        ("verify_reads", "perhaps"),
    ],
)
def test_settings__value_that_cannot_be__is_refused_by_name(name, value):
    with pytest.raises(BadSettings, match=f"{name}, from --{name.replace('_', '-')}: "):
        read(**{name: value})


@pytest.mark.parametrize(("number", "count"), [(0, 1), (3, 4), (255, 256)])
def test_shard__numbers_that_fit__make_it(number, count):
    assert read(shard_id=number, num_shards=count).shard == Shard(number, count)


@pytest.mark.parametrize(("number", "count"), [(1, 1), (4, 4), (0, 3)])
def test_shard__numbers_that_do_not_fit__are_refused(number, count):
    with pytest.raises(Invalid):
        _ = read(shard_id=number, num_shards=count).shard


def test_settings__sizes_and_durations__are_read_with_units():
    settings = read(pool="2GiB", pool_patience="5min", scrub_rate="0")
    assert (settings.pool, settings.pool_patience, settings.scrub_rate) == (2 << 30, 300.0, 0)
