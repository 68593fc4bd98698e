"""What survives a restart: SQLite databases and segment files."""
