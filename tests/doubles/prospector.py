"""A miner on a real chain that searches only when a test says so: as many nonces as that wants, and no more."""

from offchain.chain.watcher import EventWatcher
from offchain.storage.miner.answer_book import FOUND, Answer, name_of
from offchain.storage.miner.follow import Follower
from offchain.storage.miner.job import Jobs
from offchain.storage.miner.rounds import Buffer, Round
from tests.doubles.cluster import account
from tests.doubles.miner_parts import MinerParts

GAS = 3_000_000  # for a proof, so that nobody need estimate it


class Prospector(MinerParts):
    """The miner's own parts on a folder: what follows, seals, searches and proves; `library` has the data."""

    def __init__(self, folder, chain, number, holding):
        """It belongs to the development account `number`."""
        self.chain, self.account = chain, account(number).address
        super().__init__(folder, holding, chain.register(number))
        flow = chain.flow
        watcher = EventWatcher(flow.client, [flow.address], flow.topics_with_epochs, start_block=flow.first_block())
        self.follower = Follower(flow, watcher, self.catalog, self.ranges, self.loads, self.metrics, 1.0)
        self.jobs = Jobs(chain.mine_contract, self.miner_id, holding, self.metrics, 1.0, lambda _: None)
        self.round = Round(self.shelf, Buffer())

    def prepare(self):
        """Follow the chain to its head and seal all that can be sealed."""
        while self.follower.advance().behind:
            pass
        self.seal()

    def search(self, rounds):
        """Try that many rounds of nonces; what was found."""
        job, finds = self.jobs.look(), []
        for _ in range(rounds):
            self.round.begin(job)
            finds += self.round.finish().finds
        return finds

    def prove(self, find):
        """Send what was found; it must be accepted."""
        job = find.job
        noted = Answer(
            name_of(find), FOUND, job.context.epoch, job.context.digest, find.nonce, find.load, find.unit,
            find.quality, find.second, 0.0, job.blocks.stop - 1,
        )  # fmt: skip
        call = self.chain.mine_contract.submit(self.answers.build(noted, job))
        fields = {"from": self.account, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(GAS)}
        assert self.chain.transact(**fields)["status"] == "0x1"

    def owed(self):
        """Wei that it may withdraw."""
        return self.chain.reward.owed(self.account)
