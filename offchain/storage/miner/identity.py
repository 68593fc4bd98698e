"""Whose data directory this is: sealed data is of use to one miner id, on one chain, for one part of the flow."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from offchain.errors import BadSettings
from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import Holding
from offchain.store.database import Database, Schema

ID_FILE = "miner.json"

IDENTITY_SCHEMA = Schema(
    "identity",
    (
        """
        CREATE TABLE identity (
            chain_id INTEGER NOT NULL,
            genesis BLOB NOT NULL,            -- hash of block 0
            mine TEXT NOT NULL,
            miner_id BLOB NOT NULL,
            shard_id INTEGER NOT NULL,
            num_shards INTEGER NOT NULL,
            first_sector INTEGER NOT NULL
        ) STRICT
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A miner id as `miner register` wrote it down: for the contract `mine` on a chain."""

    chain_id: int
    mine: str
    miner_id: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """What sealed data is bound to. `genesis` tells a chain that was started anew from the one before."""

    chain_id: int
    genesis: bytes
    mine: str
    miner_id: bytes
    holding: Holding

    def claim(self, database: Database) -> None:
        """Let the database, opened with `IDENTITY_SCHEMA`, be this miner's; BadSettings when it is another one's."""
        shard = self.holding.shard
        part = (shard.number, shard.count, self.holding.start)
        ours = (self.chain_id, self.genesis, self.mine.lower(), self.miner_id, *part)
        with database.transaction() as transaction:
            row = transaction.execute("SELECT * FROM identity").fetchone()
            if row is None:
                transaction.execute("INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?, ?)", ours)
            elif tuple(row) != ours:
                raise BadSettings(
                    f"the data directory holds what {_words(tuple(row))} sealed, which {_words(ours)} cannot use: "
                    "correct the settings, or take another directory"
                )


def stored_holding(database: Database) -> Holding | None:
    """The part of the flow that a data directory is for; None before the miner ran."""
    rows = database.query("SELECT * FROM identity")
    return Holding(Shard(rows[0]["shard_id"], rows[0]["num_shards"]), rows[0]["first_sector"]) if rows else None


def read_id(folder: Path) -> Registered | None:
    """What `miner register` left in a data directory; BadSettings when it is not readable."""
    path = folder / ID_FILE
    try:
        told = json.loads(path.read_bytes())
        miner_id = str(told["minerId"])
        if not re.fullmatch("0x[0-9a-fA-F]{64}", miner_id):
            raise ValueError("no miner id")
        return Registered(int(told["chainId"]), str(told["mine"]), bytes.fromhex(miner_id[2:]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(f"{path} cannot be used: {error}; set --miner-id instead") from error


def write_id(folder: Path, registered: Registered) -> Path:
    """Leave a miner id in a data directory; returns the file."""
    path = folder / ID_FILE
    told = {
        "chainId": registered.chain_id,
        "mine": registered.mine,
        "minerId": "0x" + registered.miner_id.hex(),
    }
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("w") as file:
            file.write(json.dumps(told, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())  # the id was paid for
        part.replace(path)
    except OSError as error:
        raise BadSettings(f"the data directory {folder} cannot be written: {error.strerror}") from error
    return path


def _words(values: tuple[object, ...]) -> str:
    chain_id, genesis, mine, miner_id, number, count, start = values
    assert isinstance(miner_id, bytes) and isinstance(genesis, bytes)
    where = f"chain {chain_id} that began with block {genesis.hex()[:8]}"
    return f"miner 0x{miner_id.hex()[:8]}… of {mine} on {where}, shard {number} of {count} from sector {start},"
