"""A consumer of events as the watcher expects one: a step is applied whole or not at all."""

from offchain.chain.cursor import Cursor


class Consumer:
    """Remembers (block number, block hash, log index) of everything applied; survives crashes through JSON."""

    def __init__(self):
        self.stored = Cursor().to_json()
        self.applied = []

    @property
    def cursor(self):
        return Cursor.from_json(self.stored)

    def apply(self, step):
        if step.rolled_back_to is not None:
            self.applied = [entry for entry in self.applied if entry[0] <= step.rolled_back_to]
        self.applied += [(log.block_number, log.block_hash, log.index) for log in step.logs]
        self.stored = step.cursor.to_json()

    def follow(self, watcher, polls=10_000):
        """Poll until nothing is new."""
        for _ in range(polls):
            before = self.stored
            step = watcher.poll(self.cursor)
            self.apply(step)
            if self.stored == before and not step.behind:
                return
        raise AssertionError("the watcher never comes to rest")
