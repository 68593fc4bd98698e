"""Connections to one server: a small request travels as one packet, an answer must keep a pace."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import parse_url

from offchain.net.pace import Pace


class TooSlow(Exception):
    """An answer comes slower than its pace; neither an OSError nor an HTTPError, whose words urllib3 would replace."""


class Paced(io.RawIOBase):
    """Bytes of an answer as they arrive. What the caller does between two reads is not counted."""

    def __init__(self, raw: Any, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        """`raw` gives the bytes, and waits for each of them no longer than `pace.idle`."""
        super().__init__()
        self._raw = raw
        self._pace = pace
        self._clock = clock
        # The first byte may take as long as the server thinks; whoever reads it has the whole pause left.
        self._left = 2 * pace.idle

    def readable(self) -> bool:
        """As all that is read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill some of `buffer`; TooSlow when less came than the pace asks for."""
        began = self._clock()
        count: int | None = self._raw.readinto(buffer)
        self._left = self._pace.credit(self._left, self._clock() - began, count or 0)
        if count and self._left <= 0:
            raise TooSlow(f"less than {self._pace.rate} bytes per second came for {self._pace.idle:g} s")
        return count

    def fileno(self) -> int:
        """That of the socket."""
        return int(self._raw.fileno())

    def close(self) -> None:
        """Close what gives the bytes too."""
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """All of it keeps the pace, also its head."""

    def __init__(self, pace: Pace, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(Paced(self.fp.detach(), pace))


class _Whole(HTTPConnection):
    """Sends the head of a request together with a body that is in memory.

    The head alone would wake the server, which could do nothing but wait for the body.
    """

    _held: list[bytes] | None = None

    def __init__(self, *args: Any, pace: Pace | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.response_class = partial(_Answer, pace or Pace())  # type: ignore[assignment]

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


def pool_of(url: str, timeout: urllib3.Timeout, connections: int, pace: Pace | None = None) -> HTTPConnectionPool:
    """A pool of connections to the server at `url`, http or https, whose answers raise TooSlow when they miss `pace`.

    urllib3's LocationParseError for what is no URL.
    """
    parts = parse_url(url)
    kind = _TlsPool if parts.scheme == "https" else _Pool
    port = parts.port or kind.ConnectionCls.default_port
    return kind(parts.host or "", port, timeout=timeout, maxsize=connections, retries=False, pace=pace)
