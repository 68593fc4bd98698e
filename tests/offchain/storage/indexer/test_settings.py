import pytest

from offchain.errors import BadSettings
from offchain.runtime.settings import read_settings
from offchain.storage.indexer.settings import IndexerSettings


def settings(**flags):
    return read_settings(IndexerSettings, {"nodes": "http://a,http://b"} | flags, environment={})


def test_settings__only_nodes__have_sensible_defaults():
    told = settings()
    assert told.nodes == ("http://a", "http://b")
    assert (told.listen, told.check_every, told.cache_for, told.max_lag) == ("127.0.0.1:12345", 5.0, 10.0, 50)
    assert (told.max_download, told.max_downloads) == (100 << 20, 16)


def test_settings__units__are_read():
    told = settings(check_every="100ms", max_body="2MiB", max_download="1GiB")
    assert (told.check_every, told.max_body, told.max_download) == (0.1, 2 << 20, 1 << 30)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"nodes": None}, "nodes is missing"),
        ({"check_every": "0s"}, "greater than 0"),
        ({"max_body": "1KiB"}, "greater than or equal to 65536"),
        ({"max_download": "0"}, "greater than or equal to 1"),
        ({"max_downloads": "0"}, "greater than or equal to 1"),
        ({"max_lag": "-1"}, "greater than or equal to 0"),
        ({"max_download": "much"}, "should be a size such as 3B"),
    ],
)
def test_settings__value_that_cannot_be__is_refused(flags, reason):
    with pytest.raises(BadSettings, match=reason):
        settings(**flags)


def test_settings__environment__has_the_name_of_the_worker():
    environment = {"ZG_STORAGE_INDEXER_NODES": "http://a", "ZG_STORAGE_INDEXER_MAX_DOWNLOADS": "3"}
    assert read_settings(IndexerSettings, environment=environment).max_downloads == 3


def test_limits__settings__are_those_of_the_server():
    limits = settings(proxies="10.0.0.1", max_per_address="5", max_idle="3s", min_rate="2KiB").limits
    assert (limits.max_body, limits.max_requests, limits.proxies) == (1 << 20, 256, ("10.0.0.1",))
    assert (limits.max_per_address, limits.max_idle, limits.min_rate) == (5, 3.0, 2048)
