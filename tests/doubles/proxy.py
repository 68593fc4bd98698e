"""An RPC over real HTTP that passes calls on to a chain, and stalls, drops, lies or limits as a test wants."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.doubles.rpc import RpcFault


class Stall(Exception):
    """Keep the connection, say nothing."""


class Trickle(Exception):
    """Send a byte now and then, never the whole answer."""


class Drop(Exception):
    """Close the connection without an answer."""


class HttpError(Exception):
    """Answer with an HTTP status and a text that is not JSON, as proxies do."""

    def __init__(self, status, text="<html>no</html>"):
        self.status, self.text = status, text


class Proxy:
    """`upstream` takes a request body and returns the answer's; `before` and `after` see each call of a batch."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.before = lambda method, params: None
        self.after = lambda method, params, result: result
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.proxy = self
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body):
        request = json.loads(body)
        if isinstance(request, list):
            return json.dumps([self._one(call) for call in request]).encode()
        return json.dumps(self._one(request)).encode()

    def _one(self, call):
        envelope = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            self.before(call["method"], call["params"])
        except RpcFault as fault:
            return envelope | {"error": fault.error}
        answer = json.loads(self.upstream(json.dumps(call).encode()))
        if "result" not in answer:
            return answer
        return envelope | {"result": self.after(call["method"], call["params"], answer["result"])}


class Handler(BaseHTTPRequestHandler):
    """One connection; the server object carries the proxy."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body, or each answer waits for a delayed acknowledgement

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        proxy = self.server.proxy
        try:
            self._send(200, proxy.answer(body))
        except HttpError as error:
            self._send(error.status, error.text.encode())
        except Drop:
            self.close_connection = True
        except Stall:
            proxy.closing.wait(60)
            self.close_connection = True
        except Trickle:
            self._trickle(proxy.closing)

    def _send(self, status, answer):
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def _trickle(self, closing):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not closing.wait(0.02):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *_):
        pass
