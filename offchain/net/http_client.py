"""A synchronous client of nodes and indexers: JSON-RPC, plain HTTP, streams. Safe to use from several threads."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.net.connection import TooSlow, pool_of
from offchain.net.pace import Pace

Sleep = Callable[[float], None]

CONNECT_SECONDS = 5.0
ATTEMPTS = 4
MOST_CONNECTIONS = 16  # kept open: no worker asks one server for more at once
FIRST_PAUSE = 0.2
BODY_SHOWN = 200
NO_HEADERS: Mapping[str, str] = {}
MAX_ANSWER = 64 << 20  # bytes of an answer that is kept in memory whole
LEAST_RATE = 4096  # bytes per second: sixteen answers at once still fit through a line of half a megabit
BROKEN = (HTTPError, OSError, TooSlow)


@dataclass(frozen=True, slots=True)
class Reader:
    """The body of an answer while it arrives."""

    _response: Any
    _url: str

    def read_into(self, buffer: memoryview) -> None:
        """Fill `buffer`; PeerUnavailable when the body ends before, or comes too slowly."""
        while buffer:
            try:
                count = self._response.readinto(buffer)
            except BROKEN as error:
                raise PeerUnavailable(f"{self._url} broke off: {error}") from error
            if not count:
                raise PeerUnavailable(f"{self._url} broke off in the middle of an answer")
            buffer = buffer[count:]

    def at_end(self) -> bool:
        """Whether the whole body was read; without looking, the mark at its end would spoil the next answer."""
        try:
            return not self._response.read(1)
        except BROKEN:
            return False


class HttpClient:
    """Calls one server. `seconds` bound the wait for each answer, and every pause in a long transfer.

    Beyond such pauses `rate` bytes per second must come, or whoever sends a byte now and then could hold a caller
    for as long as it likes.
    """

    def __init__(
        self,
        url: str,
        seconds: float = 30.0,
        connections: int = MOST_CONNECTIONS,
        sleep: Sleep = time.sleep,
        rate: int = LEAST_RATE,
    ) -> None:
        """Invalid when `url` is none."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        self.url = shown(url)
        """The address without credentials: fit for messages."""
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(f"{self.url!r} is no URL of a server: write http://host:port")
        self._sleep = sleep
        self._numbers = itertools.count(1)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds)
        self._headers: dict[str, str] = urllib3.make_headers(basic_auth=unquote(login)) if login else {}
        try:
            self._pool = pool_of(self.url, timeout, connections, Pace(seconds, rate))
        except LocationParseError as error:
            raise Invalid(f"{self.url} is no URL of a server: {error}") from error
        self._path = urlsplit(self.url).path

    def rpc(self, method: str, *params: Any, attempts: int = ATTEMPTS, most: int | None = None) -> Any:
        """The result of a JSON-RPC call, tried again while the server is not there; its answer has `most` bytes.

        Raises PeerUnavailable after the last attempt, RemoteRefused when the server answers with an error.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}).encode()
        return self._again(lambda: self._rpc(body, most), attempts)

    def get(self, path: str, attempts: int = ATTEMPTS) -> Any:
        """The JSON value at `path`; NotFound, Busy, Invalid, RemoteRefused as the server says."""
        return self._again(lambda: self._json(self._request("GET", path)), attempts)

    def post(self, path: str, body: Iterable[bytes | memoryview], length: int) -> Any:
        """The JSON answer to a streamed body of `length` bytes; not tried again, for the body may be used up."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        return self._json(self._request("POST", path, body=body, headers=headers))

    @contextmanager
    def stream(self, path: str) -> Iterator[Reader]:
        """The body at `path` while it arrives; what is left unread closes the connection."""
        response = self._request("GET", path)
        reader, is_used_up = Reader(response, self.url), False
        try:
            if response.status != 200:
                self._json(response)
            yield reader
            is_used_up = reader.at_end()
        finally:
            if not is_used_up:
                response.close()
            response.release_conn()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _rpc(self, body: bytes, most: int | None) -> Any:
        response = self._request("POST", "/", body=body, headers={"Content-Type": "application/json"})
        answer = self._parsed(response, self._body(response, most))
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise PeerUnavailable(f"{self.url} answered with status {response.status} and no JSON-RPC")
        if answer.get("error") is None:
            return answer.get("result")
        error = answer["error"] if isinstance(answer["error"], dict) else {}
        code, message = error.get("code"), str(error.get("message", "no reason given"))
        raise RemoteRefused(self.url, code if isinstance(code, int) else 0, message, error.get("data"))

    def _json(self, response: Any) -> Any:
        body = self._body(response)
        if response.status == 200:
            return self._parsed(response, body)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            if response.status >= 500 and response.status != 503:
                raise self._nonsense(response, body)  # a proxy speaks, the server may be back soon
            told = {"message": _start(body)}
        text, code = str(told.get("message", "no reason given")), told.get("code")
        kinds: Mapping[int, type[Exception]] = {404: NotFound, 503: Busy}
        if response.status in kinds:
            raise kinds[response.status](f"{self.url}: {text}")
        raise RemoteRefused(self.url, code if isinstance(code, int) else response.status, text, told.get("data"))

    def _body(self, response: Any, most: int | None = None) -> bytes:
        most = MAX_ANSWER if most is None else most
        try:
            body: bytes = response.read(most + 1)
        except BROKEN as error:
            raise PeerUnavailable(f"{self.url} broke off: {error}") from error
        if len(body) > most:
            response.close()
            raise PeerUnavailable(f"{self.url} sent an answer of more than {most >> 10} KiB")
        if response.length_remaining:
            raise PeerUnavailable(f"{self.url} broke off: {response.length_remaining} bytes are missing")
        response.release_conn()
        return body

    def _parsed(self, response: Any, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._nonsense(response, body) from error

    def _nonsense(self, response: Any, body: bytes) -> PeerUnavailable:
        return PeerUnavailable(f"{self.url} answered with status {response.status}: {_start(body)}")

    def _request(self, method: str, path: str, headers: Mapping[str, str] = NO_HEADERS, **options: Any) -> Any:
        options |= {"redirect": False, "preload_content": False, "decode_content": False}
        try:
            return self._pool.urlopen(method, self._path + path, headers={**self._headers, **headers}, **options)
        except BROKEN as error:
            raise PeerUnavailable(f"{self.url} does not answer: {error}") from error

    def _again(self, call: Callable[[], Any], attempts: int) -> Any:
        for attempt in range(1, attempts):
            try:
                return call()
            except (PeerUnavailable, Busy):
                self._sleep(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + random.random() / 2))
        return call()


def shown(url: str) -> str:
    """`url` without credentials, query and slashes at its end."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _start(body: bytes) -> str:
    """As much of a body as a message shows."""
    return body[:BODY_SHOWN].decode("utf-8", "replace")
