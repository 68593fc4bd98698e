"""Directories as the public clients store them: a list of names and roots, kept as a file of its own.

The blob is keccak("0g-storage-client-dir-codec"), the version as two big-endian bytes, and JSON. Version 1 knew one
root for each file (`hash`), version 2 knows one for each fragment (`roots`). The top directory is called "/".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from offchain.errors import Invalid
from offchain.protocol.keccak import keccak256

MAGIC = keccak256(b"0g-storage-client-dir-codec")
VERSION = 2
HEAD_BYTES = len(MAGIC) + 2
TOP = "/"
MAX_DEPTH = 256

Path = PurePosixPath
HERE = Path()


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; one root for each of its fragments, none when it is empty."""

    name: str
    size: int
    roots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to `target`."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """Entries sorted by name."""

    name: str
    entries: tuple[File | Link | Directory, ...]

    def walk(self, above: Path = HERE) -> Iterator[tuple[Path, File | Link | Directory]]:
        """All entries below this directory with their paths, directories before what is in them."""
        for entry in self.entries:
            path = above / entry.name
            yield path, entry
            if isinstance(entry, Directory):
                yield from entry.walk(path)


def is_directory(head: bytes) -> bool:
    """Whether a file that starts with `head` is a directory."""
    return head[: len(MAGIC)] == MAGIC


def encode(directory: Directory) -> bytes:
    """The blob of a directory."""
    tree = _to_json(Directory(TOP, directory.entries))
    return MAGIC + VERSION.to_bytes(2, "big") + json.dumps(tree, separators=(",", ":")).encode()


def decode(blob: bytes) -> Directory:
    """The directory of a blob; Invalid for anything that is none, or that would write outside of itself."""
    if not is_directory(blob) or len(blob) < HEAD_BYTES:
        raise Invalid("this file is not a directory")
    version = int.from_bytes(blob[len(MAGIC) : HEAD_BYTES], "big")
    if version not in (1, VERSION):
        raise Invalid(f"this directory has the format {version}; formats up to {VERSION} are known")
    try:
        tree = json.loads(_without_length(blob[HEAD_BYTES:]))
        top = _from_json({**tree, "name": "top"}, 0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Invalid(f"this directory cannot be read: {error}") from error
    if not isinstance(top, Directory):
        raise Invalid("this directory's top is no directory")
    return Directory(TOP, top.entries)


def _without_length(body: bytes) -> bytes:
    """The JSON in `body`. Some releases of the public client wrote its length before it, as four big-endian bytes."""
    length = int.from_bytes(body[:4], "big")
    return body[4 : 4 + length] if not body.startswith(b"{") and 4 < 4 + length <= len(body) else body


def _to_json(entry: File | Link | Directory) -> dict[str, Any]:
    if isinstance(entry, Directory):
        entries = [_to_json(each) for each in sorted(entry.entries, key=lambda each: each.name)]
        return {"name": entry.name, "type": "directory", **({"entries": entries} if entries else {})}
    if isinstance(entry, Link):
        return {"name": entry.name, "type": "symbolic", "link": entry.target}
    roots = {"roots": ["0x" + root.hex() for root in entry.roots]} if entry.roots else {}
    return {"name": entry.name, "type": "file", **roots, **({"size": entry.size} if entry.size else {})}


def _from_json(value: dict[str, Any], depth: int) -> File | Link | Directory:
    name, kind = _checked_name(value["name"]), value["type"]
    if kind == "symbolic":
        return _link(name, value["link"])
    if kind == "file":
        return _file(name, value)
    if kind != "directory":
        raise ValueError(f"{name} is of the unknown type {kind!r}")
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    entries = tuple(_from_json(each, depth + 1) for each in value.get("entries") or ())
    names = [each.name for each in entries]
    if len(set(names)) != len(names):
        raise ValueError(f"a name stands twice in {name}")
    return Directory(name, entries)


def _link(name: str, target: Any) -> Link:
    if not _fits_file_systems(target):
        raise ValueError(f"{name} leads to {target!r}")
    return Link(name, target)


def _file(name: str, value: dict[str, Any]) -> File:
    size = value.get("size", 0)
    if type(size) is not int or size < 0:
        raise ValueError(f"{name} has no size")
    if not size:
        return File(name, 0, ())
    written = value.get("roots") or [value["hash"]]
    if not isinstance(written, list):
        raise ValueError(f"{name} has no list of roots")
    roots = tuple(bytes.fromhex(root.removeprefix("0x")) for root in written)
    if any(len(root) != len(MAGIC) for root in roots):
        raise ValueError(f"{name} has a root that is no hash")
    return File(name, size, roots)


def _checked_name(name: Any) -> str:
    if not _fits_file_systems(name) or name in (".", "..") or "/" in name:
        raise ValueError(f"{name!r} cannot be a file name")
    return str(name)


def _fits_file_systems(text: Any) -> bool:
    """Whether `text` can be a path: no zeros, and of surrogates only those that stand for bytes that are no text."""
    return isinstance(text, str) and text != "" and not re.search("[\0\ud800-\udc7f\udd00-\udfff]", text)
