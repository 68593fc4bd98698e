"""A node whose flow was used for years: rows in its catalogue that stand for submissions of one sector each."""

import os
import sqlite3
from contextlib import closing


def lengthen(path, count, finalized=True):
    """Append `count` submissions to the stopped node's database at `path`, which has one already."""
    with closing(sqlite3.connect(path)) as database, database:
        cursor = database.execute("SELECT * FROM submissions ORDER BY seq DESC LIMIT 1")
        names, last = [column[0] for column in cursor.description], cursor.fetchone()
        row = dict(zip(names, last, strict=True)) | {"size": 256, "tags": b"", "finalized": finalized}
        marks = ",".join(f":{name}" for name in names)
        database.executemany(
            f"INSERT INTO submissions ({','.join(names)}) VALUES ({marks})",
            (
                row
                | {"seq": row["seq"] + number, "start": row["length"] + number - 1, "length": row["length"] + number}
                | {"root": os.urandom(32), "flow_root": os.urandom(32), "nodes": b"\0" + os.urandom(32)}
                | {"transaction_hash": os.urandom(32)}
                for number in range(1, count + 1)
            ),
        )
