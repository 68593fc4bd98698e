"""Start-up checks: each returns what is wrong with the world, in the operator's words, or nothing."""

import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from offchain.chain.client import ChainClient
from offchain.errors import BadSettings, ZgError


def require(*findings: Iterable[str]) -> None:
    """Raise `BadSettings` with all problems that the checks found."""
    problems = [problem for found in findings for problem in found]
    if problems:
        raise BadSettings("this cannot start:" + "".join(f"\n  - {problem}" for problem in problems))


def chain_problems(
    client: ChainClient,
    contracts: Mapping[str, str] | None = None,
    payer: str | None = None,
    minimum_balance: int = 0,
) -> list[str]:
    """Is the RPC there, for the right chain, with code at `contracts` (name to address) and enough wei for `payer`?"""
    try:
        client.check()
    except ZgError as error:
        return [f"the chain: {error}"]  # the rest would only repeat it
    found = [_missing_code(client, name, address) for name, address in (contracts or {}).items()]
    if payer is not None:
        found.append(_low_balance(client, payer, minimum_balance))
    return [problem for problem in found if problem]


def _missing_code(client: ChainClient, name: str, address: str) -> str | None:
    def check() -> str | None:
        if client.code_at(address):
            return None
        return f"there is no contract {name} at {address} on chain {client.chain_id}: correct the address or the RPC"

    return _asked(check, name)


def _low_balance(client: ChainClient, payer: str, minimum: int) -> str | None:
    def check() -> str | None:
        balance = client.balance(payer)
        if balance >= minimum:
            return None
        return f"account {payer} holds {balance} wei and needs {minimum}: send it at least {minimum - balance} wei"

    return _asked(check, payer)


def _asked(check: Callable[[], str | None], subject: str) -> str | None:
    try:
        return check()
    except ZgError as error:
        return f"{subject} could not be looked up: {error}"


def key_problems(load: Callable[[], object]) -> list[str]:
    """Can the key be loaded?"""
    try:
        load()
    except BadSettings as error:
        return [str(error)]
    return []


def secret_file_problems(*files: Path | None) -> list[str]:
    """Do files with secrets keep them from other users of the machine?"""
    return [
        f"{file} is readable by every user of this machine: chmod 600 {file}"
        for file in files
        if file is not None and file.exists() and file.stat().st_mode & stat.S_IROTH
    ]


def disk_problems(directory: Path, free: int) -> list[str]:
    """Can `directory` be written, and has its disk `free` bytes left? Creates it where missing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(b"\0")
            file.flush()
        left = shutil.disk_usage(directory).free
    except OSError as error:
        return [f"the data directory {directory} cannot be written: {error.strerror}"]
    if left < free:
        return [f"the disk of {directory} has {left >> 20} MiB left and {free >> 20} MiB are needed: make room on it"]
    return []


def port_problems(host: str, port: int) -> list[str]:
    """Can a server listen on `host` and `port`? Port 0 always can."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, or old connections would block
            probe.bind((host, port))
    except OSError as error:
        return [f"nothing can listen on {host}:{port} ({error.strerror}): stop what uses it, or choose another port"]
    return []
