"""Counts JSON-RPC calls of storage workers."""

from __future__ import annotations

from offchain.net.jsonrpc import RpcError
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics

log = get_logger("rpc")


class Calls:
    """Counts and logs calls."""

    def __init__(self, metrics: Metrics) -> None:
        """One counter by method and outcome."""
        self._calls = metrics.counter("rpc_calls", "JSON-RPC calls.", "method", "outcome")

    def called(self, method: str, error: RpcError | None) -> None:
        """`method` was answered; `error` when it failed."""
        self._calls.labels(method, "error" if error else "ok").inc()
        if error:
            log.debug("call refused", method=method, code=error.code, reason=str(error))
