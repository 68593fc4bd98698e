"""Clients of an HTTP server in the same loop that send and read at the pace that a test wants."""

import asyncio
from dataclasses import dataclass

from offchain.net.http_server import split

PAUSE = 0.02


@dataclass
class SlowClient:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def post(self, data=b"", path="/", length=None):
        """A request, or its beginning where more `length` is announced."""
        length = len(data) if length is None else length
        await self.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), length) + data)

    async def answer(self):
        """Status and body of one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
        return int(head[9:12]), await self.reader.readexactly(length)

    async def status(self):
        return (await self.answer())[0]

    async def trickle(self, data, times=10_000):
        """Send `data` now and then, until the server has had enough."""
        try:
            for _ in range(times):
                await self.send(data)
                await asyncio.sleep(PAUSE)
        except ConnectionError:
            pass

    def leave(self):
        """Break off."""
        self.writer.transport.abort()


class Callers:
    """Everybody who calls the server at a URL."""

    def __init__(self, url):
        self._address = split(url.removeprefix("http://"))
        self._clients = []
        self._tasks = []

    async def client(self, source="127.0.0.1", limit=1 << 20):
        """A connection from an address of this machine, that buffers up to `limit` bytes unread."""
        made = await asyncio.open_connection(*self._address, local_addr=(source, 0), limit=limit)
        self._clients.append(SlowClient(*made))
        return self._clients[-1]

    async def asked(self, data, source="127.0.0.1"):
        """Status and body of the answer to one request."""
        client = await self.client(source)
        await client.post(data)
        return await client.answer()

    def keep(self, doing):
        """Let something go on until `close`."""
        self._tasks.append(asyncio.create_task(doing))

    def close(self):
        """Everybody breaks off."""
        for task in self._tasks:
            task.cancel()
        for client in self._clients:
            client.leave()
