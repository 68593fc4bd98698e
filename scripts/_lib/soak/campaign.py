"""A whole soak: everybody works while processes are killed; then all is put in order, and accounted for."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Protocol

from offchain.errors import ZgError
from offchain.storage.client.api import StorageClient
from offchain.storage.kv.client.api import KvClient
from scripts._lib.network import Say
from scripts._lib.soak import evidence, verdict
from scripts._lib.soak.archive import Archive
from scripts._lib.soak.chaos import Chaos, Pace
from scripts._lib.soak.files import FileWork
from scripts._lib.soak.streams import STREAMS, Ledger, StreamWork
from scripts._lib.soak.tally import Tally
from scripts._lib.soak.town import Town, has_replayed, within
from scripts._lib.stories import mine_an_epoch

UPLOADERS, WRITERS = (3, 8), (4, 5)
"""Accounts; miners have 6 and 7."""

EPOCHS = 2
"""That each miner has to answer; a short soak goes on until then."""

MAX_FINDINGS = 20
SETTLE_SECONDS = 180.0
MINE_SECONDS = 300.0


class Actor(Protocol):
    """Somebody who does one thing after the other."""

    name: str

    def step(self) -> None:
        """Do one thing."""

    def close(self) -> None:
        """End."""


class Campaign:
    """What a soak does with a town, and what it remembers."""

    def __init__(self, town: Town, seed: int, say: Say) -> None:
        """`seed` decides what everybody does; what is done at the same time is up to the machine."""
        self._town = town
        self._seed = seed
        self._say = say
        self._stop = threading.Event()
        self._archive = Archive(town.stage.folder / "originals")
        self._ledger = Ledger()
        self.tally = Tally()

    def work(self, seconds: float, every: float) -> None:
        """Let everybody work for so many seconds, and tell how it goes `every` so many."""
        begun = time.monotonic()
        with ExitStack() as stack:
            actors = self._actors()
            for actor in actors:
                stack.callback(actor.close)
            pool = stack.enter_context(ThreadPoolExecutor(len(actors)))
            stack.callback(self._stop.set)
            stack.push(self._give_up)
            running = [pool.submit(self._run, actor) for actor in actors]
            while not self._stop.wait(min(every, begun + seconds - time.monotonic())):
                self._say(self.tally.line(time.monotonic() - begun))
                if time.monotonic() >= begun + seconds or any(each.done() for each in running):
                    self._stop.set()
            for each in running:
                each.result()

    def settle(self) -> None:
        """Wait until everybody knows everything and has answered epochs; let miners be paid."""
        town, services = self._town, self._town.network.services
        self.tally.find(*town.revive())
        if not within(SETTLE_SECONDS, town.is_synced):
            self.tally.find("nodes and key-value server do not catch up with the flow")
        count = town.flow().submissions()
        if not within(SETTLE_SECONDS, lambda: not town.whole_node_lacks(count)):
            self.tally.find(f"the node that fetches everything lacks submissions {town.whole_node_lacks(count)}")
        if not within(MINE_SECONDS, self._have_answered):
            self.tally.find(f"miners did not answer {EPOCHS} epochs each: {town.answered()}")
        self.tally.find(*town.revive())
        for miner in town.miners:
            services.end(miner.name)
            mine_an_epoch.zg(town.stage, "withdraw", miner.account, "--data", miner.folder)

    def judge(self) -> Iterator[str]:
        """What is not as it must be, one line each."""
        town, kept, expected = self._town, self._archive.all(), self._ledger.expected()
        taken = evidence.submissions(town)
        yield from self.tally.findings
        self._say(f"comparing {len(kept)} files and {len(taken)} submissions at every node")
        yield from verdict.copies(evidence.copies(town, kept, taken, town.stage.folder))
        yield from verdict.payments([each.submission.data_root for each in taken])
        self._say("replaying all streams, on a fresh server and in memory")
        fresh = town.fresh_kv()
        try:
            if not within(SETTLE_SECONDS, lambda: has_replayed(fresh, len(taken))):
                yield "a fresh key-value server does not come to the end of the flow"
            yield from verdict.states(evidence.states(town, fresh, taken))
            yield from verdict.values(expected, evidence.values(town.network, expected))
            yield from verdict.values(expected, evidence.values(fresh, expected))
        finally:
            fresh.services.stop()
        accounts, miners = evidence.accounts(town, taken), evidence.miners(town)
        self._say(f"adding up: {accounts.charged} wei charged, {accounts.withdrawn} withdrawn by miners, who answered")
        self._say(", ".join(f"{miner.epochs} epochs ({miner.name})" for miner in miners))
        yield from verdict.accounts(accounts)
        yield from verdict.miners(miners)

    def _give_up(self, kind: type[BaseException] | None, *_: object) -> None:
        """After a Ctrl-C nobody waits until what is dead answers."""
        if kind is not None:
            self.tally.given_up.set()

    def _have_answered(self) -> bool:
        self._town.pace()
        return all(len(epochs) >= EPOCHS for epochs in self._town.answered().values())

    def _actors(self) -> list[Actor]:
        return [
            *self._uploaders(),
            *self._writers(),
            Chaos(self._town, self._dice("chaos"), self.tally, self._stop),
            Pace(self._town, self._stop),
        ]

    def _uploaders(self) -> list[FileWork]:
        """One knows the nodes, the other asks the indexer."""
        network, folder = self._town.network, self._town.stage.folder
        places: Sequence[tuple[list[str], str | None]] = ((network.storage, None), ([], network.indexer))
        found = []
        for number, (nodes, indexer) in enumerate(places):
            name = f"uploader-{number + 1}"
            client = StorageClient(
                nodes,
                indexer,
                network.rpc,
                self._town.account(UPLOADERS[number]),
                flow=network.contracts["Flow"],
                state=folder / name,
            )
            found.append(FileWork(name, client, self._archive, folder, self._dice(name), self.tally))
        found[0].open()
        return found

    def _writers(self) -> list[StreamWork]:
        network, dice = self._town.network, self._dice("streams")
        streams = [dice.randbytes(32) for _ in range(STREAMS)]
        found = []
        for number, account in enumerate(WRITERS):
            name = f"writer-{number + 1}"
            client = KvClient(
                [network.kv],
                network.storage,
                rpc=network.rpc,
                account=self._town.account(account),
                flow=network.contracts["Flow"],
                state=self._town.stage.folder / name,
            )
            found.append(StreamWork(name, client, streams, self._ledger, self._dice(name), self.tally))
        found[0].open([self._town.account(account).address for account in WRITERS[1:]])
        return found

    def _dice(self, name: str) -> random.Random:
        """What decides for `name`: its own, so that others cannot change what it does."""
        return random.Random(f"{self._seed}/{name}")

    def _run(self, actor: Actor) -> None:
        while not self._stop.is_set():
            try:
                actor.step()
            except ZgError as error:
                self.tally.find(f"{actor.name}: {type(error).__name__}: {error}")
            if len(self.tally.findings) >= MAX_FINDINGS:
                self._stop.set()
