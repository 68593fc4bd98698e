"""A data directory belongs to one miner id, on one chain, for one part of the flow."""

from dataclasses import replace

import pytest

from offchain.errors import BadSettings
from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.identity import ID_FILE, Identity, Registered, read_id, stored_holding, write_id
from tests.doubles.mine import MINE

OURS = Identity(1, b"\1" * 32, MINE, b"\2" * 32, Holding(Shard(1, 4)))
REGISTERED = Registered(1, MINE, b"\2" * 32)


def test_claim__again__is_the_same_miner(miner):
    for _ in range(2):
        OURS.claim(miner.database)
    assert stored_holding(miner.database) == OURS.holding


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chain_id": 2}, "chain 2"),
        ({"genesis": b"\3" * 32}, "began with block 03030303"),
        ({"mine": "0x" + "44" * 20}, "0x4444"),
        ({"miner_id": b"\5" * 32}, "miner 0x05050505"),
        ({"holding": Holding(Shard(0, 4))}, "shard 0 of 4"),
        ({"holding": Holding(Shard(1, 2))}, "shard 1 of 2"),
        ({"holding": Holding(Shard(1, 4), 4096)}, "from sector 4096"),
    ],
)
def test_claim__sealed_for_something_else__is_refused_and_told_apart(miner, change, words):
    OURS.claim(miner.database)
    with pytest.raises(BadSettings, match="take another directory") as refused:
        replace(OURS, **change).claim(miner.database)
    assert words in str(refused.value)
    OURS.claim(miner.database)


def test_stored_holding__before_the_first_run__is_none(miner):
    assert stored_holding(miner.database) is None


def test_read_id__written__is_read(tmp_path):
    assert read_id(tmp_path / "new") is None
    assert write_id(tmp_path / "new", REGISTERED) == tmp_path / "new" / ID_FILE
    assert read_id(tmp_path / "new") == REGISTERED


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"chainId": 1, "mine": "0x", "minerId": "0x12"}'])
def test_read_id__damaged__says_what_to_do(tmp_path, content):
    (tmp_path / ID_FILE).write_text(content)
    with pytest.raises(BadSettings, match="set --miner-id"):
        read_id(tmp_path)


def test_write_id__directory_cannot_be_made__says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match="cannot be written"):
        write_id(tmp_path / "file", REGISTERED)
