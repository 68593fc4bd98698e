"""A chain in memory with storage nodes that follow it, and somebody who uploads and pays."""

from offchain.storage.client.network import Network
from offchain.storage.client.upload import Uploader, UploadOptions
from tests.doubles.paying import Payer


class Town:
    """`payer.chain` mines whenever the payer waits, and all nodes hear of it."""

    def __init__(self, folder, neighbours):
        self.neighbours = neighbours
        self.payer = Payer(folder)
        self.payer.clock.on_sleep = self.mine
        self.told = []
        self.quotes = []
        self.pauses = 0

    def mine(self):
        self.payer.chain.mine()
        self.neighbours.follow(self.payer.chain)

    def pause(self, _):
        """Time passes for an uploader: nodes complete what they have."""
        self.pauses += 1
        self.neighbours.complete()

    def agree(self, quote):
        self.quotes.append(quote)
        return True

    def uploader(self, progress=None, wallet=None, frames=True):
        network = Network(self.neighbours.urls, None, frames=frames)
        tell = progress or (lambda *seen: self.told.append(seen))
        return Uploader(network, wallet or self.payer.wallet, tell, self.pause)

    def upload(self, *sources, options=None, **choices):
        return self.uploader(**choices).upload(sources, options or UploadOptions(), self.agree)

    @property
    def paid(self):
        """Number of files that were paid for."""
        return len(self.payer.submitted())

    def close(self):
        self.payer.database.close()
