"""How far servers are behind the chain: what they have decided, compared with what `Flow` has taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.errors import ChainInconsistent, WrongChain
from offchain.storage.client.patience import Sleep
from offchain.storage.kv.client.evidence import Moment
from offchain.storage.kv.client.server import ServerStatus

STALE_SECONDS = 0.5  # an older number of submissions is asked for again
LEAD_SECONDS = 5.0  # that servers may see a block before the RPC does
LOOK_SECONDS = 0.2


class Freshness:
    """The number of submissions of a flow, asked of a chain now and then. Safe to use from several threads."""

    def __init__(
        self, client: ChainClient, sleep: Sleep = time.sleep, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Connects when it is asked first."""
        self._client = client
        self._sleep = sleep
        self._now = now
        self._lock = threading.Lock()
        self._flow: FlowContract | None = None
        self._count = 0
        self._asked = float("-inf")

    def behind(self, moment: Moment, followed: Callable[[], ServerStatus]) -> int:
        """Submissions after `moment`, in the flow that servers say they have `followed`.

        Raises ChainInconsistent when servers speak of submissions that the chain does not have, WrongChain when the
        chain is another one.
        """
        deadline = self._now() + LEAD_SECONDS
        while (count := self._submissions(moment.seq, followed)) <= moment.seq:
            if self._now() >= deadline:
                raise ChainInconsistent(
                    f"the servers speak of submission {moment.seq}, the chain at {self._client.origin} has "
                    f"{count}: one of them is on a fork, or behind"
                )
            self._sleep(LOOK_SECONDS)
        return count - 1 - moment.seq

    def _submissions(self, seq: int, followed: Callable[[], ServerStatus]) -> int:
        """The number of submissions, asked for again when it is old, or when `seq` is beyond it."""
        with self._lock:
            if self._now() - self._asked > STALE_SECONDS or seq >= self._count:
                self._count = self._contract(followed).submissions()
                self._asked = self._now()
            return self._count

    def _contract(self, followed: Callable[[], ServerStatus]) -> FlowContract:
        if self._flow is None:
            status = followed()
            if self._client.check() != status.chain_id:
                raise WrongChain(
                    f"the RPC is for chain {self._client.chain_id}, the key-value servers follow {status.chain_id}"
                )
            self._flow = FlowContract(self._client, status.flow)
        return self._flow
