"""The `zg` command: one file per domain, thin."""

import click

from offchain.cli.outermost import Outermost


@click.group(
    cls=Outermost,
    lazy={
        "account": ("offchain.cli.account:account", "See what was signed and is not mined; take it back."),
        "storage": ("offchain.cli.storage:storage", "Store files and directories; run nodes and indexers."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="offchain", prog_name="zg")
def main() -> None:
    """Store files, run nodes: an open implementation of the 0G stack.

    Begin with `zg storage upload FILE` and `zg storage download ROOT FILE`. Beside a running development network
    (`make devnet`) nothing else is needed; elsewhere `--network FILE`, or ZG_CLIENT_NETWORK, names the file that
    describes the network, or --nodes, --indexer and --rpc name its parts.

    \b
    Exit codes: 0 done · 1 a bug, please report it · 2 wrong usage or settings · 3 not found
                4 refused: by you, the contract, a node, or for lack of funds · 5 unavailable, try again later
    """
