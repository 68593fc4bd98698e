"""Reads streams: values now and in the past, keys in order, rights. Everything that can be proven is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from offchain.errors import PeerUnavailable, Untrusted
from offchain.protocol.kv.replay import SHOWN_KEY
from offchain.protocol.kv.rights import Right, Role
from offchain.protocol.kv.state_tree import EMPTY
from offchain.storage.kv.client.batch import account_bytes
from offchain.storage.kv.client.evidence import NEVER, Entry, Evidence, Moment, Value
from offchain.storage.kv.client.freshness import Freshness
from offchain.storage.kv.client.panel import Panel
from offchain.storage.kv.client.server import KvServer

T = TypeVar("T")


class Reader:
    """Answers from a panel of servers, with evidence; with `unproven`, on the word of the first that answers."""

    def __init__(self, panel: Panel, freshness: Freshness | None = None, unproven: bool = False) -> None:
        """Without `freshness`, evidence does not say how far servers are behind."""
        self._panel = panel
        self._freshness = freshness
        self._unproven = unproven

    def get(self, stream: bytes, key: bytes, at: int | None = None) -> Value:
        """What `key` holds now, or held after sequence number `at`; a value without data where there is none."""
        if self._unproven:
            return self._panel.believed(lambda server: server.claimed(stream, key, at))
        value, evidence = self._proven(stream, lambda server, seq: server.value(stream, key, seq), at)
        return replace(value, evidence=evidence)

    def versions(self, stream: bytes, key: bytes) -> Iterator[Value]:
        """All that `key` held, from the newest on, deletions included; as far back as servers can prove it."""
        value = self.get(stream, key)
        while value.version is not None:
            yield value
            if not value.version:
                return
            value = self.get(stream, key, value.version - 1)

    def moment(self, stream: bytes, at: int | None = None) -> Moment:
        """The newest moment of `stream` that servers agree about, or the one after sequence number `at`."""
        return self._proven(stream, lambda server, seq: (server.moment(stream, seq), None), at)[1].moment

    def items(
        self,
        stream: bytes,
        first: bytes | None = None,
        last: bytes | None = None,
        reverse: bool = False,
        at: int | None = None,
    ) -> Iterator[Entry]:
        """Keys with values in order, from `first` to `last` inclusive, all of one moment; `reverse` turns the order.

        Each value is proven: Untrusted when that shows that a listed key has none. That no key was left out is what as
        many servers say alike as have to: no proof shows it.
        """
        if at is None and not self._unproven:
            at = self.moment(stream).seq
        if at == NEVER:
            return
        key = self._neighbour(stream, last if reverse else first, not reverse, True, at)
        while key is not None and (first is None or key >= first) and (last is None or key <= last):
            value = self.get(stream, key, at)
            if not value.exists and not self._unproven:
                raise Untrusted(f"the servers list key 0x{key[:SHOWN_KEY].hex()}, which has no value after {at}")
            yield Entry(key, value)
            key = self._neighbour(stream, key, not reverse, False, at)

    def is_admin(self, stream: bytes, account: str, at: int | None = None) -> bool:
        """Whether `account` may write every key and change rights; nobody may before the first submission."""
        return self._holds(Right(stream, Role.ADMIN, account=account_bytes(account)), at)

    def is_writer(self, stream: bytes, account: str, key: bytes | None = None, at: int | None = None) -> bool:
        """Whether `account` was granted the normal keys, or the special `key`."""
        if key is None:
            return self._holds(Right(stream, Role.WRITER, account=account_bytes(account)), at)
        return self._holds(Right(stream, Role.SPECIAL_WRITER, key, account_bytes(account)), at)

    def is_special(self, stream: bytes, key: bytes, at: int | None = None) -> bool:
        """Whether `key` has writers of its own."""
        return self._holds(Right(stream, Role.SPECIAL_KEY, key), at)

    def may_write(self, stream: bytes, account: str, key: bytes, at: int | None = None) -> bool:
        """Whether a submission of `account` that writes `key` would be let through."""
        if self._unproven:
            return self._panel.believed(lambda server: server.claimed_permission(account, stream, key, at))
        moment = self.moment(stream, at)
        if moment.root == EMPTY or self.is_admin(stream, account, moment.seq):
            return True
        special = self.is_special(stream, key, moment.seq)
        return self.is_writer(stream, account, key if special else None, moment.seq)

    def right_since(self, right: Right, at: int) -> tuple[int, bool] | None:
        """Since which sequence number `right` holds or does not, after `at`; None if nothing was ever said."""
        return self._proven(right.stream, lambda server, seq: server.right_since(right, seq), at)[0]

    def _holds(self, right: Right, at: int | None) -> bool:
        if self._unproven:
            return self._panel.believed(lambda server: server.claimed_right(right, at))
        return self._proven(right.stream, lambda server, seq: server.right(right, seq), at)[0]

    def _proven(
        self, stream: bytes, call: Callable[[KvServer, int | None], tuple[Moment, T]], at: int | None
    ) -> tuple[T, Evidence]:
        if at is None:
            moment, told, agreeing = self._panel.newest(stream, lambda server: call(server, None))
        else:
            moment, told, agreeing = self._panel.at(lambda server: call(server, at))
        behind = self._freshness.behind(moment, self._panel.status) if self._freshness else None
        return told, Evidence(moment, agreeing, behind)

    def _neighbour(
        self, stream: bytes, key: bytes | None, forward: bool, inclusive: bool, at: int | None
    ) -> bytes | None:
        def ask(server: KvServer) -> bytes | None:
            found = server.neighbour(stream, key, forward, inclusive, at)
            if found is not None and key is not None and not _is_beyond(found, key, forward, inclusive):
                raise PeerUnavailable(f"{server.url} lists keys out of order")
            return found

        return self._panel.believed(ask) if self._unproven else self._panel.agreed(ask)


def with_prefix(
    items: Callable[..., Iterator[Entry]], stream: bytes, prefix: bytes, reverse: bool = False, at: int | None = None
) -> Iterator[Entry]:
    """Those of `items` whose key begins with `prefix`."""
    head = prefix.rstrip(b"\xff")
    # The smallest key behind all of them; where there is none, they reach to the end.
    beyond = head[:-1] + bytes([head[-1] + 1]) if head else None
    found = items(stream, prefix or None, beyond, reverse, at)
    return (entry for entry in found if entry.key.startswith(prefix))


def _is_beyond(found: bytes, key: bytes, forward: bool, inclusive: bool) -> bool:
    return (inclusive and found == key) or (found > key if forward else found < key)
