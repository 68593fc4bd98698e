"""What a miner keeps in its data directory beside the sealed loads."""

from __future__ import annotations

from offchain.storage.miner.answer_book import ANSWER_SCHEMA
from offchain.storage.miner.identity import IDENTITY_SCHEMA
from offchain.storage.miner.sealed_loads import LOAD_SCHEMA
from offchain.storage.miner.sealed_ranges import RANGE_SCHEMA
from offchain.storage.node.catalog import CATALOG_SCHEMA
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.journal import JOURNAL_SCHEMA

DATABASE = "miner.sqlite"
SCHEMAS = (
    IDENTITY_SCHEMA,
    CATALOG_SCHEMA,
    RANGE_SCHEMA,
    LOAD_SCHEMA,
    ANSWER_SCHEMA,
    CURSOR_SCHEMA,
    JOURNAL_SCHEMA,
)
