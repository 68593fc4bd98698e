"""Workers, client and command line. The import rules between the packages stand in `pyproject.toml`."""
