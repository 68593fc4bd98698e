"""Compiled twins of slow protocol functions: the same signatures, tested equal."""
