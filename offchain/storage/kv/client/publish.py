"""Announces a transaction to the flow and brings its file to the nodes. The same file is paid for at most once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from offchain.errors import ZgError
from offchain.protocol.sectors import segment_count
from offchain.storage.client.network import Network, Node
from offchain.storage.client.patience import Sleep
from offchain.storage.client.payment import Agree, Paid, Quote
from offchain.storage.client.progress import Progress, silent
from offchain.storage.client.source import Source
from offchain.storage.client.upload import Uploader, UploadOptions, Wallet
from offchain.storage.kv.client.outbox import Letter

EARLY_SEGMENTS = 16  # what nodes take before they know of the transaction


class Publisher:
    """Pays and uploads."""

    def __init__(
        self, network: Network, wallet: Wallet, replicas: int, progress: Progress = silent, sleep: Sleep = time.sleep
    ) -> None:
        """As `Uploader`."""
        self._network = network
        self._wallet = wallet
        self._replicas = replicas
        self._uploader = Uploader(network, wallet, progress, sleep)

    def publish(self, letter: Letter, agree: Agree) -> Paid:
        """The submission of `letter`, once all nodes have its file.

        Raises what `Uploader.upload` does. Doing the same again after any error goes on where this one stopped.
        """
        source, nodes = _source(letter), self._network.for_upload(self._replicas)
        # Somebody else may have announced the same bytes: only our own submission has our tags and our rights.
        paid = self._announce(letter, source, nodes, agree)
        self._uploader.upload([source], UploadOptions(self._replicas, letter.tags), agree)
        return paid

    def submission(self, letter: Letter) -> Paid | None:
        """What the chain says now of a letter that was published; another sequence number after a reorganisation."""
        source, nodes = _source(letter), self._network.for_upload(self._replicas)
        with self._wallet(nodes[0].status) as payments:
            return payments.recall([source.wanted(letter.tags)]).get(source.root)

    def _announce(self, letter: Letter, source: Source, nodes: Sequence[Node], agree: Agree) -> Paid:
        wanted = source.wanted(letter.tags)

        def agree_and_send(quote: Quote) -> bool:
            agreed = agree(quote)
            if agreed:
                _send_early(source, nodes)
            return agreed

        with self._wallet(nodes[0].status) as payments:
            paid = payments.recall([wanted]) or payments.pay([wanted], agree_and_send)
        return paid[source.root]


def _source(letter: Letter) -> Source:
    return Source.of_bytes(letter.content, "the transaction")


def _send_early(source: Source, nodes: Sequence[Node]) -> None:
    """Spare readers the wait: nodes keep a small file until its transaction comes, and have it complete then."""
    count = segment_count(source.size)
    if count > EARLY_SEGMENTS:
        return
    segments = [source.segment(index) for index in range(count)]
    for node in nodes:
        if node.framed:
            with suppress(ZgError):  # the upload that follows tells what is wrong
                node.client.send(segments)
