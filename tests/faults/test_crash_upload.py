"""kill -9 of uploads, at random and at chosen moments: the same command completes them, and nothing is paid twice."""

import random
import time

import pytest

from tests.doubles.cluster import PRICE, account
from tests.doubles.command_line import PAYER
from tests.doubles.reaper import Reaper
from tests.doubles.samples import file_in

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

SEGMENT = 262_144


class Purse:
    """The payer's money before something."""

    def __init__(self, chain):
        self.chain = chain
        self.balance, self.nonce = self._now()

    def _now(self):
        payer = account(PAYER).address
        return self.chain.balance(payer), self.chain.flow.client.nonce(payer)

    def assert_paid_once(self, sample):
        """One transaction with one submission was paid for, nothing else."""
        balance, nonce = self._now()
        told = [each for each in self.chain.submissions() if each.submission.data_root == sample.root]
        assert len(told) == 1
        assert nonce == self.nonce + 1
        receipt = self.chain.rpc("eth_getTransactionReceipt", "0x" + told[0].log.transaction_hash.hex())
        gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        assert self.balance - balance == PRICE * sample.submission().sectors + gas


def assert_stored(cluster, told, sample):
    """The network has what the command says it has."""
    assert told["root"] == sample.hex
    cluster.nodes[0].wait_finalized(told["sequence"])
    assert cluster.nodes[0].content(told["sequence"]) == sample.data


def undisturbed(zg, folder):
    """Seconds that an upload takes here and now: the quicker of two, as the first one also warms things up."""
    taken = []
    for number in range(2):
        _, path = file_in(folder, f"undisturbed {number}", size=10 * SEGMENT)
        start = time.monotonic()
        zg.run("upload", path, "--yes")
        taken.append(time.monotonic() - start)
    return min(taken)


def test_upload__killed_at_each_exchange__the_same_command_goes_on_and_pays_once(paying, tmp_path, full_scale):
    cluster, zg = paying
    sample, path = file_in(tmp_path, "undisturbed")
    zg.guillotine.disarm()
    assert_stored(cluster, zg.run("upload", path, "--yes"), sample)
    names = zg.guillotine.names
    sending = names.index("eth_sendRawTransaction")
    some = {sending - 1, sending, sending + 1, len(names) - 1, *random.Random(5).sample(range(len(names)), 5)}
    fallen = 0
    for at in range(len(names)) if full_scale else sorted(some):
        for after in (False, True):
            sample, path = file_in(tmp_path, f"{at} {after}")
            purse = Purse(cluster.chain)
            fallen += zg.run_and_die(at, after, "upload", path, "--yes")
            told = zg.run("upload", path, "--yes")
            assert_stored(cluster, told, sample)
            purse.assert_paid_once(sample)
    assert fallen > 10


def test_upload__killed_at_random_until_it_is_through__pays_once(paying, tmp_path, full_scale):
    cluster, zg = paying
    dice, kills, whole = random.Random(6), 0, undisturbed(zg, tmp_path)
    for number in range(60 if full_scale else 6):
        sample, path = file_in(tmp_path, f"random {number}", size=dice.randrange(1, 20 * SEGMENT))
        purse = Purse(cluster.chain)
        for _ in range(4):
            kills += zg.run_for(dice.uniform(0, 0.7 * whole), "upload", path, "--yes")
        assert_stored(cluster, zg.run("upload", path, "--yes"), sample)
        purse.assert_paid_once(sample)
    assert kills > 3


def test_upload__node_and_client_killed_at_random__pays_once(paying, tmp_path, full_scale):
    cluster, zg = paying
    dice = random.Random(7)
    for number in range(30 if full_scale else 3):
        sample, path = file_in(tmp_path, f"both {number}", size=dice.randrange(1, 20 * SEGMENT))
        purse = Purse(cluster.chain)
        with Reaper(cluster.nodes[0], seed=number, longest=0.4):
            for _ in range(3):
                zg.run_for(dice.uniform(0.1, 0.5), "upload", path, "--yes")
        assert_stored(cluster, zg.run("upload", path, "--yes"), sample)
        purse.assert_paid_once(sample)


def test_directory__killed_while_it_is_uploaded__every_file_is_paid_once(paying, tmp_path):
    cluster, zg = paying
    top = tmp_path / "top"
    top.mkdir()
    samples = [file_in(top, f"part {number}", size=1000 + number)[0] for number in range(5)]
    sending = None
    for at in (8, 14, 20):
        sending = zg.run_and_die(at, True, "upload", top, "--yes") or sending
    told = zg.run("upload", top, "--yes")
    roots = cluster.chain.submit_events()
    assert [roots.count(sample.hex) for sample in samples] == [1] * 5
    assert roots.count(told["root"]) == 1
    assert zg.run("download", told["root"], tmp_path / "copy")["problems"] == []
    for number, sample in enumerate(samples):
        assert (tmp_path / "copy" / f"part {number}.bin").read_bytes() == sample.data
