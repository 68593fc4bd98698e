"""An HTTP relay before a server: passes requests on, and counts, cuts, stalls or falsifies as a test wants."""

import http.client
import json
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.doubles.proxy import Drop, Stall


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    body: bytes

    @property
    def calls(self):
        """Names of JSON-RPC methods in it, none for other requests."""
        if self.method != "POST" or self.path != "/":
            return []
        value = json.loads(self.body)
        return [call["method"] for call in (value if isinstance(value, list) else [value])]

    def is_call(self, method):
        return self.calls == [method]


@dataclass(frozen=True)
class Answer:
    """What the server said. `body` may be an iterator of pieces, sent as long as the client listens."""

    status: int
    body: object
    headers: dict = field(default_factory=dict)

    def saying(self, **fields):
        """The same JSON-RPC answer with other fields in its result."""
        return self.result(json.loads(self.body)["result"] | fields)

    def result(self, value):
        """The same JSON-RPC answer with another result."""
        return replace(self, body=json.dumps(json.loads(self.body) | {"result": value}).encode())


class Relay:
    """`before` sees each request and may return an answer of its own, `after` sees what the server answered.

    Both may raise `Drop` or `Stall`. `requests` are all that came.
    """

    def __init__(self, upstream):
        self.upstream = upstream
        self.requests = []
        self.honest()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.relay = self
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def honest(self):
        """Pass everything on as it is."""
        self.before = lambda request: None
        self.after = lambda request, answer: answer

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request):
        """What the client is told."""
        self.requests.append(request)
        return self.before(request) or self.after(request, self.forwarded(request))

    def forwarded(self, request):
        """What the server answers."""
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=60)
        try:
            headers = {"Content-Type": "application/json"} if request.body else {}
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body, or each answer waits for a delayed acknowledgement

    def do_GET(self):
        self._relay()

    def do_POST(self):
        self._relay()

    def _relay(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        relay = self.server.relay
        try:
            self._send(relay.answer(Request(self.command, self.path, body)))
        except (Drop, OSError, http.client.HTTPException):
            self.close_connection = True
        except Stall:
            relay.closing.wait(60)
            self.close_connection = True

    def _send(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            self.close_connection |= "Content-Length" in answer.headers
            return
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for piece in answer.body:
            if self.server.relay.closing.is_set():
                return
            self.wfile.write(piece)

    def log_message(self, *_):
        pass
