"""`python -m offchain.cli`, the same as `zg`."""

from offchain.cli import main

main()
