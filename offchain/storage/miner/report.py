"""What a miner's data directory tells, while the miner runs and when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offchain.storage.miner.answer_book import Answer, AnswerBook
from offchain.storage.miner.identity import stored_holding
from offchain.storage.miner.plan import Planner
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.miner.state import DATABASE, SCHEMAS
from offchain.storage.node.catalog import Catalog
from offchain.store.database import Database


@dataclass(frozen=True, slots=True)
class Report:
    """Loads that are sealed, and that could be; answers by what became of them; the last that won, newest first."""

    sealed: int
    pending: int
    answers: dict[str, int]
    last_won: tuple[Answer, ...]


def report(folder: Path, wins: int) -> Report | None:
    """The state of the miner whose data is in `folder`, with its last `wins`; None when none ran there."""
    if not (folder / DATABASE).is_file():
        return None
    with Database(folder / DATABASE, *SCHEMAS) as database:
        holding = stored_holding(database)
        if holding is None:
            return None
        sealable = Planner(Catalog(database), SealedRanges(database)).sealable()
        sealed, book = SealedLoads(database, holding).count, AnswerBook(database)
        pending = max(holding.slots(sealable) - sealed, 0)
        return Report(sealed, pending, book.counts(), tuple(book.last_won(wins)))
