"""Contracts broken on purpose. Each names the property that must notice; docs/properties.md lists them."""

from dataclasses import dataclass

FLOW_MACHINE = "tests/properties/storage/test_flow_machine.py"
REWARD_MACHINE = "tests/properties/storage/test_reward_machine.py"
MINE = "tests/properties/storage/test_mine.py"
DEPTH = "tests/contracts/storage/pora_mine/test_made_up_depth.py"
VAULT_MACHINE = "tests/properties/restaking/test_vault_machine.py"
REWARD_STREAM = "tests/properties/restaking/test_reward_stream.py"


@dataclass(frozen=True)
class Mutant:
    """`path` with `before`, which stands there once, replaced by `after`; `killer` is the test that must fail."""

    name: str
    path: str
    before: str
    after: str
    killer: str


MUTANTS = [
    Mutant(
        "STO-01 files straddle segments",
        "contracts/storage/flow_tree.vy",
        "if inside != 0 and inside + sectors > SEGMENT_SECTORS:",
        "if inside != 0 and inside + sectors > 2 * SEGMENT_SECTORS:",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-01 padding forgets its peak",
        "contracts/storage/flow_tree.vy",
        "    self.peaks[level] = peak\n    return empty(bytes32)",
        "    return empty(bytes32)",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-01 root ignores left siblings",
        "contracts/storage/flow_tree.vy",
        "        if complete & 1 == 1:",
        "        if complete & 1 == 2:",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-02 the newest epoch takes the range",
        "contracts/storage/flow_epochs.vy",
        "    opened, hash = self._oldest_known(opened, newest)",
        "    opened, hash = self._oldest_known(newest, newest)",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-02 an unknown hash seals",
        "contracts/storage/flow_epochs.vy",
        "    if known_hash != empty(bytes32):",
        "    if True:",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-02 an epoch opens in its first block",
        "contracts/storage/flow_epochs.vy",
        "    if head.epochDue >= block.number or limit == 0:",
        "    if head.epochDue > block.number or limit == 0:",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-03 a failed settlement loses the fees",
        "contracts/storage/storage_fee.vy",
        "        self.carried = amount\n",
        "        self.carried = 0\n",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-03 a new price counts for old files",
        "contracts/storage/Flow.vy",
        "    storage_fee._settle()\n    head: flow_head.Head = flow_head._load()\n    head.price",
        "    head: flow_head.Head = flow_head._load()\n    head.price",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-03 no refund",
        "contracts/storage/storage_fee.vy",
        "    if msg.value > fee:\n        raw_call",
        "    if msg.value > fee + 10**19:\n        raw_call",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-03 the service fee is rounded up",
        "contracts/storage/service_fee.vy",
        "    share: uint256 = amount * rate // BPS",
        "    share: uint256 = (amount * rate + BPS - 1) // BPS",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-04 heights may stay equal",
        "contracts/storage/submission.vy",
        "        assert height < last,",
        "        assert height <= last,",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-05 a pause never ends",
        "contracts/storage/flow_log.vy",
        "assert block.timestamp >= head.pausedUntil,",
        "assert head.pausedUntil == 0,",
        FLOW_MACHINE,
    ),
    Mutant(
        "STO-06 a claim leaves what it pays",
        "contracts/storage/ChunkReward.vy",
        "        chunk.claimable -= amount\n",
        "        chunk.claimable -= 0\n",
        REWARD_MACHINE,
    ),
    Mutant(
        "STO-07 the last chunk of a run gets nothing",
        "contracts/storage/chunk_runs.vy",
        "    if chunk >= (span & MASK) + ((span >> 48) & MASK):",
        "    if chunk + 1 >= (span & MASK) + ((span >> 48) & MASK):",
        REWARD_MACHINE,
    ),
    Mutant(
        "STO-07 later fees prolong earlier ones",
        "contracts/storage/chunk_release.vy",
        "(after.locked * left + amount * TERM) // whole if whole > 0 else TERM",
        "TERM",
        REWARD_MACHINE,
    ),
    Mutant(
        "STO-08 base rewards outlive their chunk",
        "contracts/storage/chunk_release.vy",
        "if TERM == 0 else now < chunk.end",
        "if TERM == 0 else True",
        REWARD_MACHINE,
    ),
    Mutant(
        "STO-09 the last fill alone sets the end",
        "contracts/storage/chunk_release.vy",
        "    after.locked += amount\n",
        "    after.locked += amount\n    after.end = now + amount % TERM\n",
        REWARD_MACHINE,
    ),
    Mutant(
        "STO-10 a short range will do",
        "contracts/storage/recall_range.vy",
        "recall.mineLength >= min(usable, most)",
        "recall.mineLength >= min(usable, 1)",
        MINE,
    ),
    Mutant(
        "STO-10 an answer counts again",
        "contracts/storage/answer_set.vy",
        "        assert known != entry,",
        "        assert known != 0,",
        MINE,
    ),
    Mutant(
        "STO-11 any place in the range will do",
        "contracts/storage/PoraMine.vy",
        "    assert answer.recallPosition == load + answer.sealOffset * sealed_unit.SECTORS,",
        "    assert answer.recallPosition >= answer.sealOffset * sealed_unit.SECTORS,",
        MINE,
    ),
    Mutant(
        "STO-11 siblings are not climbed to the root",
        "contracts/storage/sealed_unit.vy",
        "    assert index == 0 and node == flow_root,",
        "    assert index == 0,",
        MINE,
    ),
    Mutant(
        "STO-12 skipped epochs do not ease the target",
        "contracts/storage/mine_pace.vy",
        "min(epoch - pace.lastMinedEpoch - 1, MAX_SKIPPED)",
        "min(epoch - pace.lastMinedEpoch - 1, 0)",
        MINE,
    ),
    Mutant(
        "VLT-01 a share is paid again",
        "contracts/restaking/withdrawals.vy",
        "    return due - (word >> 128)",
        "    return due",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-01 units are rounded up",
        "contracts/restaking/StakeVault.vy",
        "    units: uint256 = amount * WAD // worth\n",
        "    units: uint256 = amount * WAD // worth + 1\n",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-02 matured shares are slashed",
        "contracts/restaking/withdrawals.vy",
        "    return self.buckets[pool][now] + self",
        "    return self.buckets[pool][now - 1] + self",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-03 a slash is of all groups",
        "contracts/restaking/magnitudes.vy",
        "(state.now * fraction + WAD - 1) // WAD",
        "(self._allocated(pool) * fraction + WAD - 1) // WAD",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-04 what leaves is cut a period late",
        "contracts/restaking/magnitudes.vy",
        "[middle] >> 64 <= period:",
        "[middle] >> 64 < period:",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-05 a period too early",
        "contracts/restaking/withdrawals.vy",
        "    assert period < self._now(),",
        "    assert period <= self._now(),",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-06 a unit is always worth a token",
        "contracts/restaking/StakeVault.vy",
        "_claim(pool, period, msg.sender, worth, final)",
        "_claim(pool, period, msg.sender, WAD, final)",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-07 the epoch's own changes count",
        "contracts/common/epoch_trace.vy",
        "self.past[key][middle]) < epoch:",
        "self.past[key][middle]) <= epoch:",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-07 the past is overwritten",
        "contracts/common/epoch_trace.vy",
        "        count += 1\n",
        "",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-08 an annul forgets who left",
        "contracts/restaking/magnitudes.vy",
        "        self.maxima[pool][count] += cut\n",
        "",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-08 an annul forgets the pending change",
        "contracts/restaking/magnitudes.vy",
        "            state.next += pending\n",
        "            state.next += 0\n",
        VAULT_MACHINE,
    ),
    Mutant(
        "VLT-09 an empty pool lets rewards pass by",
        "contracts/restaking/pool_rewards.vy",
        "        end += block.timestamp - last\n",
        "        end += 0\n",
        REWARD_STREAM,
    ),
    Mutant(
        "VLT-09 who joins is not settled",
        "contracts/restaking/StakeVault.vy",
        "    pool_rewards._settle(pool, owner)\n    pool_units._add",
        "    pool_units._add",
        REWARD_STREAM,
    ),
    Mutant(
        "STO-11 any depth will do",
        "contracts/storage/sealed_unit.vy",
        "assert covered >= flow_length and covered < 2 * flow_length and node",
        "assert node",
        DEPTH,
    ),
    Mutant(
        "STO-03 free sectors share later fees",
        "contracts/storage/storage_fee.vy",
        "        self.settled = head.length\n        self.carried_sectors = 0",
        "        self.carried_sectors = 0",
        FLOW_MACHINE,
    ),
]
