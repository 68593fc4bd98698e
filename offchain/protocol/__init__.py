"""Executable specification: pure functions and frozen types; no input or output, no clock, no hidden randomness."""
