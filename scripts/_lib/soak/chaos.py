"""Kills: SIGKILL most often, an orderly end now and then; everybody is started again before long."""

from __future__ import annotations

import random
import threading

from scripts._lib.soak.tally import Tally
from scripts._lib.soak.town import Town

PEACE_SECONDS = (1.0, 6.0)
DOWN_SECONDS = 8.0
ALL_DOWN_SECONDS = 1.5
SOFTLY = 0.2  # share of the ends that are orderly


class Chaos:
    """Who kills."""

    def __init__(self, town: Town, rng: random.Random, tally: Tally, stop: threading.Event) -> None:
        """`rng` decides whom and when; `stop` ends pauses early."""
        self.name = "chaos"
        self._town = town
        self._rng = rng
        self._tally = tally
        self._stop = stop

    def step(self) -> None:
        """Wait, kill, wait, start."""
        self._stop.wait(self._rng.uniform(*PEACE_SECONDS))
        self._tally.find(*self._town.revive())
        if self._rng.random() < 0.1:
            victims, seconds = self._town.nodes, ALL_DOWN_SECONDS
        else:
            victims, seconds = [self._rng.choice(self._town.names)], DOWN_SECONDS
        for name in victims:
            self._end(name)
        self._stop.wait(self._rng.uniform(0, seconds))
        for name in victims:
            self._town.start(name)

    def close(self) -> None:
        """Nothing is left to close."""

    def _end(self, name: str) -> None:
        if self._rng.random() < SOFTLY:
            self._town.network.services.end(name)
            self._tally.add("orderly ends")
        else:
            self._town.network.services.kill(name)
            self._tally.add("kills")


class Pace:
    """Who lets time pass when nobody can mine."""

    SECONDS = 5.0

    def __init__(self, town: Town, stop: threading.Event) -> None:
        """`stop` ends the pause early."""
        self.name = "pace"
        self._town = town
        self._stop = stop

    def step(self) -> None:
        """Look after a pause."""
        self._stop.wait(self.SECONDS)
        self._town.pace()

    def close(self) -> None:
        """Nothing is left to close."""
