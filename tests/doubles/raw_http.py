"""An HTTP server whose answers are bytes that a test writes, and clients that read what servers send to the byte."""

import json
import socketserver
import threading
from dataclasses import dataclass, field


class Hang:
    """Say nothing more, keep the connection."""


class Close:
    """End the connection."""


@dataclass(frozen=True)
class Request:
    """What a client sent, and over which connection."""

    connection: int
    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class RawServer:
    """Answers each request with the next of `answers`, the last one again and again.

    An answer is a list of bytes to send as they are, of `Hang` and `Close`; or a function of the request.
    """

    answers: list
    requests: list = field(default_factory=list)

    def __enter__(self):
        self.closing = threading.Event()
        self._connections = 0
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def connected(self):
        self._connections += 1
        return self._connections

    def take(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request) if callable(answer) else answer


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Connection(socketserver.StreamRequestHandler):
    wbufsize = 0

    def handle(self):
        owner, number = self.server.owner, self.server.owner.connected()
        try:
            while request := self._request(number):
                for piece in owner.take(request):
                    if piece is Close:
                        return
                    if piece is Hang:
                        owner.closing.wait(30)
                        return
                    self.wfile.write(piece)
        except OSError:
            return  # the client has had enough

    def _request(self, number):
        line = self.rfile.readline().decode().split()
        if not line:
            return None
        headers = {}
        while header := self.rfile.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(number, line[0], line[1], headers, body)


def answer(body, status="200 OK", length=None, **headers):
    """Bytes of an answer: JSON of `body`, or itself where it is bytes; `length` may lie."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ["\r\n".join([*lines, "", ""]).encode() + data]


def chunked(*pieces, end=True):
    """Bytes of an answer in chunks, with or without the mark at its end."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return [head + b"".join(parts) + (b"0\r\n\r\n" if end else b"")]


def result(value):
    """Bytes of a JSON-RPC answer."""
    return answer({"jsonrpc": "2.0", "id": 1, "result": value})


def error(code=-32000, message="no", data=None):
    """Bytes of a JSON-RPC error."""
    told = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return answer({"jsonrpc": "2.0", "id": 1, "error": told})
