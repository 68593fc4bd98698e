"""`HttpClient` and servers without a network: within this process, by URL, with faults wherever a test wants them."""

import asyncio
import json
import re
import threading
from contextlib import contextmanager
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused, ZgError
from offchain.net.exchange import Call
from offchain.net.jsonrpc import RpcError, encode
from offchain.net.rpc_server import RpcServer
from tests.doubles.observer import Observed


@cache
def _loop():
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _wait_for(awaitable):
    async def awaited():
        return await awaitable

    return asyncio.run_coroutine_threadsafe(awaited(), _loop()).result(60)


class LocalServer:
    """Methods and exchanges under a URL. Tests change its fields at will."""

    def __init__(self, url, methods, exchanges=()):
        self.url = url
        self.down = False
        self.calls = []
        """Names of methods, and "GET /path" and so on, in the order of their arrival."""
        self.before = lambda call, params: None
        """Sees each call first; may raise an error, which then is the answer."""
        self.after = lambda call, params, answer: answer
        """Sees each answer last; what it returns is sent instead."""
        self.rpc = RpcServer(methods, Observed(), 1 << 30)
        self.exchanges = list(exchanges)

    def arrived(self, call, params=()):
        self.calls.append(call)
        if self.down:
            raise PeerUnavailable(f"{self.url} does not answer")
        self.before(call, params)


class LocalWeb:
    """All servers; `client` stands in for the class `HttpClient`."""

    def __init__(self):
        self.servers = {}

    def serve(self, url, methods, exchanges=()):
        self.servers[url] = LocalServer(url, methods, exchanges)
        return self.servers[url]

    def client(self, url, seconds=30.0, connections=8, sleep=None):
        return LocalClient(self, url)


class LocalClient:
    """What `HttpClient` does, on servers of this process; nothing is tried again."""

    def __init__(self, web, url):
        if not url.startswith("http://"):
            raise Invalid(f"{url!r} is no URL of a server: write http://host:port")
        self.url = url.rstrip("/")
        self._web = web

    @property
    def _server(self):
        try:
            return self._web.servers[self.url]
        except KeyError:
            raise PeerUnavailable(f"{self.url} does not answer: nobody listens") from None

    def rpc(self, method, *params, attempts=1, most=None):
        server = self._server
        server.arrived(method, params)
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = json.loads(encode(_wait_for(server.rpc.answer(json.dumps(call).encode()))))
        if "error" in answer:
            error = answer["error"]
            raise RemoteRefused(self.url, error["code"], error["message"], error.get("data"))
        return server.after(method, params, answer["result"])

    def get(self, path, attempts=1):
        return self._exchanged("GET", path, b"")

    def post(self, path, body, length):
        whole = b"".join(bytes(piece) for piece in body)
        assert len(whole) == length
        return self._exchanged("POST", path, whole)

    @contextmanager
    def stream(self, path):
        answer = self._exchange("GET", path, b"")
        reader = _Reader(answer.pieces, self.url)
        try:
            yield reader
        finally:
            _wait_for(answer.pieces.aclose())

    def close(self):
        self._web = LocalWeb()

    def _exchanged(self, method, path, body):
        answer = json.loads(json.dumps(self._exchange(method, path, body)))
        return self._server.after(f"{method} {path.partition('?')[0]}", (), answer)

    def _exchange(self, method, path, body):
        server = self._server
        parts = urlsplit(path)
        server.arrived(f"{method} {parts.path}", dict(parse_qsl(parts.query)))
        for known, template, exchange in server.exchanges:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), parts.path)
            if known == method and found:
                call = Call(found.groupdict(), dict(parse_qsl(parts.query)), _pieces(body))
                return self._answered(exchange, call)
        raise NotFound(f"{self.url}: 404: Not Found")

    def _answered(self, exchange, call):
        try:
            return _wait_for(exchange(call))
        except (NotFound, Busy) as error:
            raise type(error)(f"{self.url}: {error}") from error
        except RpcError as error:
            raise RemoteRefused(self.url, error.code, error.message, error.data) from error
        except ZgError as error:
            status = 400 if isinstance(error, Invalid) else 500
            raise RemoteRefused(self.url, status, str(error)) from error


class _Reader:
    def __init__(self, pieces, url):
        self._pieces, self._url, self._piece = pieces, url, memoryview(b"")

    def read_into(self, buffer):
        while buffer:
            if not self._piece and not self._more():
                raise PeerUnavailable(f"{self._url} broke off in the middle of an answer")
            count = min(len(buffer), len(self._piece))
            buffer[:count] = self._piece[:count]
            buffer, self._piece = buffer[count:], self._piece[count:]

    def at_end(self):
        return not self._piece and not self._more()

    def _more(self):
        try:
            piece = _wait_for(anext(self._pieces, None))
        except ZgError as error:
            raise PeerUnavailable(f"{self._url} broke off: {error}") from error
        self._piece = memoryview(bytes(piece or b""))
        return bool(self._piece)


async def _pieces(body, size=50_000):
    for at in range(0, len(body), size):
        yield body[at : at + size]
