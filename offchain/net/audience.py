"""Whom an address answers: everybody, web pages included, or the operator's own programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Protocol

from aiohttp import web

ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
UNSENT_BY_PAGES = ("application/json", "application/octet-stream")
"""Types of bodies that a browser sends for a page of another site only after it was allowed to."""


class Audience(Protocol):
    """Who may ask; `headers` are added to each answer."""

    headers: Mapping[str, str]

    def reply(self, request: web.Request) -> web.Response | None:
        """The answer to what is no question, or from nobody who may ask; None for all other requests."""
        ...


class Everybody:
    """Web pages of any site may ask and read the answers."""

    headers: Mapping[str, str] = ANYBODY

    def reply(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks whether a page may ask."""
        return web.Response() if request.method == "OPTIONS" else None


class Operator:
    """Programs of the operator, never a web page that the operator's browser shows.

    A page can make the browser call this machine, directly or under a name of its own that leads here, but it can not
    hide where it comes from, nor under which name it called.
    """

    headers: Mapping[str, str] = {}

    def __init__(self, hosts: Iterable[str]) -> None:
        """`hosts` are names to answer under, besides those of the loopback interface."""
        self._hosts = {_plain(host) for host in hosts}

    def reply(self, request: web.Request) -> web.Response | None:
        """A refusal that says why."""
        if "Origin" in request.headers:
            return web.Response(status=403, text="this address does not answer web pages")
        host = _host_of(request.headers.get("Host", ""))
        if not (_is_loopback(host) or host in self._hosts):
            return web.Response(status=403, text=f"this address does not answer under the name {host[:100]!r}")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind not in UNSENT_BY_PAGES:
            return web.Response(status=415, text="send Content-Type: application/json")
        return None


def _host_of(header: str) -> str:
    """The host in a `Host` header (RFC 9110, section 7.2), empty when it has not that form."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:\s]+)(:\d*)?", header)
    return _plain(found[1]) if found else ""


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
