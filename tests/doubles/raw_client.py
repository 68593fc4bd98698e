"""A client whose requests are bytes that a test writes, and that reads what comes to the byte."""

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def connection(node, data=b"", source="127.0.0.1"):
    """A bare connection from an address of this machine, on which `data` was sent."""
    address = urlsplit(node.url).hostname, urlsplit(node.url).port
    with socket.create_connection(address, timeout=30, source_address=(source, 0)) as opened:
        opened.sendall(data)
        yield opened


def answer_to(node, data, half_close=False):
    """All that the node says to `data` until it closes the connection."""
    with connection(node, data) as opened:
        if half_close:
            opened.shutdown(socket.SHUT_WR)
        return rest_of(opened)


def rest_of(opened):
    parts = []
    try:
        while part := opened.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def post(path="/", length=0, *headers):
    """Head of a request."""
    return head("POST", path, f"Content-Length: {length}", *headers)


def head(method, path, *headers):
    """Head of a request after whose answer the node closes the connection."""
    lines = [f"{method} {path} HTTP/1.1", "Host: node", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()
