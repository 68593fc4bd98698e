"""Somebody who speaks nothing but HTTP, to routes that are served as long as he asks."""

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import ClientSession

from offchain.net.http_server import Limits, serving


@dataclass(frozen=True)
class Answer:
    status: int
    headers: object
    body: bytes

    @property
    def code(self):
        """Of the envelope."""
        return self.json["code"]

    @property
    def data(self):
        return self.json["data"]

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Browser:
    """`headers` go with every request."""

    routes: list
    headers: dict = field(default_factory=dict)

    def get(self, path, **headers):
        return self.ask(("GET", path, None), **headers)[0]

    def post(self, path, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(("POST", path, data))[0]

    def ask(self, *requests, **headers):
        """Answers to (method, path, body), asked side by side."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}

        async def one(session, url, method, path, body):
            async with session.request(method, url + path, data=body, headers=sent) as answer:
                return Answer(answer.status, answer.headers, await answer.read())

        async def main():
            async with serving("127.0.0.1:0", self.routes, Limits(1 << 20, 64)) as url, ClientSession() as session:
                return await asyncio.gather(*(one(session, url, *request) for request in requests))

        return asyncio.run(main())
