"""Relays before servers that hold a client up at a chosen exchange, so that it can be killed there."""

import threading

from tests.doubles.proxy import Stall
from tests.doubles.relay import Relay


class Guillotine:
    """Holds a client up at the exchange number `at`, counted over chain and node, before or after it took place."""

    def __init__(self, *urls):
        self.relays = [_Counted(url, self) for url in urls]
        self._lock = threading.Lock()
        self.disarm()

    def arm(self, at, after):
        """The next exchange has number 0."""
        self.at, self.after = at, after
        self.names, self.fell = [], threading.Event()

    def disarm(self):
        self.arm(None, False)

    def number(self, request):
        with self._lock:
            self.names.append(" ".join(request.calls) or f"{request.method} {request.path.rpartition('/')[2]}")
            return len(self.names) - 1

    def look(self, number, after):
        if (number, after) == (self.at, self.after):
            self.fell.set()
            raise Stall  # the client waits until it is killed

    def __enter__(self):
        for relay in self.relays:
            relay.__enter__()
        return self

    def __exit__(self, *_):
        for relay in self.relays:
            relay.__exit__()


class _Counted(Relay):
    def __init__(self, upstream, guillotine):
        super().__init__(upstream)
        self._guillotine = guillotine

    def answer(self, request):
        number = self._guillotine.number(request)
        self._guillotine.look(number, after=False)
        answer = super().answer(request)
        self._guillotine.look(number, after=True)
        return answer
