"""Entry points of `ape run` and of the Makefile."""
