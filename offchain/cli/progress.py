"""Progress bars on the terminal; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from offchain.storage.client.progress import Progress, silent

WORDS = {
    "hash": "computing the root",
    "pay": "waiting for the transaction",
    "upload": "uploading",
    "finalize": "waiting for the nodes",
    "download": "downloading",
}


@contextmanager
def bars(wanted: bool) -> Iterator[Progress]:
    """What the client reports its progress to: a bar for each stage on a terminal, silence elsewhere."""
    if not wanted or not sys.stderr.isatty():
        yield silent
        return
    columns = (
        TextColumn("{task.description:28}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, object] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(WORDS.get(stage, stage), total=total)
            shown.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield progress
