"""Several servers that watch each other: one answers, others confirm the root that its answer follows from."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from offchain.errors import Invalid, PeerUnavailable, RemoteRefused, Untrusted, WrongChain
from offchain.storage.client.patience import Sleep
from offchain.storage.kv.client.evidence import NEVER, Behind, Moment
from offchain.storage.kv.client.server import KvServer, ServerStatus

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
Failure = PeerUnavailable | RemoteRefused | Untrusted
FAILURES = PeerUnavailable, RemoteRefused, Untrusted
"""What is wrong with one server, and need not be with the next."""

LOOK_SECONDS = 0.02
CALM_SECONDS = 2.0  # in which a reorganisation reaches all servers; whoever differs then contradicts
REMEMBERED = 4096  # moments that were confirmed


class Panel:
    """Servers of one flow, in the order of preference. Safe to use from several threads.

    `quorum` servers have to tell the same root before it is believed. Nobody is told a state of a stream older than one
    that was told before: a server that lags is passed over, or waited for.
    """

    def __init__(
        self,
        servers: Sequence[KvServer],
        quorum: int | None = None,
        flow: str | None = None,
        patience: float = 30.0,
        sleep: Sleep = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Two have to agree where two are given; `flow` is the only one to believe in; `patience` in seconds."""
        if not servers:
            raise Invalid("no key-value server is known: name at least one")
        self.quorum = min(len(servers), 2) if quorum is None else quorum
        if not 1 <= self.quorum <= len(servers):
            raise Invalid(f"{self.quorum} servers cannot agree, for {len(servers)} are named")
        self._servers = list(servers)
        self._flow = flow
        self._patience = patience
        self._sleep = sleep
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, ServerStatus] = {}
        self._confirmed: OrderedDict[Moment, tuple[str, ...]] = OrderedDict()
        self._floors: dict[bytes, int] = {}
        self._problems: dict[str, None] = {}

    @property
    def problems(self) -> list[str]:
        """What went wrong with single servers, and was overcome."""
        return list(self._problems)

    def newest(self, stream: bytes, call: Callable[[KvServer], tuple[Moment, T]]) -> tuple[Moment, T, tuple[str, ...]]:
        """An answer about `stream` as it is now, and the URLs of servers that agree about its root.

        Raises Untrusted when servers contradict each other, Behind when they stay behind what was told before.
        """

        def checked(server: KvServer) -> tuple[Moment, T, tuple[str, ...]]:
            moment, told = call(server)
            if moment.seq < (floor := self._floors.get(stream, NEVER)):
                raise Behind(
                    f"{server.url} has decided this stream up to {moment.seq}, and was or others are at {floor}"
                )
            return moment, told, self._agreeing(server, moment)

        told = self._patiently(lambda: self._first(checked))
        self.raise_floor(stream, told[0].seq)
        return told

    def at(self, call: Callable[[KvServer], tuple[Moment, T]]) -> tuple[Moment, T, tuple[str, ...]]:
        """As `newest`, for an answer about a certain moment: it is waited for."""

        def checked(server: KvServer) -> tuple[Moment, T, tuple[str, ...]]:
            moment, told = call(server)
            return moment, told, self._agreeing(server, moment)

        return self._patiently(lambda: self._first(checked))

    def agreed(self, call: Callable[[KvServer], H], known: bool = True) -> H:
        """An answer that `quorum` servers give alike; `call` raises Behind while there is none.

        Unless they have to be `known`, servers of other implementations may vote, whatever flow they follow.
        """
        return self._patiently(lambda: self._vote(call, known))

    def require_held(self, streams: Iterable[bytes]) -> None:
        """RemoteRefused when fewer than `quorum` servers hold one of `streams`."""
        for stream in streams:
            self._vote(partial(KvServer.holds, stream=stream), known=True)

    def believed(self, call: Callable[[KvServer], T]) -> T:
        """The first answer that there is, whoever gives it."""
        return self._first(call, known=False)

    def raise_floor(self, stream: bytes, seq: int) -> None:
        """From now on nothing older than `seq` counts as the state of `stream` now."""
        with self._lock:
            self._floors[stream] = max(self._floors.get(stream, NEVER), seq)

    def status(self) -> ServerStatus:
        """Which flow the servers follow, and how far the first one that answers has come."""
        return self._first(lambda server: server.status())

    def close(self) -> None:
        """Close all connections."""
        for server in self._in_order():
            server.close()

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again while servers are behind, or while they differ for a moment."""
        start = self._now()
        while True:
            try:
                return ask()
            except (Behind, Untrusted) as error:
                patience = self._patience if isinstance(error, Behind) else CALM_SECONDS
                if self._now() - start >= patience:
                    raise
            self._sleep(LOOK_SECONDS)

    def _first(self, call: Callable[[KvServer], T], known: bool = True) -> T:
        """The first answer; whoever gave it is asked first from now on. With `known`, only of servers of this flow."""
        failures: list[Failure] = []
        for server in self._in_order():
            try:
                if known:
                    self._know(server)
                told = call(server)
            except FAILURES as error:
                failures.append(error)
                continue
            self._prefer(server)
            self._note(failures)
            return told
        raise _gravest(failures)

    def _vote(self, call: Callable[[KvServer], H], known: bool) -> H:
        votes: dict[H, list[str]] = {}
        failures: list[Failure] = []
        for server in self._in_order():
            try:
                if known:
                    self._know(server)
                answer = call(server)
            except FAILURES as error:
                failures.append(error)
                continue
            votes.setdefault(answer, []).append(server.url)
            if len(votes[answer]) == self.quorum:
                self._note(failures)
                return answer
        if len(votes) > 1:
            told = "; ".join(f"{', '.join(urls)}: {answer}" for answer, urls in votes.items())
            raise Untrusted(f"the servers contradict each other ({told}): find out who is right")
        raise _gravest(failures)

    def _agreeing(self, teller: KvServer, moment: Moment) -> tuple[str, ...]:
        """URLs of servers that tell the root of `moment`; the first is that of `teller`."""
        if self.quorum == 1:
            return (teller.url,)
        with self._lock:
            known = self._confirmed.get(moment)
        if known is None:
            known = self._confirm(teller, moment)
            with self._lock:
                self._confirmed[moment] = known
                while len(self._confirmed) > REMEMBERED:
                    self._confirmed.popitem(last=False)
        return known

    def _confirm(self, teller: KvServer, moment: Moment) -> tuple[str, ...]:
        agreeing, failures = [teller.url], list[Failure]()
        for witness in self._in_order():
            if witness is teller:
                continue
            try:
                self._know(witness)
                _same(
                    teller, moment, witness, witness.moment(moment.stream, None if moment.seq == NEVER else moment.seq)
                )
            except FAILURES as error:
                failures.append(error)
                continue
            agreeing.append(witness.url)
            if len(agreeing) == self.quorum:
                self._note(failures)
                return tuple(agreeing)
        raise _gravest(failures)

    def _know(self, server: KvServer) -> None:
        """WrongChain when a server does not follow what the others, or the user, follow."""
        with self._lock:
            if server.url in self._known:
                return
        status = server.status()
        if self._flow and status.flow.lower() != self._flow.lower():
            raise WrongChain(f"{server.url} follows the flow {status.flow}, not {self._flow}")
        with self._lock:
            for url, other in self._known.items():
                if (other.chain_id, other.flow.lower()) != (status.chain_id, status.flow.lower()):
                    raise WrongChain(f"{server.url} and {url} follow different flows: name servers of one network")
            self._known[server.url] = status

    def _prefer(self, server: KvServer) -> None:
        with self._lock:
            if self._servers[0] is not server:
                self._servers.remove(server)
                self._servers.insert(0, server)

    def _in_order(self) -> list[KvServer]:
        with self._lock:
            return list(self._servers)

    def _note(self, failures: Sequence[Failure]) -> None:
        with self._lock:
            self._problems |= {str(failure): None for failure in failures if not isinstance(failure, Behind)}


def _same(teller: KvServer, moment: Moment, witness: KvServer, told: Moment) -> None:
    if told.seq != moment.seq:
        raise Behind(f"{teller.url} is at {moment.seq}, {witness.url} at {told.seq}")
    if told.root != moment.root:
        unsure = " (a file is missing, so that one of them may come to another state)"
        raise Untrusted(
            f"{teller.url} and {witness.url} contradict each other about stream 0x{moment.stream.hex()} after "
            f"{moment.seq}{unsure if told.provisional or moment.provisional else ''}: find out who is right"
        )


def _gravest(failures: Sequence[Failure]) -> Failure:
    """The one of several failures that says most about what to do."""
    for kind in (Untrusted, Behind, RemoteRefused):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    if len(failures) == 1:
        return failures[0]
    return PeerUnavailable("no key-value server answers:" + "".join(f"\n  {failure}" for failure in failures))
