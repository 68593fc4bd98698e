"""Bytes to an RPC and back over HTTP, within a time that holds for the whole exchange."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from eth_typing import URI
from web3 import HTTPProvider

from offchain.chain.clock import Clock
from offchain.errors import ChainTimeout, ChainUnavailable

MAX_ANSWER = 128 * 1024 * 1024
_CHUNK = 64 * 1024


def origin_of(url: str) -> str:
    """`url` without credentials, path and query: the part that is safe to show, as paths carry API keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class _AsItArrives:
    """A body in the pieces that the network delivers; reading full chunks could wait for ever on a trickle."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.close = raw.close
        self.release_conn = raw.release_conn

    def stream(self, size: int, decode_content: bool) -> Iterator[bytes]:
        """Called by `requests`, which turns what urllib3 raises here into `OSError`."""
        while chunk := self._raw.read1(size, decode_content=decode_content):
            yield chunk


class HttpTransport(HTTPProvider):
    """web3's pool of connections, one per thread; its own timeout would start anew with every byte received."""

    def __init__(self, url: str, timeout: float, clock: Clock) -> None:
        """`timeout` in seconds, for connecting and answering together."""
        super().__init__(url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None)
        self._url = url
        self._origin = origin_of(url)
        self._timeout = timeout
        self._clock = clock

    def post(self, body: bytes) -> bytes:
        """What the RPC answers, whatever the HTTP status: nodes explain themselves in the body of errors, too.

        Raises `ChainTimeout` after `timeout` seconds, `ChainUnavailable` when there is no connection or no body.
        """
        started = self._clock.now()
        try:
            return self._exchange(body, started + self._timeout)
        except OSError as error:  # the base of all that requests and urllib3 let out
            if self._clock.now() - started >= self._timeout * 0.95:
                raise self._timed_out() from error
            raise ChainUnavailable(f"{self._origin} cannot be reached ({type(error).__name__})") from error

    def _exchange(self, body: bytes, deadline: float) -> bytes:
        response = self._request_session_manager.get_response_from_post_request(
            URI(self._url), data=body, stream=True, **self.get_request_kwargs()
        )
        response.raw = _AsItArrives(response.raw)
        with response:
            answer = bytearray()
            for chunk in response.iter_content(_CHUNK):
                answer += chunk
                if len(answer) > MAX_ANSWER:
                    raise ChainUnavailable(f"{self._origin} sent more than {MAX_ANSWER >> 20} MiB in one answer")
                if self._clock.now() > deadline:
                    raise self._timed_out()
            if not answer or (response.status_code >= 400 and not answer.lstrip().startswith((b"{", b"["))):
                raise ChainUnavailable(f"{self._origin} answered with HTTP status {response.status_code}")
            return bytes(answer)

    def _timed_out(self) -> ChainTimeout:
        return ChainTimeout(f"{self._origin} did not answer within {self._timeout:g} s")
