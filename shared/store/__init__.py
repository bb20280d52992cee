"""Keeping: typed tables, sessions, migrations, and functions that take a Session."""
