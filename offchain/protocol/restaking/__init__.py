"""Shared stake: pools, withdrawals, slashes, rewards."""
