import asyncio
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from offchain.net.remote import asker, remote_of

PROXIES = ("10.0.0.1", "10.0.0.2")


def told(peer, *forwarded, proxies=PROXIES):
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (peer, 5000) if name == "peername" else default
    headers = [("X-Forwarded-For", each) for each in forwarded]
    return remote_of(make_mocked_request("GET", "/", CIMultiDict(headers), transport=transport), proxies)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.2.3.4", (), "1.2.3.4"),
        ("1.2.3.4", ("5.6.7.8",), "1.2.3.4"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("5.6.7.8",), "5.6.7.8"),
        ("10.0.0.1", ("9.9.9.9, 5.6.7.8",), "5.6.7.8"),
        ("10.0.0.1", ("9.9.9.9", "5.6.7.8"), "5.6.7.8"),
        ("10.0.0.1", ("5.6.7.8, 10.0.0.2",), "5.6.7.8"),
        ("10.0.0.1", ("10.0.0.2, 10.0.0.1",), "10.0.0.2"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("5.6.7.8,",), "5.6.7.8"),
    ],
)
def test_remote__forwarded__is_believed_of_proxies_only(peer, forwarded, address):
    assert told(peer, *forwarded) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
    ],
)
def test_remote__ipv6__is_its_network(peer, address):
    assert told(peer) == address


def test_remote__proxy_that_tells_no_address__is_cut_to_a_bounded_text():
    assert told("10.0.0.1", "x" * 5000) == "x" * 64


def test_asker__within_a_thread__is_who_asked():
    async def main():
        asker.set("1.2.3.4")
        return await asyncio.to_thread(asker.get)

    assert asyncio.run(main()) == "1.2.3.4"
    assert asker.get() == ""
