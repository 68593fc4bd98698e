"""How far a consumer of events has come, and what it needs to find its way back after a reorganisation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from offchain.errors import Corrupted

RECENT = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A block that was canonical when its events were handed over."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Cursor:
    """Blocks whose events the consumer has applied, oldest first; the last one is the newest. Empty before the first.

    Every block that had events is a checkpoint at first. The newest `RECENT` stay, of older ones about one for each
    doubling of the distance, so that a reorganisation of any depth finds a block close before the fork.
    """

    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def last(self) -> Checkpoint | None:
        """The newest block applied."""
        return self.checkpoints[-1] if self.checkpoints else None

    def up_to(self, number: int) -> tuple[Checkpoint, ...]:
        """Checkpoints at or below block `number`, oldest first."""
        return tuple(checkpoint for checkpoint in self.checkpoints if checkpoint.number <= number)

    def advance(self, blocks: Iterable[Checkpoint]) -> Cursor:
        """The cursor after newer `blocks`, which come oldest first."""
        return Cursor(thinned((*self.checkpoints, *blocks)))

    def back_to(self, number: int) -> Cursor:
        """The cursor after events above block `number` were undone."""
        return Cursor(self.up_to(number))

    def to_json(self) -> str:
        """Text for the consumer's database."""
        return json.dumps([[checkpoint.number, checkpoint.hash.hex()] for checkpoint in self.checkpoints])

    @classmethod
    def from_json(cls, text: str) -> Cursor:
        """The cursor that `to_json` wrote; raises `Corrupted` for anything else."""
        try:
            return cls(tuple(Checkpoint(int(number), bytes.fromhex(digest)) for number, digest in json.loads(text)))
        except (ValueError, TypeError) as error:
            raise Corrupted(f"a stored cursor is unreadable: {text[:60]!r}") from error


def thinned(checkpoints: tuple[Checkpoint, ...]) -> tuple[Checkpoint, ...]:
    """The newest `RECENT`, and of the older ones the oldest for each power of two of the distance to the newest."""
    older, recent = checkpoints[:-RECENT], checkpoints[-RECENT:]
    kept: dict[int, Checkpoint] = {}
    for checkpoint in older:
        kept.setdefault((recent[-1].number - checkpoint.number).bit_length(), checkpoint)
    return (*kept.values(), *recent)
