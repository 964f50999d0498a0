"""The embedded journal: SQLite in a file."""
