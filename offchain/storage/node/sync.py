"""Fetches segments from peers: on request, for every new file if the settings say so, and after damage."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from offchain.errors import Busy, DiskFull, Invalid, InvalidProof, NotFound, PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_SECTORS, sector_count
from offchain.protocol.shards import owned_segments
from offchain.runtime.logging import get_logger
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.intake import Intake
from offchain.storage.node.peers import Peer, Peers
from offchain.storage.node.refusals import AlreadyStored, Refusal
from offchain.storage.node.shelf import Shelf
from offchain.storage.node.stretches import clipped, common, runs
from offchain.storage.wire import Segment
from offchain.store.segment_store import Content

log = get_logger("sync")

MAX_FILES = 16
RUN_SEGMENTS = 64  # fetched with one request
MAX_GAPS = 1024  # stretches of missing segments that are looked for at once
LOOK_SECONDS = 0.2
AUTO_SECONDS = 2.0
KEEP_SECONDS = 600.0  # how long the outcome of a fetch can be asked for


@dataclass(slots=True)
class Fetch:
    """The fetching of sectors `first` to `end` of one submission."""

    seq: int
    first: int
    end: int
    started: float
    state: str = "FindingPeers"
    next: int = 0
    peers: dict[str, int] = field(default_factory=dict)
    cancelled: bool = False
    ended: float | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    def ran_since(self, moment: float) -> bool:
        """Whether it goes on, or ended after `moment`."""
        return self.ended is None or self.ended > moment


class Sync:
    """Fetches at most `MAX_FILES` files at once."""

    def __init__(
        self,
        catalog: Catalog,
        shelf: Shelf,
        intake: Intake,
        peers: Peers,
        automatic: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`automatic` fetches every file that is not complete here."""
        self._catalog = catalog
        self._shelf = shelf
        self._intake = intake
        self._peers = peers
        self.automatic = automatic
        self._now = now
        self._fetches: dict[int, Fetch] = {}
        self._waiting: list[Fetch] = []
        self._lost: set[Content] = set()
        self._lock = threading.Lock()
        self._looked = 0.0
        self._reached = -1  # number of the submission that was fetched automatically last

    @property
    def service(self) -> Service:
        """Works on what was asked for."""
        return Service("fetch from peers", self._run)

    def start(self, seq: int, first: int = 0, end: int | None = None) -> Fetch:
        """Fetch sectors `first` to `end` of submission `seq`, all by default; NotFound, Invalid, Busy."""
        entry = self._catalog.entry(seq)
        if entry is None:
            raise NotFound(f"there is no submission {seq}")
        last = sector_count(entry.size)
        if not 0 <= first < (last if end is None else end) <= last:
            raise Invalid(f"sectors {first} to {end} are not within a file of {last} sectors")
        with self._lock:
            running = self._fetches.get(seq)
            if running and running.running:
                return running
            if sum(fetch.running for fetch in self._fetches.values()) >= MAX_FILES:
                raise Busy(f"{MAX_FILES} files are being fetched already")
            fetch = Fetch(seq, first, last if end is None else end, self._now(), next=first)
            self._fetches[seq] = fetch
            self._waiting.append(fetch)
        return fetch

    def repair(self, content: Content) -> None:
        """Fetch again what a file has lost, as often as it takes."""
        with self._lock:
            self._lost.add(content)

    def terminate(self, seq: int) -> bool:
        """Stop fetching submission `seq`; whether it was fetched."""
        with self._lock:
            fetch = self._fetches.get(seq)
            if fetch is None or not fetch.running:
                return False
            fetch.cancelled = True
            return True

    def fetches(self) -> list[Fetch]:
        """All that go on or ended lately."""
        with self._lock:
            return list(self._fetches.values())

    def fetch_of(self, seq: int) -> Fetch | None:
        """The fetch of submission `seq`, if there is one."""
        with self._lock:
            return self._fetches.get(seq)

    async def _run(self, context: Context) -> None:
        async with asyncio.TaskGroup() as group:
            while not context.stopping:
                if self._now() - self._looked > AUTO_SECONDS:
                    self._looked = self._now()
                    await in_thread(self._start_what_lacks)
                for fetch in self._take():
                    group.create_task(in_thread(self._perform, fetch))
                context.progress()
                await context.pause(LOOK_SECONDS)
            for fetch in self.fetches():
                fetch.cancelled = True

    def _start_what_lacks(self) -> None:
        free = MAX_FILES - sum(fetch.running for fetch in self.fetches())
        if not self._peers.connected() or not free:
            return
        with self._lock:
            lost = list(self._lost)
        damaged = [entry for content in lost for entry in self._catalog.of_content(content) if not entry.finalized]
        with self._lock:
            self._lost &= {entry.content for entry in damaged}
        automatic = self._next_unfinished() if self.automatic else []
        chosen = self._longest_untried({entry.seq: entry for entry in [*damaged, *automatic]})[:free]
        for entry in chosen:
            self._try_start(entry)
        self._reached = max((entry.seq for entry in automatic if entry in chosen), default=self._reached)

    def _next_unfinished(self) -> list[Entry]:
        """As many as are fetched at once, after those of the last time: nobody may have those."""
        return self._catalog.unfinished(self._reached, MAX_FILES) or self._catalog.unfinished(-1, MAX_FILES)

    def _longest_untried(self, entries: dict[int, Entry]) -> list[Entry]:
        """Files that nobody has must not keep others waiting."""
        with self._lock:
            tried = {seq: fetch.started for seq, fetch in self._fetches.items() if fetch.ended is not None}
            running = {seq for seq, fetch in self._fetches.items() if fetch.running}
        waiting = [entry for entry in entries.values() if entry.seq not in running]
        return sorted(waiting, key=lambda entry: tried.get(entry.seq, 0.0))

    def _try_start(self, entry: Entry) -> None:
        # The next look finds it again, unless a reorganisation has taken it back.
        with suppress(Busy, NotFound):
            self.start(entry.seq)

    def _take(self) -> list[Fetch]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            old = self._now() - KEEP_SECONDS
            self._fetches = {seq: each for seq, each in self._fetches.items() if each.ran_since(old)}
        return taken

    def _perform(self, fetch: Fetch) -> None:
        entry = self._catalog.entry(fetch.seq)
        outcome = "Failed: the submission was taken back" if entry is None else self._fetch(entry, fetch)
        if outcome != "Completed":
            log.info("fetch ended", seq=fetch.seq, outcome=outcome)
        with self._lock:
            fetch.state, fetch.ended = outcome, self._now()

    def _fetch(self, entry: Entry, fetch: Fetch) -> str:
        """Ask peer after peer until nothing is missing; returns the outcome in words."""
        span = fetch.first // SEGMENT_SECTORS, -(-fetch.end // SEGMENT_SECTORS)
        wanted, problems = clipped(self._shelf.owned(entry), *span), []
        for peer in self._peers.connected():
            if not self._shelf.gaps(entry.content, wanted, 1):
                break
            try:
                self._fetch_from(peer, entry, wanted, fetch)
                _count(fetch, "Completed")
            except (PeerUnavailable, RemoteRefused, NotFound, InvalidProof, Refusal, Busy, DiskFull) as error:
                problems.append(f"{peer.url}: {error}")
                _count(fetch, "Disconnected")
            if fetch.cancelled:
                return "Failed: terminated"
        missing = self._shelf.lacking(entry.content, wanted)
        if not missing:
            return "Completed"
        return f"Failed: {missing} segments were not found" + "".join(f"; {problem}" for problem in problems)

    def _fetch_from(self, peer: Peer, entry: Entry, wanted: range, fetch: Fetch) -> None:
        held = common(wanted, owned_segments(peer.shard, entry.start, entry.size))
        while gaps := self._shelf.gaps(entry.content, held, MAX_GAPS):
            for first, count in runs(chain.from_iterable(gaps), RUN_SEGMENTS):
                for segment in self._segments(peer, entry, first, count):
                    fetch.state, fetch.next = "Downloading", (segment.index + 1) * SEGMENT_SECTORS
                    with suppress(AlreadyStored):
                        self._intake.take(segment, entry.seq)
                    if fetch.cancelled:
                        return
            held = clipped(held, gaps[-1][-1] + 1, held.stop)

    def _segments(self, peer: Peer, entry: Entry, first: int, count: int) -> Iterator[Segment]:
        if not peer.client.speaks_frames():
            for index in range(first, first + count):
                segment = peer.client.download(entry.seq, index)
                if segment is None:
                    raise NotFound(f"segment {index} is not there")
                yield segment
            return
        for frame in peer.client.fetch(entry.root, entry.size, first, count):
            yield Segment(entry.root, entry.size, frame.index, frame.data, frame.siblings)


def _count(fetch: Fetch, state: str) -> None:
    fetch.peers[state] = fetch.peers.get(state, 0) + 1
