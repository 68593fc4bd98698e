"""A process that tests stop by signals; its argument says how it behaves then."""

import asyncio
import sys
import time
from contextlib import contextmanager

from offchain.errors import BadSettings
from offchain.runtime.logging import configure_logging
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.runtime.worker import Patience, run


async def polite(context):
    print("ready", flush=True)
    while not context.stopping:
        await context.pause(60)
    print("finished work", flush=True)


async def deaf(context):
    print("ready", flush=True)
    await asyncio.sleep(3600)


async def busy(context):
    """Inside a thread that ends by itself a little later."""
    print("ready", flush=True)
    await in_thread(time.sleep, 0.5)
    print("never reached", flush=True)


async def stuck(context):
    """Inside a thread that does not end."""
    print("ready", flush=True)
    await in_thread(time.sleep, 3600)


async def forgetful(context):
    """Left a thread behind that does not end."""
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    await polite(context)


async def broken(context):
    raise ZeroDivisionError("a bug")


async def refused(context):
    raise BadSettings("the balance is gone: top it up")


@contextmanager
def worker(name):
    try:
        yield [Service(name, globals()[name])]
    finally:
        print("closed", flush=True)


if __name__ == "__main__":
    configure_logging()
    sys.exit(run("probe", worker(sys.argv[1]), patience=Patience(grace=0.2, release=1.0)))
