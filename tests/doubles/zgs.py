"""JSON-RPC of storage nodes as a stranger speaks it: nothing of our client, nothing verified, nothing retried."""

import base64
import http.client
import json
import threading
from urllib.parse import urlsplit

SECTORS = 1024  # of a segment


class Refused(Exception):
    """An error answer."""

    def __init__(self, error):
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data")
        super().__init__(f"{self.code} {self.message}: {self.data}")


class Zgs:
    """One server; one connection per thread. OSError or HTTPException when it is not there.

    `source` is the address of this machine to call from: all of 127.0.0.0/8 are addresses of it.
    """

    def __init__(self, url, source=None):
        self.url = url
        self._source = source and (source, 0)
        self._local = threading.local()

    def __getattr__(self, method):
        """`node.zgs_getStatus()` calls the method of this name."""
        return lambda *params: self.call(method, *params)

    def call(self, method, *params):
        """The result of a call; the answer's status is 200 even for errors."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        status, answer = self.post(body)
        answer = json.loads(answer)
        if "error" in answer:
            raise Refused(answer["error"])
        assert status == 200
        return answer["result"]

    def post(self, body, path="/", **headers):
        """Status and body of an HTTP POST."""
        return self._exchange("POST", path, body, {"Content-Type": "application/json", **headers})

    def get(self, path):
        """Status and body of an HTTP GET."""
        return self._exchange("GET", path, None, {})

    def _exchange(self, method, path, body, headers):
        kept = getattr(self._local, "connection", None)
        try:
            return self._once(kept or self._connection(), method, path, body, headers)
        except (OSError, http.client.HTTPException):
            if kept is None:
                raise
            return self._once(self._connection(), method, path, body, headers)  # the kept one had timed out

    def _connection(self):
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60, source_address=self._source)

    def _once(self, connection, method, path, body, headers):
        self._local.connection = None
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except BaseException:
            connection.close()
            raise
        self._local.connection = connection
        return response.status, answer

    def info(self, seq):
        """File information of submission `seq`, None while it is unknown."""
        return self.zgs_getFileInfoByTxSeq(seq)

    def finalized(self, seq):
        """Whether submission `seq` is complete there; None while it is unknown."""
        return self.zgs_checkFileFinalized(seq)

    def segment(self, seq, index):
        """Bytes and siblings of a segment as it claims, None when it has none."""
        told = self.zgs_downloadSegmentWithProofByTxSeq(seq, index)
        return None if told is None else base64.b64decode(told["data"])

    def first_sector(self, seq):
        """The first 256 bytes of submission `seq`."""
        return base64.b64decode(self.zgs_downloadSegmentByTxSeq(seq, 0, 1))

    def content(self, seq):
        """The whole file of submission `seq`, segment by segment, cut to its size."""
        size = self.info(seq)["tx"]["size"]
        sectors = -(-size // 256)
        parts = [
            base64.b64decode(self.zgs_downloadSegmentByTxSeq(seq, first, min(first + SECTORS, sectors)))
            for first in range(0, sectors, SECTORS)
        ]
        return b"".join(parts)[:size]
