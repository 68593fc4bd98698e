"""Fakes and builders that several test files share."""
