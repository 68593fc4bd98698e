"""Chapters of the demo: one file for each page of docs/flows."""
