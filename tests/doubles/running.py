"""Runs a service of a worker to a chosen point, without time passing."""

import asyncio

from offchain.runtime.service import Context


class PatientClock:
    """Waiting lets everything that was started finish, then moves the time; after `pauses` times the worker stops."""

    def __init__(self, pauses):
        self.left = pauses
        self.time = 1000.0
        self.waited = []

    def now(self):
        return self.time

    async def wait(self, event, seconds):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
        self.waited.append(seconds)
        self.time += seconds
        self.left -= 1
        if self.left <= 0:
            event.set()


def run_service(service, pauses=1):
    """Run `service` until it pauses for the last of `pauses` times, or returns; gives its clock."""
    clock = PatientClock(pauses)

    async def main():
        await service.run(Context(asyncio.Event(), clock, lambda: None))

    asyncio.run(main())
    return clock
