"""Who asks: the address that limits count by, also behind reverse proxies."""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp import web

FORWARDED = "X-Forwarded-For"
NETWORK_BITS = 64  # of an IPv6 address; whoever has one has all that differ in the rest

asker: ContextVar[str] = ContextVar("asker", default="")
"""The address of whoever asked for what runs now, in threads too; empty for what nobody asked for."""


def remote_of(request: web.Request, proxies: Collection[str]) -> str:
    """The address that sent `request`: what the last of `proxies` on its way tells, if it came through one.

    IPv6 addresses are told as their network.
    """
    address = request.remote or ""
    told = ",".join(request.headers.getall(FORWARDED, ())).split(",")
    while address in proxies and told:
        address = told.pop().strip() or address
    return _network(address)


def _network(address: str) -> str:
    """The network of an IPv6 address, anything else as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:NETWORK_BITS]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed.packed, NETWORK_BITS), strict=False))
