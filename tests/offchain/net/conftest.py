"""Servers that say what a test wants, to the byte."""

import pytest

from offchain.net.http_client import HttpClient
from tests.doubles.raw_http import RawServer


@pytest.fixture
def serve():
    """Starts a server with the given answers; a client of it comes as `client`, its pauses as `slept`."""
    running = []

    def start(*answers, seconds=5.0, connections=8, rate=1):
        server = RawServer(list(answers)).__enter__()
        running.append(server)
        server.slept = []
        server.client = HttpClient(server.url, seconds, connections, server.slept.append, rate)
        return server

    yield start
    for server in running:
        server.client.close()
        server.__exit__()
