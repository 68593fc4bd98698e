"""Benchmarks of the storage domain."""
