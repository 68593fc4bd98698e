"""JSON-RPC calls to one endpoint that is trusted with nothing: not to answer, nor to stay on its chain."""

import itertools
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from offchain.chain.clock import Clock, SystemClock
from offchain.chain.refusals import RpcError, as_exception, error_from
from offchain.chain.transport import HttpTransport, origin_of
from offchain.errors import BadSettings, ChainUnavailable, RangeTooLarge, WrongChain

T = TypeVar("T")
ATTEMPTS = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
CHAIN_CHECK_EVERY = 60.0
BATCH = 50
Call = tuple[str, Sequence[object]]
_WRITES = ("eth_send", "evm_", "anvil_", "hardhat_", "debug_set")


class Rpc(JSONBaseProvider):
    """An endpoint as our own code and web3 see it: results or exceptions of `offchain.errors`, never error answers.

    The chain id is compared at the first call, after every broken exchange and every minute, because a proxy may
    turn to another chain behind our back. Without `chain_id` the first answer becomes the expected one.
    """

    def __init__(
        self,
        url: str,
        chain_id: int | None = None,
        timeout: float = 10.0,
        *,
        post: Callable[[bytes], bytes] | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`timeout` in seconds for one exchange; `post`, `clock` and `jitter` are replaced in tests."""
        super().__init__()
        if not url.startswith(("http://", "https://")):
            raise BadSettings(f"the RPC address must start with http:// or https://, not {url.split(':')[0]!r}")
        self.origin = origin_of(url)
        self._clock = clock or SystemClock()
        self._post = post or HttpTransport(url, timeout, self._clock).post
        self._jitter = jitter
        self._expected = chain_id
        self._checked: float | None = None
        self._batches = True
        self._ids = itertools.count(1)

    @property
    def chain_id(self) -> int:
        """The chain that every answer is for."""
        return self.check() if self._expected is None else self._expected

    def check_with_patience(self) -> int:
        """As `check`, tried as often as any read."""
        return self._retried(self.check, ATTEMPTS)

    def check(self) -> int:
        """The chain id, asked for now; raises `WrongChain` when it is not the expected one."""
        seen = self._number(self._raised(self._answer("eth_chainId", ()), "eth_chainId"))
        if self._expected is None:
            self._expected = seen
        if seen != self._expected:
            raise WrongChain(
                f"{self.origin} answers for chain {seen} instead of {self._expected}: "
                f"point the settings at an RPC of chain {self._expected}, or correct the chain id"
            )
        self._checked = self._clock.now()
        self._batches = True
        return seen

    def request(self, method: str, *params: object, attempts: int | None = None) -> Any:
        """The result of a call; reads are tried up to `attempts` times while the RPC is unavailable."""
        tries = attempts or (1 if method.startswith(_WRITES) else ATTEMPTS)
        return self._retried(lambda: self._checked_result(method, params), tries)

    def answer(self, method: str, *params: object, attempts: int = 1) -> Any | RpcError:
        """The result of a call, or the error that the RPC answered with; only silence is an exception."""
        return self._retried(lambda: self._checked_answer(method, params), attempts)

    def batch(self, calls: Sequence[Call], attempts: int = ATTEMPTS) -> list[Any]:
        """The results of several reads, asked in as few exchanges as the RPC accepts; each mostly reaches one node."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            results += self._retried(partial(self._batched, calls[start : start + BATCH]), attempts)
        return results

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """web3's way in."""
        return RPCResponse(jsonrpc="2.0", id=0, result=self.request(method, *params))

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the RPC answers, for our chain; raises `WrongChain` if for another."""
        try:
            self.check()
        except ChainUnavailable:
            if show_traceback:
                raise
            return False
        return True

    def _batched(self, calls: Sequence[Call]) -> list[Any]:
        if self._batches and len(calls) > 1:
            self._ensure_chain()
            answers = self._exchange([self._call(method, params) for method, params in calls])
            if isinstance(answers, list):
                return self._in_order(calls, answers)
            self._batches = False  # one answer for all: this RPC takes no batches, or none just now
        return [self._checked_result(method, params) for method, params in calls]

    def _in_order(self, calls: Sequence[Call], answers: list[Any]) -> list[Any]:
        by_id = {answer["id"]: answer for answer in answers if isinstance(answer, Mapping) and answer.get("id")}
        if len(by_id) != len(calls) or not all(isinstance(key, int) for key in by_id):
            raise ChainUnavailable(f"{self.origin} answered {len(by_id)} of {len(calls)} calls of a batch")
        results = (self._unpacked(by_id[key]) for key in sorted(by_id))
        return [self._raised(result, method) for result, (method, _) in zip(results, calls, strict=True)]

    def _retried(self, attempt: Callable[[], T], tries: int) -> T:
        for failures in range(tries - 1):
            try:
                return attempt()
            except RangeTooLarge:
                raise
            except ChainUnavailable:
                longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**failures)
                self._clock.sleep(longest * (0.5 + self._jitter() / 2))
        return attempt()

    def _checked_result(self, method: str, params: Sequence[object]) -> Any:
        return self._raised(self._checked_answer(method, params), method)

    def _checked_answer(self, method: str, params: Sequence[object]) -> Any | RpcError:
        self._ensure_chain()
        return self._answer(method, params)

    def _ensure_chain(self) -> None:
        if self._checked is None or self._clock.now() - self._checked > CHAIN_CHECK_EVERY:
            self.check()

    def _raised(self, result: Any | RpcError, method: str) -> Any:
        if isinstance(result, RpcError):
            raise as_exception(result, method, self.origin)
        return result

    def _answer(self, method: str, params: Sequence[object]) -> Any | RpcError:
        call = self._call(method, params)
        answer = self._exchange(call)
        if not isinstance(answer, Mapping):
            raise ChainUnavailable(f"{self.origin} answered {method} with something that is not JSON-RPC")
        if answer.get("id") != call["id"] and "error" not in answer:
            raise ChainUnavailable(f"{self.origin} answered another call than {method}")
        return self._unpacked(answer)

    def _unpacked(self, answer: Mapping[str, Any]) -> Any | RpcError:
        if answer.get("error") is not None:
            return error_from(answer["error"])
        if "result" not in answer:
            raise ChainUnavailable(f"{self.origin} sent neither a result nor an error")
        return answer["result"]

    def _call(self, method: str, params: Iterable[object]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _exchange(self, body: object) -> Any:
        try:
            return json.loads(self._post(json.dumps(body).encode()))
        except ChainUnavailable:
            self._checked = None
            raise
        except ValueError as error:
            self._checked = None
            raise ChainUnavailable(f"{self.origin} sent something that is not JSON") from error

    def _number(self, raw: object) -> int:
        try:
            return int(str(raw), 16)
        except ValueError as error:
            raise ChainUnavailable(f"{self.origin} answered {raw!r} where a number belongs") from error
