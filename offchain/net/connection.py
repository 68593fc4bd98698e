"""Connections to one server, over which a small request travels as one packet."""

from __future__ import annotations

from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url


class _Whole(HTTPConnection):
    """Sends the head of a request together with a body that is in memory.

    The head alone would wake the server, which could do nothing but wait for the body.
    """

    _held: list[bytes] | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self._held = [] if isinstance(body, bytes) else None
        try:
            super().request(method, url, body, *args, **options)
        finally:
            held, self._held = self._held, None
        if held:
            self.send(b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)


class _WholeTls(_Whole, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Whole


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WholeTls


def pool_of(url: str, timeout: urllib3.Timeout, connections: int) -> HTTPConnectionPool:
    """A pool of connections to the server at `url`, http or https; urllib3's LocationParseError for what is no URL."""
    parts = parse_url(url)
    kind = _TlsPool if parts.scheme == "https" else _Pool
    port = parts.port or kind.ConnectionCls.default_port
    return kind(parts.host or "", port, timeout=timeout, maxsize=connections, retries=False)
