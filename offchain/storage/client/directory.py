"""Directories: scanned into a list of files, uploaded in as few transactions as they need, written back safely."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from offchain.errors import Invalid
from offchain.protocol.directory import TOP, Directory, File, Link
from offchain.protocol.fragments import layout_of
from offchain.storage.client.sink import PART, STATE, scratch
from offchain.storage.client.source import Stream, fragment_tree

Skip = frozenset[str]


@dataclass(frozen=True, slots=True)
class Scanned:
    """A directory on disk: its shape, and the regular files with content, by their path in it.

    Shape and content are of one moment: a file that is written to afterwards cannot be read from here.
    """

    directory: Directory
    files: dict[PurePosixPath, Stream]


def scan(top: Path, skip: Skip = frozenset()) -> Scanned:
    """What lies below `top`, but for names in `skip`; Invalid for what is no file, link or directory."""
    if not top.is_dir():
        raise Invalid(f"{top} is not a directory")
    files: dict[PurePosixPath, Stream] = {}
    directory = _scan(TOP, top, PurePosixPath(), skip, files)
    _check_scratch(directory)
    return Scanned(directory, files)


def _scan(name: str, path: Path, place: PurePosixPath, skip: Skip, files: dict[PurePosixPath, Stream]) -> Directory:
    entries: list[File | Link | Directory] = []
    for entry in sorted(os.scandir(path), key=lambda each: each.name):
        if entry.name in skip:
            continue
        inner, where = place / entry.name, Path(entry.path)
        if entry.is_symlink():
            entries.append(Link(entry.name, os.readlink(where)))
        elif entry.is_dir():
            entries.append(_scan(entry.name, where, inner, skip, files))
        elif entry.is_file():
            stream = Stream.of_path(where)
            entries.append(File(entry.name, stream.size, ()))
            if stream.size:
                files[inner] = stream
        else:
            raise Invalid(f"{where} is neither a file, a link nor a directory")
    return Directory(name, tuple(entries))


def with_roots(
    directory: Directory, roots: dict[PurePosixPath, tuple[bytes, ...]], above: PurePosixPath | None = None
) -> Directory:
    """The same directory with the roots of each file that has content."""
    place = above or PurePosixPath()

    def filled(entry: File | Link | Directory) -> File | Link | Directory:
        path = place / entry.name
        if isinstance(entry, Directory):
            return with_roots(entry, roots, path)
        if isinstance(entry, File) and path in roots:
            return File(entry.name, entry.size, roots[path])
        return entry

    return Directory(directory.name, tuple(filled(entry) for entry in directory.entries))


def is_there(path: Path, file: File) -> bool:
    """Whether `path` holds already what `file` says, as far as it is not encrypted."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    content = Stream.of_path(path)
    fragments = zip(layout_of(file.size, len(file.roots)), file.roots, strict=True)
    return all(fragment_tree(content, fragment).root == root for fragment, root in fragments)


def lay_out(directory: Directory, top: Path) -> Iterator[tuple[Path, File]]:
    """Make the directories and empty files of `directory` below `top`; yields files whose content is to be fetched.

    Links are made by `lay_links`, when all files are written: none can lead a file elsewhere.
    """
    _check_scratch(directory)
    with _placed(top):
        top.mkdir(parents=True, exist_ok=True)
    for place, entry in directory.walk():
        path = top / place
        if isinstance(entry, Link):
            continue
        with _placed(path):
            is_safe = not path.is_symlink() and _is_inside(path.parent, top)
        if not is_safe:
            raise _through_a_link(path)
        if isinstance(entry, Directory):
            with _placed(path):
                path.mkdir(exist_ok=True)
        elif entry.size:
            yield path, entry
        else:
            with _placed(path):
                path.unlink(missing_ok=True)  # a link, or a pipe, would be written through
                path.touch(exist_ok=False)


def lay_links(directory: Directory, top: Path) -> None:
    """Make the symbolic links; Invalid for one that leads out of `top`, by itself or through others.

    The same for one that was there before, and would lead out together with those that are made.
    """
    links = [(top / place, entry) for place, entry in directory.walk() if isinstance(entry, Link)]
    if links:
        _make_links(links, top)


def _make_links(links: Sequence[tuple[Path, Link]], top: Path) -> None:
    outward = set(_leading_out(top))
    made: list[Path] = []
    try:
        for path, link in links:
            if os.path.isabs(link.target):
                raise _leads_out(path, link.target)
            if not _is_inside(path.parent, top):
                raise _through_a_link(path)
            with _placed(path):
                if not path.is_symlink() or os.readlink(path) != link.target:
                    path.symlink_to(link.target)
                    made.append(path)
        # Only now, when all are there: links on the way decide where a ".." leads.
        for path, link in links:
            if not _is_inside(path, top):
                raise _leads_out(path, link.target)
        for path in sorted(set(_leading_out(top)) - outward):
            raise _leads_out(path, os.readlink(path))
    except Invalid:
        # One that is refused makes all suspect, also those that were not looked at yet.
        for path in made:
            path.unlink()
        raise


def _leading_out(top: Path) -> Iterator[Path]:
    """All links below `top` that lead out of it."""
    for folder, folders, files in os.walk(top):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and not _is_inside(path, top):
                yield path


def _check_scratch(directory: Directory, above: PurePosixPath | None = None) -> None:
    """Invalid for a name under which another file is written: whichever came later would destroy the other."""
    here = above or PurePosixPath()
    suspect = {entry.name for entry in directory.entries if entry.name.endswith((PART, STATE))}
    for entry in directory.entries:
        if isinstance(entry, Directory):
            _check_scratch(entry, here / entry.name)
        elif suspect and isinstance(entry, File):
            for taken in suspect.intersection(each.name for each in scratch(Path(entry.name))):
                raise Invalid(
                    f"{here / taken} is what a download of {here / entry.name} is called while it is incomplete: no "
                    "directory can have both; rename one before it is uploaded"
                )


def _is_inside(path: Path, top: Path) -> bool:
    """Whether `path` lies below `top` once all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top))


def _through_a_link(path: Path) -> Invalid:
    return Invalid(f"{path} would be written through a link that is there already: choose an empty directory")


def _leads_out(path: Path, target: str) -> Invalid:
    return Invalid(f"the link {path} leads out of the directory, to {target}: no link was made")


@contextmanager
def _placed(path: Path) -> Iterator[None]:
    """Invalid when the system refuses to make `path`."""
    try:
        yield
    except OSError as error:
        raise Invalid(f"{path} cannot be made: {error.strerror}") from error
