"""Streams: random key-value writes and proven reads, and a counter that both writers add to."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

from offchain.storage.kv.client.api import KvClient
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.evidence import Value
from offchain.storage.kv.client.transaction import Outcome
from scripts._lib.soak.tally import Tally

STREAMS = 3
KEYS = 24
MAX_VALUE_BYTES = 20_000
COUNTER = b"counter"

Place = tuple[bytes, bytes]
"""A stream and a key."""


class Ledger:
    """What was committed: the last value of each key, empty for a deletion, and how often counters were added to."""

    def __init__(self) -> None:
        """Nothing was."""
        self._lock = threading.Lock()
        self._values: dict[Place, bytes] = {}
        self._added: dict[bytes, int] = {}

    def put(self, values: dict[Place, bytes]) -> None:
        """One writer's keys have these values now."""
        with self._lock:
            self._values.update(values)

    def count(self, stream: bytes) -> None:
        """The counter of `stream` was added to."""
        with self._lock:
            self._added[stream] = self._added.get(stream, 0) + 1

    def expected(self) -> dict[Place, bytes]:
        """What every key has to hold."""
        with self._lock:
            counters = {(stream, COUNTER): b"%d" % count for stream, count in self._added.items()}
            return self._values | counters


class StreamWork:
    """A writer. It has keys that nobody else writes, so that it knows what they must hold."""

    def __init__(
        self, name: str, client: KvClient, streams: Sequence[bytes], ledger: Ledger, rng: random.Random, tally: Tally
    ) -> None:
        """It may write in all `streams`; `rng` decides everything."""
        self.name = name
        self._client = client
        self._streams = streams
        self._ledger = ledger
        self._rng = rng
        self._tally = tally
        self._values: dict[Place, bytes] = {}
        self._past: list[tuple[Place, int, bytes]] = []

    def open(self, others: Sequence[str]) -> None:
        """Write to all streams first, and let `others` write too."""
        batch = Batch()
        for stream in self._streams:
            batch.put(stream, COUNTER, b"0")
            for other in others:
                batch.grant(stream, other)
        self._tally.persist(lambda: self._client.commit(batch)).check()

    def step(self) -> None:
        """Do one thing."""
        dice = self._rng.random()
        if not self._values or dice < 0.35:
            self._write()
        elif dice < 0.5:
            self._count()
        elif dice < 0.6:
            self._list()
        elif dice < 0.7:
            self._look_back()
        else:
            self._read()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _write(self) -> None:
        batch, written = Batch(), dict[Place, bytes]()
        for _ in range(self._rng.randint(1, 6)):
            place = self._rng.choice(self._streams), self._key()
            written[place] = b"" if self._rng.random() < 0.1 else self._data()
            if written[place]:
                batch.put(*place, written[place])
            else:
                batch.delete(*place)
        outcome = self._tally.persist(lambda: self._client.commit(batch))
        if not outcome.committed:
            self._tally.find(f"{self.name}: its own keys were not written: {outcome}")
            return
        self._values.update(written)
        self._ledger.put(written)
        self._past += [(place, outcome.seq, data) for place, data in written.items()]
        self._tally.add("commits")

    def _count(self) -> None:
        """Add one to a counter that others add to as well: a transaction that is begun again after each conflict."""
        stream = self._rng.choice(self._streams)
        while not (outcome := self._add_one(stream)).committed:
            if outcome.state != "conflict":
                self._tally.find(f"{self.name}: could not add to the counter: {outcome}")
                return
            self._tally.add("conflicts")
        self._ledger.count(stream)
        self._tally.add("commits")

    def _add_one(self, stream: bytes) -> Outcome:
        transaction = self._client.begin()
        count = int(self._tally.persist(lambda: transaction.get(stream, COUNTER)) or b"0")
        transaction.put(stream, COUNTER, b"%d" % (count + 1))
        # The same transaction again goes on with what was paid for; a new one would add twice.
        outcome = self._tally.persist(transaction.commit)
        assert outcome is not None, "it writes"
        return outcome

    def _read(self) -> None:
        place, data = self._rng.choice(list(self._values.items()))
        value = self._tally.persist(lambda: self._client.get(*place))
        self._compare(place, data, value, "now")
        self._tally.add("proven reads")

    def _look_back(self) -> None:
        place, seq, data = self._rng.choice(self._past)
        value = self._tally.persist(lambda: self._client.get(*place, at=seq))
        self._compare(place, data, value, f"after {seq}")
        self._tally.add("proven reads of the past")

    def _list(self) -> None:
        stream = self._rng.choice(self._streams)
        first, last = self._prefix, self._prefix + b"\xff"
        listed = self._tally.persist(lambda: list(self._client.items(stream, first, last)))
        expected = {key: data for (each, key), data in self._values.items() if each == stream and data}
        if {entry.key: entry.value.data for entry in listed} != expected:
            self._tally.find(f"{self.name}: the list of stream {stream.hex()[:8]} differs from what was written")
        self._tally.add("lists")

    def _compare(self, place: Place, data: bytes, value: Value, when: str) -> None:
        if value.data != data:
            self._tally.find(f"{self.name} read {place[1].decode()} of {place[0].hex()[:8]} {when} and got other bytes")
        if value.evidence is None:
            self._tally.find(f"{self.name} read {place[1].decode()} of {place[0].hex()[:8]} {when} without a proof")

    @property
    def _prefix(self) -> bytes:
        return f"{self.name}/".encode()

    def _data(self) -> bytes:
        return self._rng.randbytes(int(MAX_VALUE_BYTES ** self._rng.random()))

    def _key(self) -> bytes:
        return self._prefix + b"%02d" % self._rng.randrange(KEYS)
