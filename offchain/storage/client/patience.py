"""Trying again: nodes restart, connections break, limits are reached for a moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from offchain.errors import Busy, PeerUnavailable, RemoteRefused

T = TypeVar("T")
Sleep = Callable[[float], None]

ATTEMPTS = 6
FIRST_PAUSE = 0.25
TOO_MANY = "too many data writing"


def again(call: Callable[[], T], sleep: Sleep = time.sleep, attempts: int = ATTEMPTS) -> T:
    """The result of `call`, tried again while a node is away or busy; raises what the last attempt raised."""
    for attempt in range(attempts - 1):
        try:
            return call()
        except (PeerUnavailable, Busy):
            pass
        except RemoteRefused as refused:
            if TOO_MANY not in refused.message:
                raise
        sleep(FIRST_PAUSE * 2**attempt * (0.5 + random.random() / 2))
    return call()
