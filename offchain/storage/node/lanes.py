"""How many threads strangers may keep busy: the node's own services share the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from offchain.runtime.threads import Lane

SEGMENT_THREADS = 24
SCAN_THREADS = 2
SCANS_WAITING = 64


def _segments() -> Lane:
    return Lane("requests", SEGMENT_THREADS, 1 << 16)  # they wait here as long as they have a place at the server


def _scans() -> Lane:
    return Lane("proofs and scans of the flow", SCAN_THREADS, SCANS_WAITING)


@dataclass(frozen=True, slots=True)
class Lanes:
    """`segments` takes and gives what files are made of; `scans` answers what takes many looks at disk and database."""

    segments: Lane = field(default_factory=_segments)
    scans: Lane = field(default_factory=_scans)
