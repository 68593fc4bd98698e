"""`zg storage miner …`"""

import click

from offchain.cli.lazy import LazyGroup

OWNING = "offchain.cli.storage.miner.owning"
LOOKING = "offchain.cli.storage.miner.looking"


@click.group(
    cls=LazyGroup,
    lazy={
        "register": (f"{OWNING}:register", "Make the miner id that everything is sealed for."),
        "status": (f"{LOOKING}:status", "Tell what a miner holds, has won and is owed."),
        "withdraw": (f"{OWNING}:withdraw", "Send the beneficiary what it is owed."),
        "transfer": (f"{OWNING}:transfer", "Let the rewards go to another beneficiary."),
        "estimate": (f"{LOOKING}:estimate", "Tell what a hash rate and a share of the flow would earn."),
    },
)
def miner() -> None:
    """Prepare a miner, look at it, take its rewards.

    Begin with `zg storage miner estimate --bench 5s`, then `zg storage miner register`, then `zg storage mine`. A miner
    id is 32 bytes; data is sealed for it, and its rewards go to its beneficiary, which need not be the account that
    pays for proofs. The id is kept in the miner's data directory.
    """
