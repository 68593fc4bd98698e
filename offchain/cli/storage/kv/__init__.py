"""`zg storage kv …`"""

import click

from offchain.cli.lazy import LazyGroup

READING = "offchain.cli.storage.kv.reading"
WRITING = "offchain.cli.storage.kv.writing"
RIGHTS = "offchain.cli.storage.kv.rights"


@click.group(
    cls=LazyGroup,
    lazy={
        "serve": ("offchain.storage.kv.server.__main__:command", "Run a key-value server."),
        "get": (f"{READING}:get", "Print the value of a key, proven."),
        "list": (f"{READING}:list_", "Print keys and values in order, proven."),
        "watch": (f"{READING}:watch", "Print changes of a key or a stream as they become visible."),
        "put": (f"{WRITING}:put", "Write values, all or none."),
        "delete": (f"{WRITING}:delete", "Delete keys, all or none."),
        "grant": (f"{RIGHTS}:grant", "Let an account write, or administrate."),
        "revoke": (f"{RIGHTS}:revoke", "Take an account's right to write."),
        "renounce": (f"{RIGHTS}:renounce", "Give up a right of one's own."),
        "special": (f"{RIGHTS}:special", "Give a key writers of its own, or take them."),
        "rights": (f"{RIGHTS}:rights", "Tell what an account may do, proven."),
    },
)
def kv() -> None:
    """Read and write key-value streams.

    A stream is named by 32 bytes. Whoever writes to it first is its administrator: `zg storage kv put new KEY VALUE`
    draws a fresh name. A write is a submission to the flow: it is paid for, and takes effect in the flow's order or not
    at all. Servers replay the flow and answer readers; their answers come with a proof that is checked here.

    \b
    STREAM  0x and 64 hexadecimal digits
    KEY     text, or bytes as hexadecimal digits with --hex
    """
