"""Sends transactions and waits for what becomes of them."""

from __future__ import annotations

from offchain.errors import ChainInconsistent, PeerUnavailable, RemoteRefused, Untrusted
from offchain.protocol.kv.stream_data import StreamData
from offchain.storage.client.payment import Agree, Paid
from offchain.storage.client.source import Source
from offchain.storage.kv.client.evidence import Behind, Moment
from offchain.storage.kv.client.outbox import Letter, Outbox
from offchain.storage.kv.client.panel import Panel
from offchain.storage.kv.client.publish import Publisher
from offchain.storage.kv.client.sealing import Sealer
from offchain.storage.kv.client.server import Decision, KvServer
from offchain.storage.kv.client.transaction import Outcome


class Writer:
    """One account's way into the streams of a flow."""

    def __init__(self, panel: Panel, publisher: Publisher, outbox: Outbox, sealer: Sealer, unproven: bool) -> None:
        """The outcome is what as many servers of `panel` say alike as have to; proven too, unless `unproven`."""
        self._panel = panel
        self._publisher = publisher
        self._outbox = outbox
        self._sealer = sealer
        self._unproven = unproven

    def commit(self, data: StreamData, agree: Agree) -> Outcome:
        """Pay for `data`, upload it, wait until servers have decided it.

        Raises RemoteRefused before anything is paid when too few servers hold a stream of it, what `Publisher.publish`
        does, and PeerUnavailable when servers stay behind. Nothing is lost then: doing the same again, by this process
        or a later one, pays nothing and goes on.
        """
        if not self._unproven:
            self._panel.require_held(data.streams)  # others could never tell what became of it
        with self._outbox.letter(data, self._sealer.seal, self._sealer.identity) as letter:
            paid = self._publisher.publish(letter, agree)
            try:
                outcome = self._outcome(letter, paid)
                if outcome.committed:
                    self._verify(data, outcome.seq)
            except (PeerUnavailable, RemoteRefused) as error:
                raise PeerUnavailable(
                    f"submission {paid.seq} is paid for and stored, and its outcome is not known yet: {error}. "
                    "Do the same again later: nothing is paid twice"
                ) from error
            letter.settled()
        for stream in data.streams:
            self._panel.raise_floor(stream, outcome.seq)
        return outcome

    def _outcome(self, letter: Letter, paid: Paid) -> Outcome:
        root = Source.of_bytes(letter.content).root

        def decided(server: KvServer) -> Decision:
            nonlocal paid
            decision = server.decision(paid.seq)
            if decision is None:
                raise Behind(f"{server.url} has not decided submission {paid.seq}")
            if decision.root not in (None, root):
                # A reorganisation gave our number to somebody else's submission, for us or for the server.
                paid = self._again(letter)
                raise Behind(f"{server.url} does not know our submission {paid.seq}")
            return decision

        decision = self._panel.agreed(decided, known=not self._unproven)
        return Outcome(paid.seq, paid.transaction_hash, decision.result, decision.reason, decision.provisional)

    def _again(self, letter: Letter) -> Paid:
        paid = self._publisher.submission(letter)
        if paid is None:
            raise ChainInconsistent("the chain forgot the submission: do the same again")
        return paid

    def _verify(self, data: StreamData, seq: int) -> None:
        """Untrusted unless the state after `seq` holds what was committed, as far as one key shows it."""
        if self._unproven:
            return
        if not data.writes:
            self._panel.at(lambda server: _at(server.moment(data.streams[0], seq)))
            return
        last = data.writes[-1]
        _, value, _ = self._panel.at(lambda server: server.value(last.stream, last.key, seq))
        if (value.version, value.data) != (seq, last.value):
            raise Untrusted(f"the servers say that submission {seq} was committed, and their state lacks it")


def _at(moment: Moment) -> tuple[Moment, None]:
    return moment, None
