"""Clocks that only move when somebody waits."""

import asyncio


class FakeClock:
    """For blocking code: sleeping moves the time, and runs what a test has planned for then."""

    def __init__(self):
        self.time = 1000.0
        self.slept = []
        self.on_sleep = lambda: None

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
        self.on_sleep()


class FakeAsyncClock:
    """For asyncio: waiting lets everything else run that can, then moves the time."""

    def __init__(self):
        self.time = 1000.0
        self.waited = []

    def now(self):
        return self.time

    async def wait(self, event, seconds):
        for _ in range(50):
            await asyncio.sleep(0)
            if event.is_set():
                return
        self.waited.append(seconds)
        self.time += seconds
