"""Who may write what in a stream, and how controls change it.

The first to commit to a stream becomes its administrator. Administrators write every key. A key is normal, and then
written by the stream's writers, or special, and then written by its own writers. Writers pass their right on; only
administrators take rights away or change keys. Everybody may renounce; to renounce what one does not have does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from offchain.protocol.kv.stream_data import ACCOUNT_BYTES, Control, Kind

NOBODY = bytes(ACCOUNT_BYTES)

PUBLIC_NAMES = {
    Kind.GRANT_ADMIN: "GRANT_ADMIN_ROLE",
    Kind.RENOUNCE_ADMIN: "RENOUNCE_ADMIN_ROLE",
    Kind.SET_KEY_SPECIAL: "SET_KEY_TO_SPECIAL",
    Kind.SET_KEY_NORMAL: "SET_KEY_TO_NORMAL",
    Kind.GRANT_WRITER: "GRANT_WRITER_ROLE",
    Kind.REVOKE_WRITER: "REVOKE_WRITER_ROLE",
    Kind.RENOUNCE_WRITER: "RENOUNCE_WRITER_ROLE",
    Kind.GRANT_SPECIAL_WRITER: "GRANT_SPECIAL_WRITER_ROLE",
    Kind.REVOKE_SPECIAL_WRITER: "REVOKE_SPECIAL_WRITER_ROLE",
    Kind.RENOUNCE_SPECIAL_WRITER: "RENOUNCE_SPECIAL_WRITER_ROLE",
}
"""Kinds as results of transactions spell them."""

_GRANTING = frozenset((Kind.GRANT_ADMIN, Kind.SET_KEY_SPECIAL, Kind.GRANT_WRITER, Kind.GRANT_SPECIAL_WRITER))
_FREE = frozenset((Kind.RENOUNCE_ADMIN, Kind.RENOUNCE_WRITER, Kind.RENOUNCE_SPECIAL_WRITER))


class Role(IntEnum):
    """What a right is about: the upper four bits of the kinds that change it."""

    ADMIN = 0x00
    SPECIAL_KEY = 0x10
    WRITER = 0x20
    SPECIAL_WRITER = 0x30


@dataclass(frozen=True, slots=True)
class Right:
    """A fact that holds or does not: `account` has `role`, or for special keys, `key` is one."""

    stream: bytes
    role: Role
    key: bytes = b""
    account: bytes = NOBODY


@dataclass(frozen=True, slots=True)
class Change:
    """From now on, `right` holds or no longer does."""

    right: Right
    kind: Kind

    @property
    def granted(self) -> bool:
        """Whether it holds afterwards."""
        return self.kind in _GRANTING

    @property
    def renounced(self) -> bool:
        """Whether the sender gives up what it has."""
        return self.kind in _FREE


class Rights(Protocol):
    """The rights that a transaction finds."""

    def is_new(self, stream: bytes) -> bool:
        """Whether nothing was committed to `stream` yet."""

    def holds(self, right: Right) -> bool:
        """Whether a right holds."""

    def writes_some_key(self, stream: bytes, account: bytes) -> bool:
        """Whether `account` is a writer of any special key."""


def is_admin(rights: Rights, stream: bytes, account: bytes) -> bool:
    """Whether `account` administrates `stream`, or would by writing first."""
    return rights.is_new(stream) or rights.holds(Right(stream, Role.ADMIN, account=account))


def may_write(rights: Rights, stream: bytes, key: bytes, account: bytes) -> bool:
    """Whether `account` may write `key`."""
    if is_admin(rights, stream, account):
        return True
    if rights.holds(Right(stream, Role.SPECIAL_KEY, key)):
        return rights.holds(Right(stream, Role.SPECIAL_WRITER, key, account))
    return rights.holds(Right(stream, Role.WRITER, account=account))


def may_write_something(rights: Rights, stream: bytes, account: bytes) -> bool:
    """Whether there can be a key of `stream` that `account` may write."""
    return (
        is_admin(rights, stream, account)
        or rights.holds(Right(stream, Role.WRITER, account=account))
        or rights.writes_some_key(stream, account)
    )


def may_change(rights: Rights, change: Change, account: bytes) -> bool:
    """Whether `account` may make `change`."""
    right = change.right
    if change.renounced or is_admin(rights, right.stream, account):
        return True
    if change.kind is Kind.GRANT_WRITER:
        return rights.holds(Right(right.stream, Role.WRITER, account=account))
    if change.kind is Kind.GRANT_SPECIAL_WRITER:
        return rights.holds(Right(right.stream, Role.SPECIAL_WRITER, right.key, account))
    return False


def is_idle(rights: Rights, change: Change) -> bool:
    """Whether `change` renounces a right that its account neither has nor gets by the same submission."""
    if not change.renounced or rights.holds(change.right):
        return False
    return change.kind is not Kind.RENOUNCE_ADMIN or not rights.is_new(change.right.stream)


def changes(sender: bytes, founded: Iterable[bytes], controls: Iterable[Control]) -> tuple[Change, ...]:
    """What `controls` of `sender` come to, each right at most once.

    `founded` are streams that get their first administrator by this. The last control about a right counts, but for
    making somebody administrator, which only counts when nothing was said about them, and never for the sender.
    """
    kinds = {Right(stream, Role.ADMIN, account=sender): Kind.GRANT_ADMIN for stream in founded}
    for control in controls:
        right = _right(control, sender)
        if control.kind is not Kind.GRANT_ADMIN or (right not in kinds and right.account != sender):
            kinds[right] = control.kind
    return tuple(Change(right, kind) for right, kind in kinds.items())


def _right(control: Control, sender: bytes) -> Right:
    account = sender if control.kind in _FREE else control.account or NOBODY
    return Right(control.stream, Role(control.kind & 0xF0), control.key, account)
