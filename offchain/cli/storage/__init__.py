"""`zg storage …`"""

import click

from offchain.cli.lazy import LazyGroup

COMMANDS = "offchain.cli.storage.commands"


@click.group(
    cls=LazyGroup,
    lazy={
        "upload": (f"{COMMANDS}:upload", "Upload a file or a directory and print its root."),
        "download": (f"{COMMANDS}:download", "Download a file or a directory by its root, verified."),
        "info": (f"{COMMANDS}:info", "Tell what the network knows of a root."),
        "kv": ("offchain.cli.storage.kv:kv", "Read and write key-value streams; run a key-value server."),
        "mine": ("offchain.storage.miner.__main__:command", "Run a miner."),
        "miner": ("offchain.cli.storage.miner:miner", "Prepare a miner, look at it, take its rewards."),
        "node": ("offchain.storage.node.__main__:command", "Run a storage node."),
        "indexer": ("offchain.storage.indexer.__main__:command", "Run an indexer."),
    },
)
def storage() -> None:
    """Store files and directories; run storage nodes, miners and indexers."""
